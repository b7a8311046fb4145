"""When the secret is read, and what is in it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.errors import OcrCredentialsMissing, StoreUnavailable


class Vault:
    """A secret, and the clock beside it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.seconds = 1000.0
        self.reads = 0
        self.broken = False
        self.credentials = Credentials(self.read, refused_seconds=5, missing_seconds=30, monotonic=lambda: self.seconds)

    def read(self) -> str:
        self.reads += 1
        if self.broken:
            raise StoreUnavailable("throttled")
        return self.secret


def test_a_secret_is_read_once() -> None:
    vault = Vault('{"api_key": " AQVN \\n"}')
    assert [vault.credentials.authorization() for _ in range(3)] == ["Api-Key AQVN"] * 3
    vault.seconds += 1_000_000
    assert vault.credentials.authorization() == "Api-Key AQVN"
    assert vault.reads == 1


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{}", "is empty"),
        ('{"api_key": ""}', "is empty"),
        ('{"api_key": " "}', "is empty"),
        ('{"api_key": null}', "is empty"),
        ('{"id": "ajeSECRET", "service_account_id": "ajf", "private_key": "PEM-SECRET"}', "authorized key file"),
        ('{"api_key": " ", "id": "ajeSECRET", "private_key": "PEM-SECRET"}', "authorized key file"),
        ('{"private_key": null, "id": "ajeSECRET"}', "authorized key file"),
        ('{"other": "SECRET"}', "neither"),
        ('{"api_key": 5}', "is not a key"),
        ('{"api_key": "SECRET two"}', "is not a key"),
        ('{"api_key": "SECRET\\r\\nx: y"}', "is not a key"),
        ('{"api_key": "ключ-SECRET"}', "is not a key"),
        ("AQVN-SECRET", "is not JSON"),
        ('"AQVN-SECRET"', "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_secret_without_a_key_says_what_to_do_and_nothing_of_itself(secret: str, says: str) -> None:
    with pytest.raises(OcrCredentialsMissing, match=says) as raised:
        Vault(secret).credentials.authorization()
    assert '{"api_key": "..."}' in str(raised.value)
    assert "SECRET" not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_secret_that_is_filled_is_noticed_within_half_a_minute() -> None:
    vault = Vault("{}")
    for _ in range(3):
        with pytest.raises(OcrCredentialsMissing):
            vault.credentials.authorization()
    assert vault.reads == 1
    vault.secret = '{"api_key": "k"}'
    vault.seconds += 29.9
    with pytest.raises(OcrCredentialsMissing):
        vault.credentials.authorization()
    vault.seconds += 0.1
    assert vault.credentials.authorization() == "Api-Key k"


def test_a_refused_key_is_read_again_at_most_every_few_seconds() -> None:
    vault = Vault('{"api_key": "k"}')
    refused = vault.credentials.authorization()
    for after, reads in [(0.0, 1), (4.9, 1), (0.1, 2), (1.0, 2), (4.0, 3)]:
        vault.seconds += after
        assert not vault.credentials.refresh(refused)
        assert vault.reads == reads


def test_every_thread_learns_of_a_replaced_key_and_one_reads_it() -> None:
    vault = Vault('{"api_key": "old"}')
    refused = vault.credentials.authorization()
    vault.secret = '{"api_key": "new"}'
    vault.seconds += 60
    together = threading.Barrier(8, timeout=60)

    def refresh(_: int) -> bool:
        together.wait()
        return vault.credentials.refresh(refused)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(refresh, range(8)))
    assert vault.reads == 2
    assert vault.credentials.authorization() == "Api-Key new"


def test_a_secret_emptied_after_a_refusal_is_missing() -> None:
    vault = Vault('{"api_key": "k"}')
    refused = vault.credentials.authorization()
    vault.secret = "{}"
    vault.seconds += 60
    assert not vault.credentials.refresh(refused)
    with pytest.raises(OcrCredentialsMissing):
        vault.credentials.authorization()


def test_a_secret_that_cannot_be_read_again_stays_as_it_was() -> None:
    vault = Vault('{"api_key": "k"}')
    refused = vault.credentials.authorization()
    vault.broken = True
    vault.seconds += 60
    assert not vault.credentials.refresh(refused)
    assert not vault.credentials.refresh(refused)
    assert vault.reads == 2
    assert vault.credentials.authorization() == "Api-Key k"


def test_a_secret_that_could_not_be_read_at_first_is_read_the_next_time() -> None:
    vault = Vault('{"api_key": "k"}')
    vault.broken = True
    with pytest.raises(StoreUnavailable):
        vault.credentials.authorization()
    vault.broken = False
    assert vault.credentials.authorization() == "Api-Key k"


def test_no_key_in_what_they_look_like() -> None:
    vault = Vault('{"api_key": "AQVN-SECRET"}')
    vault.credentials.authorization()
    assert "SECRET" not in f"{vault.credentials!r} {vars(vault.credentials)!r}"
