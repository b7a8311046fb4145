"""Whether a document costs the same however many there are: rows read and written, a document.

The real use cases on the in-memory fakes and virtual time (`virtual_application`): uploads of one page at 10 and 100 a
second, recognitions lognormal (σ 0.4) around 3 s, with quotas that carry the rate. A hint of the index counts as a row
read. And a long backlog in the table, as a pause leaves behind: hints read a document while it is handed out.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.figures import Figure, Say, within
from benchmarks.virtual_application import Application
from textdrop.core import identity
from textdrop.core.documents import Document, DocumentState, DueKind, Source

DOCUMENTS = (1_000, 10_000, 100_000)
PER_SECOND = (10.0, 100.0)
RECOGNITION_SECONDS = 3.0
HANDED_OUT = 500
ASKS_A_PAGE = 4.5
MOST_RATIO = 1.1
WRITING = (
    *("documents.create", "documents.write", "documents.write_operation", "documents.finish_page"),
    *("documents.postpone", "newest.update_if_newer", "quota.reserve", "quota.write", "pause.write"),
    *("tick.wake", "tick.start", "tick.take", "tick.renew", "tick.end", "tick.hand_over"),
)
READING = (*("documents.read", "documents.read_operation", "newest.read", "quota.read", "pause.read", "tick.read"),)


def rows(documents: int, per_second: float) -> tuple[float, float]:
    """Rows read and written a document."""
    application = Application(
        recognition_seconds=RECOGNITION_SECONDS,
        submits_per_second=1.2 * per_second,
        asks_per_second=ASKS_A_PAGE * per_second,
    )
    application.upload_at(per_second, documents)
    application.run(documents)
    return _read(application) / documents, _written(application) / documents


def waiting(documents: int) -> float:
    """Hints read a document that is handed out, while so many wait in the table, at the default quota."""
    application = Application(recognition_seconds=RECOGNITION_SECONDS)
    now = application.time.now
    for number in range(documents):
        source = Source("uploads", f"{number}.png", version_id=f"version-{number}")
        row = Document(identity.document_id(source), source, DocumentState.ACCEPTED, now - 60.0)
        # One after another, as a pause leaves them behind.
        row = replace(row, due_kind=DueKind.SUBMIT, due_at=now - 60.0 + number * 1e-3)
        application.documents.rows[row.id] = row
    application.time.run(lambda: application.journal.counts["handed_out"] >= HANDED_OUT)
    return application.documents.hints.total() / application.journal.counts["handed_out"]


def _read(application: Application) -> float:
    rows, count = application.documents, application.faults.count
    return rows.hints.total() + rows.operations_read + sum(count[call] for call in READING)


def _written(application: Application) -> float:
    return sum(application.faults.count[call] for call in WRITING)


def measure(say: Say) -> list[Figure]:
    found: list[Figure] = []
    for per_second in PER_SECOND:
        measured = {}
        for documents in DOCUMENTS:
            measured[documents] = rows(documents, per_second)
            read, written = measured[documents]
            say(f"{documents:,} documents at {per_second:g}/s: {read:.2f} rows read, {written:.2f} written")
            name = f"{documents:,} documents at {per_second:g}/s"
            found.append(Figure(f"{name}: rows a document", f"{read:.2f} read, {written:.2f} written"))
        few, many = measured[DOCUMENTS[0]], measured[DOCUMENTS[-1]]
        for which, name in enumerate(("read", "written")):
            title = f"rows {name} a document at {per_second:g}/s, {DOCUMENTS[-1]:,} ÷ {DOCUMENTS[0]:,}"
            found.append(within(title, many[which] / few[which], MOST_RATIO, "×"))
    hints = {documents: waiting(documents) for documents in DOCUMENTS}
    for documents, read in hints.items():
        found.append(Figure(f"{documents:,} wait in the table: hints read a document", f"{read:.1f}"))
    ratio = hints[DOCUMENTS[-1]] / hints[DOCUMENTS[0]]
    found.append(within(f"hints, {DOCUMENTS[-1]:,} ÷ {DOCUMENTS[0]:,}", ratio, MOST_RATIO, "×"))
    return found
