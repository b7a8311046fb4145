"""Takes documents whose outcome is fixed to their end: outputs, files, published names, the notice. Nobody else does.

Every step can be repeated, and is written on the row before it begins; so whoever goes on after a crash knows what may
have happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textdrop.core.deliveries import takes_long
from textdrop.core.documents import Document, DocumentState, Newest, Operation, Resume, Step
from textdrop.core.errors import StoreUnavailable
from textdrop.core.observations import DocumentSeen, NoticeAccepted, StepBegins, Taken
from textdrop.ports import DeliverPorts
from textdrop.usecases.files import write_files
from textdrop.usecases.outputs import make_outputs
from textdrop.usecases.publish import notify, publish
from textdrop.usecases.time_left import NoTimeLeft
from textdrop.usecases.transitions import NotOurs, return_later, transition_document, transition_held


def deliver(ports: DeliverPorts, resumes: Sequence[Resume], deadline: float) -> None:
    """Each of these documents that is still as it was handed out is final afterwards, or comes due again.

    `deadline` is when this invocation is ended by force.
    """
    for resume in resumes:
        ports.workers.start(partial(_deliver, ports, resume, deadline))
    ports.workers.wait()


def _deliver(ports: DeliverPorts, resume: Resume, deadline: float) -> None:
    """Takes one document as far as it goes. Never raises."""
    held: Document | None = None
    try:
        document = ports.documents.read(resume.document_id)
        if document is None or document.rev != resume.rev or document.state is not DocumentState.DELIVERING:
            ports.journal.counted("StaleDeliveries")
            return
        if not takes_long(document, ports.policy):
            deadline = min(deadline, ports.clock.now() + ports.policy.delivery_seconds)
        held = transition_document(
            ports, document, Taken(ports.clock.token(), deadline + ports.policy.lease_margin_seconds)
        )
        if held is not None:
            _finish(ports, held, deadline)
    except NotOurs:
        return
    except (StoreUnavailable, NoTimeLeft) as error:
        ports.journal.failed("delivery_failed", error, document=resume.document_id)
        if held is not None:
            return_later(ports, held, failed=isinstance(error, StoreUnavailable))
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("delivery_died", error, document=resume.document_id)


def _finish(ports: DeliverPorts, document: Document, deadline: float) -> None:
    """The steps that are left of a document that we hold; it is final afterwards.

    Raises NotOurs when it is no longer ours, and StoreUnavailable, NoTimeLeft, PageMissing and FileMissing.
    """
    operations: Sequence[Operation] = ()
    if document.step in (Step.RENDER, Step.FILES):
        operations = ports.documents.read_operations(document.id, document.run)
    lease_until = deadline + ports.policy.lease_margin_seconds
    newest: Newest | None = None
    done: DocumentSeen
    while document.state is DocumentState.DELIVERING:
        match document.step:
            case Step.RENDER:
                document = make_outputs(ports, document, operations, deadline)
                done = StepBegins(Step.FILES, lease_until)
            case Step.FILES:
                write_files(ports, document, operations, deadline)
                done = StepBegins(Step.PUBLISH, lease_until)
            case Step.PUBLISH:
                newest = publish(ports, document, deadline)
                done = StepBegins(Step.NOTICE, lease_until)
            case _:
                notify(ports, document, newest, operations)
                done = NoticeAccepted()
        document = transition_held(ports, document, done)
    uploaded_at = document.source.event_at or document.accepted_at
    ports.journal.measured("UploadToNotice", max(0.0, ports.clock.now() - uploaded_at))
