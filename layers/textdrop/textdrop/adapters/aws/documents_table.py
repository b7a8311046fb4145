"""Documents, their operations and the newest upload of each key, in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from textdrop.adapters.aws import items
from textdrop.adapters.aws.dynamodb import EXISTS, NO_ROW, SAME_REV, Update
from textdrop.adapters.aws.items import attribute
from textdrop.core.documents import Document, DueEntry, DueKind, Newest, Operation, OperationState, Source
from textdrop.core.identity import key_id

if TYPE_CHECKING:
    from textdrop.adapters.aws.dynamodb import Table, Written

# The document is where the index saw it: nobody took it, handed it out or finished it since.
DUE_ENTRY_UNCHANGED = "#due_kind = :kind AND #due_at = :entry_due_at"
# The page belongs to what the document does now (a retry's next run has pages of its own), and is not counted yet.
UNFINISHED = "#run = :run AND contains(#unfinished, :page)"
# No other holder wrote an intent, an answer or an unconfirmed submit since we read the operation.
SAME_SUBMIT = "#state = :before_state AND #holder_rev = :before_holder_rev AND #unconfirmed = :before_unconfirmed"
# The key has no newest upload yet, or an older one.
OLDER = "attribute_not_exists(#pk) OR #order < :order"
# The key's newest upload is still the one that was read.
SAME_DOCUMENT = "#document_id = :replaced"


class DynamoDocuments:
    """Documents in DynamoDB; see the port for what each method promises."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, document: Document) -> bool:
        written = self._table.put(items.of_document(document), NO_ROW)
        return written.applied or (written.repeated and items.to_document(written.item) == document)

    def read(self, document_id: str) -> Document | None:
        stored = self._table.read(items.document_key(document_id))
        return None if stored is None else items.to_document(stored)

    def write(self, before: Document, after: Document) -> bool:
        written = self._table.update(*document_update(before, after))
        return written.applied or was_written_before(written, before, after)

    def postpone(self, due: DueEntry, due_at: float) -> Document | None:
        entry = {"kind": due.kind, "entry_due_at": due.due_at}
        key = items.document_key(due.document_id)
        written = self._table.set(key, {"due_at": due_at}, DUE_ENTRY_UNCHANGED, entry)
        if written.applied:
            return items.to_document(written.item)
        if not (written.repeated and written.item):
            return None
        stored = items.to_document(written.item)
        return stored if (stored.due_kind, stored.due_at) == (due.kind, due_at) else None

    def finish_page(self, operation: Operation) -> Document | None:
        written = self._table.update(
            items.document_key(operation.document_id),
            "DELETE #unfinished :pages ADD #pages_recognized :recognized",
            UNFINISHED,
            {
                "pages": attribute(frozenset({operation.page})),
                "recognized": attribute(int(operation.state is OperationState.RECOGNIZED)),
                "run": attribute(operation.run),
                "page": attribute(operation.page),
            },
        )
        # A page that was finished before is refused, and the answer has the row as it is.
        document = items.to_document(written.item) if written.item else None
        return document if document is not None and document.run == operation.run else None

    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        if since > until:  # which DynamoDB refuses
            return []
        found = self._table.query(
            "#due_kind = :kind AND #due_at BETWEEN :since AND :until",
            {"kind": attribute(kind), "since": attribute(since), "until": attribute(until)},
            limit,
        )
        return [items.to_due(entry) for entry in islice(found, limit)]

    def read_operation(self, document_id: str, run: int, page: int) -> Operation | None:
        stored = self._table.read(items.operation_key(document_id, run, page))
        return None if stored is None else items.to_operation(stored)

    def read_operations(self, document_id: str, run: int) -> list[Operation]:
        found = self._table.query(
            "#pk = :document AND begins_with(#sk, :operations)",
            {"document": attribute(document_id), "operations": attribute(items.operations_prefix(run))},
        )
        return [items.to_operation(stored) for stored in found]

    def write_operation(self, before: Operation | None, after: Operation) -> bool:
        same = (
            None
            if before is None
            else {
                "before_state": attribute(before.state),
                "before_holder_rev": attribute(before.holder_rev),
                "before_unconfirmed": attribute(before.unconfirmed),
            }
        )
        written = self._table.put(items.of_operation(after), SAME_SUBMIT if same else NO_ROW, same)
        if written.applied or not (written.repeated and written.item):
            return written.applied
        return items.to_operation(written.item) == after

    def known(self, document_ids: Sequence[str]) -> set[str]:
        keys = [items.document_key(document_id) for document_id in dict.fromkeys(document_ids)]
        return {key[0] for key in self._table.existing(keys)}

    def read_many(self, document_ids: Sequence[str]) -> dict[str, Document]:
        keys = [items.document_key(document_id) for document_id in dict.fromkeys(document_ids)]
        found = map(items.to_document, self._table.read_many(keys))
        return {document.id: document for document in found}

    def delete_operations(self, operations: Sequence[Operation]) -> None:
        keys = [items.operation_key(operation.document_id, operation.run, operation.page) for operation in operations]
        self._table.delete_many(list(dict.fromkeys(keys)))

    def kept_since(self) -> float:
        return self._table.made_at()


def document_update(before: Document, after: Document) -> Update:
    """What changes a document's row from `before` to `after`, if its `rev` is still that of `before`."""
    if after.id != before.id or after.rev != before.rev + 1:
        raise ValueError("a document is written over itself, with a rev one higher")
    old, new = items.of_document(before), items.of_document(after)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    # Handing out changes the due time but not `rev`: the one in `before` may be old.
    changed |= {"due_kind", "due_at"}
    return Update(
        items.document_key(before.id),
        _change(changed, new),
        SAME_REV,
        {"rev_before": attribute(before.rev), **{name: new[name] for name in changed & new.keys()}},
    )


def was_written_before(written: Written, before: Document, after: Document) -> bool:
    """Whether that change, refused on this try, was made by an earlier try whose answer was lost."""
    if not (written.repeated and written.item):
        return False
    stored = items.to_document(written.item)
    if before.unfinished == after.unfinished:  # which shrinks concurrently
        stored = replace(stored, unfinished=after.unfinished, pages_recognized=after.pages_recognized)
    return stored == after


def _change(changed: set[str], new: Mapping[str, Any]) -> str:
    """The update expression that sets these attributes to their new values, and removes those without one."""
    set_to = ", ".join(f"#{name} = :{name}" for name in sorted(changed & new.keys()))
    removed = ", ".join(f"#{name}" for name in sorted(changed - new.keys()))
    return f"SET {set_to}" + (f" REMOVE {removed}" if removed else "")


class DynamoNewestUploads:
    """The newest upload of each key, in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def update_if_newer(self, source: Source, newest: Newest) -> Newest:
        return self._set(source, newest, OLDER, {})

    def replace(self, source: Source, before: Newest, after: Newest) -> Newest:
        return self._set(source, after, SAME_DOCUMENT, {"replaced": before.document_id})

    def _set(self, source: Source, newest: Newest, condition: str, compared: Mapping[str, object]) -> Newest:
        new = {"order": newest.order, "document_id": newest.document_id, "schema": items.SCHEMA}
        written = self._table.set(items.newest_key(key_id(source)), new, condition, compared)
        # A failed condition returns the row as consistently as a write does; a repeat meets its own write.
        return items.to_row(Newest, written.item)

    def expect_outputs(self, source: Source) -> None:
        self._table.set(items.newest_key(key_id(source)), {"has_outputs": True}, EXISTS)

    def read(self, source: Source) -> Newest | None:
        stored = self._table.read(items.newest_key(key_id(source)))
        return None if stored is None else items.to_row(Newest, stored)
