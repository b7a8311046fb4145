"""Rows become DynamoDB items and come back as they were."""

from __future__ import annotations

import types
from dataclasses import is_dataclass, replace
from decimal import Context, Inexact, Rounded
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textdrop.adapters.aws import items
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Newest,
    Operation,
    OperationState,
    Outcome,
    Source,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import DaySums, Run
from textdrop.core.pause import Pause
from textdrop.core.quota import Quota
from textdrop.core.reconciling import ReconcileRun
from textdrop.ports import Tick

# DynamoDB: up to 38 digits, and nothing between 0 and 1E-130 (developer guide, "Supported data types").
DYNAMODB = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, Rounded])

TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(["", "\ud800", "\udcff/ü+ .pdf", "\x00"])
COUNT = st.integers(0, 10**6)
SECONDS = st.floats(0, 1e11).filter(lambda seconds: seconds == 0 or seconds > 1e-100) | st.integers(0, 10**10)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
METADATA = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
ID = st.text("0123456789abcdef", min_size=32, max_size=32)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: COUNT,
    float: SECONDS,
    bool: st.booleans(),
    NoneType: st.none(),
}


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of the type of a field. Every field of a row is varied, also those that have a default."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        return st.one_of([values(argument) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (tuple, frozenset):
        return st.lists(values(arguments[0]), max_size=5).map(origin)
    if isinstance(hint, type) and is_dataclass(hint):
        kinds = get_type_hints(hint)
        rows = (Document, Operation, Run, DaySums)
        keys = {name: ID for name in ("id", "document_id", "day") if hint in rows and name in kinds}
        return st.builds(hint, **{name: values(kind) for name, kind in kinds.items()} | keys)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    return PLAIN.get(hint, METADATA)


DOCUMENT = Document("1" * 32, Source("b", "k"), DocumentState.ACCEPTED, 1.5, due_kind=DueKind.SUBMIT, due_at=2.25)


@settings(deadline=None)
@given(values(Document))
def test_documents_come_back(document: Document) -> None:
    item = items.of_document(document)
    check(item)
    assert items.to_document(item) == document


@settings(deadline=None)
@given(values(Operation))
def test_operations_come_back(operation: Operation) -> None:
    item = items.of_operation(operation)
    check(item)
    assert items.to_operation(item) == operation


@settings(deadline=None)
@given(values(Run), values(DaySums))
def test_the_ledgers_rows_come_back(run: Run, sums: DaySums) -> None:
    for item in (items.of_run(run), items.of_sums(sums)):
        check(item)
    assert items.to_run(items.of_run(run)) == run
    assert items.to_sums(items.of_sums(sums)) == sums


@settings(deadline=None)
@given(st.one_of([values(kind) for kind in (Quota, Pause, Tick, Newest, ReconcileRun)]))
def test_control_rows_come_back(row: Any) -> None:
    item = items.of_row(items.TICK_KEY, row)
    check(item)
    assert items.to_row(type(row), item) == row


def check(item: Any) -> None:
    """The item is one that DynamoDB takes, and keeps without rounding."""
    for name, value in item.items():
        assert name
        check_value(value)


def check_value(value: Any) -> None:
    [(kind, held)] = value.items()
    match kind:
        case "S":
            held.encode()
        case "B":
            assert isinstance(held, bytes)
        case "N":
            DYNAMODB.create_decimal(held)
        case "NS":
            assert held
            assert len(set(held)) == len(held)
            assert all(int(number) >= 0 for number in held)
        case "BOOL":
            assert isinstance(held, bool)
        case "L":
            for element in held:
                check_value(element)
        case "M":
            check(held)
        case _:
            raise AssertionError(kind)


def test_an_item_is_compact_and_readable() -> None:
    assert items.of_document(DOCUMENT) == {
        "pk": {"S": "1" * 32},
        "sk": {"S": "document"},
        "schema": {"N": "1"},
        "source": {"M": {"bucket": {"S": "b"}, "key": {"S": "k"}}},
        "state": {"S": "accepted"},
        "accepted_at": {"N": "1.5"},
        "rev": {"N": "1"},
        "run": {"N": "1"},
        "due_kind": {"S": "submit"},
        "due_at": {"N": "2.25"},
    }
    # What conditions compare is there, whatever it is.
    assert items.of_operation(Operation("1" * 32, 1, 7, OperationState.WAITING)) == {
        "pk": {"S": "1" * 32},
        "sk": {"S": "operation#0001#000007"},
        "schema": {"N": "1"},
        "run": {"N": "1"},
        "page": {"N": "7"},
        "state": {"S": "waiting"},
        "holder_rev": {"N": "0"},
        "unconfirmed": {"N": "0"},
    }


def test_a_run_is_in_the_history_of_the_month_in_which_it_ended_in_utc() -> None:
    run = Run("1" * 32, 3, Outcome.FAILED, ended_at=1_796_083_199.5, began_at=1.5, outcome_at=2.5, key="k")
    assert items.of_run(run) == {
        "pk": {"S": "1" * 32},
        "sk": {"S": "run#0003"},
        "schema": {"N": "1"},
        "history": {"S": "2026-11#failed"},
        "run": {"N": "3"},
        "outcome": {"S": "failed"},
        "ended_at": {"N": "1796083199.5"},
        "began_at": {"N": "1.5"},
        "outcome_at": {"N": "2.5"},
        "key": {"S": "k"},
        "unconfirmed": {"N": "0"},
    }


def test_what_an_earlier_version_wrote_of_defaults_is_read_as_before() -> None:
    zeros = {name: {"N": "0"} for name in ("attempts", "file_pages", "pages", "attachments", "pages_recognized")}
    item = {**items.of_document(DOCUMENT), **zeros, "outcome_replaced": {"BOOL": False}}
    item["source"] = {"M": {"bucket": {"S": "b"}, "key": {"S": "k"}, "size": {"N": "0"}, "event_at": {"N": "0.0"}}}
    assert items.to_document(item) == DOCUMENT
    waiting = Operation("1" * 32, 1, 7, OperationState.WAITING)
    old = {**items.of_operation(waiting), "has_words": {"BOOL": True}, "breakdowns": {"N": "0"}}
    assert items.to_operation(old) == waiting


def test_a_row_without_a_field_that_came_later_has_its_default() -> None:
    item = items.of_document(replace(DOCUMENT, submit_passes=7))
    del item["submit_passes"]
    assert items.to_document(item) == DOCUMENT


def test_the_run_of_a_version_that_knew_no_other_bucket_names_none_and_goes_back_to_the_beginning() -> None:
    stored = {
        "pk": {"S": "reconcile"},
        "sk": {"S": "reconcile"},
        "schema": {"N": "1"},
        "rev": {"N": "7"},
        "key": {"S": "a.png"},
        "older_than_seconds": {"N": "3600.0"},
        "began_at": {"N": "1773480413.0"},
        "ended_at": {"N": "0.0"},
        "listed": {"N": "1000"},
        "found": {"N": "0"},
    }
    run = items.to_row(ReconcileRun, stored)
    assert run == ReconcileRun(7, "a.png", "", 3600.0, 1_773_480_413.0, 0.0, 1000, 0)
    assert (run.bucket, run.prefix, run.stack, run.since) == ("", "", "", 0.0)


def test_a_row_of_a_newer_schema_is_left_to_those_who_know_it() -> None:
    item = {**items.of_document(DOCUMENT), "schema": items.attribute(items.SCHEMA + 1)}
    with pytest.raises(StoreUnavailable, match="schema 2"):
        items.to_document(item)


@pytest.mark.parametrize(
    "damage",
    [
        {"state": {"S": "unheard of"}},
        {"state": {"N": "1"}},
        {"rev": {"N": "one"}},
        {"source": {"S": "secret"}},
        {"accepted_at": None},
        {"problem": {"M": {}}},
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_key_alone(damage: dict[str, Any]) -> None:
    item: dict[str, Any] = {**items.of_document(DOCUMENT), **damage}
    with pytest.raises(StoreUnavailable, match=r"1{32}/document") as raised:
        items.to_document({name: value for name, value in item.items() if value is not None})
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__
