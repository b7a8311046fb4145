"""`make logs`: what each kind of logged line becomes, and that each is shown once, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import logs, stack
from local.logs import Line

LOGGED: dict[str, Any] = {
    "level": "INFO",
    "location": "transition:32",
    "message": "document transition",
    "timestamp": "2026-11-24 00:35:07,463+0000",
    "service": "submit",
    "function_request_id": "fde89be7-bafd-47f4-91c9-00e6f5aede94",
    "rule": "concluded",
    "document": "a4c04d646254",
    "attempts": 0,
}
WRITTEN_AT = 1795480507.463
GIVEN_AT = 1795480510.0


@pytest.fixture(autouse=True)
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is one that is not UTC, so that both can be told apart."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-3")
        time.tzset()
        yield
    time.tzset()


def test_an_event_is_its_time_level_and_name_and_the_fields_that_matter() -> None:
    line = logs.function_line("poll", GIVEN_AT, json.dumps(LOGGED) + "\n")
    assert line.at == WRITTEN_AT
    said = "03:35:07.463 poll    INFO    document transition rule=concluded document=a4c04d646254 attempts=0"
    assert logs.shown(line) == said


def test_nothing_in_a_line_can_break_it_or_move_the_terminal() -> None:
    line = logs.function_line("poll", GIVEN_AT, json.dumps(LOGGED | {"key": "Счёт\n\x1b[31m\x9b.pdf"}))
    assert logs.shown(line).endswith(r"key=Счёт\n\x1b[31m\x9b.pdf")


@pytest.mark.parametrize(
    "message", ["START RequestId: x", "END RequestId: x", "REPORT RequestId: x", '{"_aws": {}}', ""]
)
def test_what_lambda_says_of_an_invocation_and_metrics_are_left_out(message: str) -> None:
    assert logs.function_line("poll", GIVEN_AT, message + "\n").text == ""


@pytest.mark.parametrize(
    "message",
    [
        *(
            "Traceback (most recent call last):",
            "{not JSON",
            '{"message": "no level"}',
            '["level"]',
            "17",
            "[" * 100_000,
        ),
        *(json.dumps(LOGGED | {"timestamp": 17}), "  an indented line\twith a tab"),
    ],
)
def test_a_line_of_no_known_form_stays_as_it_is(message: str) -> None:
    assert logs.function_line("poll", GIVEN_AT, message + "\n") == Line(GIVEN_AT, "poll", message)


def test_the_ocr_service_s_log_is_read_by_whole_lines_and_from_the_beginning_when_it_begins_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ocr.log"
    steps = logs.ocr_lines(path, WRITTEN_AT - 0.0005)
    assert next(steps) == []
    path.write_text("2026-11-24T03:35:07.462 INFO old\n2026-11-24T03:35:07.463 ERROR failed\nTrace", encoding="utf-8")
    assert next(steps) == [Line(WRITTEN_AT, "ocr", "ERROR failed")]
    assert next(steps) == []
    with path.open("a", encoding="utf-8") as file:
        file.write("back:\nanother\n")
    assert next(steps) == [Line(WRITTEN_AT, "ocr", "Traceback:"), Line(WRITTEN_AT, "ocr", "another")]
    path.write_bytes(b"short\n\xff\n")
    assert [line.text for line in next(steps)] == ["short", "�"]
    path.unlink()
    assert next(steps) == []


def test_each_event_of_a_function_is_given_once_even_if_it_came_late() -> None:
    events: list[Mapping[str, Any]] = []
    asked: list[int] = []

    def fetch(since: int) -> list[Mapping[str, Any]]:
        asked.append(since)
        return [event for event in events if event["timestamp"] >= since]

    def event(stream: str, at: int, message: str) -> Mapping[str, Any]:
        return {"logStreamName": stream, "timestamp": at, "message": message}

    steps = logs.function_lines("poll", fetch, 1.0)
    assert next(steps) == []
    events += [event("one", 60_000, "same"), event("two", 60_000, "same"), event("one", 60_000, "END x")]
    assert next(steps) == [Line(60.0, "poll", "same")] * 2
    events.append(event("two", 60_000 - logs.OVERLAP_MILLISECONDS, "late"))
    assert next(steps) == [Line(50.0, "poll", "late")]
    assert next(steps) == []
    assert asked == [1_000, 1_000, 50_000, 50_000]


def test_the_last_old_lines_come_first_then_all_new_ones_by_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_env(stack.Folder(tmp_path).env, {"AWS_ENDPOINT_URL": "https://127.0.0.1:1", "AWS_CA_BUNDLE": "none"})
    steps = iter(
        [
            [Line(1.0, "ocr", "a"), Line(3.0, "ocr", "c"), Line(2.0, "ocr", "b")],
            [],
            [Line(at, "ocr", f"{at:.0f}") for at in (6.0, 4.0, 5.0)],
        ]
    )
    waits = iter([None, None, KeyboardInterrupt])

    def wait(_seconds: float) -> None:
        if ending := next(waits):
            raise ending

    monkeypatch.setattr(stack, "is_up", lambda _: True)
    monkeypatch.setattr(logs, "function_lines", lambda *_: iter(lambda: [], None))
    monkeypatch.setattr(logs, "ocr_lines", lambda *_: steps)
    monkeypatch.setattr(time, "sleep", wait)
    assert logs.main(["--state", str(tmp_path), "--history", "2"]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["b", "c", "4", "5", "6"]


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main(["--state", str(tmp_path)]) == 1
    assert "make up" in capsys.readouterr().err
    stack.write_env(stack.Folder(tmp_path).env, {"AWS_ENDPOINT_URL": "https://127.0.0.1:1"})
    assert logs.main(["--state", str(tmp_path)]) == 1
    assert "does not answer: start it with `make up`" in capsys.readouterr().err
