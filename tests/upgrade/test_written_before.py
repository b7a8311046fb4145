"""What an earlier commit has written is read, and gone on with: rows, messages, results, errors and notices.

Each folder of tests/fixtures is of the commit that it is named after, made by `tests/upgrade/record.py` in a checkout
of it. They stay as they are: a stack that is upgraded has such rows, and its owners such files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

import schemas
from contract.moto_aws import REGION, make_table
from pagekit.prepared import How, Preparation
from textdrop.adapters.aws import items
from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoNewestUploads
from textdrop.adapters.aws.dynamodb import Table
from textdrop.core import identity, problems, reconciling, states
from textdrop.core import observations as see
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Document, DocumentState, Newest, Operation, OperationState, Resume, Source
from textdrop.core.events import parse, parse_delivery
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause, observed, why_paused
from textdrop.core.policy import Policy
from textdrop.core.reconciling import Cursor, ListingPage, ReconcileRun

FORMER = sorted(folder for folder in (Path(__file__).parents[1] / "fixtures").iterdir() if folder.is_dir())
NOW = 1_773_480_413.0
POLICY = Policy()
NOTHING: list[Any] = [{"N": "0"}, {"N": "0.0"}, {"BOOL": False}]
DEFAULTS: dict[str, list[Any]] = {"has_words": [{"BOOL": True}], "scale": [{"N": "1.0"}]}
"""What a row says of an attribute by having none, if it is not nothing."""
IN_FLIGHT = {"accepted", "recognizing", "delivering"}


def recorded(kind: str) -> list[Any]:
    """All entries of a kind, of each commit."""
    return [
        pytest.param(content, id=f"{folder.name}-{name}")
        for folder in FORMER
        for name, content in json.loads((folder / f"{kind}.json").read_text("utf-8")).items()
    ]


def is_kept(before: Any, after: Any) -> bool:
    """Whether an attribute still says what it did; one that is new says more. Defaults are no longer written."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(
            is_kept(value, after[name]) if name in after else value in DEFAULTS.get(name, NOTHING)
            for name, value in before.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(is_kept, before, after))
    return bool(before == after)


# --- documents and operations -----------------------------------------------------------------------------------------


def test_each_state_is_recorded() -> None:
    for folder in FORMER:
        since = {DocumentState.HELD, DocumentState.DELETING, DocumentState.DELETED}
        for kind, known in (("documents", set(DocumentState) - since), ("operations", set(OperationState))):
            rows = json.loads((folder / f"{kind}.json").read_text("utf-8")).values()
            assert {row["state"]["S"] for row in rows} == known, folder.name


@pytest.mark.parametrize("item", recorded("documents"))
def test_nothing_that_a_documents_row_says_is_lost(item: Mapping[str, Any]) -> None:
    assert is_kept(item, items.of_document(items.to_document(item)))


@pytest.mark.parametrize("item", recorded("operations"))
def test_nothing_that_an_operations_row_says_is_lost(item: Mapping[str, Any]) -> None:
    assert is_kept(item, items.of_operation(items.to_operation(item)))


@pytest.mark.parametrize("item", recorded("documents"))
def test_a_document_goes_on_to_its_one_outcome(item: Mapping[str, Any]) -> None:
    before = row = items.to_document(item)
    for seen in to_the_end_of(before):
        decided = states.decide_document(row, seen, now_of(before), POLICY)
        if decided.row is not None:
            row = decided.row
            assert items.to_document(items.of_document(row)) == row
    assert row.state is DocumentState.FINAL
    assert row.outcome is not None
    if before.outcome is not None and not row.outcome_replaced:
        assert row.outcome is before.outcome
    if before.state is DocumentState.FINAL:
        assert row == before


def now_of(row: Document | Operation) -> float:
    """When the row is due."""
    return NOW if row.due_at is None else row.due_at + 1


def to_the_end_of(document: Document) -> Iterator[see.DocumentSeen]:
    """What may be seen of the document, in order, until it is final."""
    yield see.Taken("a worker", now_of(document) + 60)
    if document.state is DocumentState.ACCEPTED:
        yield see.Refused(problems.object_gone(), document.source)
    if document.state is DocumentState.RECOGNIZING:
        every = range(1, document.pages + 1)
        recognised = (Operation(document.id, document.run, page, OperationState.RECOGNIZED) for page in every)
        yield see.OperationsRead(tuple(recognised))
    if document.state is not DocumentState.FINAL:
        yield see.NoticeAccepted()


@pytest.mark.parametrize("item", recorded("operations"))
def test_an_operation_goes_on_to_its_end_and_is_sent_once(item: Mapping[str, Any]) -> None:
    before = row = items.to_operation(item)
    rules = []
    while not row.final:
        decided = states.decide_operation(row, next_seen_of(row, before), now_of(before), POLICY)
        rules.append(decided.rule)
        assert decided.row is not None
        row = decided.row
        assert items.to_operation(items.of_operation(row)) == row
    assert row.final
    if before.sent:
        assert "intent" not in rules
        assert row.described == before.described


def next_seen_of(row: Operation, before: Operation) -> see.OperationSeen:
    """What a new holder sees of the operation, whose row was `before`."""
    rev = before.holder_rev + 1
    if row.state is OperationState.RUNNING:
        return see.Recognised()
    if row.state is OperationState.WAITING:
        return see.SlotReserved(rev, "request", Preparation(How.AS_IS))
    if row is before:
        return see.Considered(rev, attempts=1, unavailable_for=0.0, deadline_seconds=3600.0)
    return see.Accepted(rev, OperationDescription("operation"), 3600.0)


# --- the rows that hold the stack together --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        made = boto3.client("dynamodb", region_name=REGION)
        make_table(made, "rows")
        yield made


def kept_in(client: Any, folder: Path, name: str) -> Table:
    """A table that has this row."""
    item = json.loads((folder / "control.json").read_text("utf-8"))[name]
    client.put_item(TableName="rows", Item=item)
    return Table(client, "rows")


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_a_pause_goes_on_and_ends(client: Any, folder: Path) -> None:
    for name, why in (
        ("pause_failures", ""),
        ("pause_by_the_service", Exchange.NOT_SENT),
        ("pause_by_an_operator", BY_OPERATOR),
    ):
        row = DynamoVersionedRow(kept_in(client, folder, name), items.PAUSE_KEY, Pause())
        before = row.read()
        assert (why_paused(before), before.failures) == (why, 3 if why else 2)
        accepted = observed(before, Exchange.ACCEPTED, NOW + 60, POLICY)
        assert accepted is not None
        assert row.write(before, accepted)
        assert why_paused(row.read()) == (why if why == BY_OPERATOR else "")


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_the_quotas_slots_go_on_where_they_ended(client: Any, folder: Path) -> None:
    for name, free_at in (("quota_fresh", NOW + 0.1), ("quota_throttled", NOW + 6)):
        quota = DynamoSubmitQuota(kept_in(client, folder, name))
        assert quota.read().next_free_at == pytest.approx(free_at)
        assert quota.reserve(1, 0.1, free_at - 0.5, 1.0) == pytest.approx(free_at)
    assert (quota.read().throttles, quota.read().factor) == (1, 0.9)


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_a_tick_is_taken_when_the_one_before_is_over_and_no_sooner(client: Any, folder: Path) -> None:
    for name, free in (
        ("tick_idle", True),
        ("tick_woken", True),
        ("tick_starting", True),
        ("tick_handed_over", True),
        ("tick_running", False),
    ):
        tick = DynamoTickRow(kept_in(client, folder, name))
        assert (tick.take("new", NOW, NOW + 20) is not None) == free, name
        late = tick.take("late", NOW + 21, NOW + 41)
        assert late is not None
        assert tick.end("late", late.wake, late.typical_seconds), name


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_reconcile_goes_on_where_it_stopped(client: Any, folder: Path) -> None:
    for name, cursor in (("reconcile_under_way", Cursor("a b/№ 1.png", "v1")), ("reconcile_ended", Cursor())):
        row = DynamoVersionedRow(kept_in(client, folder, name), items.RECONCILE_RUN_KEY, ReconcileRun())
        run = reconciling.begun(row.read(), None, NOW + 60, POLICY)
        assert run.cursor == cursor
        assert row.write(row.read(), reconciling.advanced(run, ListingPage((), None), 0, NOW + 60))


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_the_newest_upload_of_a_key_stays_so_until_a_newer_one_comes(client: Any, folder: Path) -> None:
    source = Source("uploads", "a b/№ 1.png", "v1", "e", 1, event_at=NOW, sequencer="0A")
    for name, has_outputs in (("newest", False), ("newest_with_outputs", True)):
        newest = DynamoNewestUploads(kept_in(client, folder, name))
        kept = newest.read(source)
        assert kept == Newest(identity.order(source), identity.document_id(source), has_outputs)
        older, newer = replace(source, sequencer="09"), replace(source, sequencer="0B")
        assert newest.update_if_newer(older, Newest(identity.order(older), "older")) == kept
        assert newest.update_if_newer(newer, Newest(identity.order(newer), "newer")).document_id == "newer"


# --- messages and files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_messages_in_the_queues_are_read(folder: Path) -> None:
    bodies = json.loads((folder / "messages.json").read_text("utf-8"))
    resume = Resume("9f86d081884c7d659a2feaa0c55ad015", 3)
    assert parse(bodies["resume"]) == [resume]
    [found] = parse(bodies["upload_found"])
    assert isinstance(found, Source)
    assert (found.bucket, found.key, found.version_id) == ("uploads", "a b/№ 1+2.png", "v1")
    assert parse_delivery(bodies["delivery"]) == [resume, Resume("0" * 32, 7)]


@pytest.mark.parametrize("content", [*recorded("files"), *recorded("notices")])
def test_results_errors_and_notices_agree_with_todays_schemas(content: Mapping[str, Any]) -> None:
    assert schemas.problems(content, content["schema"]) == []


@pytest.mark.parametrize("folder", FORMER, ids=lambda folder: folder.name)
def test_each_outcome_is_recorded(folder: Path) -> None:
    notices = json.loads((folder / "notices.json").read_text("utf-8")).values()
    assert {notice["outcome"] for notice in notices} == {"succeeded", "partial", "failed", "skipped"}
