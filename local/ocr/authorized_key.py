"""Authorized keys of service accounts, in the form of the downloaded file: makes them, and reads their public part."""

import json
import os
import secrets
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

MARK = "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{}>"
"""Comes before the private key's PEM in every downloaded file, as RFC 7468 allows."""

_ID_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class PublicKey:
    """What the service keeps of an authorized key."""

    key_id: str
    service_account_id: str
    key: rsa.RSAPublicKey


def generate() -> dict[str, str]:
    """The fields of a new key's file. Ids have 20 characters and begin as the service's do."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_id, service_account_id = _new_id(), _new_id()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "id": key_id,
        "service_account_id": service_account_id,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
        "key_algorithm": "RSA_2048",
        "public_key": public.decode("ascii"),
        "private_key": f"{MARK.format(key_id)}\n{private.decode('ascii')}",
    }


def write(path: Path, fields: Mapping[str, str]) -> None:
    """The file is new, and only its owner can read it. Raises FileExistsError, so that no key is ever lost."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(fields, file, indent=3)
        file.write("\n")


def public_key(fields: Mapping[str, str]) -> PublicKey:
    """The public part of a key file's fields."""
    key = serialization.load_pem_public_key(fields["public_key"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return PublicKey(fields["id"], fields["service_account_id"], key)


def _new_id() -> str:
    return "aje" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(17))
