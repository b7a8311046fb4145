"""Requests to the control function, read into typed commands. Errors say in plain words what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from textdrop.core import cursors, options
from textdrop.core.cursors import ActiveCursor, AnyCursor, DaysCursor, EndedCursor
from textdrop.core.documents import Outcome, Output
from textdrop.core.errors import InvalidOptions, Reason, Refused, RequestRefused
from textdrop.core.reconciling import Cursor as ObjectCursor

VERSION = 1
MAX_DOCUMENTS = 100
MAX_LISTED = 100
MAX_OBJECTS = 1_000
MAX_DAYS = 1_100
ACTIVE = "active"
HELD = "held"
_MAX_TEXT = 2_048
_MAX_CURSOR = 150_000
_DAY_SECONDS = 86_400.0
_ID = re.compile(r"[0-9a-f]{32}")
_LATEST = 4_102_444_800.0  # 2100-01-01


@dataclass(frozen=True, slots=True)
class Reference:
    """A document as a request names it: by its id, or by its upload's key. `bucket` is "" for the source bucket."""

    asked: str
    document_id: str = ""
    bucket: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents, by their last run; every condition must hold. `outcome` None: any that ended. Times are when the
    run ended, in epoch seconds; for documents in flight, when it began."""

    outcome: Outcome | None = None
    reason: str = ""
    prefix: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How these documents are; with `pages`, which allows only one document, also its pages, times and runs."""

    documents: tuple[Reference, ...]
    pages: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Documents that ended, or are in flight (`active`), or of those only the held ones (`held`)."""

    chosen: Filter
    active: bool = False
    held: bool = False
    limit: int = MAX_LISTED
    cursor: EndedCursor | ActiveCursor | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of documents in that time. None: the last 30 days, until now."""

    since: float | None = None
    until: float | None = None
    cursor: DaysCursor | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """The next run of these documents, or of one page of the documents that the filter chooses. `requested` are
    options, by the names of metadata."""

    documents: tuple[Reference, ...] | None
    chosen: Filter
    requested: tuple[tuple[str, str], ...] = ()
    dry_run: bool = False
    cursor: EndedCursor | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel these documents, or some of those in flight below the prefix."""

    documents: tuple[Reference, ...] | None
    chosen: Filter
    dry_run: bool = False
    cursor: ActiveCursor | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Send these held documents, or some of those below the prefix, whatever the caps."""

    documents: tuple[Reference, ...] | None
    chosen: Filter
    dry_run: bool = False
    cursor: ActiveCursor | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete everything kept of these documents, or of some of those that the filter chooses."""

    documents: tuple[Reference, ...] | None
    chosen: Filter
    dry_run: bool = False
    cursor: EndedCursor | ActiveCursor | None = None


@dataclass(frozen=True, slots=True)
class Render:
    """Make the files of these documents again. `outputs` None: those of the run before."""

    documents: tuple[Reference, ...]
    outputs: tuple[Output, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing to the OCR service until a request resumes it."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Send again."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Take up what is in the source bucket below the prefix, at most `limit` objects in this call. A dry run takes
    `requested` options as if each upload named them."""

    prefix: str = ""
    dry_run: bool = False
    requested: tuple[tuple[str, str], ...] = ()
    limit: int = MAX_OBJECTS
    cursor: ObjectCursor | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Check whether the stack can work."""


Command = (
    Status | List | Summary | Retry | Cancel | Release | Delete | Render | Pause | Resume | Backfill | Check
)  # what each does, by its class


def parse(request: Any) -> Command:
    """The command of a request. Raises RequestRefused, which names the parameter and what is allowed."""
    if not isinstance(request, Mapping):
        raise _bad(
            "The request is not a JSON object.", 'Send {"version": 1, "command": "summary"}, or another command.'
        )
    version = request.get("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _bad("The version is not a whole number from 1.", f"Send version {VERSION}.")
    if version > VERSION:
        raise RequestRefused(
            Refused.TOO_NEW,
            f"The request has version {version}; this stack answers version {VERSION}.",
            "Update the stack, or use the client of its version.",
        )
    name = request.get("command")
    if not isinstance(name, str) or name not in _COMMANDS:
        raise _bad(f"There is no command {_shown(name)}.", f"Commands are {', '.join(_COMMANDS)}.")
    read, known = _COMMANDS[name]
    unknown = sorted(str(each) for each in request if each not in ("version", "command", *known))
    if unknown:
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        raise _bad(f"The command {name} has no parameter {_shown(unknown[0])}.", takes)
    return read(_Parameters(request))


class _Parameters:
    """The parameters of a request, each read and checked by its name. null counts as not given."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def has(self, name: str) -> bool:
        return self._given.get(name) is not None

    def text(self, name: str, allowed: str, most: int = _MAX_TEXT) -> str:
        value = self._given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > most or not _is_utf8(value):
            self.refuse(name, allowed)
        return value

    def flag(self, name: str) -> bool:
        value = self._given.get(name)
        if value is not None and not isinstance(value, bool):
            self.refuse(name, "It is true or false.")
        return bool(value)

    def number(self, name: str, most: int) -> int:
        value = self._given.get(name)
        if value is None:
            return most
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            self.refuse(name, f"It is a whole number from 1 to {most:,}.")
        return value

    def time(self, name: str) -> float | None:
        text = self.text(name, _TIME)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self.refuse(name, _TIME)
        if not 0.0 <= seconds < _LATEST:
            self.refuse(name, _TIME)
        return seconds

    def times(self) -> tuple[float | None, float | None]:
        since, until = self.time("since"), self.time("until")
        if since is not None and until is not None and since > until:
            raise _bad("The time since is after until.", "Give an earlier since, or a later until.")
        return since, until

    def outcome(self, *more: str) -> str:
        names = [*map(str, Outcome), *more]
        allowed = f"It is one of {', '.join(names)}."
        outcome = self.text("outcome", allowed)
        if self.has("outcome") and outcome not in names:
            self.refuse("outcome", allowed)
        return outcome

    def reason(self) -> str:
        allowed = f"It is one of {', '.join(Reason)}."
        reason = self.text("reason", allowed)
        if self.has("reason") and reason not in list(Reason):
            self.refuse("reason", allowed)
        return reason

    def prefix(self) -> str:
        return self.text("prefix", "It is what keys begin with, such as contracts/2026/.")

    def chosen(self, outcome: Outcome | None = None) -> Filter:
        return Filter(outcome, self.reason(), self.prefix(), *self.times())

    def references(self) -> tuple[Reference, ...]:
        value = self._given.get("documents")
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_DOCUMENTS:
            self.refuse("documents", f"It is a list of 1 to {MAX_DOCUMENTS} ids, keys or addresses s3://bucket/key.")
        return tuple(self._reference(each) for each in value)

    def _reference(self, text: Any) -> Reference:
        allowed = "Each is a document's id (32 hex digits), a key, or an address s3://bucket/key."
        if not isinstance(text, str) or not text or len(text) > _MAX_TEXT or not _is_utf8(text):
            self.refuse("documents", allowed)
        if _ID.fullmatch(text):
            return Reference(text, document_id=text)
        if not text.startswith("s3://"):
            return Reference(text, key=text)
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket or not key:
            self.refuse("documents", allowed)
        return Reference(text, bucket=bucket, key=key)

    def documents_or(self, *filters: str) -> tuple[Reference, ...] | None:
        """The documents that are named; None if filters choose them, of which at least one is needed."""
        given = [name for name in filters if self.has(name)]
        if self.has("documents"):
            beside = [name for name in _FILTERS if self.has(name)]
            if beside:
                raise _bad(
                    f"The parameter {beside[0]} cannot be combined with documents.",
                    "Name documents, or choose by filters.",
                )
            return self.references()
        if not given:
            raise _bad("Neither documents nor a filter is given.", f"Give documents, or {' or '.join(filters)}.")
        return None

    def cursor(self, *kinds: type[AnyCursor]) -> Any:
        text = self.text("cursor", _CURSOR, _MAX_CURSOR)
        if not self.has("cursor"):
            return None
        try:
            cursor = cursors.from_text(text)
        except ValueError:
            self.refuse("cursor", _CURSOR)
        if not isinstance(cursor, kinds):
            self.refuse("cursor", _CURSOR)
        return cursor

    def requested(self) -> tuple[tuple[str, str], ...]:
        """The requested options, by the names of metadata; each must exist."""
        names = [name.removeprefix(options.PREFIX) for name in options.NAMES]
        allowed = f"It is an object with texts as the metadata have them: {', '.join(names)}."
        value = self._given.get("options")
        if value is None:
            return ()
        if not isinstance(value, Mapping):
            self.refuse("options", allowed)
        given = {name: text for name, text in value.items() if text is not None}
        if any(name not in names or not isinstance(text, str) for name, text in given.items()):
            self.refuse("options", allowed)
        return _checked({options.PREFIX + name: given[name] for name in names if name in given})

    def refuse(self, name: str, allowed: str) -> NoReturn:
        raise _bad(f"The parameter {name} is {_shown(self._given.get(name))}.", allowed)


def _checked(requested: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The requested options, checked beside the languages and the model that can be combined with all others."""
    try:
        options.resolve({}, "ru en", "page", requested=requested)
    except InvalidOptions as refusal:
        raise _bad(refusal.what, refusal.allowed) from None
    return tuple(requested.items())


def _status(given: _Parameters) -> Status:
    documents, pages = given.references(), given.flag("pages")
    if pages and len(documents) > 1:
        raise _bad("The parameter pages is for one document.", "Name one document, or leave pages out.")
    return Status(documents, pages)


def _list(given: _Parameters) -> List:
    outcome = given.outcome(ACTIVE, HELD)
    if outcome in (ACTIVE, HELD):
        limit, cursor = given.number("limit", MAX_LISTED), given.cursor(ActiveCursor)
        return List(given.chosen(), active=True, held=outcome == HELD, limit=limit, cursor=cursor)
    chosen = given.chosen(Outcome(outcome) if outcome else None)
    return List(chosen, limit=given.number("limit", MAX_LISTED), cursor=given.cursor(EndedCursor))


def _summary(given: _Parameters) -> Summary:
    cursor = given.cursor(DaysCursor)
    if cursor is not None and not 0.0 <= cursor.until - cursor.since <= (MAX_DAYS + 1) * _DAY_SECONDS:
        given.refuse("cursor", _CURSOR)
    return Summary(*given.times(), cursor)


def _retry(given: _Parameters) -> Retry:
    documents = given.documents_or("outcome")
    outcome = given.outcome()
    chosen = given.chosen(Outcome(outcome) if outcome else None)
    return Retry(documents, chosen, given.requested(), given.flag("dry_run"), given.cursor(EndedCursor))


def _cancel(given: _Parameters) -> Cancel:
    documents = given.documents_or("prefix")
    return Cancel(documents, Filter(prefix=given.prefix()), given.flag("dry_run"), given.cursor(ActiveCursor))


def _release(given: _Parameters) -> Release:
    documents = given.documents_or("prefix")
    return Release(documents, Filter(prefix=given.prefix()), given.flag("dry_run"), given.cursor(ActiveCursor))


def _delete(given: _Parameters) -> Delete:
    documents = given.documents_or("prefix", "outcome")
    outcome = given.outcome()
    chosen = given.chosen(Outcome(outcome) if outcome else None)
    return Delete(documents, chosen, given.flag("dry_run"), given.cursor(EndedCursor, ActiveCursor))


def _render(given: _Parameters) -> Render:
    documents = given.references()
    if not given.has("outputs"):
        return Render(documents)
    outputs = {options.OUTPUTS: given.text("outputs", 'It is a text, such as "searchable-pdf tables".')}
    _checked(outputs)
    return Render(documents, options.resolve({}, "ru en", "page", requested=outputs).outputs)


def _backfill(given: _Parameters) -> Backfill:
    cursor = given.cursor(ObjectCursor)
    dry_run, requested = given.flag("dry_run"), given.requested()
    if requested and not dry_run:
        raise _bad(
            "The parameter options is for a dry run.", "Add dry_run: a backfill goes by each upload's own options."
        )
    return Backfill(given.prefix(), dry_run, requested, given.number("limit", MAX_OBJECTS), cursor)


_FILTERS = ("outcome", "reason", "prefix", "since", "until", "cursor")
_COMMANDS: Mapping[str, tuple[Callable[[_Parameters], Command], tuple[str, ...]]] = {
    "status": (_status, ("documents", "pages")),
    "list": (_list, (*_FILTERS, "limit")),
    "summary": (_summary, ("since", "until", "cursor")),
    "retry": (_retry, ("documents", *_FILTERS, "options", "dry_run")),
    "cancel": (_cancel, ("documents", "prefix", "cursor", "dry_run")),
    "release": (_release, ("documents", "prefix", "cursor", "dry_run")),
    "delete": (_delete, ("documents", "outcome", "prefix", "since", "until", "cursor", "dry_run")),
    "render": (_render, ("documents", "outputs")),
    "pause": (lambda given: Pause(), ()),
    "resume": (lambda given: Resume(), ()),
    "backfill": (_backfill, ("prefix", "cursor", "dry_run", "options", "limit")),
    "check": (lambda given: Check(), ()),
}
"""How each command is read, and the parameters that it takes."""

_TIME = 'It is a time in UTC such as "2026-11-29T22:55:10Z", or a day, from 1970 to 2099.'
_CURSOR = "It is the cursor of the answer before to the same command; without it the first page is answered."


def _bad(what: str, advice: str) -> RequestRefused:
    return RequestRefused(Refused.BAD_REQUEST, what, advice)


def _shown(value: Any) -> str:
    """A value of the request as an error quotes it: bounded, so that the error stays readable."""
    if value is None:
        return "not given"
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, dict | list) else str(value)
    return f'"{text[:40]}"'


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
