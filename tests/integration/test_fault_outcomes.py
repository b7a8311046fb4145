"""What becomes of a document that meets a fault of the OCR service, once and always: a fault of each class of answer.

Which faults are of one class is in test_client_meets_faults. The endings are derived from the state table and the
error tree of `core.errors`, not from runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from integration.fault_stage import HIT, NEIGHBOUR, SELDOM_SECONDS, Played, Scene, Seen, Stage, digest, run, whole_text
from local.ocr.protocol import IAM, RESULT, STATUS, SUBMIT
from textdrop.core.documents import Document, OperationState, Outcome
from textdrop.core.errors import Reason

NONE, ONE, FEW, MANY = range(1), range(1, 2), range(2, 20), range(20, 1_000_000)
"""So many asks for result and status."""

FAILED_SECONDS = 10.0
"""Within so many seconds a failure is told."""

LATE_SECONDS = 400.0
"""By how much an end may come after what brings it: backoff, schedule and hand-out."""
DEADLINE_SECONDS = 3610.0
"""Of a document of one page: an hour, and ten seconds a page."""
AT_DEADLINE = (DEADLINE_SECONDS, DEADLINE_SECONDS + 2 * LATE_SECONDS)
THREE_DAYS = 3 * 86_400.0
FORGOTTEN = (THREE_DAYS, THREE_DAYS + SELDOM_SECONDS + LATE_SECONDS)


@dataclass(frozen=True)
class Ending:
    """How a document ends: `accepted` submits that the service took (and billed), `asks` for result and status,
    whether submitting was `paused` for all, and after how many seconds, from and to. `way` is a regular
    expression over the rules of the page's transitions, each followed by a blank."""

    outcome: Outcome
    reason: Reason | None
    way: str
    accepted: int
    asks: range
    paused: bool = False
    seconds: tuple[float, float] = (0.0, LATE_SECONDS)


def failed(reason: Reason, way: str, accepted: int, asks: range = NONE) -> Ending:
    return Ending(Outcome.FAILED, reason, way, accepted, asks)


def within(least: float, most: float, ending: Ending) -> Ending:
    return replace(ending, seconds=(least, most))


TAKEN = "intent accepted recognised "
GOOD = Ending(Outcome.SUCCEEDED, None, TAKEN, accepted=1, asks=ONE)

# At submit.
NOT_TAKEN = replace(GOOD, way=f"intent not_taken {TAKEN}")
LATER = replace(GOOD, way=f"(intent not_taken )+{TAKEN}")
LOST = replace(GOOD, way=f"intent answer_lost {TAKEN}")
LOST_AND_PAID = replace(LOST, accepted=2)
UNCONFIRMED = failed(Reason.SUBMIT_UNCONFIRMED, "(intent answer_lost ){3}unconfirmed ", 0)
UNAVAILABLE = within(*AT_DEADLINE, failed(Reason.OCR_UNAVAILABLE, "(intent not_taken )+unavailable_too_long ", 0))
REJECTED = failed(Reason.REJECTED_BY_OCR, "intent rejected ", 0)

# At what the submit began, and at an ask.
LONG = replace(GOOD, asks=MANY)
ASKED_AGAIN = replace(GOOD, asks=FEW)
FAILED_THERE = within(0, FAILED_SECONDS, failed(Reason.FAILED_IN_OCR, "intent accepted failed_in_service ", 1, FEW))
NEVER_DONE = within(*AT_DEADLINE, failed(Reason.DEADLINE_EXCEEDED, "intent accepted deadline_exceeded ", 1, MANY))
EXPIRED = within(*FORGOTTEN, failed(Reason.RESULT_EXPIRED, "intent accepted ask_failed_expired ", 1, MANY))
# The fault is one of results: once there is none any more, the service says so.
EXPIRED_THERE = replace(EXPIRED, way="intent accepted expired ")
TOO_LARGE = failed(Reason.INTERNAL, "intent accepted unreadable ", 1, ONE)


def paused(ending: Ending) -> Ending:
    return replace(ending, paused=True)


def met(
    target: str,
    kind: str,
    once: Ending,
    always: Ending,
    *,
    lasts: int | None = None,
    everyone: bool = False,
    **more: Any,
) -> Iterator[Any]:
    """Met once, and met always: what delays for as long as it lasts is met so many times instead. `everyone`: always by
    the neighbour too. `more` is of the Scene, or of the fault."""
    scene = {name: more.pop(name) for name in ("beside", "hangs") if name in more}
    often = {"rate": 1} if lasts is None else {"count": lasts}
    for name, ending, count, all_of_them in (("once", once, {"count": 1}, False), ("always", always, often, everyone)):
        played = Scene(kind, target, {**count, **more}, everyone=all_of_them, **scene)
        yield pytest.param(played, ending, id="-".join([target, kind, *map(str, more.values()), name]))


def at_submit() -> Iterator[Any]:
    """A trouble of the service or the way to it hits everyone; what becomes of an operation, one page."""
    yield from met(SUBMIT, "slow_answer", GOOD, GOOD, everyone=True)
    # Served in the end, and billed, but the client's patience is over before. (The neighbour is accepted, so three in a
    # row, which pause, do not come together.)
    yield from met(SUBMIT, "slow_answer", LOST_AND_PAID, replace(UNCONFIRMED, accepted=3), hangs=True, seconds=60)
    yield from met(SUBMIT, "lost_answer", LOST_AND_PAID, paused(replace(UNCONFIRMED, accepted=3)), everyone=True)
    # Nothing tells a request that was lost from an answer that was.
    yield from met(SUBMIT, "lost_request", LOST, paused(UNCONFIRMED), everyone=True)
    yield from met(SUBMIT, "5xx", NOT_TAKEN, UNAVAILABLE, everyone=True)
    # A probe a minute, for longer than the deadline, which they run none of.
    yield from met(SUBMIT, "401", paused(NOT_TAKEN), paused(within(4200, 4800, LATER)), lasts=70, everyone=True)
    # At first one a second, then as many as the lowered rate allows.
    yield from met(SUBMIT, "429", NOT_TAKEN, within(250, 1000, LATER), lasts=500, everyone=True)
    yield from met(SUBMIT, "429", NOT_TAKEN, within(4800, 5200, LATER), lasts=40, everyone=True, retry_after=120.0)
    # Refused is refused, and never tried again.
    yield from met(SUBMIT, "reject", REJECTED, REJECTED)
    yield from met(SUBMIT, "slow_recognition", *[within(600, 700, LONG)] * 2, seconds=600)
    yield from met(SUBMIT, "slow_recognition", NEVER_DONE, NEVER_DONE, seconds=None)
    yield from met(SUBMIT, "late_result", *[ASKED_AGAIN] * 2, seconds=4)
    yield from met(SUBMIT, "late_result", *[within(600, 700, LONG)] * 2, seconds=600)
    for code in (3, 13, 16):
        yield from met(SUBMIT, "failing_operation", FAILED_THERE, FAILED_THERE, code=code)
    # Its result is refused as an answer that was lost, as one that is not ready, as over a quota: the status
    # tells.
    for code in (4, 5, 8, 9):
        yield from met(SUBMIT, "failing_operation", FAILED_THERE, FAILED_THERE, code=code)
    yield from met(SUBMIT, "failing_operation", FAILED_THERE, FAILED_THERE, in_result=False)


def at_result() -> Iterator[Any]:
    yield from met(RESULT, "slow_answer", GOOD, GOOD)
    # An ask without an answer says nothing of the page: no deadline runs, but the service forgets (decision 0003).
    yield from met(RESULT, "lost_request", ASKED_AGAIN, EXPIRED)
    yield from met(RESULT, "lost_answer", ASKED_AGAIN, EXPIRED_THERE)
    yield from met(RESULT, "slow", ASKED_AGAIN, ASKED_AGAIN, lasts=3, hangs=True, seconds=60)
    yield from met(RESULT, "499", ASKED_AGAIN, EXPIRED)
    yield from met(RESULT, "429", ASKED_AGAIN, EXPIRED)
    # A breakdown is an answer: the status may say more.
    yield from met(RESULT, "5xx", ASKED_AGAIN, EXPIRED)
    yield from met(RESULT, "error_in_stream", ASKED_AGAIN, EXPIRED_THERE)
    # The key is refused for everything, a 400, 403 or 404 is about this operation (decision 0003).
    yield from met(RESULT, "401", ASKED_AGAIN, EXPIRED)
    yield from met(RESULT, "403", ASKED_AGAIN, NEVER_DONE)
    yield from met(RESULT, "400", ASKED_AGAIN, NEVER_DONE)
    yield from met(RESULT, "404", ASKED_AGAIN, NEVER_DONE)
    # An answer that is no result, whole or readable: until the deadline it may become one.
    yield from met(RESULT, "truncated_body", ASKED_AGAIN, NEVER_DONE)
    yield from met(RESULT, "large_body", TOO_LARGE, TOO_LARGE)
    yield from met(RESULT, "empty_words", TOO_LARGE, TOO_LARGE)


def at_status() -> Iterator[Any]:
    """Of a recognition that failed, which the status alone tells: else the status decides nothing."""
    beside = {"kind": "failing_operation", "in_result": False}
    yield from met(STATUS, "slow_answer", FAILED_THERE, FAILED_THERE, beside=beside)
    for kind in ("lost_answer", "400", "401", "403", "404", "429", "5xx", "truncated_body"):
        yield from met(STATUS, kind, FAILED_THERE, NEVER_DONE, beside=beside)
    yield from met(STATUS, "large_body", FAILED_THERE, NEVER_DONE, beside=beside, bytes=200_000)


def at_iam() -> Iterator[Any]:
    """With an authorized key: nothing of the page is sent without a token."""
    yield from met(IAM, "slow", GOOD, GOOD, everyone=True)
    yield from met(IAM, "lost_answer", NOT_TAKEN, paused(UNAVAILABLE), everyone=True)
    yield from met(IAM, "401", paused(NOT_TAKEN), paused(within(900, 1100, LATER)), lasts=15, everyone=True)
    yield from met(IAM, "429", NOT_TAKEN, within(250, 1000, LATER), lasts=500, everyone=True)
    # A token that is refused is renewed and the request repeated, once, in the same exchange.
    yield from met(IAM, "dead_token", GOOD, paused(within(780, 1000, LATER)), lasts=15, everyone=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.stop()


@pytest.mark.parametrize(("scene", "ending"), [*at_submit(), *at_result(), *at_status(), *at_iam()])
def test_a_fault_ends_as_the_state_table_says(stage: Stage, scene: Scene, ending: Ending) -> None:
    played = stage.play(scene)
    seen = played.document
    assert played.struck
    assert (seen.outcome, seen.reason) == (ending.outcome, ending.reason), seen
    assert re.fullmatch(ending.way, seen.way), seen
    assert seen.accepted == ending.accepted, seen
    assert seen.asks in ending.asks, seen
    assert ending.seconds[0] <= seen.seconds <= ending.seconds[1], seen
    assert played.paused == ending.paused
    assert seen.text == (whole_text(HIT) if ending.outcome is Outcome.SUCCEEDED else None)
    check_promises(played)
    check_neighbour(played.neighbour, ending if scene.everyone else GOOD)


def check_promises(played: Played) -> None:
    assert played.quiet, "G1"
    assert played.leaked == (), "G7"
    assert played.lines > 8, "nothing was listened to"
    for seen in (played.document, played.neighbour):
        assert seen.final, "G1"
        assert seen.unconfirmed == seen.way.count("answer_lost "), "G2"
        assert seen.sent <= seen.accepted <= seen.sent + seen.unconfirmed, "G2"
        assert seen.files_before_notice, "G5"


def check_neighbour(seen: Seen, ending: Ending) -> None:
    """G6: what meets one page costs its neighbour nothing but, where submitting is paused for all, time."""
    assert (seen.outcome, seen.reason, seen.accepted) == (ending.outcome, ending.reason, ending.accepted), seen
    if ending is GOOD:
        assert (seen.way, seen.text) == (ending.way, whole_text(NEIGHBOUR)), seen
        assert seen.asks in ending.asks, seen
        assert seen.seconds <= LATE_SECONDS


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "reject"}, Reason.REJECTED_BY_OCR),
        ({"kind": "failing_operation"}, Reason.FAILED_IN_OCR),
        ({"kind": "slow_recognition", "seconds": None}, Reason.DEADLINE_EXCEEDED),
        ({"kind": "large_body"}, Reason.INTERNAL),
        ({"kind": "empty_words"}, Reason.INTERNAL),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_a_fault_that_fails_one_page_of_three_leaves_the_others(
    stage: Stage, fault: dict[str, Any], reason: Reason
) -> None:
    world, _, early = stage.world()
    stage.server.add_fault(count=1, **fault)
    document = world.upload("three.png", b"pages:3")
    run(world)
    row = world.row(document)
    rows = world.documents.read_operations(document.id, 1)
    [failed] = [operation.page for operation in rows if operation.state is OperationState.FAILED]
    assert (row.outcome, row.pages_recognized, row.problem and row.problem.reason) == (Outcome.PARTIAL, 2, reason)
    told: Any = world.json("three.png.ocr.json")
    assert [page["reason"] for page in told["pages"]] == [
        str(reason) if number == failed else None for number in (1, 2, 3)
    ]
    assert told["notes"] == [f"Without text: 1 of 3 pages: {failed} ({reason})."]
    texts = (world.file("three.png.txt") or b"").split(b"\f")
    assert [number for number, text in enumerate(texts, start=1) if not text] == [failed]
    [notice] = world.notices_of(document)
    assert notice["pages"] == {
        "total": 3,
        "recognized": 2,
        "failed": 1,
        "failures": [{"reason": str(reason), "count": 1, "pages": str(failed)}],
        "warnings": [],
    }
    assert not early
    assert stage.server.stats()["submits"]["accepted"] == sum(operation.sent for operation in rows)


@pytest.mark.parametrize("authorized", [False, True], ids=["API key", "authorized key"])
def test_a_secret_that_cannot_be_read_for_two_hours_fails_nobody(stage: Stage, authorized: bool) -> None:
    world, _, _ = stage.world(authorized=authorized)
    stage.secret_readable = False
    documents = [world.upload("first.png", HIT), world.upload("three.png", b"pages:3")]
    for minute in range(120):
        if minute % 10 == 0:
            documents.append(world.upload(f"{minute}.png", b"neighbour %d" % minute))
        assert not world.submit()
        world.poll()
        world.clock.advance(60.0)
    assert world.pause.read().why == "secret_unreadable"
    assert stage.server.stats()["submits"]["asked"] == 0
    stage.secret_readable = True
    run(world)
    assert {world.row(document).outcome for document in documents} == {Outcome.SUCCEEDED}
    assert stage.server.stats()["submits"]["accepted"] == len(documents) + 2
    assert "unavailable_too_long" not in world.journal.rules()


def test_a_lost_answer_costs_a_document_of_three_pages_one_submit_more(stage: Stage) -> None:
    world, _, _ = stage.world()
    stage.server.add_fault(kind="lost_answer", count=1)
    document = world.upload("three.png", b"pages:3")
    run(world)
    rows = world.documents.read_operations(document.id, 1)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert sum(operation.unconfirmed for operation in rows) == 1
    assert stage.server.stats()["submits"]["accepted"] == 4


def test_a_page_that_breaks_the_service_ends_though_others_are_taken(stage: Stage) -> None:
    world, _, _ = stage.world()
    stage.server.add_fault(kind="5xx", rate=1, sha256=digest(HIT))
    document = world.upload("hit.png", HIT)
    others: list[Document] = []
    while len(others) < 300:
        others.append(world.upload(f"{len(others)}.png", b"neighbour %d" % len(others)))
        world.submit()
        world.poll()
        world.clock.advance(60.0)
    run(world)
    problem = world.row(document).problem
    assert problem is not None
    assert problem.reason is Reason.OCR_UNAVAILABLE
    assert world.journal.rules().count("breaks_the_service") == 1
    assert {world.row(other).outcome for other in others} == {Outcome.SUCCEEDED}
    assert stage.server.stats()["submits"]["accepted"] == len(others)
