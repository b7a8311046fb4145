"""`make logs`: what each kind of logged line becomes, and that each is shown once, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import logs, stack
from local.logs import Event, Line

DOCUMENT = "a4c04d646254d7c13497120dbe96a285"
LOGGED: dict[str, Any] = {
    "level": "INFO",
    "location": "transition:32",
    "message": "document transition",
    "timestamp": "2026-11-24 00:35:07,463+0000",
    "service": "submit",
    "cold_start": True,
    "function_name": "textdrop-submit",
    "function_memory_size": 1024,
    "function_arn": "arn:aws:lambda:eu-central-2:000000000000:function:textdrop-submit",
    "function_request_id": "fde89be7-bafd-47f4-91c9-00e6f5aede94",
    "rev": 4,
    "run": 1,
    "attempts": 0,
    "document": DOCUMENT,
    "state": "delivering",
    "rule": "concluded",
    "outcome": "succeeded",
}
WRITTEN_AT = 1795480507.463
GIVEN_AT = 1795480510.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is one that is not UTC, so that both can be told apart."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-3")
        time.tzset()
        yield
    time.tzset()


def text(message: str) -> str:
    line = logs.function_line("submit", GIVEN_AT, message)
    assert line is not None
    return line.text


def of(**fields: Any) -> str:
    return text(json.dumps(LOGGED | fields))


def test_an_event_is_its_name_and_the_fields_that_matter() -> None:
    line = logs.function_line("submit", GIVEN_AT, json.dumps(LOGGED) + "\n")
    said = "document transition  rule=concluded document=a4c04d64 state=delivering outcome=succeeded"
    assert line == Line(WRITTEN_AT, "submit", "INFO", said)


def test_what_is_out_of_the_ordinary_is_told() -> None:
    assert of(attempts=2, run=3).endswith("outcome=succeeded run=3 attempts=2")
    assert of(page=7, error="OcrThrottled", key="a b.pdf").startswith(
        'document transition  rule=concluded document=a4c04d64 page=7 state=delivering outcome=succeeded key="a b.pdf" '
        "error=OcrThrottled"
    )


@pytest.mark.parametrize(("level", "told"), [("INFO", False), ("DEBUG", False), ("WARNING", True), ("ERROR", True)])
def test_ids_for_the_service_s_support_stand_where_something_is_wrong(level: str, told: bool) -> None:
    assert ("request_id=r1" in of(level=level, request_id="r1")) is told


def test_no_value_can_break_the_line_or_draw_on_the_terminal() -> None:
    told = of(key='Счёт\n"\x1b[31m\x9b.pdf', message="two\nlines")
    assert told.isprintable()
    assert told.startswith("two\\nlines  ")
    assert r'key="\u0421\u0447\u0451\u0442\n\"\u001b[31m\u009b.pdf"' in told
    assert "key=Счёт" in of(key="Счёт")


def test_values_that_are_no_text_are_json() -> None:
    assert of(seconds=0.25, last=None, ids=["a"], empty="").endswith('seconds=0.25 last=null ids=["a"] empty=""')


@pytest.mark.parametrize("timestamp", [None, "yesterday", 17])
def test_without_a_time_of_its_own_an_event_has_cloudwatch_s(timestamp: object) -> None:
    line = logs.function_line("submit", GIVEN_AT, json.dumps(LOGGED | {"timestamp": timestamp}))
    assert line is not None
    assert (line.at, line.level) == (GIVEN_AT, "INFO")


def test_metrics_are_a_short_line() -> None:
    metrics = [{"Name": "Ticks", "Unit": "Count"}, {"Name": "DocumentsFinished", "Unit": "Count"}]
    groups = [{"Namespace": "textdrop", "Dimensions": [["service"]], "Metrics": metrics}]
    emf = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": groups}, "service": "poll"}
    assert text(json.dumps(emf | {"Ticks": [1.0], "DocumentsFinished": [1.0, 2.0]})) == (
        "metrics  Ticks=1 DocumentsFinished=3"
    )
    assert text(json.dumps(emf | {"Ticks": 2, "DocumentsFinished": 0.5})) == "metrics  Ticks=2 DocumentsFinished=0.5"


def test_of_an_invocation_one_line_is_left() -> None:
    id_ = "RequestId: fde89be7-bafd-47f4-91c9-00e6f5aede94"
    assert logs.function_line("poll", GIVEN_AT, f"START {id_} Version: $LATEST\n") is None
    assert logs.function_line("poll", GIVEN_AT, f"END {id_}\n") is None
    report = f"REPORT {id_}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 95 MB\t"
    assert text(report + "\n") == "invocation over  duration=12.50ms memory=95MB of=512MB"
    more = "Init Duration: 300 ms\tStatus: timeout\n"
    assert text(report + more) == "invocation over  duration=12.50ms memory=95MB of=512MB init=300ms status=timeout"
    assert text(f"REPORT {id_}") == "invocation over  "


@pytest.mark.parametrize(
    "message",
    [
        "Traceback (most recent call last):",
        "{not JSON",
        '{"message": "no level"}',
        '{"level": "INFO"}',
        '{"level": 3, "message": "x"}',
        '{"_aws": {}}',
        '{"_aws": 3}',
        '{"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Gone"}]}]}}',
        '{"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "X"}]}]}, "X": "many"}',
        '["level"]',
        "17",
        "[" * 100_000,
        "INIT_START Runtime Version: python:3.13.v1",
        "  an indented line\twith a tab",
    ],
)
def test_a_line_of_no_known_form_stays_as_it_is(message: str) -> None:
    assert logs.function_line("poll", GIVEN_AT, message + "\n") == Line(GIVEN_AT, "poll", "", message)


def test_an_empty_line_is_none() -> None:
    assert logs.function_line("poll", GIVEN_AT, "\n") is None


def test_the_ocr_service_s_lines_are_of_the_same_form() -> None:
    line = logs.ocr_line("2026-11-24T03:35:07.463 WARNING submit accepted operation=5cq type=image/png", GIVEN_AT)
    assert line == Line(WRITTEN_AT, "ocr", "WARNING", "submit accepted  operation=5cq type=image/png")
    assert logs.ocr_line("2026-11-24T03:35:07.463 INFO stopped", GIVEN_AT).text == "stopped"
    assert logs.ocr_line("ValueError: \x1b[0m", GIVEN_AT) == Line(GIVEN_AT, "ocr", "", "ValueError: \\x1b[0m")


def test_a_line_is_shown_in_local_time_and_in_colour_only_when_asked() -> None:
    line = Line(WRITTEN_AT, "poll", "WARNING", "paused  why=x")
    assert logs.shown(line, colour=False) == "03:35:07.463 poll   WARNING paused  why=x"
    assert logs.shown(replace(line, level=""), colour=False) == "03:35:07.463 poll   paused  why=x"
    coloured = logs.shown(line, colour=True)
    assert f"{logs.YELLOW}WARNING{logs.PLAIN} paused" in coloured
    assert coloured.count("\x1b[") == 6


def test_a_log_is_read_by_whole_lines_and_from_the_beginning_when_it_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "ocr.log"
    lines = logs.whole_lines(path)
    assert next(lines) == []
    path.write_text("first\nsec", encoding="utf-8")
    assert next(lines) == ["first"]
    assert next(lines) == []
    with path.open("a", encoding="utf-8") as file:
        file.write("ond\nthird\n")
    assert next(lines) == ["second", "third"]
    path.write_text("begun\nanew, and longer than before\n", encoding="utf-8")
    assert next(lines) == ["begun", "anew, and longer than before"]
    path.write_bytes(b"short\n\xff\n")
    assert next(lines) == ["short", "�"]
    path.unlink()
    assert next(lines) == []


def test_a_traceback_stays_behind_the_line_that_it_belongs_to(tmp_path: Path) -> None:
    path = tmp_path / "ocr.log"
    path.write_text("2026-11-24T03:35:07.463 ERROR request failed\nTraceback:\n  File\n", encoding="utf-8")
    steps = logs.ocr_lines(path, WRITTEN_AT)
    assert [line.at for line in next(steps)] == [WRITTEN_AT] * 3
    with path.open("a", encoding="utf-8") as file:
        file.write("ValueError\n")
    assert next(steps) == [Line(WRITTEN_AT, "ocr", "", "ValueError")]


def test_what_the_ocr_service_logged_long_ago_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "ocr.log"
    path.write_text("2026-11-24T03:35:07.463 INFO old\nTraceback:\n", encoding="utf-8")
    steps = logs.ocr_lines(path, WRITTEN_AT + 1)
    assert next(steps) == []
    with path.open("a", encoding="utf-8") as file:
        file.write("2026-11-24T03:35:09.463 INFO new\n")
    assert next(steps) == [Line(WRITTEN_AT + 2, "ocr", "INFO", "new")]


class Account:
    """A log group: `events` as they are now, and the times from which they were asked for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.asked: list[int] = []

    def fetch(self, since_milliseconds: int) -> Iterable[Event]:
        self.asked.append(since_milliseconds)
        return [event for event in self.events if event.at_milliseconds >= since_milliseconds]


def test_each_event_is_given_once_even_if_it_came_late_or_says_the_same() -> None:
    account = Account()
    steps = logs.unseen(account.fetch, 1_000)
    assert next(steps) == []
    same = Event("one", 60_000, "same")
    account.events = [same, same]
    assert next(steps) == [same, same]
    late = Event("two", 60_000 - logs.OVERLAP_MILLISECONDS, "late")
    account.events = [late, same, same, same]
    assert next(steps) == [late, same]
    assert next(steps) == []
    assert account.asked == [1_000, 1_000, 50_000, 50_000]
    account.events.append(Event("three", 200_000, "new"))
    assert next(steps) == [Event("three", 200_000, "new")]
    assert next(steps) == []
    assert account.asked[-1] == 190_000


def test_a_function_s_lines_are_those_of_its_new_events() -> None:
    account = Account()
    account.events = [Event("s", 60_000, "START RequestId: x Version: 1"), Event("s", 61_000, "raw")]
    steps = logs.function_lines("poll", account.fetch, 1.5)
    assert next(steps) == [Line(61.0, "poll", "", "raw")]
    assert next(steps) == []
    assert account.asked[0] == 1_500


def followed(history: int, *sources: list[list[Line]]) -> list[str]:
    shown: list[str] = []
    logs.follow(
        [iter(source) for source in sources],
        history=history,
        show=lambda line: shown.append(line.text),
        pause=lambda: shown.append("-"),
    )
    return shown


def lines(*pairs: tuple[float, str]) -> list[Line]:
    return [Line(at, "ocr", "", said) for at, said in pairs]


def test_the_last_old_lines_come_first_then_all_new_ones_by_time() -> None:
    one = [lines((1, "a"), (4, "d")), lines((7, "g"), (5, "e")), lines()]
    two = [lines((2, "b"), (3, "c")), lines((6, "f")), lines((9, "i"))]
    assert followed(3, one, two) == ["b", "c", "d", "-", "e", "f", "g", "-", "i", "-"]
    assert followed(9, one, two)[:5] == ["a", "b", "c", "d", "-"]
    assert followed(0, one, two)[0] == "-"


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main(["--state", str(tmp_path)]) == 1
    assert "make up" in capsys.readouterr().err


def test_a_stack_that_died_is_no_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_env(stack.Folder(tmp_path).env, {"AWS_ENDPOINT_URL": "https://127.0.0.1:1"})
    assert logs.main(["--state", str(tmp_path)]) == 1
    assert "does not answer: start it with `make up`" in capsys.readouterr().err


def test_ctrl_c_ends_it_without_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_env(stack.Folder(tmp_path).env, {})

    def interrupted(_state: Path) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack, "is_up", interrupted)
    assert logs.main(["--state", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")
