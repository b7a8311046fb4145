"""Key files: made as the real ones look, and the public part read."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local.ocr.authorized_key import AuthorizedKeyError, generate, main, public_key, read_public


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    return generate()


def test_a_file_has_the_fields_of_a_downloaded_one(tmp_path: Path) -> None:
    assert main([str(tmp_path / "key.json")]) == 0
    fields = json.loads((tmp_path / "key.json").read_text())
    assert list(fields) == ["id", "service_account_id", "created_at", "key_algorithm", "public_key", "private_key"]
    assert all(re.fullmatch("aje[a-z0-9]{17}", fields[name]) for name in ("id", "service_account_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", fields["created_at"])
    assert fields["key_algorithm"] == "RSA_2048"


def test_a_file_is_its_owner_s_alone_and_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "key.json"
    assert main([str(file)]) == 0
    before = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert main([str(file)]) == 1
    assert "exists" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_the_private_key_has_the_mark_before_it_and_belongs_to_the_public_one(key: dict[str, str]) -> None:
    mark, _, pem = key["private_key"].partition("\n")
    assert mark == f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{key['id']}>"
    private = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == 2048
    assert private.public_key() == public_key(key, "key").key


@pytest.mark.parametrize("left_out", ["private_key", "created_at", "key_algorithm"])
def test_the_public_part_is_read_without_the_rest(tmp_path: Path, key: dict[str, str], left_out: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps({name: value for name, value in key.items() if name != left_out}))
    read = read_public(file)
    assert (read.key_id, read.service_account_id) == (key["id"], key["service_account_id"])


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"id": None}, {"service_account_id": 7}, {"public_key": ""}, {"public_key": "PEM"}]
)
def test_a_part_that_is_wrong_is_named(key: dict[str, str], change: dict[str, Any]) -> None:
    with pytest.raises(AuthorizedKeyError, match=next(iter(change))):
        public_key({**key, **change}, "key")


def test_a_key_of_another_kind_is_refused(key: dict[str, str]) -> None:
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(AuthorizedKeyError, match="no RSA key"):
        public_key({**key, "public_key": pem.decode()}, "key")


@pytest.mark.parametrize("content", [None, "", "no json", "[]"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AuthorizedKeyError, match=re.escape(str(file))):
        read_public(file)
