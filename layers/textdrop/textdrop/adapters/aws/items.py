"""Rows as DynamoDB items and back, without loss.

An item has an attribute for each field of its row, under the field's name, and `pk`, `sk` and `schema`. Empty texts,
sets and None are left out; so is what equals the field's default, unless a condition compares it: a default must never
change. Numbers are written with all their digits. Text that is not UTF-8 (a key with lone surrogates) is kept as bytes,
because DynamoDB's strings are UTF-8. The service's free descriptions, and counts by name, are kept as JSON.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from textdrop.core.caps import Used
from textdrop.core.documents import Document, DueEntry, DueKind, Operation, Outcome
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import DaySums, HistoryCursor, Run, month
from textdrop.core.reuse import SentPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    Attribute = UniversalAttributeValueTypeDef
    Item = dict[str, UniversalAttributeValueTypeDef]

SCHEMA = 1
Row = TypeVar("Row")
Key = tuple[str, str]

# --- keys -------------------------------------------------------------------------------------------------------------

DOCUMENT_SK = "document"
RUNS_PREFIX = "run#"
SUMS_PK = "sums"
CAPS_PK = "caps"
SENT_PAGE_PREFIX = "page#"
QUOTA_KEY: Key = ("quota", "quota")
PAUSE_KEY: Key = ("pause", "pause")
TICK_KEY: Key = ("tick", "tick")
RECONCILE_RUN_KEY: Key = ("reconcile", "reconcile")


def document_key(document_id: str) -> Key:
    """The key of a document's row."""
    return document_id, DOCUMENT_SK


def operation_key(document_id: str, run: int, page: int) -> Key:
    """The key of an operation's row: beside its document, in the order of run and page."""
    return document_id, f"{operations_prefix(run)}{page:06d}"


def operations_prefix(run: int) -> str:
    """What the sort keys of a run's operations begin with."""
    return f"operation#{run:04d}#"


def newest_key(key_id: str) -> Key:
    """The key of the row that names the newest upload of a key."""
    return f"newest#{key_id}", "newest"


def run_key(document_id: str, run: int) -> Key:
    """The key of a run's row in the ledger: beside its document."""
    return document_id, f"{RUNS_PREFIX}{run:04d}"


def day_key(day: str) -> Key:
    """The key of the row with the sums of a day."""
    return SUMS_PK, day


def caps_key(month: str) -> Key:
    """The key of the row with the pages that are reserved in a month."""
    return CAPS_PK, month


def sent_page_key(fingerprint: str) -> Key:
    """The key of the row that names the page that was sent for a fingerprint."""
    return f"{SENT_PAGE_PREFIX}{fingerprint}", "page"


def history_of(of_month: str, outcome: Outcome) -> str:
    """The partition of the index `history` with the runs of a month that have this outcome."""
    return f"{of_month}#{outcome}"


# --- rows -------------------------------------------------------------------------------------------------------------


def of_document(document: Document) -> Item:
    """The document's item."""
    return of_row(document_key(document.id), document, without="id")


def to_document(stored: Mapping[str, Any]) -> Document:
    """The document of an item."""
    return to_row(Document, {**stored, "id": stored["pk"]})


def of_operation(operation: Operation) -> Item:
    """The operation's item."""
    key = operation_key(operation.document_id, operation.run, operation.page)
    return of_row(key, operation, without="document_id")


def to_operation(stored: Mapping[str, Any]) -> Operation:
    """The operation of an item."""
    return to_row(Operation, {**stored, "document_id": stored["pk"]})


def to_due(stored: Mapping[str, Any]) -> DueEntry:
    """The due entry of an item of the index `due`."""
    document_id, sort_key = stored["pk"]["S"], stored["sk"]["S"]
    run, page = (0, 0) if sort_key == DOCUMENT_SK else map(int, sort_key.split("#")[1:])
    return DueEntry(DueKind(stored["due_kind"]["S"]), float(stored["due_at"]["N"]), document_id, run, page)


def of_run(run: Run) -> Item:
    """The run's item, with its partition of the index `history`; its sort key there is `ended_at`."""
    row = of_row(run_key(run.document_id, run.run), run, without="document_id")
    return {**row, "history": attribute(history_of(month(run.ended_at), run.outcome))}


def to_run(stored: Mapping[str, Any]) -> Run:
    """The run of an item."""
    return to_row(Run, {**stored, "document_id": stored["pk"]})


def of_cursor(of_month: str, outcome: Outcome, cursor: HistoryCursor) -> Item:
    """The keys of the cursor's run in the table and in the index `history`."""
    key = run_key(cursor.document_id, cursor.run)
    history = history_of(of_month, outcome)
    keys = {"pk": key[0], "sk": key[1], "history": history, "ended_at": cursor.ended_at}
    return {name: attribute(value) for name, value in keys.items()}


def to_cursor(keys: Mapping[str, Any]) -> HistoryCursor:
    """The cursor of these keys."""
    run = keys["sk"]["S"].removeprefix(RUNS_PREFIX)
    return HistoryCursor(float(keys["ended_at"]["N"]), keys["pk"]["S"], int(run))


def of_sums(sums: DaySums) -> Item:
    """The item of a day's sums."""
    return of_row(day_key(sums.day), sums, without="day")


def to_sums(stored: Mapping[str, Any]) -> DaySums:
    """The sums of an item."""
    return to_row(DaySums, {**stored, "day": stored["sk"]})


def day_attribute(day: str) -> str:
    """The attribute of a month's row with the pages of one of its days."""
    return f"day_{day[-2:]}"


def to_used(stored: Mapping[str, Any], day: str) -> Used:
    """The pages of a day, and of the month whose item this is."""
    named = {"on_day": day_attribute(day), "in_month": "pages"}
    pages = {field: stored[name] for field, name in named.items() if name in stored}
    return to_row(Used, {**stored, **pages, "is_new": attribute("on_day" not in pages)})


def of_sent_page(sent: SentPage) -> Item:
    """The item of a fingerprint's row."""
    return of_row(sent_page_key(sent.fingerprint), sent, without="fingerprint")


def to_sent_page(stored: Mapping[str, Any]) -> SentPage:
    """The row of an item."""
    fingerprint = stored["pk"]["S"].removeprefix(SENT_PAGE_PREFIX)
    return to_row(SentPage, {**stored, "fingerprint": attribute(fingerprint)})


def of_row(key: Key, row: Any, without: str = "") -> Item:
    """The item of a row, with its key and the version of its schema; `without` names the field that is the partition
    key."""
    attributes = {name: value for name, value in _attributes(row).items() if name != without}
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "schema": attribute(SCHEMA), **attributes}


def to_row(kind: type[Row], stored: Mapping[str, Any]) -> Row:
    """The row of an item. Fields that the item lacks have their defaults.

    Raises StoreUnavailable for an item that this version cannot read: a newer version wrote it, or it was edited by
    hand. Its due time brings it back, to a worker that can read it.
    """
    schema = int(stored.get("schema", {}).get("N", SCHEMA))
    if schema > SCHEMA:
        raise StoreUnavailable(f"the row {_name(stored)} has schema {schema}, newer than {SCHEMA}")
    try:
        return _read(kind, stored)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # `from None`: the error may quote the row.
        raise StoreUnavailable(f"the row {_name(stored)} cannot be read ({type(error).__name__})") from None


def _name(stored: Mapping[str, Any]) -> str:
    return "/".join(str(stored.get(part, {}).get("S", "?")) for part in ("pk", "sk"))


# --- values -----------------------------------------------------------------------------------------------------------


def attribute(value: Any) -> Attribute:
    """A value as an attribute. Sets must not be empty: DynamoDB has no empty set."""
    match value:
        case str():  # a StrEnum too
            return _text(str(value))
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case frozenset():
            return {"NS": [repr(number) for number in sorted(value)]}
        case tuple():
            return {"L": [attribute(element) for element in value]}
        case dict():
            return {"S": json.dumps(value, separators=(",", ":"))}
    if is_dataclass(value):
        return {"M": _attributes(value)}
    raise TypeError(f"no attribute for a {type(value).__name__}")


def _text(text: str) -> Attribute:
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"B": text.encode("utf-8", "surrogatepass")}
    return {"S": text}


# Conditions compare these, and a missing attribute equals nothing.
_COMPARED = frozenset({"rev", "run", "holder_rev", "unconfirmed"})


def _attributes(row: Any) -> Item:
    return {
        field.name: attribute(value)
        for field in _fields(type(row))
        if (value := getattr(row, field.name)) != field.absent or field.name in _COMPARED
    }


def _read(kind: type[Row], stored: Mapping[str, Any]) -> Row:
    absent = {field.name: field.absent for field in _fields(kind) if field.absent is not _NEEDED}
    present = {field.name: field.read(stored[field.name]) for field in _fields(kind) if field.name in stored}
    return kind(**{**absent, **present})


_NEEDED = object()


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a row: how its attribute is read, and the value that a missing attribute stands for."""

    name: str
    read: Callable[[Any], Any]
    absent: Any


def _fields_of(kind: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    found = []
    for field in fields(kind):
        hint = hints[field.name]
        if field.default is not MISSING:
            absent = field.default
        elif field.default_factory is not MISSING:
            absent = field.default_factory()
        else:
            absent = _EMPTY.get(get_origin(hint) or hint, _NEEDED)
        found.append(_Field(field.name, _reader(hint), absent))
    return tuple(found)


_fields: Callable[[Any], tuple[_Field, ...]] = cache(_fields_of)
_EMPTY: dict[Any, Any] = {str: "", tuple: (), frozenset: frozenset()}


def _reader(hint: Any) -> Callable[[Any], Any]:
    """The function that turns an attribute into a value of this type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):  # `X | None`: None has no attribute
        [inner] = [argument for argument in arguments if argument is not type(None)]
        return _reader(inner)
    if hint is str or origin is Literal:
        return _read_text
    if hint is bool:
        return lambda stored: bool(stored["BOOL"])
    if hint is int or hint is float:
        return lambda stored: hint(stored["N"])
    if origin is frozenset:
        return lambda stored: frozenset(map(int, stored["NS"]))
    if origin is tuple:
        element = _reader(arguments[0])
        return lambda stored: tuple(map(element, stored["L"]))
    if origin is dict:
        return lambda stored: json.loads(stored["S"])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda stored: hint(stored["S"])
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda stored: _read(hint, stored["M"])
    raise TypeError(f"no attribute for a {hint}")


def _read_text(stored: Mapping[str, Any]) -> str:
    if "B" in stored:
        return bytes(stored["B"]).decode("utf-8", "surrogatepass")
    return str(stored["S"])
