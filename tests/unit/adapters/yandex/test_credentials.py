"""What the secret may hold, when it is read and a key in it exchanged for a token, and what is used meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.errors import (
    OcrCredentialsMissing,
    OcrError,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnreachable,
    StoreUnavailable,
)
from unit.adapters.yandex.conftest import MakeClient
from unit.adapters.yandex.scripted_service import Exchange, Play, ScriptedService, answer, own, silence

NOW = 1_767_225_600.0
THREADS = 8
KEY_FILE, OTHER_KEY_FILE = "a key file", "another key file"
API_KEY, EMPTY, UNREADABLE = '{"api_key": "k"}', "{}", "the secret cannot be read"


def given_out(token: str, *, until: float = NOW + 43_200) -> Play:
    return answer(200, {"iamToken": token, "expiresAt": datetime.fromtimestamp(until, UTC).isoformat()})


A, B, C = given_out("a"), given_out("b"), given_out("c")
FAILS, REFUSES = answer(503, own(14)), answer(401, own(16))


class Account:
    """A secret, IAM beside it, and the time."""

    def __init__(self, service: ScriptedService, key_files: dict[str, str]) -> None:
        self.secret = KEY_FILE
        self.reads = 0
        self.seconds = 0.0
        self._service = service
        self._key_files = key_files
        self.credentials = Credentials(
            self.read,
            iam_base_url=service.base_url,
            monotonic=lambda: self.seconds,
            now=lambda: NOW + self.seconds,
        )

    def read(self) -> str:
        self.reads += 1
        if self.secret == UNREADABLE:
            raise StoreUnavailable("throttled")
        return self._key_files.get(self.secret, self.secret)

    def header(self) -> str:
        return self.credentials.authorization()

    def tried(self) -> object:
        """The header, or the kind of the error."""
        try:
            return self.header()
        except (OcrError, StoreUnavailable) as error:
            return type(error)

    @property
    def work(self) -> tuple[int, int]:
        """How often the secret was read, and how often IAM was asked."""
        return self.reads, len(self._service.exchanges)


@pytest.fixture
def account(service: ScriptedService, key_secret: str, other_key_file: dict[str, str]) -> Account:
    return Account(service, {KEY_FILE: key_secret, OTHER_KEY_FILE: json.dumps(other_key_file)})


# --- what is in the secret ------------------------------------------------------------------------------------------


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
        Credentials(lambda: secret).authorization()
    assert '{"api_key": "..."}' in str(raised.value)
    assert "SECRET" not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("secret", [KEY_FILE, '{"api_key": "t1.SECRET"}'])
def test_nothing_of_key_or_token_is_in_the_repr_of_credentials(
    service: ScriptedService, account: Account, key_file: dict[str, str], secret: str
) -> None:
    service.plays(given_out("t1.SECRET"))
    account.secret = secret
    assert account.header().endswith(" t1.SECRET")
    shown = f"{account.credentials!r} {vars(account.credentials)!r}"
    assert "SECRET" not in shown
    assert not [line for line in key_file["private_key"].splitlines() if line in shown]


# --- what is used at which time -------------------------------------------------------------------------------------

AT_FIRST: dict[str, tuple[str, str, dict[float, object]]] = {
    "an API key is read once": ('{"api_key": " k \\n"}', EMPTY, {0: "Api-Key k", 1_000_000: "Api-Key k"}),
    "a secret that cannot be read": (UNREADABLE, API_KEY, {0: StoreUnavailable, 0.1: "Api-Key k"}),
    "a secret that is empty": (
        EMPTY,
        API_KEY,
        {0: OcrCredentialsMissing, 29.9: OcrCredentialsMissing, 30: "Api-Key k"},
    ),
    "a key that IAM refuses": (
        KEY_FILE,
        OTHER_KEY_FILE,
        {0: OcrCredentialsMissing, 29.9: OcrCredentialsMissing, 30: "Bearer b"},
    ),
}


@pytest.mark.parametrize(("secret", "later", "headers"), AT_FIRST.values(), ids=AT_FIRST)
def test_when_a_secret_that_was_replaced_is_read_again(
    service: ScriptedService, account: Account, secret: str, later: str, headers: dict[float, object]
) -> None:
    service.plays(REFUSES, B)
    account.secret = secret
    for account.seconds, header in headers.items():
        assert account.tried() == header
        account.secret = later
    assert account.reads == len(set(headers.values())), "once for each that it brought"


OK = "Bearer a"
RENEWALS: dict[str, tuple[list[Play], dict[float, object]]] = {
    "used for an hour": ([A, B], {0: OK, 3599.9: OK, 3600: "Bearer b"}),
    "ending within the hour": ([given_out("a", until=NOW + 600), B], {0: OK, 539: OK, 541: "Bearer b"}),
    "still good, 503": ([A, FAILS, B], {0: OK, 3600: OK, 3659: OK, 3660: "Bearer b"}),
    "still good, 429": ([A, answer(429), B], {0: OK, 3600: OK, 3659: OK, 3660: "Bearer b"}),
    "still good, no token": ([A, answer(200, {}), B], {0: OK, 3600: OK, 3659: OK, 3660: "Bearer b"}),
    "not past its end": ([given_out("a", until=NOW + 100), FAILS, FAILS], {0: OK, 95: OK, 100: OcrUnreachable}),
    "one exchange a second": ([FAILS, A], {0: OcrUnreachable, 0.9: OcrUnreachable, 1: OK}),
    "as late as IAM asks": (
        [answer(429, headers={"retry-after": "20"}), A],
        {0: OcrThrottled, 19.9: OcrThrottled, 20: OK},
    ),
    "of a key that was deleted": ([A, REFUSES], {0: OK, 3600: OcrCredentialsMissing}),
}


@pytest.mark.parametrize(("plays", "headers"), RENEWALS.values(), ids=RENEWALS)
def test_when_a_token_is_renewed(
    service: ScriptedService, account: Account, plays: list[Play], headers: dict[float, object]
) -> None:
    service.plays(*plays)
    for account.seconds, header in headers.items():
        assert account.tried() == header
    assert account.work == (1, len(plays))


def test_each_who_meets_an_error_has_one_of_its_own(service: ScriptedService, account: Account) -> None:
    service.plays(FAILS)
    errors: list[OcrError] = []
    for _ in range(3):
        with pytest.raises(OcrUnreachable) as raised:
            account.header()
        errors.append(raised.value)
    first, second, third = errors
    assert first is not second is not third  # the client notes in each which request it ended
    assert (str(second), second.trace) == (str(first), first.trace)


# --- after a refusal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "later", "plays", "refreshed", "header", "work"),
    [
        ('{"api_key": "old"}', API_KEY, [], True, "Api-Key k", (2, 0)),
        (API_KEY, API_KEY, [], False, "Api-Key k", (2, 0)),
        (API_KEY, UNREADABLE, [], False, "Api-Key k", (2, 0)),
        (API_KEY, EMPTY, [], False, OcrCredentialsMissing, (3, 0)),
        (API_KEY, KEY_FILE, [A], True, "Bearer a", (2, 1)),
        (KEY_FILE, API_KEY, [A], True, "Api-Key k", (2, 1)),
        (KEY_FILE, KEY_FILE, [A, B], True, "Bearer b", (2, 2)),
        (KEY_FILE, KEY_FILE, [A, A], False, "Bearer a", (2, 2)),
        (KEY_FILE, UNREADABLE, [A, B], True, "Bearer b", (2, 2)),
        (KEY_FILE, KEY_FILE, [A, FAILS], False, "Bearer a", (2, 2)),
        (KEY_FILE, KEY_FILE, [A, REFUSES], False, "Bearer a", (2, 2)),
        (KEY_FILE, KEY_FILE, [A, answer(429)], False, "Bearer a", (2, 2)),
        (KEY_FILE, OTHER_KEY_FILE, [A, FAILS, B], False, "Bearer b", (2, 3)),
    ],
)
def test_after_a_refusal_the_secret_is_read_and_a_token_renewed(
    service: ScriptedService,
    account: Account,
    secret: str,
    later: str,
    plays: list[Play],
    refreshed: bool,
    header: object,
    work: tuple[int, int],
) -> None:
    service.plays(*plays)
    account.secret = secret
    refused = account.header()
    account.secret, account.seconds = later, 60
    assert account.credentials.refresh(refused) == refreshed
    assert account.tried() == header
    assert account.work == work


@pytest.mark.parametrize(
    ("secret", "plays", "steps"),
    [
        # At these seconds, whether there is another header, and how often the secret was read and IAM asked by then.
        (API_KEY, [], [(0, False, 1, 0), (4.9, False, 1, 0), (5, False, 2, 0), (6, False, 2, 0), (10, False, 3, 0)]),
        # The secret was just read; the token was not.
        (KEY_FILE, [A, B, C], [(0, True, 1, 2), (4.9, False, 1, 2), (5, True, 2, 3)]),
    ],
)
def test_refusals_cost_little(
    service: ScriptedService,
    account: Account,
    secret: str,
    plays: list[Play],
    steps: list[tuple[float, bool, int, int]],
) -> None:
    service.plays(*plays)
    account.secret = secret
    for seconds, refreshed, reads, exchanges in steps:
        refused = account.header()
        account.seconds = seconds
        assert account.credentials.refresh(refused) == refreshed
        assert account.work == (reads, exchanges)


def test_a_renewal_ends_the_wait_after_a_failure(service: ScriptedService, account: Account) -> None:
    service.plays(A, REFUSES, B)
    refused = account.header()
    account.seconds = 3600
    assert account.tried() is OcrCredentialsMissing
    assert account.credentials.refresh(refused)
    assert account.header() == "Bearer b"


# --- threads --------------------------------------------------------------------------------------------------------


def at_once(call: Callable[[], object]) -> list[object]:
    """What each of the threads got that made this call at the same time."""
    together = threading.Barrier(THREADS, timeout=60)

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


@pytest.mark.parametrize(("play", "got"), [(A, "Bearer a"), (FAILS, OcrUnreachable)])
def test_threads_that_begin_together_make_one_exchange(
    service: ScriptedService, account: Account, play: Play, got: object
) -> None:
    service.plays(slowly(play))
    assert at_once(account.tried) == [got] * THREADS
    assert account.work == (1, 1)


@pytest.mark.parametrize(
    ("secret", "later", "header", "work"),
    [('{"api_key": "old"}', API_KEY, "Api-Key k", (2, 0)), (KEY_FILE, KEY_FILE, "Bearer b", (2, 2))],
)
def test_threads_that_are_refused_together_read_and_renew_once(
    service: ScriptedService, account: Account, secret: str, later: str, header: str, work: Any
) -> None:
    service.plays(A, slowly(B))
    account.secret = secret
    refused = account.header()
    account.secret, account.seconds = later, 60
    assert at_once(lambda: account.credentials.refresh(refused)) == [True] * THREADS
    assert at_once(account.header) == [header] * THREADS
    assert account.work == work


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
        with pytest.raises(OcrSecretUnreadable, match="another thread"):
            account.credentials.authorization(time.monotonic() + 0.05)
        assert not account.credentials.refresh("Bearer a", time.monotonic() + 0.05)
        assert not other.done()
        assert other.result() is OcrUnreachable


# --- through the client ---------------------------------------------------------------------------------------------


def test_without_a_token_a_submit_is_not_sent_and_not_in_doubt(
    service: ScriptedService, make_client: MakeClient, account: Account
) -> None:
    service.plays(REFUSES)
    with pytest.raises(OcrCredentialsMissing) as raised:
        make_client(credentials=account.credentials).submit(b"{}", "r")
    assert (raised.value.trace.client_request_id, raised.value.trace.status) == ("r", 401)
    assert [sent.path for sent in service.exchanges] == ["/iam/v1/tokens"]
