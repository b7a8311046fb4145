"""Credentials of the real OCR service, from the environment of whoever starts the local stack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

API_KEY = "YANDEX_API_KEY"
KEY_FILE = "YANDEX_KEY_FILE"


class CredentialsNotUsable(Exception):
    """What the environment has cannot be used. The message says what to do, and contains nothing of it except a
    path."""


def of_the_real_service(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """The content of the credentials secret for the real service; None if the environment names no credentials.

    An authorized key's file is taken as it is. Empty variables count as not set. Raises CredentialsNotUsable.
    """
    api_key, path = environment.get(API_KEY, "").strip(), environment.get(KEY_FILE, "").strip()
    if api_key and path:
        raise CredentialsNotUsable(f"{API_KEY} and {KEY_FILE} are both set: unset one of them")
    if path:
        return _key_file(Path(path).expanduser())
    return {"api_key": api_key} if api_key else None


def _key_file(path: Path) -> dict[str, Any]:
    wanted = f"{KEY_FILE} must be the path of an authorized key's file, as downloaded; {path}"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise CredentialsNotUsable(f"{wanted} cannot be read: {failure.strerror}") from None
    except (ValueError, RecursionError):
        # `from None`: the decoder's error contains the file.
        raise CredentialsNotUsable(f"{wanted} is not JSON") from None
    if not isinstance(fields, dict):
        raise CredentialsNotUsable(f"{wanted} is not a JSON object")
    missing = [name for name in ("id", "service_account_id", "private_key") if not fields.get(name)]
    if missing:
        raise CredentialsNotUsable(f"{wanted} has no {', '.join(missing)}")
    return fields
