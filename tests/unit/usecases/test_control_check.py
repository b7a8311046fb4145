"""check, pause and resume."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textdrop import __version__
from textdrop.core.errors import (
    HistoryMissing,
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    StoreUnavailable,
)
from textdrop.core.pause import Pause
from unit.usecases.operated import NOON, operated
from world import World


@pytest.fixture
def world() -> World:
    return operated()


def test_a_stack_that_works_says_so_and_how_it_is_set_up(world: World) -> None:
    world.ocr.clock_offset = -2.0
    world.control_settings = replace(
        world.control_settings, ocr_base_url="https://ocr", operation_base_url="https://operation", results_prefix="r/"
    )
    answer = world.ask("check")
    assert answer == {
        "version": __version__,
        "ocr": {"ok": True, "what": None, "advice": None, "latency_seconds": 0.0},
        "clock": {"offset_seconds": -2.0},
        "endpoints": [
            {"name": "ocr", "url": "https://ocr", "ok": True, "what": None},
            {"name": "operation", "url": "https://operation", "ok": True, "what": None},
        ],
        "history_index": True,
        "pause": {"why": "", "since": None, "probe_at": None},
        "oldest": None,
        "due": {"ask": 0, "submit": 0, "backfill": 0, "held": 0, "recheck": 0, "deliver": 0},
        "languages": "ru en",
        "model": "page",
        "outputs": "",
        "pages": "all",
        "submits_per_second": 10.0,
        "source_bucket": "uploads",
        "source_prefix": "",
        "results_bucket": "results",
        "results_prefix": "r/",
    }
    assert world.ocr.accepted == [], "it costs nothing"


@pytest.mark.parametrize("error", [OcrOperationUnknown("404"), OcrRejected("400"), OcrThrottled("429")])
def test_a_service_that_refuses_what_is_not_there_takes_the_key(world: World, error: OcrError) -> None:
    for call in ("ocr.result", "ocr.status"):
        world.faults.fail(call, error)
    answer = world.ask("check")
    assert answer["ocr"]["ok"]
    assert [each["ok"] for each in answer["endpoints"]] == [True, True]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OcrCredentialsMissing("the secret holds no credentials"), "Store a key in the stack's secret: "),
        (OcrCredentialsRefused("the OCR service refused the credentials."), "Check the key, "),
        (OcrSecretUnreadable("the secret cannot be read"), "Let the functions' roles read the secret"),
        (OcrUnreachable("no connection to the OCR service"), "Check the addresses OcrBaseUrl and IamBaseUrl, "),
        (OcrUnavailable("the OCR service failed (HTTP 500)"), "Wait, and look at the OCR service's status page"),
        (
            OcrAnswerLost("something other answered"),
            "Check that the address OcrBaseUrl is the OCR service's, and look ",
        ),
        (OcrAnswerMalformed("it cannot be understood"), "Check that the address OcrBaseUrl is the OCR service's."),
        (OcrError("something else"), "Look at the log of the submit function."),
    ],
)
def test_what_is_wrong_with_the_service_is_told_with_what_to_do(world: World, error: OcrError, advice: str) -> None:
    world.faults.happen("ocr.result", lambda: world.clock.advance(1.25))
    world.faults.fail("ocr.result", error, when="after")
    answer = world.ask("check")
    assert (answer["ocr"]["ok"], answer["ocr"]["latency_seconds"]) == (False, 1.25)
    assert answer["ocr"]["what"].lower() == str(error).rstrip(".").lower() + "."
    assert answer["ocr"]["what"][0].isupper()
    assert answer["ocr"]["advice"].startswith(advice)
    assert [each["ok"] for each in answer["endpoints"]] == [False, True]
    assert answer["endpoints"][0]["what"] == answer["ocr"]["what"]


def test_an_address_of_operations_that_does_not_answer_is_told(world: World) -> None:
    world.faults.fail("ocr.status", OcrUnreachable("no connection to the OCR service"))
    assert world.ask("check")["endpoints"][1]["what"] == "No connection to the OCR service."


def test_a_table_without_the_index_is_told_and_a_failure_is_not_taken_for_it(world: World) -> None:
    world.faults.fail("ledger.history", lambda: HistoryMissing("dynamodb.Query"))
    assert world.ask("check")["history_index"] is False
    world.faults.fail("ledger.history", lambda: StoreUnavailable("dynamodb.Query: 503"))
    assert world.ask_control({"command": "check"})["error"]["code"] == "unavailable"


# --- pause and resume -------------------------------------------------------------------------------------------------


def test_nothing_is_sent_from_a_pause_until_it_is_resumed(world: World) -> None:
    told = {"why": "operator", "since": "2026-11-29T12:00:00.000Z", "probe_at": None}
    assert world.ask("pause") == {"pause": told}
    world.upload("x.png", b"1")
    for _ in range(10):
        world.submit()
        world.poll()
        world.clock.advance(60.0)
    assert world.ocr.accepted == []
    assert world.ask("pause") == {"pause": told}, "it is paused since the first time"
    asked = world.ticks_asked
    assert world.ask("resume") == {"pause": {"why": "", "since": None, "probe_at": None}}
    assert world.ticks_asked > asked
    world.run()
    assert len(world.ocr.accepted) == 1


def test_a_pause_of_the_service_stays_with_a_probe_at_once(world: World) -> None:
    world.pause.row = Pause(rev=3, since=NOON - 60, why="credentials_refused", probe_at=NOON + 50, refusals=1)
    told = {"why": "credentials_refused", "since": "2026-11-29T11:59:00.000Z", "probe_at": "2026-11-29T12:00:00.000Z"}
    assert world.ask("resume") == {"pause": told}
    assert world.pause.row == Pause(rev=4, since=NOON - 60, why="credentials_refused", probe_at=NOON, refusals=1)
    world.ask("resume")
    assert world.pause.row.rev == 4, "there is nothing to change"


def test_what_others_write_at_the_same_time_is_kept(world: World) -> None:
    def another_writes() -> None:
        world.pause.row = replace(world.pause.row, rev=world.pause.row.rev + 1, refusals=7)

    world.faults.happen("pause.write", another_writes, times=4)
    world.ask("pause")
    assert (world.pause.row.refusals, world.pause.row.operator_since) == (7, NOON)
    world.faults.happen("pause.write", another_writes, times=5)
    assert world.ask_control({"command": "resume"})["error"]["code"] == "unavailable"
