"""Whose credentials the local stack is given, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.credentials import CredentialsNotUsable, of_the_real_service

KEY = {"id": "aje1", "service_account_id": "aje2", "private_key": "a line\n-----BEGIN SECRET", "new": [1]}


@pytest.mark.parametrize("environment", [{}, {"YANDEX_API_KEY": ""}, {"YANDEX_API_KEY": " ", "YANDEX_KEY_FILE": ""}])
def test_without_credentials_it_is_not_the_real_service(environment: dict[str, str]) -> None:
    assert of_the_real_service(environment) is None


def test_an_api_key_is_taken() -> None:
    assert of_the_real_service({"YANDEX_API_KEY": "AQVN\n", "YANDEX_KEY_FILE": ""}) == {"api_key": "AQVN"}


def test_a_key_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(json.dumps(KEY), encoding="utf-8")
    assert of_the_real_service({"YANDEX_KEY_FILE": f"{tmp_path}/key.json"}) == KEY


def test_the_home_folder_has_its_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.json").write_text(json.dumps(KEY), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert of_the_real_service({"YANDEX_KEY_FILE": "~/key.json"}) == KEY


def test_two_kinds_at_once_are_refused() -> None:
    with pytest.raises(CredentialsNotUsable, match="unset one"):
        of_the_real_service({"YANDEX_API_KEY": "SECRET", "YANDEX_KEY_FILE": "key.json"})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"SECRET", "is not JSON"),
        (b"\xff\xfeSECRET", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'["SECRET"]', "is not a JSON object"),
        (b'{"api_key": "SECRET"}', "has no id, service_account_id, private_key"),
        (b'{"id": "a", "user_account_id": "SECRET", "private_key": "SECRET"}', "has no service_account_id"),
    ],
)
def test_a_file_that_is_no_key_is_told_and_not_shown(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialsNotUsable, match=says) as raised:
        of_the_real_service({"YANDEX_KEY_FILE": str(path)})
    assert str(path) in str(raised.value)
    assert "SECRET" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
