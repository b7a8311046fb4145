"""Promise 7 on the whole way: whatever call fails, and however much its error quotes, no line and no error that leaves
a function tells a document's text or key, or a credential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fakes.faults import Faults
from fakes.ocr import Failure, page
from printed import PrintingJournal, leaked, printing
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrAnswerTooLarge,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    StoreUnavailable,
    TextdropError,
    Trace,
)
from textdrop.observability import redact_errors
from world import World

TEXT, KEY, WORDS = "canary of the text: договор", "canary folder/ключ №7 + 8.png", "canary of the service's words"
LANGUAGE, CASE = "canary-language", "canary of the metadata: дело"
API_KEY, TOKEN = "AQVN-canary-api-key", "t1.canary-of-an-iam-token-9euelZqK"
PRIVATE = [TEXT, *KEY.split("/"), WORDS, LANGUAGE, CASE, API_KEY]
QUOTING = f"{TEXT} {KEY} Authorization: Bearer {TOKEN} Api-Key {API_KEY}"
GOOD, FAILING, BOOK = b"canary bytes", b"canary failing", b"pages:3 bad:2"


REQUESTS_TURN = 20
REQUESTS: list[dict[str, object]] = [
    {"command": "status", "documents": [f"{KEY}0", f"{KEY}2"]},
    {"command": "list", "prefix": KEY},
    {"command": "list", "outcome": "active", "prefix": KEY},
    {"command": "summary"},
    {"command": "check"},
    {"command": "backfill", "prefix": KEY},
    {"command": "cancel", "prefix": KEY},
    {"command": "retry", "documents": [f"{KEY}1"], "options": {"model": "table"}},
    {"command": "render", "documents": [f"{KEY}0"]},
    {"command": "delete", "documents": [f"{KEY}3"]},
    {"command": "pause"},
    {"command": "resume"},
    {"command": QUOTING},
    {"command": "retry", "documents": [f"{KEY}1"], "options": {"languages": LANGUAGE}},
    {"command": "status", QUOTING: [KEY], "documents": []},
]
"""What an operator asks of control, rightly and wrongly."""


def life(faults: Faults) -> tuple[list[str], list[str], PrintingJournal]:
    """Uploads of every outcome under private names. All lines, what left the functions as errors, and the journal."""
    world = World(faults=faults)
    world.ocr.table = {GOOD: page(TEXT), FAILING: Failure(13, WORDS)}
    journal = PrintingJournal(world.journal)
    world.submit_ports = replace(world.submit_ports, journal=journal)
    world.poll_ports = replace(world.poll_ports, journal=journal)
    world.deliver_ports = replace(world.deliver_ports, journal=journal)
    world.control_ports = replace(world.control_ports, journal=journal)
    escaped: list[str] = []

    def invoke(function: Callable[[], object]) -> bool:
        try:
            redact_errors(function)()
        except TextdropError as error:
            # What Lambda shows of an error: its kind, its message, its place; not what it came of.
            escaped.append(f"{type(error).__name__} {error}")
            return False
        return True

    with printing() as printed:
        for number, content in enumerate([GOOD, FAILING, BOOK, b"damaged", b""]):
            world.upload(f"{KEY}{number}", content, {"canary-case": CASE})
        world.upload(KEY, GOOD, {"ocr-languages": LANGUAGE})
        world.send(f"no message: {QUOTING}")
        for turn in range(40):
            batch, world.queue = world.queue, []
            if not invoke(lambda batch=batch: world.submit(batch)):  # type: ignore[misc]
                world.queue.extend(batch)
            invoke(world.poll)
            invoke(world.deliver)
            for request in REQUESTS if turn == REQUESTS_TURN else []:
                invoke(lambda request=request: world.ask_control(request))  # type: ignore[misc]
            world.clock.advance(301.0)
    return printed.getvalue().splitlines(), escaped, journal


def calls() -> list[str]:
    faults = Faults()
    life(faults)
    return sorted(set(faults.calls))


CALLS = calls()
SERVICE = Trace(status=400, code=3, message=WORDS, request_id="r1")
OCR_ERRORS: list[Callable[[], OcrError]] = [
    lambda: OcrUnreachable("no connection", SERVICE),
    lambda: OcrUnavailable("HTTP 500", SERVICE),
    lambda: OcrAnswerLost("HTTP 502", SERVICE),
    lambda: OcrThrottled("HTTP 429", SERVICE),
    lambda: OcrCredentialsRefused("HTTP 401", SERVICE),
    lambda: OcrRejected("HTTP 400", SERVICE),
    lambda: OcrOperationUnknown("HTTP 404", SERVICE),
    lambda: OcrAnswerTooLarge("over the limit", SERVICE),
    lambda: OcrAnswerMalformed("not JSON", SERVICE),
]


def chained(error: Exception) -> Exception:
    """An error of ours, as adapters make it of one that quotes everything."""
    try:
        raise error from ValueError(QUOTING)
    except Exception as raised:  # noqa: BLE001 - it is given back
        return raised


def check(lines: list[str], escaped: list[str], journal: PrintingJournal) -> None:
    assert len(lines) > 20
    assert leaked("\n".join([*lines, *escaped, *journal.errors]), PRIVATE) == []


def test_every_kind_of_call_is_known() -> None:
    assert {call.partition(".")[0] for call in CALLS} >= {
        *("documents", "newest", "notices", "ocr", "pause", "poller", "quota", "results", "sources", "tick")
    }


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_an_error_of_others_is_logged_without_its_words(call: str, when: str) -> None:
    faults = Faults()
    faults.fail(call, lambda: ValueError(QUOTING), when=when, times=3)  # type: ignore[arg-type]
    check(*life(faults))
    assert faults.left() < 3, "it has failed at least once"


@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_fails_is_logged_without_what_it_quotes(call: str) -> None:
    faults = Faults()
    kind = ObjectForbidden if call == "sources.head" else StoreUnavailable
    faults.fail(call, lambda: chained(kind("service.Call: 503")), times=3)
    check(*life(faults))


@pytest.mark.parametrize("call", ["ocr.submit", "ocr.result", "ocr.status"])
@pytest.mark.parametrize("error", OCR_ERRORS, ids=lambda error: type(error()).__name__)
def test_an_error_of_the_service_is_logged_without_its_words(call: str, error: Callable[[], OcrError]) -> None:
    faults = Faults()
    faults.fail(call, lambda: chained(error()), times=3)
    lines, escaped, journal = life(faults)
    check(lines, escaped, journal)
    assert WORDS in journal.quoted, "the service's words were there to be logged"


@pytest.mark.parametrize(
    "logged",
    [TEXT, TEXT.encode("unicode_escape").decode(), "a-api AQVN-canary-api-key", TOKEN, "%D0%BA%D0%BB%D1%8E%D1%87 No"],
)
def test_what_is_logged_would_be_noticed(logged: str) -> None:
    assert leaked(f'{{"message": "{logged}"}}', [*PRIVATE, "ключ"])


@pytest.mark.parametrize(
    "logged", ["Api-Key AQVN", "Bearer x", "eyJhbGciOiJQUzI1NiJ9.e30.c2ln", "X-Amz-Signature=1", "BEGIN PRIVATE KEY"]
)
def test_what_looks_like_a_credential_would_be_noticed(logged: str) -> None:
    assert leaked(logged, [])
