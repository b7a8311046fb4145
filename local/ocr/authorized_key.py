"""Authorized keys of service accounts, in the file's form as downloaded: made, and the public part read.

`python -m local.ocr.authorized_key FILE` makes one; `python -m local.ocr --authorized-key FILE` then accepts it.
"""

import argparse
import json
import os
import secrets
import string
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHMS = {"RSA_2048": 2048, "RSA_4096": 4096}
MARK = "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{}>"
"""Stands before the private key's PEM in every downloaded file, as RFC 7468 allows."""

_ID_CHARACTERS = string.ascii_lowercase + string.digits


class AuthorizedKeyError(Exception):
    """A file is no authorized key; the message says why, and holds nothing of the key."""


@dataclass(frozen=True)
class PublicKey:
    """What the service keeps of an authorized key."""

    key_id: str
    service_account_id: str
    key: rsa.RSAPublicKey


def generate(*, algorithm: str = "RSA_2048") -> dict[str, str]:
    """The fields of a new key's file. Ids have 20 characters and begin as the service's do."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=ALGORITHMS[algorithm])
    key_id, service_account_id = _new_id(), _new_id()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    now = time.time_ns()
    created_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
    return {
        "id": key_id,
        "service_account_id": service_account_id,
        "created_at": f"{created_at}.{now % 10**9:09d}Z",
        "key_algorithm": algorithm,
        "public_key": public.decode("ascii"),
        "private_key": f"{MARK.format(key_id)}\n{private.decode('ascii')}",
    }


def write(path: Path, fields: dict[str, str]) -> None:
    """The file is new and its owner's alone. Raises FileExistsError, so that no key is ever lost."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(fields, file, indent=3)
        file.write("\n")


def read_public(path: Path) -> PublicKey:
    """The public part of a key's file, with or without the private one. Raises AuthorizedKeyError."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise AuthorizedKeyError(f"{path} cannot be read as JSON ({type(failure).__name__})") from None
    return public_key(fields, str(path))


def public_key(fields: object, name: str) -> PublicKey:
    """The public part of a key's fields. `name` is what an AuthorizedKeyError calls it."""
    if not isinstance(fields, dict):
        raise AuthorizedKeyError(f"{name} must hold one JSON object")
    for wanted in ("id", "service_account_id", "public_key"):
        if not isinstance(fields.get(wanted), str) or not fields[wanted]:
            raise AuthorizedKeyError(f"{name} has no {wanted}: expected an authorized key as downloaded")
    try:
        key = serialization.load_pem_public_key(fields["public_key"].encode())
    except (ValueError, UnsupportedAlgorithm):
        raise AuthorizedKeyError(f"public_key of {name} is no public key in PEM") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise AuthorizedKeyError(f"public_key of {name} is no RSA key")
    return PublicKey(fields["id"], fields["service_account_id"], key)


def _new_id() -> str:
    return "aje" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(17))


def main(arguments: list[str]) -> int:
    """Make a key file; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local.ocr.authorized_key",
        description="Makes an authorized key for the local OCR service: a file as downloaded from Yandex Cloud.",
    )
    parser.add_argument("file", type=Path, help="the file to make; it must not exist")
    parser.add_argument("--algorithm", choices=tuple(ALGORITHMS), default="RSA_2048")
    options = parser.parse_args(arguments)
    try:
        write(options.file, generate(algorithm=options.algorithm))
    except OSError as failure:
        print(f"authorized_key: {options.file} cannot be made: {failure.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
