"""Each kind of fault of the local OCR service, met once and met always, ends as the state table says.

docs/faults.md shows it: `FAULTS_PAGE=write .venv/bin/python -m pytest tests/integration/test_fault_outcomes.py` writes
its tables anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration import fault_page
from integration.fault_cases import CASES, GOOD, LATE_SECONDS, MANY, Case, Ending
from integration.fault_stage import HIT, NEIGHBOUR, Mode, Played, Seen, Stage, digest, run, whole_text
from local.ocr.kinds import KINDS
from local.ocr.protocol import TARGETS
from textdrop.core.documents import Document, OperationState, Outcome
from textdrop.core.errors import Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
MODES: tuple[Mode, ...] = ("once", "always")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.stop()


def test_every_kind_is_met_by_every_request_it_can_have() -> None:
    possible = {(name, target) for name, kind in KINDS.items() for target in kind.targets if target in TARGETS}
    assert {(case.kind, case.target) for case in CASES} == possible


def met(case: Case, mode: Mode) -> Any:
    return pytest.param(case, mode, id=f"{case.target}-{case.name}-{mode}")


@pytest.mark.parametrize(("case", "mode"), [met(case, mode) for case in CASES for mode in MODES])
def test_a_fault_ends_as_the_state_table_says(stage: Stage, case: Case, mode: Mode) -> None:
    played = stage.played(case, mode)
    ending = case.always if mode == "always" else case.once
    seen = played.document
    assert played.struck
    assert (seen.outcome, seen.reason) == (ending.outcome, ending.reason), seen
    assert re.fullmatch(ending.way, seen.way), seen
    assert seen.accepted == ending.accepted, seen
    assert seen.asks > MANY if ending.asks is None else seen.asks == ending.asks, seen
    assert ending.seconds[0] <= seen.seconds <= ending.seconds[1], seen
    assert played.paused == ending.paused
    assert seen.text == (expected_text(case) if ending.outcome is Outcome.SUCCEEDED else None)
    check_promises(played)
    check_neighbour(played.neighbour, ending if mode == "always" and case.everything else GOOD)


def expected_text(case: Case) -> str:
    whole = whole_text(HIT)
    return {"whole": whole, "blank": "", "replaced": re.sub("[^\x00-\x7f]", "\ufffd", whole)}[case.text]


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
        assert (seen.way, seen.asks, seen.text) == (ending.way, ending.asks, whole_text(NEIGHBOUR)), seen
        assert seen.seconds <= LATE_SECONDS


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "reject"}, Reason.REJECTED_BY_OCR),
        ({"kind": "failing_operation"}, Reason.FAILED_IN_OCR),
        ({"kind": "never_done"}, Reason.DEADLINE_EXCEEDED),
        ({"kind": "expired_result"}, Reason.DEADLINE_EXCEEDED),
        ({"kind": "large_body"}, Reason.INTERNAL),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_a_fault_that_fails_one_page_of_three_leaves_the_others(
    stage: Stage, fault: dict[str, str], reason: Reason
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
    }
    assert not early
    assert stage.server.stats()["submits"]["accepted"] == sum(operation.sent for operation in rows)


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


def test_the_page_shows_what_was_seen(stage: Stage) -> None:
    text = PAGE.read_text("utf-8")
    shown = fault_page.generated(text, stage)
    if os.environ.get("FAULTS_PAGE") == "write":
        PAGE.write_text(shown, "utf-8")
        return
    assert shown == text, "run: FAULTS_PAGE=write .venv/bin/python -m pytest tests/integration/test_fault_outcomes.py"
