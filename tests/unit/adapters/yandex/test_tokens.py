"""When an authorized key is exchanged for a token, by how many threads, and what is used meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.errors import (
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrThrottled,
    OcrUnreachable,
    StoreUnavailable,
)
from unit.adapters.yandex.conftest import MakeClient
from unit.adapters.yandex.scripted_service import Exchange, Play, ScriptedService, answer, silence

OPERATION = {"id": "fd8k2m4s6u8w0y2a4c6e", "done": False}
NOW = 1_767_225_600.0
THREADS = 8


def given_out(token: str, *, until: float = NOW + 43_200) -> Play:
    return answer(200, {"iamToken": token, "expiresAt": datetime.fromtimestamp(until, UTC).isoformat()})


class Account:
    """A secret with a key, IAM beside it, and the time."""

    def __init__(self, service: ScriptedService, secret: str) -> None:
        self.secret = secret
        self.reads = 0
        self.broken = False
        self.seconds = 0.0
        self._service = service
        self.credentials = Credentials(
            self.read,
            iam_base_url=service.base_url,
            monotonic=lambda: self.seconds,
            now=lambda: NOW + self.seconds,
        )

    def read(self) -> str:
        self.reads += 1
        if self.broken:
            raise StoreUnavailable("throttled")
        return self.secret

    def header(self) -> str:
        return self.credentials.authorization()

    def fails(self) -> OcrError:
        with pytest.raises(OcrError) as raised:
            self.header()
        return raised.value

    @property
    def exchanges(self) -> int:
        return len(self._service.exchanges)


@pytest.fixture
def account(service: ScriptedService, key_secret: str) -> Account:
    return Account(service, key_secret)


def at_once(call: Callable[[], object]) -> list[object]:
    """What each of the threads got that made this call at the same time."""
    together = threading.Barrier(THREADS, timeout=10)

    def one(_: int) -> object:
        together.wait()
        return call()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, range(THREADS)))


def slowly(play: Play) -> Play:
    def slow(exchange: Exchange) -> bool:
        exchange.over.wait(0.1)
        return play(exchange)

    return slow


# --- one exchange, and its token for all ----------------------------------------------------------------------------


def test_threads_that_begin_together_make_one_exchange(service: ScriptedService, account: Account) -> None:
    service.plays(slowly(given_out("a")))
    assert at_once(account.header) == ["Bearer a"] * THREADS
    assert (account.reads, account.exchanges) == (1, 1)


def test_threads_whose_token_was_refused_make_one_exchange(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"), slowly(given_out("b")))
    refused = account.header()
    account.seconds += 60
    assert at_once(lambda: account.credentials.refresh(refused)) == [True] * THREADS
    assert at_once(account.header) == ["Bearer b"] * THREADS
    assert (account.reads, account.exchanges) == (2, 2)


def test_threads_that_meet_a_failure_together_make_one_exchange(service: ScriptedService, account: Account) -> None:
    service.plays(slowly(answer(503)))
    assert {type(error) for error in at_once(account.fails)} == {OcrUnreachable}
    assert account.exchanges == 1


def test_a_token_is_used_for_an_hour(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"), given_out("b"))
    assert account.header() == "Bearer a"
    account.seconds = 3599.9
    assert account.header() == "Bearer a"
    account.seconds = 3600
    assert account.header() == "Bearer b"
    assert (account.reads, account.exchanges) == (1, 2)


def test_a_token_that_ends_within_the_hour_is_renewed_before(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a", until=NOW + 600), given_out("b"))
    assert account.header() == "Bearer a"
    account.seconds = 541
    assert account.header() == "Bearer b"


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [answer(503), answer(429), answer(200, {})], ids=["503", "429", "no token"])
def test_a_token_that_is_still_good_outlives_a_failure_to_renew_it(
    service: ScriptedService, account: Account, failure: Play
) -> None:
    service.plays(given_out("a"), failure, given_out("b"))
    account.header()
    account.seconds = 3600
    assert account.header() == "Bearer a"
    account.seconds += 59
    assert account.header() == "Bearer a"
    assert account.exchanges == 2
    account.seconds += 1
    assert account.header() == "Bearer b"


def test_a_token_is_not_used_past_its_end(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a", until=NOW + 100), answer(503), answer(503))
    account.header()
    account.seconds = 95
    assert account.header() == "Bearer a"
    account.seconds = 100
    assert type(account.fails()) is OcrUnreachable


def test_after_a_failure_there_is_one_exchange_a_second(service: ScriptedService, account: Account) -> None:
    service.plays(answer(503, {"code": 14, "message": "busy"}), given_out("a"))
    first, second = account.fails(), account.fails()
    assert first is not second  # the client notes in each which request it ended
    assert (type(second), str(second), second.trace) == (OcrUnreachable, str(first), first.trace)
    account.seconds += 0.9
    account.fails()
    assert account.exchanges == 1
    account.seconds += 0.1
    assert account.header() == "Bearer a"
    assert account.reads == 1


def test_a_throttle_of_iam_is_waited_out(service: ScriptedService, account: Account) -> None:
    service.plays(answer(429, headers={"retry-after": "20"}), given_out("a"))
    for seconds in (0, 19.9):
        account.seconds = seconds
        error = account.fails()
        assert isinstance(error, OcrThrottled)
        assert error.retry_after_seconds == 20
    account.seconds = 20
    assert account.header() == "Bearer a"


def test_a_key_that_iam_refuses_is_read_again_within_half_a_minute(
    service: ScriptedService, account: Account, other_key_file: dict[str, str]
) -> None:
    service.plays(answer(401), given_out("b"))
    assert type(account.fails()) is OcrCredentialsMissing
    account.secret = json.dumps(other_key_file)
    account.seconds = 29.9
    assert type(account.fails()) is OcrCredentialsMissing
    assert (account.reads, account.exchanges) == (1, 1)
    account.seconds = 30
    assert account.header() == "Bearer b"
    assert (account.reads, account.exchanges) == (2, 2)


def test_a_key_that_was_deleted_is_told_though_its_token_still_works(
    service: ScriptedService, account: Account
) -> None:
    service.plays(given_out("a"), answer(401))
    account.header()
    account.seconds = 3600
    assert type(account.fails()) is OcrCredentialsMissing


def test_a_thread_that_waits_for_anothers_exchange_waits_no_longer_than_it_may(
    service: ScriptedService, account: Account
) -> None:
    def exchange() -> type[OcrError]:
        with pytest.raises(OcrError) as raised:
            account.credentials.authorization(time.monotonic() + 1)
        return type(raised.value)

    begun = threading.Event()

    def hang(request: Exchange) -> bool:
        begun.set()
        return silence()(request)

    service.plays(hang)
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(exchange)
        assert begun.wait(10)
        with pytest.raises(OcrUnreachable, match="another thread"):
            account.credentials.authorization(time.monotonic() + 0.05)
        assert not account.credentials.refresh("Bearer a", time.monotonic() + 0.05)
        assert not other.done()
        assert other.result() is OcrUnreachable


# --- a token that was refused, a secret that was replaced -------------------------------------------------------------


def test_a_refused_token_is_renewed_at_most_every_few_seconds(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"), given_out("b"), given_out("c"))
    assert account.credentials.refresh(account.header())
    assert account.header() == "Bearer b"
    assert (account.reads, account.exchanges) == (1, 2)  # the secret was just read
    account.seconds = 4.9
    assert not account.credentials.refresh("Bearer b")
    assert (account.reads, account.exchanges) == (1, 2)
    account.seconds = 5
    assert account.credentials.refresh("Bearer b")
    assert account.header() == "Bearer c"
    assert (account.reads, account.exchanges) == (2, 3)


def test_a_renewal_ends_the_wait_after_a_failure(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"), answer(401), given_out("b"))
    refused = account.header()
    account.seconds = 3600
    account.fails()
    assert account.credentials.refresh(refused)
    assert account.header() == "Bearer b"


def test_a_refused_token_is_renewed_though_the_secret_cannot_be_read(
    service: ScriptedService, account: Account
) -> None:
    service.plays(given_out("a"), given_out("b"))
    refused = account.header()
    account.seconds, account.broken = 60, True
    assert account.credentials.refresh(refused)
    assert account.header() == "Bearer b"


@pytest.mark.parametrize("failure", [answer(503), answer(401), answer(429)], ids=["503", "401", "429"])
def test_a_refused_token_that_cannot_be_renewed_stays(
    service: ScriptedService, account: Account, failure: Play
) -> None:
    service.plays(given_out("a"), failure)
    refused = account.header()
    account.seconds = 60
    assert not account.credentials.refresh(refused)
    assert account.header() == "Bearer a"


def test_a_refused_token_of_a_key_that_was_replaced_is_not_used_again(
    service: ScriptedService, account: Account, other_key_file: dict[str, str]
) -> None:
    service.plays(given_out("a"), answer(503), given_out("b"))
    refused = account.header()
    account.seconds, account.secret = 60, json.dumps(other_key_file)
    assert not account.credentials.refresh(refused)
    assert account.header() == "Bearer b"


def test_iam_may_give_the_same_token_again(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"), given_out("a"))
    refused = account.header()
    account.seconds = 60
    assert not account.credentials.refresh(refused)
    assert account.exchanges == 2


def test_an_api_key_in_place_of_a_key_file_needs_no_iam(service: ScriptedService, account: Account) -> None:
    service.plays(given_out("a"))
    refused = account.header()
    account.seconds, account.secret = 60, '{"api_key": "k"}'
    assert account.credentials.refresh(refused)
    account.seconds = 1_000_000
    assert account.header() == "Api-Key k"
    assert account.exchanges == 1


def test_a_key_file_in_place_of_an_api_key_is_exchanged(
    service: ScriptedService, account: Account, key_secret: str
) -> None:
    account.secret = '{"api_key": "k"}'
    refused = account.header()
    service.plays(given_out("a"))
    account.seconds, account.secret = 60, key_secret
    assert account.credentials.refresh(refused)
    assert account.header() == "Bearer a"


# --- through the client -----------------------------------------------------------------------------------------------


def test_without_a_token_a_submit_is_not_sent_and_not_in_doubt(
    service: ScriptedService, make_client: MakeClient, key_secret: str
) -> None:
    service.plays(answer(401, {"code": 16, "message": "no such key"}))
    client = make_client(credentials=Credentials(lambda: key_secret, iam_base_url=service.base_url))
    with pytest.raises(OcrCredentialsMissing) as raised:
        client.submit(b"{}", "r")
    assert (raised.value.trace.client_request_id, raised.value.trace.status) == ("r", 401)
    assert [sent.path for sent in service.exchanges] == ["/iam/v1/tokens"]


def test_a_token_that_the_service_repeats_is_in_no_error(
    service: ScriptedService, make_client: MakeClient, key_secret: str
) -> None:
    credentials = Credentials(lambda: key_secret, iam_base_url=service.base_url)
    service.plays(given_out("t1.SECRET"), answer(403, {"code": 7, "message": "not with t1.SECRET"}))
    with pytest.raises(OcrCredentialsRefused) as raised:
        make_client(credentials=credentials).submit(b"{}", "r")
    assert "SECRET" not in f"{raised.value!r} {raised.value.trace!r}"


def test_nothing_of_key_or_token_in_what_credentials_look_like(
    service: ScriptedService, account: Account, key_file: dict[str, str]
) -> None:
    service.plays(given_out("t1.SECRET"))
    account.header()
    shown = f"{account.credentials!r} {vars(account.credentials)!r}"
    assert "SECRET" not in shown
    assert not [line for line in key_file["private_key"].splitlines() if line in shown]
