"""What proves to the OCR service who we are: read from a secret, kept in memory, read again when it is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from textdrop.core.errors import OcrCredentialsMissing, StoreUnavailable

_EMPTY = (
    "the credentials secret is empty: put an API key of a service account with the role ai.vision.user into it, "
    'as {"api_key": "..."}'
)
_ONLY_API_KEY = 'only {"api_key": "..."} is read in this version: put an API key of a service account into the secret'


@dataclass(frozen=True, slots=True)
class _Read:
    """What the last reading gave: an Authorization header, or why there is none. `at` in monotonic seconds."""

    at: float
    authorization: str = ""
    missing: str = ""

    def __repr__(self) -> str:
        return f"_Read(at={self.at!r}, missing={self.missing!r})"


class Credentials:
    """The Authorization header for the OCR service. One for a process, shared by its threads, across invocations.

    `read_secret` returns the secret's text, "" where it has none; it raises StoreUnavailable where it cannot be read,
    and bounds its own time. It is called by one thread at a time: once at first, then after a refusal, at most once
    in `refused_seconds`, and while there are no credentials, at most once in `missing_seconds`.
    """

    def __init__(
        self,
        read_secret: Callable[[], str],
        *,
        refused_seconds: float = 5.0,
        missing_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_secret = read_secret
        self._refused_seconds = refused_seconds
        self._missing_seconds = missing_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: _Read | None = None

    def authorization(self) -> str:
        """The header's value. Raises OcrCredentialsMissing, with what to do, or StoreUnavailable."""
        with self._lock:
            last = self._last
            if last is None or (last.missing and self._monotonic() - last.at >= self._missing_seconds):
                last = self._read()
        if last.missing:
            raise OcrCredentialsMissing(last.missing)
        return last.authorization

    def refresh(self, refused: str) -> bool:
        """After a 401 for `refused`: True if there is another header to try now. Never raises.

        The secret is not read again when that was just done, by whichever thread. Where it cannot be read, what was
        known stays.
        """
        with self._lock:
            last = self._last
            if last is None or (last.authorization == refused and self._monotonic() - last.at >= self._refused_seconds):
                try:
                    last = self._read()
                except StoreUnavailable:
                    self._last = replace(last, at=self._monotonic()) if last else None
                    return False
            return bool(last.authorization) and last.authorization != refused

    def _read(self) -> _Read:
        secret = self._read_secret()
        now = self._monotonic()
        try:
            read = _Read(at=now, authorization=_authorization_in(secret))
        except OcrCredentialsMissing as error:
            read = _Read(at=now, missing=str(error))
        self._last = read
        return read


def _authorization_in(secret: str) -> str:
    """The header for a secret's text. Raises OcrCredentialsMissing; no error holds any of the secret."""
    try:
        fields = json.loads(secret) if secret.strip() else {}
    except (ValueError, RecursionError):
        # `from None`: the decoder's error holds the secret.
        raise OcrCredentialsMissing(f"the credentials secret is not JSON: {_ONLY_API_KEY}") from None
    if not isinstance(fields, dict):
        raise OcrCredentialsMissing(f"the credentials secret is not a JSON object: {_ONLY_API_KEY}")
    if "private_key" in fields:
        raise OcrCredentialsMissing(f"the credentials secret holds an authorized key file; {_ONLY_API_KEY}")
    key = fields.get("api_key")
    if key is None or (isinstance(key, str) and not key.strip()):
        raise OcrCredentialsMissing(_EMPTY if not fields or "api_key" in fields else _ONLY_API_KEY)
    if not isinstance(key, str) or not _fits_a_header(key.strip()):
        raise OcrCredentialsMissing(f"api_key in the credentials secret is not a key: {_ONLY_API_KEY}")
    return f"Api-Key {key.strip()}"


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key
