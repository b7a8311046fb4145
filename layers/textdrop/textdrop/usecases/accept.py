"""Messages come in; rows come out. From then on the table, not the queue, keeps a document alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textdrop.core import identity, states
from textdrop.core.documents import Document, Resume, Source
from textdrop.core.errors import ObjectGone, StoreUnavailable
from textdrop.core.events import MessageMalformed, is_foreign, parse
from textdrop.core.junk import is_junk
from textdrop.core.observations import Uploaded
from textdrop.ports import SubmitPorts
from textdrop.usecases.transitions import transition_document


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the uploads queue. `receipt` is its receipt handle; it was received `receives` times."""

    id: str
    body: str
    receipt: str = ""
    receives: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """`held` are documents that we now hold; `resumes` ask to continue with existing ones; `failed` messages come
    again."""

    held: tuple[Document, ...]
    resumes: tuple[Resume, ...]
    failed: tuple[Message, ...]


def accept(
    ports: SubmitPorts, messages: Sequence[Message], holder: str, lease_until: float, bucket: str, prefix: str
) -> Accepted:
    """Every upload to the bucket under the prefix that the messages name has a row afterwards, except junk and those of
    the failed messages.

    Events of other uploads are dropped: those uploads would take over the result names of the same key. No source is
    opened before all rows are written: a file that kills its worker must not take its neighbours along.
    """
    held: list[Document] = []
    resumes: list[Resume] = []
    failed: list[Message] = []
    for message in messages:
        try:
            for asked in parse(message.body):
                if isinstance(asked, Resume):
                    resumes.append(asked)
                elif is_foreign(asked, bucket, prefix):
                    ports.journal.counted("ForeignUploads")
                    ports.journal.noted("foreign_upload", bucket=asked.bucket, message_id=message.id)
                elif is_junk(asked.key):
                    ports.journal.counted("JunkUploads")
                else:
                    held.extend(_create(ports, asked, holder, lease_until))
        except (MessageMalformed, StoreUnavailable) as error:
            ports.journal.failed("message_failed", error, message_id=message.id)
            failed.append(message)
    return Accepted(tuple(held), tuple(resumes), tuple(failed))


def _create(ports: SubmitPorts, source: Source, holder: str, lease_until: float) -> list[Document]:
    source = _identified(ports, source)
    seen = Uploaded(identity.document_id(source), source, holder, lease_until)
    decision = states.decide_document(None, seen, ports.clock.now(), ports.policy)
    if decision.row is None:
        return []
    if ports.documents.create(decision.row):
        ports.journal.transition(decision.rule, decision.row)
        return [decision.row]
    ports.journal.noted("duplicate_upload", document=decision.row.id)
    there = ports.documents.read(decision.row.id)
    taken = None if there is None else transition_document(ports, there, seen)
    return [] if taken is None else [taken]


def _identified(ports: SubmitPorts, source: Source) -> Source:
    """Without versions, HEAD identifies the upload, as a listing would later; with versions the event does."""
    if source.version_id:
        return source
    try:
        return ports.sources.head(source).source
    except ObjectGone:
        return source
