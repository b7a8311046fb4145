"""Where a paged answer of control continues: opaque text for the caller, a position here."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from textdrop.core.documents import DueKind, Outcome
from textdrop.core.ledger import HistoryCursor
from textdrop.core.reconciling import Cursor as ObjectCursor


@dataclass(frozen=True, slots=True)
class EndedCursor:
    """A position in what ended between `since` and `until`, newest first: in a month, after these runs of each outcome.
    An outcome that is missing is read from the end of the month; one with None has been read."""

    month: str
    since: float
    until: float
    after: tuple[tuple[Outcome, HistoryCursor | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ActiveCursor:
    """A position in the index of what is due, by kind and due time: after the entries of that time whose ids begin like
    this."""

    kind: DueKind
    due_at: float = 0.0
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DaysCursor:
    """The times that a summary covers."""

    since: float
    until: float


AnyCursor = EndedCursor | ActiveCursor | DaysCursor | ObjectCursor


def to_text(cursor: AnyCursor | None) -> str | None:
    """The position as text; None for the end."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(_value(cursor), separators=(",", ":")).encode()).decode()


def from_text(text: str) -> AnyCursor:
    """The position that a text stands for. Raises ValueError for any other text."""
    try:
        kind, *fields = json.loads(base64.b64decode(text.encode("ascii"), b"-_", validate=True))
        return _cursor(kind, fields)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError("not a cursor") from error


def _value(cursor: AnyCursor) -> list[Any]:
    match cursor:
        case EndedCursor(month, since, until, after):
            places = {str(of): None if at is None else [at.ended_at, at.document_id, at.run] for of, at in after}
            return ["ended", month, since, until, places]
        case ActiveCursor(kind, due_at, seen):
            return ["active", str(kind), due_at, list(seen)]
        case DaysCursor(since, until):
            return ["days", since, until]
        case ObjectCursor(key, version_id):
            return ["object", key, version_id]


def _cursor(kind: Any, fields: list[Any]) -> AnyCursor:
    match kind, fields:
        case "ended", [str(month), since, until, dict(places)]:
            after = ((Outcome(of), None if at is None else _place(at)) for of, at in places.items())
            return EndedCursor(_month(month), _number(since), _number(until), tuple(after))
        case "active", [due_kind, due_at, list(seen)]:
            return ActiveCursor(_document_kind(due_kind), _number(due_at), tuple(map(_text, seen)))
        case "days", [since, until]:
            return DaysCursor(_number(since), _number(until))
        case "object", [key, version_id]:
            return ObjectCursor(_text(key), _text(version_id))
    raise ValueError("not a cursor")


def _place(at: list[Any]) -> HistoryCursor:
    ended_at, document_id, run = at
    if not isinstance(run, int):
        raise TypeError("not a run")
    return HistoryCursor(_number(ended_at), _text(document_id), run)


def _document_kind(value: Any) -> DueKind:
    kind = DueKind(value)
    if kind is DueKind.ASK:
        raise ValueError("not due for a document")
    return kind


def _month(text: str) -> str:
    year, month = text.split("-")
    if not (
        len(text) == 7
        and text.isascii()
        and year.isdecimal()
        and month.isdecimal()
        and 1 <= int(month) <= 12
        and int(year) >= 2000
    ):
        raise ValueError("not a month")
    return text


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e10:  # no NaN either
        raise ValueError("not a time")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    value.encode()  # every key and id that we have given out is UTF-8
    return value
