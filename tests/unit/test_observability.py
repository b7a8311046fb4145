"""Logs and metrics: every line says what happened, none says what a document says, and none can fail its caller."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textdrop import observability
from textdrop.core import problems
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Outcome,
    Source,
)
from textdrop.core.errors import OcrRejected, StoreUnavailable, TextdropError, Trace
from textdrop.observability import InvocationDied, LambdaJournal, redact_errors

PACKAGE = Path(observability.__file__).parent
CANARY = "CANARY-договор"
TRACE = Trace(400, 3, f"bad text: {CANARY}", "c1", "r1", "s1")
DOCUMENT = Document(
    id="0a" * 16,
    source=Source("uploads", f"{CANARY}.pdf", "v1", CANARY),
    state=DocumentState.DELIVERING,
    accepted_at=1.0,
    rev=4,
    attempts=0,
    due_kind=DueKind.DELIVER,
    due_at=2.0,
    holder="w1",
    options=Options((CANARY,), CANARY),
    pages=1,
    outcome=Outcome.FAILED,
    problem=replace(problems.rejected(TRACE), what=CANARY, advice=CANARY),
)
OPERATION = Operation(
    DOCUMENT.id,
    1,
    7,
    OperationState.FAILED,
    unconfirmed=2,
    described=OperationDescription("op1", CANARY, metadata={"text": CANARY}),
    problem=DOCUMENT.problem,
    trace=replace(TRACE, request_id="r2"),
)


class Lines(io.StringIO):
    """What was logged."""

    def read_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def only(self) -> dict[str, Any]:
        [line] = self.read_lines()
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    [handler] = [found for found in observability.logger.handlers if isinstance(found, logging.StreamHandler)]
    written = Lines()
    observability.logger.clear_state()  # what handlers that ran in this process add to each line
    before = handler.setStream(written)
    yield written
    if before is not None:
        handler.setStream(before)


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    fresh = Metrics(namespace="textdrop", service="test")
    fresh.clear_metrics()
    monkeypatch.setattr(observability, "metrics", fresh)
    yield fresh
    fresh.clear_metrics()


# --- lines ------------------------------------------------------------------------------------------------------------


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as it is after it was really raised."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - it is given back
        return caught


class Unprintable(Exception):
    """What can be shown in no way."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


OTHERS = raised(ValueError(f"cannot read {CANARY}"), KeyError(CANARY))


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (
            lambda journal: journal.transition("refused", DOCUMENT),
            {
                "level": "INFO",
                "message": "document transition",
                "rule": "refused",
                "document": DOCUMENT.id,
                "state": "delivering",
                "rev": 4,
                "run": 1,
                "attempts": 0,
                "outcome": "failed",
                "reason": "rejected_by_ocr",
            },
        ),
        (
            lambda journal: journal.transition("rejected", OPERATION),
            {
                "level": "INFO",
                "message": "operation transition",
                "rule": "rejected",
                "document": DOCUMENT.id,
                "page": 7,
                "state": "failed",
                "unconfirmed": 2,
                "operation": "op1",
                "request_id": "r2",
                "reason": "rejected_by_ocr",
            },
        ),
        (  # what is not known is left out
            lambda journal: journal.transition("considered", Operation("d1", 1, 1, OperationState.WAITING)),
            {
                "level": "INFO",
                "message": "operation transition",
                "rule": "considered",
                "document": "d1",
                "page": 1,
                "state": "waiting",
                "unconfirmed": 0,
            },
        ),
        (
            lambda journal: journal.noted("probe", why="", document=None, page=0),
            {"level": "INFO", "message": "probe", "page": 0},
        ),
        (  # our own error is a warning with its message
            lambda journal: journal.failed(
                "pass_failed", raised(StoreUnavailable("s3.GetObject: SlowDown"), KeyError(CANARY)), document="d1"
            ),
            {
                "level": "WARNING",
                "message": "pass_failed",
                "error": "StoreUnavailable",
                "message_of_error": "s3.GetObject: SlowDown",
                "cause": "KeyError",
                "document": "d1",
            },
        ),
        (  # the service's names its exchange, and not its words
            lambda journal: journal.failed("submit_failed", raised(OcrRejected("refused (HTTP 400)", TRACE)), page=1),
            {
                "level": "WARNING",
                "message": "submit_failed",
                "error": "OcrRejected",
                "message_of_error": "refused (HTTP 400)",
                "http_status": 400,
                "service_code": 3,
                "request_id": "r1",
                "server_trace_id": "s1",
                "page": 1,
            },
        ),
        (  # anybody else's is an error with its place, and without its message
            lambda journal: journal.failed("pass_died", OTHERS, document="d1"),
            {
                "level": "ERROR",
                "message": "pass_died",
                "error": "ValueError",
                "cause": "KeyError",
                "at": f"test_observability.py:{traceback.extract_tb(OTHERS.__traceback__)[-1].lineno}",
                "document": "d1",
            },
        ),
        (  # one that was never raised has no place
            lambda journal: journal.failed("task_died", Unprintable()),
            {"level": "ERROR", "message": "task_died", "error": "Unprintable"},
        ),
        (  # what it came of is named by its kind alone
            lambda journal: journal.failed("ask_failed", raised(StoreUnavailable("refused"), Unprintable())),
            {
                "level": "WARNING",
                "message": "ask_failed",
                "error": "StoreUnavailable",
                "message_of_error": "refused",
                "cause": "Unprintable",
            },
        ),
    ],
)
def test_what_happened_is_one_line(
    write: Callable[[LambdaJournal], None], expected: dict[str, Any], lines: Lines
) -> None:
    write(LambdaJournal())
    added_by_powertools = ("location", "timestamp", "service")
    assert {name: value for name, value in lines.only().items() if name not in added_by_powertools} == expected
    assert "CANARY" not in lines.getvalue()


def kinds(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(found for inner in kind.__subclasses__() for found in kinds(inner))]


def test_every_error_of_ours_is_known_by_its_kind() -> None:
    # The message of each is logged, so each must be made where no document's text is at hand.
    assert all(kind.__module__.startswith("textdrop.") for kind in kinds(TextdropError))


# --- no journal call fails its caller ---------------------------------------------------------------------------------


def fields_used() -> list[tuple[str, str]]:
    """The keyword arguments of every `journal.noted` and `journal.failed` in the package."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of_journal = ast.unparse(node.func.value).endswith("journal")
                if of_journal and node.func.attr in ("noted", "failed"):
                    found |= {(node.func.attr, keyword.arg) for keyword in node.keywords if keyword.arg}
    return sorted(found)


def test_every_field_in_use_is_logged(lines: Lines) -> None:
    journal, error = LambdaJournal(), raised(StoreUnavailable("s3.GetObject: 503"))
    used = fields_used()
    assert {("failed", "document"), ("noted", "why")} <= set(used)
    for method, field in used:
        write: Callable[..., None] = journal.noted if method == "noted" else partial(journal.failed, error=error)
        write("something", **{field: "value"})
    logged = [(line["message"], "value" in line.values()) for line in lines.read_lines()]
    assert logged == [("something", True)] * len(used)


# Names that a log record, Powertools or the line itself has already.
TAKEN = ["message", "name", "args", "level", "timestamp", "at", "cause", "http_status"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_field_whose_name_is_taken_fails_nobody_and_hides_nothing(name: str, lines: Lines) -> None:
    journal = LambdaJournal()
    fields: dict[str, Any] = {name: "value"}
    journal.noted("something", **fields)
    journal.failed("something", raised(ValueError(CANARY)), **fields)
    first, second = lines.read_lines()
    assert first["message"] == second["message"] == "something"
    assert (first["level"], second["level"], second["error"]) == ("INFO", "ERROR", "ValueError")


@given(event=st.text(), value=st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.floats())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_value_is_logged_and_fails_nobody(event: str, value: str | int | float, lines: Lines) -> None:
    lines.seek(0)
    lines.truncate()
    LambdaJournal().noted(event.encode("utf-8", "replace").decode(), why=value)
    [line] = lines.getvalue().split("\n")[:-1]
    assert json.loads(line)["level"] == "INFO"


# --- metrics ----------------------------------------------------------------------------------------------------------


def counted(metrics: Metrics, written: str, name: str) -> float:
    """The sum of a metric: of the blobs that were written out, and of what waits for the invocation's end."""
    blobs = [json.loads(line) for line in written.splitlines()]
    if metrics.metric_set:
        blobs.append(metrics.serialize_metric_set())
    return sum(float(value) for blob in blobs for value in blob.get(name, []))


def test_counts_and_measures_go_out_under_the_namespace_without_a_documents_dimension(
    metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = LambdaJournal()
    journal.counted("Messages", 5)
    journal.measured("OldestDueAge", 12.5)
    for _ in range(100):
        journal.counted("PagesSubmitted")
    blob = json.loads(capsys.readouterr().out)
    [directive] = blob["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("textdrop", [["service"]])
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {"Messages": "Count", "OldestDueAge": "Seconds", "PagesSubmitted": "Count"}
    assert (blob["Messages"], blob["OldestDueAge"], sum(blob["PagesSubmitted"])) == ([5], [12.5], 100)


def test_counts_of_many_threads_are_all_counted(metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    journal = LambdaJournal()
    names = ["PagesSubmitted", "SubmitsUnconfirmed", "SubmitsThrottled"]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(journal.counted, names[number % 3]) for number in range(6_000)]
            assert [call.exception() for call in calls if call.exception()] == []
    finally:
        sys.setswitchinterval(before)
    written = capsys.readouterr().out
    assert [counted(metrics, written, name) for name in names] == [2_000] * 3


def test_counting_needs_nothing_of_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    # Between a submit and the writing of its id an exception would cost the page a second time.
    observability.metrics.clear_metrics()
    for _ in range(100):
        LambdaJournal().counted("PagesSubmitted")
    assert json.loads(capsys.readouterr().out)["PagesSubmitted"] == [1.0] * 100


@pytest.mark.parametrize(
    ("error", "leaves", "words"),
    [
        (StoreUnavailable("dynamodb.GetItem: Throttling"), StoreUnavailable, "dynamodb.GetItem: Throttling"),
        (ValueError(CANARY), InvocationDied, "InvocationDied: ValueError"),
    ],
)
def test_an_error_leaves_the_handler_without_what_it_came_of(
    error: Exception, leaves: type[Exception], words: str
) -> None:
    @redact_errors
    def handler() -> None:
        raise error from raised(ValueError(CANARY))

    with pytest.raises(leaves) as caught:
        handler()
    shown = "".join(traceback.format_exception(caught.value))
    assert words in shown
    assert CANARY not in shown
