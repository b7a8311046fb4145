"""A connection to one stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textdrop.client import access, control, downloads, uploads
from textdrop.client.errors import ControlRefused, UploadRefused, WaitTimedOut
from textdrop.client.models import (
    HELD,
    Backfill,
    Cap,
    Changes,
    Check,
    Document,
    Options,
    Pause,
    Summary,
    Unchanged,
)
from textdrop.client.published import Cost, File
from textdrop.client.reading import read, time_text
from textdrop.client.stack import Stack, described
from textdrop.client.threads import at_once

if TYPE_CHECKING:
    import boto3

REFERENCES_A_CALL = 100
FIRST_REFRESH_SECONDS = 1.0
MAX_REFRESH_SECONDS = 5.0
"""The longest time between two looks at documents that are waited for."""

Reference = str | Document
"""A document's id, a key below the source bucket, s3://bucket/key, or a document seen before."""
Time = datetime | timedelta | str
"""A point in time: a datetime (in the shell's zone, if it has none), a timedelta (that long ago), or a text of RFC 3339
(in UTC, if it has no zone)."""


class Textdrop:
    """A stack of textdrop, used with the shell's own AWS credentials, those of a profile, or those of a given session.

    Every method may raise TextdropClientError, and may be called again.
    """

    def __init__(
        self,
        stack: str = "textdrop",
        profile: str | None = None,
        region: str | None = None,
        session: boto3.Session | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = stack
        self._settings = (profile, region)
        self._given = session
        self.sleep = sleep
        self._clock = clock

    @cached_property
    def session(self) -> boto3.Session:
        """The session of all AWS clients."""
        return self._given or access.session(*self._settings)

    @cached_property
    def stack(self) -> Stack:
        """The stack, as it was at the first use. Raises StackNotFound."""
        return described(access.client(self.session, "cloudformation"), self.name)

    @cached_property
    def _s3(self) -> Any:
        return access.client(self.session, "s3")

    @cached_property
    def _lambda(self) -> Any:
        return access.client(self.session, "lambda")

    # --- files --------------------------------------------------------------------------------------------------------

    def put(
        self,
        source: Path | str | bytes,
        key: str | None = None,
        *,
        options: Options | None = None,
        metadata: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> Document:
        """The document of a file, or of bytes, uploaded under the key; without a key, under the file's name.

        A file that the key already has, with the same metadata, is not uploaded, unless `again`. Bytes are always
        uploaded."""
        wanted = uploads.metadata_of(self.stack, options, metadata)
        if isinstance(source, bytes):
            if key is None:
                raise UploadRefused("Bytes have no name.", "Name the key.")
            return self._own(uploads.put_bytes(self._s3, self.stack, key, source, wanted))
        path = Path(source)
        done = uploads.put_file(self._s3, self.stack, path, key or self.stack.source_prefix + path.name, wanted, again)
        assert done.document is not None
        return self._own(done.document)

    def put_tree(
        self,
        paths: Path | str | Sequence[Path | str],
        to: str | None = None,
        *,
        options: Options | None = None,
        metadata: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> Iterator[uploads.Put]:
        """What becomes of each file, and of each file in the folders, as they are done; several are uploaded at once.

        Keys are below `to` (default: the prefix of the stack's uploads); a folder keeps its name and tree.
        """
        named = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
        where = self.stack.source_prefix if to is None else to
        wanted = uploads.metadata_of(self.stack, options, metadata)
        files = uploads.files_of(named, where if where == "" or where.endswith("/") else f"{where}/")
        for done in uploads.put_files(self._s3, self.stack, files, wanted, again):
            yield replace(done, document=self._own(done.document) if done.document else None, of=len(files))

    def get(self, prefix: str, folder: Path | str, only: Sequence[str] = ()) -> Iterator[downloads.Fetched]:
        """What becomes of each result of the uploads below the prefix, as a tree in the folder: see downloads.fetch."""
        return downloads.fetch(self._s3, self.stack, prefix, Path(folder), only)

    def read(self, file: File) -> bytes:
        """The content of a file that a document or a notice names."""
        with access.translated(f"the object {file.key}", "s3:GetObject"):
            content: bytes = self._s3.get_object(Bucket=file.bucket, Key=file.key)["Body"].read()
        return content

    # --- looking ------------------------------------------------------------------------------------------------------

    def document(self, reference: Reference, *, details: bool = False) -> Document:
        """The document as it is now; with `details` also its pages' states, timeline and runs.

        Raises ControlRefused with the code not_found.
        """
        answer = self.ask("status", documents=[_reference(reference)], pages=details or None)
        if not answer["documents"]:
            raise _unknown(_reference(reference))
        return self._document(answer["documents"][0])

    def status(self, references: Sequence[Reference]) -> tuple[tuple[Document, ...], tuple[str, ...]]:
        """The documents as they are now, in that order, and the references that control does not know."""
        found: list[Document] = []
        missing: list[str] = []
        for some in _in_calls(references):
            answer = self.ask("status", documents=some)
            found += map(self._document, answer["documents"])
            missing += map(str, answer.get("missing", []))
        return tuple(found), tuple(missing)

    def list(
        self,
        outcome: str | None = None,
        reason: str | None = None,
        prefix: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Iterator[Document]:
        """Documents, the newest first, by their last runs. Without an outcome: all that ended; "active": those in
        flight; "held": those of them that are held over a cap."""
        filters = _filters(outcome, reason, prefix, since, until)
        seen: set[str] = set()  # a document that changes meanwhile may be in two answers
        for answer in self._pages("list", filters):
            for document in map(self._document, answer["documents"]):
                if document.id not in seen:
                    seen.add(document.id)
                    yield document

    def summary(self, since: Time | None = None, until: Time | None = None) -> Summary:
        """What became of documents since then (default: 30 days ago), and what is in flight."""
        answer: dict[str, Any] = {}
        for answer in self._pages("summary", _filters(None, None, None, since, until)):
            if answer.get("complete", True):
                break
        return Summary.from_json(answer)

    def check(self) -> Check:
        """What the stack finds out about itself and the OCR service."""
        return Check.from_json(self.ask("check"))

    def wait(
        self,
        references: Sequence[Reference],
        timeout: float | None = None,
        progress: Callable[[Sequence[Document]], None] | None = None,
    ) -> tuple[Document, ...]:
        """The documents when all are done, in that order. `progress` is called with them after each look. Without a
        `timeout` it also ends when those that are not done are held, because that may last for days.

        Raises WaitTimedOut after `timeout` seconds, and ControlRefused (not_found) for an unknown reference, unless it
        was uploaded here and may not have been accepted yet.
        """
        until = None if timeout is None else self._clock() + timeout
        found, missing = self.status([each for each in references if isinstance(each, str)])
        if missing:
            raise _unknown(missing[0])
        named = iter(found)
        seen: Sequence[Document] = [each if isinstance(each, Document) else next(named) for each in references]
        seconds = FIRST_REFRESH_SECONDS
        while True:
            before, seen = seen, self._refreshed(seen)
            if progress:
                progress(seen)
            waiting = tuple(document for document in seen if not document.done)
            if not waiting or (until is None and _are_held(before, seen)):
                return tuple(seen)
            left = None if until is None else until - self._clock()
            if left is not None and left <= 0:
                documents = "document" if len(seen) == 1 else "documents"
                held = sum(document.state == HELD for document in waiting)
                raise WaitTimedOut(
                    f"After {timeout:g} s {len(waiting)} of {len(seen)} {documents} had not ended"
                    + (f", {held} of them held over a cap." if held else "."),
                    "Reading continues: wait again, or check their status.",
                    waiting,
                )
            self.sleep(seconds if left is None else min(seconds, left))
            seconds = min(1.5 * seconds, MAX_REFRESH_SECONDS)

    def _refreshed(self, seen: Sequence[Document]) -> Sequence[Document]:
        """The documents, with those that were not done as they are now. If there are several, control may show one as
        it was before its last write: then what was known is kept."""
        found, _ = self.status([document for document in seen if not document.done])
        now = {document.id: document for document in found}
        fresh = [now.get(document.id, document) for document in seen]
        return [old if _is_behind(new, old) else new for old, new in zip(seen, fresh, strict=True)]

    # --- changing -----------------------------------------------------------------------------------------------------

    def retry(
        self,
        documents: Sequence[Reference] | None = None,
        *,
        outcome: str | None = None,
        reason: str | None = None,
        prefix: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        options: Options | None = None,
        dry_run: bool = False,
        progress: Callable[[Changes], None] | None = None,
    ) -> Changes:
        """The documents, or all that the filters choose, have begun their next run; only pages without a result are
        paid for. After each call `progress` gets all changes so far."""
        filters = _filters(outcome, reason, prefix, since, until)
        given = {"options": options.given() or None if options else None, "dry_run": dry_run or None}
        return self._change("retry", "began", documents, filters, given, progress)

    def cancel(
        self,
        documents: Sequence[Reference] | None = None,
        *,
        prefix: str | None = None,
        dry_run: bool = False,
        progress: Callable[[Changes], None] | None = None,
    ) -> Changes:
        """No more pages are sent of the documents, or of all in flight below the prefix."""
        filters = {"prefix": prefix}
        return self._change("cancel", "cancelled", documents, filters, {"dry_run": dry_run or None}, progress)

    def release(
        self,
        documents: Sequence[Reference] | None = None,
        *,
        prefix: str | None = None,
        dry_run: bool = False,
        progress: Callable[[Changes], None] | None = None,
    ) -> Changes:
        """The held documents, or all held ones below the prefix, are sent whatever the caps, and paid for."""
        filters = {"prefix": prefix}
        return self._change("release", "released", documents, filters, {"dry_run": dry_run or None}, progress)

    def delete(
        self,
        documents: Sequence[Reference] | None = None,
        *,
        prefix: str | None = None,
        outcome: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        upload: bool = False,
        dry_run: bool = False,
        progress: Callable[[Changes], None] | None = None,
    ) -> Changes:
        """Rows and results of the documents, or of all that the filters choose, are being removed.

        With `upload` the uploaded versions are removed first, with the caller's own permission: what is still in the
        bucket could be taken for a new upload.
        """
        filters = _filters(outcome, None, prefix, since, until)
        given = {"dry_run": dry_run or None}
        if not upload or dry_run:
            return self._change("delete", "deleting", documents, filters, given, progress)
        if documents is None:
            would = self._change("delete", "deleting", None, filters, {"dry_run": True}, None)
            chosen: Sequence[Document] = would.documents
            missing: tuple[str, ...] = ()
        else:
            chosen, missing = self.status(documents)
        # A document that was deleted before names no upload any more.
        for _ in at_once(partial(uploads.delete_version, self._s3), [each for each in chosen if each.key]):
            pass
        ids = [document.id for document in chosen]
        changes = self._change("delete", "deleting", [*ids, *missing], {}, given, progress) if ids or missing else None
        return changes or Changes()

    def render(self, documents: Sequence[Reference], outputs: str | None = None) -> Changes:
        """The documents' outputs are being made again from the recognised pages; nothing is paid for."""
        return self._change("render", "began", documents, {}, {"outputs": outputs}, None)

    def pause(self) -> Pause:
        """Nothing is sent to the OCR service any more, until it is resumed."""
        return read(Pause, self.ask("pause")["pause"])

    def resume(self) -> Pause:
        """Sending continues, unless it is paused for another reason than by an operator."""
        return read(Pause, self.ask("resume")["pause"])

    def backfill(
        self,
        prefix: str | None = None,
        *,
        options: Options | None = None,
        dry_run: bool = False,
        cursor: str | None = None,
    ) -> Iterator[Backfill]:
        """What was found below the prefix of the source bucket so far, after each page of its listing. Uploads without
        a document get one, to be read after live uploads. With `dry_run` nothing is written, and `options` apply as if
        each upload named them."""
        given = {"prefix": prefix, "options": options.given() or None if options else None, "dry_run": dry_run or None}
        sum_: Backfill | None = None
        for answer in self._pages("backfill", given, cursor):
            page = read(Backfill, answer)
            sum_ = _within_caps(page if sum_ is None else _added(sum_, page))
            yield sum_

    def estimate(self, prefix: str | None = None, options: Options | None = None) -> Backfill:
        """What a backfill of the prefix would read and cost, and how long it would take. Nothing is written."""
        *_, found = self.backfill(prefix, options=options, dry_run=True)
        return found

    def ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        """What the control function answers to the command."""
        return control.ask(self._lambda, self.stack.control, command, parameters, self.sleep)

    def _pages(self, command: str, given: Mapping[str, Any], cursor: str | None = None) -> Iterator[dict[str, Any]]:
        while True:
            answer = self.ask(command, **given, cursor=cursor)
            yield answer
            cursor = answer.get("cursor")
            if cursor is None:
                return

    def _change(
        self,
        command: str,
        changed: str,
        documents: Sequence[Reference] | None,
        filters: Mapping[str, Any],
        given: Mapping[str, Any],
        progress: Callable[[Changes], None] | None,
    ) -> Changes:
        if documents is not None:
            answers: Iterable[dict[str, Any]] = (
                self.ask(command, documents=some, **filters, **given) for some in _in_calls(documents)
            )
        else:
            answers = self._pages(command, {**filters, **given})
        all_ = Changes(dry_run=bool(given.get("dry_run")))
        found: dict[str, Document] = {}  # a document that changes meanwhile may be in two answers
        for answer in answers:
            cost = read(Cost, answer["cost"]) if answer.get("cost") else None
            found |= {document.id: document for document in map(self._document, answer.get(changed, []))}
            all_ = Changes(
                tuple(found.values()),
                (*all_.unchanged, *(read(Unchanged, each) for each in answer.get("unchanged", []))),
                all_.pages + int(answer.get("pages") or 0),
                cost if all_.cost is None else _sum(all_.cost, cost),
                all_.dry_run,
            )
            if progress:
                progress(all_)
        return all_

    def _document(self, value: Any) -> Document:
        return self._own(Document.from_json(value))

    def _own(self, document: Document) -> Document:
        return replace(document, textdrop=self)


def _are_held(before: Sequence[Document], now: Sequence[Document]) -> bool:
    """Whether all that are not done are held, now and at the look before. One look is not enough: control may show a
    document as it was a moment ago, before it was released."""
    pairs = zip(before, now, strict=True)
    return all(new.done or (old.state, new.state) == (HELD, HELD) for old, new in pairs)


def _is_behind(new: Document, old: Document) -> bool:
    """Whether `new` is older than `old`: runs count up, and a deletion is never undone."""
    return new.run < old.run or (old.state == "deleting" and new.state not in ("deleting", "deleted"))


def _unknown(reference: str) -> ControlRefused:
    advice = "Check the key, and that the upload is in the stack's bucket; textdrop backfill reads what is there."
    return ControlRefused("not_found", f"There is no document known as {reference}.", advice)


def _reference(reference: Reference) -> str:
    """The reference as control expects it. Keys are UTF-8, so what is not names no document."""
    return reference.id if isinstance(reference, Document) else reference.encode(errors="replace").decode()


def _in_calls(references: Sequence[Reference]) -> Iterator[list[str]]:
    named = [_reference(each) for each in references]
    return (named[start : start + REFERENCES_A_CALL] for start in range(0, len(named), REFERENCES_A_CALL))


def _filters(
    outcome: str | None, reason: str | None, prefix: str | None, since: Time | None, until: Time | None
) -> dict[str, Any]:
    times = {name: _time(at) for name, at in (("since", since), ("until", until)) if at is not None}
    return {"outcome": outcome, "reason": reason, "prefix": prefix, **times}


def _time(at: Time) -> str:
    if isinstance(at, str):
        return at
    return time_text(datetime.now(UTC) - at if isinstance(at, timedelta) else at)


def _sum(one: Cost | None, other: Cost | None) -> Cost | None:
    """Both prices together; without an amount if one has none."""
    if one is None or other is None:
        return one or other
    known = one.amount is not None and other.amount is not None
    amount = str(Decimal(one.amount or "0") + Decimal(other.amount or "0")) if known else None
    unpriced = tuple(dict.fromkeys((*one.unpriced, *other.unpriced)))
    return Cost(amount, one.currency, other.prices_of, unpriced)


def _added(before: Backfill, page: Backfill) -> Backfill:
    """Both together; the cursor is the later one's."""
    sums: dict[str, Any] = {
        each.name: getattr(before, each.name) + getattr(page, each.name)
        for each in fields(Backfill)
        if each.name not in ("types", "models", "cost", "caps", "days", "cursor")
    }
    types, models = (_counts(getattr(before, name), getattr(page, name)) for name in ("types", "models"))
    cost = _sum(before.cost, page.cost)
    return Backfill(**sums, types=types, models=models, cost=cost, caps=page.caps, cursor=page.cursor)


def _counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


def _within_caps(found: Backfill) -> Backfill:
    """The same, with how many pages are over the caps, and how many days they take."""
    from textdrop.core import caps, room

    if found.caps is None:
        return found
    day, month = found.caps.day or Cap(0), found.caps.month or Cap(0)
    limits = caps.Caps(day.cap, month.cap)
    used = caps.Used(day.pages_used, month.pages_used)
    days = room.days_for(limits, used, found.pages_paid, datetime.now(UTC).timestamp())
    over = found.pages_paid - (room.now_for(limits, used) or 0)
    return replace(found, pages_over_cap=max(0, over), days=days)
