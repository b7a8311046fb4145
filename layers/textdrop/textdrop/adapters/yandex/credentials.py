"""What proves to the OCR service who we are: read from a secret, kept in memory, read again when it is refused."""

from __future__ import annotations

import copy
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from textdrop.adapters.yandex import iam
from textdrop.adapters.yandex.authorized_key import AuthorizedKey, authorized_key
from textdrop.adapters.yandex.failures import SCOPE
from textdrop.core.errors import (
    OcrCredentialsMissing,
    OcrError,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnreachable,
    StoreUnavailable,
)

_WHAT_TO_DO = (
    'put {"api_key": "..."} into it, with an API key of a service account that has the role ai.vision.user, '
    f"with the scope {SCOPE}, or the file of the account's authorized key, as downloaded"
)
_KEPT_SECONDS = 60.0
"""If a token that is still good could not be renewed, it is used for so long before the next try."""

_NOTHING = iam.Token("", -math.inf, -math.inf)


class Credentials:
    """The Authorization header for the OCR service. One for each process, shared by its threads, across invocations.

    `read_secret` returns the secret's text, "" if it has none; it raises StoreUnavailable if it cannot be read, and
    bounds its own time. It is called by one thread at a time: once at first; after a refusal, at most once in
    `refused_seconds`; and while there are no credentials, at most once in `missing_seconds`.

    An authorized key is exchanged for a token by one thread at a time: at first, when the token is to be renewed,
    after a refusal of the token at most once in `refused_seconds`, after a refusal of the key at most once in
    `missing_seconds`, after another failure at most once in `failed_seconds`, or as late as IAM asks for. A token that
    is still good outlives these other failures.
    """

    def __init__(
        self,
        read_secret: Callable[[], str],
        *,
        iam_base_url: str = iam.BASE_URL,
        refused_seconds: float = 5.0,
        missing_seconds: float = 30.0,
        failed_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` gives epoch seconds. Raises SettingsError."""
        self._read_secret = read_secret
        self._tokens_url = iam.tokens_url(iam_base_url)
        self._refused_seconds = refused_seconds
        self._missing_seconds = missing_seconds
        self._failed_seconds = failed_seconds
        self._monotonic = monotonic
        self._now = now
        self._lock = threading.Lock()
        self._key: AuthorizedKey | None = None
        self._token = _NOTHING
        self._read_at = -math.inf
        self._renewed_at = -math.inf
        self._error: OcrError | None = None
        self._error_until = -math.inf

    def authorization(self, deadline: float = math.inf) -> str:
        """The header's value, by `deadline` (monotonic seconds), plus the time that reading the secret takes.

        Raises OcrCredentialsMissing, which says what to do: there are none, or IAM refuses the key. StoreUnavailable:
        the secret could not be read. OcrSecretUnreadable: another thread has not finished reading it by the deadline.
        OcrThrottled, OcrUnreachable: there is no token, or not by the deadline.
        """
        with self._locked(deadline):
            if self._error is not None and self._monotonic() < self._error_until:
                raise copy.copy(self._error)
            try:
                if (self._key is None and self._token is _NOTHING) or isinstance(self._error, OcrCredentialsMissing):
                    self._read()
                if self._key is not None and self._now() >= self._token.renew_at:
                    self._renew(self._key, deadline)
            except OcrError as error:
                self._error = copy.copy(error)
                self._error_until = self._monotonic() + self._seconds_after(error)
                raise
            self._error = None
            return self._token.authorization

    def refresh(self, refused: str, deadline: float = math.inf) -> bool:
        """After a 401 for `refused`: True if there is another header to try now. Never raises.

        The secret is not read again if any thread has just done so, and no token is renewed if one was just renewed
        for a refusal. If either fails, what was known stays.
        """
        old = ("", refused)
        try:
            with self._locked(deadline):
                if self._token.authorization in old and self._may_retry(self._read_at):
                    with suppress(StoreUnavailable):
                        self._read()
                if self._key is not None and self._token.authorization in old and self._may_retry(self._renewed_at):
                    try:
                        self._exchange(self._key, deadline)
                    finally:
                        self._renewed_at = self._monotonic()
                if self._token.authorization in old:
                    return False
                self._error = None
                return True
        except OcrError:
            return False

    def _read(self) -> None:
        """Uses the secret's credentials from now on, keeping their token if they are the same."""
        try:
            secret = self._read_secret()
        finally:
            self._read_at = self._monotonic()
        key, token = self._key, self._token
        self._key, self._token = None, _NOTHING
        found = credentials_in(secret)
        if isinstance(found, iam.Token):
            self._token = found
        else:
            self._key, self._token = found, token if found == key else _NOTHING

    def _renew(self, key: AuthorizedKey, deadline: float) -> None:
        try:
            self._exchange(key, deadline)
        except (OcrThrottled, OcrUnreachable):
            now, token = self._now(), self._token
            if now >= token.expires_at:
                raise
            self._token = replace(token, renew_at=min(now + _KEPT_SECONDS, token.expires_at))

    def _exchange(self, key: AuthorizedKey, deadline: float) -> None:
        self._token = iam.token(self._tokens_url, key, deadline=deadline, now=self._now())

    def _may_retry(self, last: float) -> bool:
        return self._monotonic() - last >= self._refused_seconds

    def _seconds_after(self, error: OcrError) -> float:
        match error:
            case OcrCredentialsMissing():
                return self._missing_seconds
            case OcrThrottled(retry_after_seconds=float(seconds)):
                return max(seconds, self._failed_seconds)
            case _:
                return self._failed_seconds

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        """One thread at a time. Raises OcrSecretUnreadable if the others are not done by `deadline`."""
        left = min(max(deadline - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
        if not self._lock.acquire(timeout=left):
            # An exchange with IAM takes less time, and all who wait share its failure.
            raise OcrSecretUnreadable("another thread is still reading the credentials, so nothing was sent")
        try:
            yield
        finally:
            self._lock.release()


def credentials_in(secret: str) -> iam.Token | AuthorizedKey:
    """What a secret's text holds: an API key (as its token) or an authorized key. Raises OcrCredentialsMissing; no
    error contains anything of the secret."""
    try:
        fields = json.loads(secret) if secret.strip() else {}
    except (ValueError, RecursionError):
        # `from None`: the decoder's error holds the secret.
        raise OcrCredentialsMissing(f"the credentials secret is not JSON: {_WHAT_TO_DO}") from None
    if not isinstance(fields, dict):
        raise OcrCredentialsMissing(f"the credentials secret is not a JSON object: {_WHAT_TO_DO}")
    key = fields.get("api_key")
    if key is None or (isinstance(key, str) and not key.strip()):
        if "private_key" in fields:
            return authorized_key(fields)
        empty = not fields or "api_key" in fields
        problem = "is empty" if empty else "holds neither an api_key nor a private_key"
        raise OcrCredentialsMissing(f"the credentials secret {problem}: {_WHAT_TO_DO}")
    if not isinstance(key, str) or not iam.fits_a_header(key.strip()):
        raise OcrCredentialsMissing(f"api_key in the credentials secret is not a key: {_WHAT_TO_DO}")
    return iam.Token(f"Api-Key {key.strip()}", math.inf, math.inf)
