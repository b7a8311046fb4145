"""Documents, operations and the newest uploads, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fakes.faults import Fake, Faults, effect
from textdrop.core.documents import Document, DueEntry, DueKind, Newest, Operation, OperationState, Source
from textdrop.core.identity import key_id

OperationKey = tuple[str, int, int]


class FakeDocuments(Fake):
    """`rows` and `operations` are what is stored, for tests to look at and to prepare.

    The index of what is due is up to date unless it is held: `hold_index` keeps it as it is now, `let_index_follow`
    lets it catch up. So a test chooses how far the index lags behind the rows.
    """

    port = "documents"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.rows: dict[str, Document] = {}
        self.operations: dict[OperationKey, Operation] = {}
        self._held_index: list[DueEntry] | None = None
        self.made_at = 0.0

    def hold_index(self) -> None:
        """From now on `due` sees the rows as they are at this moment."""
        with self.lock:
            self._held_index = self._index()

    def let_index_follow(self) -> None:
        """From now on `due` sees the rows as they are."""
        with self.lock:
            self._held_index = None

    @property
    def index_is_held(self) -> bool:
        """Whether it stands still."""
        return self._held_index is not None

    @effect
    def create(self, document: Document) -> bool:
        stored = self.rows.get(document.id)
        if stored is not None:
            return self.repeated and stored == document
        self.rows[document.id] = document
        return True

    @effect
    def read(self, document_id: str) -> Document | None:
        return self.rows.get(document_id)

    @effect
    def write(self, before: Document, after: Document) -> bool:
        if self.can_write(before, after):
            self.write_over(before, after)
            return True
        return self.repeated and self.has_written(before, after)

    def can_write(self, before: Document, after: Document) -> bool:
        """Whether the row is still as `write` expects it."""
        if after.id != before.id or after.rev != before.rev + 1:
            raise ValueError("a document is written over itself, with a rev one higher")
        stored = self.rows.get(before.id)
        return stored is not None and stored.rev == before.rev

    def write_over(self, before: Document, after: Document) -> None:
        """The row has what differs between the two."""
        changed = {
            name: getattr(after, name)
            for name in Document.__dataclass_fields__
            if getattr(before, name) != getattr(after, name) or name in ("due_kind", "due_at")
        }
        self.rows[before.id] = replace(self.rows[before.id], **changed)

    def has_written(self, before: Document, after: Document) -> bool:
        """Whether the row is as `write` leaves it."""
        stored = self.rows.get(before.id)
        if stored is not None and before.unfinished == after.unfinished:
            stored = replace(stored, unfinished=after.unfinished, pages_recognized=after.pages_recognized)
        return stored == after

    @effect
    def postpone(self, due: DueEntry, due_at: float) -> Document | None:
        stored = self.rows.get(due.document_id)
        if stored is None or stored.due_kind != due.kind:
            return None
        if stored.due_at == due.due_at:
            stored = self.rows[due.document_id] = replace(stored, due_at=due_at)
            return stored
        return stored if self.repeated and stored.due_at == due_at else None

    @effect
    def finish_page(self, operation: Operation) -> Document | None:
        stored = self.rows.get(operation.document_id)
        if stored is None or stored.run != operation.run:
            return None
        is_recognized = operation.state is OperationState.RECOGNIZED
        counted = stored.pages_recognized + (is_recognized and operation.page in stored.unfinished)
        left = stored.unfinished - {operation.page}
        stored = self.rows[stored.id] = replace(stored, unfinished=left, pages_recognized=counted)
        return stored

    @effect
    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        index = self._index(kind) if self._held_index is None else self._held_index
        found = [entry for entry in index if entry.kind is kind and since <= entry.due_at <= until]
        return sorted(found, key=lambda entry: entry.due_at)[:limit]

    @effect
    def read_operation(self, document_id: str, run: int, page: int) -> Operation | None:
        return self.operations.get((document_id, run, page))

    @effect
    def read_operations(self, document_id: str, run: int) -> list[Operation]:
        found = [row for row in self.operations.values() if (row.document_id, row.run) == (document_id, run)]
        return sorted(found, key=lambda row: row.page)

    @effect
    def write_operation(self, before: Operation | None, after: Operation) -> bool:
        key = (after.document_id, after.run, after.page)
        stored = self.operations.get(key)
        if _pass(stored) != _pass(before):
            return self.repeated and stored == after
        self.operations[key] = after
        return True

    @effect
    def known(self, document_ids: Sequence[str]) -> set[str]:
        return {document_id for document_id in document_ids if document_id in self.rows}

    @effect
    def read_many(self, document_ids: Sequence[str]) -> dict[str, Document]:
        return {document_id: self.rows[document_id] for document_id in document_ids if document_id in self.rows}

    @effect
    def delete_operations(self, operations: Sequence[Operation]) -> None:
        for row in operations:
            self.operations.pop((row.document_id, row.run, row.page), None)

    @effect
    def kept_since(self) -> float:
        return self.made_at

    def _index(self, kind: DueKind | None = None) -> list[DueEntry]:
        """The index as it would be now, of one kind or of all."""
        documents = [
            DueEntry(row.due_kind, row.due_at, row.id)
            for row in self.rows.values()
            if row.due_at is not None and row.due_kind is not None and kind in (None, row.due_kind)
        ]
        operations = [
            DueEntry(row.due_kind, row.due_at, row.document_id, row.run, row.page)
            for row in self.operations.values()
            if row.due_at is not None and row.due_kind is not None and kind in (None, row.due_kind)
        ]
        return documents + operations


def _pass(row: Operation | None) -> tuple[object, ...] | None:
    return None if row is None else (row.state, row.holder_rev, row.unconfirmed)


class FakeNewest(Fake):
    """The newest upload of each key; `rows` by `core.identity.key_id`."""

    port = "newest"

    def __init__(self, faults: Faults | None = None, rows: Mapping[str, Newest] | None = None) -> None:
        super().__init__(faults)
        self.rows: dict[str, Newest] = dict(rows or {})

    @effect
    def update_if_newer(self, source: Source, newest: Newest) -> Newest:
        stored = self.rows.get(key_id(source))
        if stored is None or stored.order < newest.order:
            has_outputs = stored is not None and stored.has_outputs
            stored = self.rows[key_id(source)] = replace(newest, has_outputs=has_outputs)
        return stored

    @effect
    def replace(self, source: Source, before: Newest, after: Newest) -> Newest:
        stored = self.rows[key_id(source)]
        if stored.document_id == before.document_id:
            stored = self.rows[key_id(source)] = replace(after, has_outputs=stored.has_outputs)
        return stored

    @effect
    def expect_outputs(self, source: Source) -> None:
        if stored := self.rows.get(key_id(source)):
            self.rows[key_id(source)] = replace(stored, has_outputs=True)

    @effect
    def read(self, source: Source) -> Newest | None:
        return self.rows.get(key_id(source))
