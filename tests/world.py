"""The whole application on fakes and a virtual clock: what a user would do, and what subscribers would see.

Messages are of the form that S3 and SQS give them, and go through the parsing that the functions' handlers use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aws_events import event, queue_event
from fakes.buckets import FakeBucket, FakeResults, FakeSources
from fakes.caps import FakeReservations, FakeSentPages
from fakes.control import FakeQuota, FakeTick, FakeVersionedRow
from fakes.documents import FakeDocuments, FakeNewest
from fakes.faults import Faults
from fakes.files import FakeDocument, KilledError
from fakes.ledger import FakeLedger, FakeSums
from fakes.messages import FakeFunction, FakeNotices, FakeQueue, FakeReceivedMessages
from fakes.ocr import FakeOcr
from fakes.reconciling import FakeDeadLetters, FakeUploadListing
from fakes.rendering import fake_renderers
from fakes.running import FakeClock, FakeJournal, InlineWorkers, inline_parallel
from functions.control.handler import answer
from functions.deliver.handler import resumes
from functions.reconcile.handler import asked_age_seconds
from functions.submit.handler import batch_failures, messages
from pagekit.limits import FileLimits
from textdrop.core import identity
from textdrop.core.documents import Document, DocumentState, DueKind, Operation, Source
from textdrop.core.errors import StoreUnavailable
from textdrop.core.observations import DocumentSeen
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from textdrop.core.prices import Prices
from textdrop.core.reconciling import DeadLetter, ReconcileRun, SourceBucket
from textdrop.ports import ControlPorts, DeliverPorts, PollPorts, ReconcilePorts, SubmitPorts
from textdrop.usecases.accept import Message
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.deliver import deliver
from textdrop.usecases.reconcile import reconcile, record_source
from textdrop.usecases.submit import SubmitSettings, submit
from textdrop.usecases.tick import PollSettings, tick
from textdrop.usecases.transitions import transition_document

SUBMIT_SECONDS = 300.0
POLL_SECONDS = 120.0
RECONCILE_SECONDS = 900.0
DELIVER_SECONDS = 900.0


class World:
    """Uploads go in, `run` lets everything happen until it is quiet, then files, notices and rows can be looked at."""

    def __init__(
        self,
        *,
        versioned: bool = True,
        recognition_seconds: float = 1.0,
        faults: Faults | None = None,
        clock: FakeClock | None = None,
        policy: Policy | None = None,
        results_prefix: str = "",
    ) -> None:
        self.clock = FakeClock() if clock is None else clock
        self.faults = Faults(self.clock.now) if faults is None else faults
        self.journal = FakeJournal()
        self.policy = Policy() if policy is None else policy
        self.uploads = FakeBucket("uploads", self.clock, versioned=versioned)
        self.results = FakeBucket("results", self.clock)
        self.documents = FakeDocuments(self.faults)
        self.reservations = FakeReservations(self.documents, self.faults)
        self.sent_pages = FakeSentPages(self.faults)
        self.newest = FakeNewest(self.faults)
        self.ledger = FakeLedger(self.faults)
        self.sums = FakeSums(self.faults)
        self.pause = FakeVersionedRow("pause", Pause(), self.faults)
        self.tick = FakeTick(self.faults)
        self.ocr = FakeOcr(self.clock, self.faults, seconds=recognition_seconds)
        self.notices = FakeNotices(self.faults)
        self.queue: list[Message] = []
        self.received = FakeReceivedMessages(self.clock, self.faults)
        self.deliver_queue: list[Message] = []
        self.deliveries = FakeQueue("deliveries", self.faults, on_send=self.send_delivery)
        self.deliveries_alone = FakeQueue("deliveries_alone", self.faults, on_send=self.send_delivery)
        self.carried: dict[str, DeadLetter] = {}
        self._messages = 0
        self.ticks_asked = 0
        poller = FakeFunction("poller", self.faults, on_invoke=self._tick_asked)
        sources = FakeSources([self.uploads], self.faults)
        results = FakeResults(self.results, self.faults, prefix=results_prefix)
        quota = FakeQuota(self.faults)
        self.quota = quota
        self.submit_ports = SubmitPorts(
            clock=self.clock,
            documents=self.documents,
            ledger=self.ledger,
            quota=quota,
            reservations=self.reservations,
            sent_pages=self.sent_pages,
            pause=self.pause,
            tick=self.tick,
            sources=sources,
            results=results,
            ocr=self.ocr,
            open_document=FakeDocument,
            received=self.received,
            poller=poller,
            workers=InlineWorkers(),
            run_parallel=inline_parallel,
            journal=self.journal,
            policy=self.policy,
        )
        self.poll_ports = PollPorts(
            clock=self.clock,
            documents=self.documents,
            reservations=self.reservations,
            pause=self.pause,
            tick=self.tick,
            results=results,
            ocr=self.ocr,
            resumes=FakeQueue("resumes", self.faults, on_send=self.send),
            deliveries=self.deliveries,
            deliveries_alone=self.deliveries_alone,
            poller=poller,
            workers=InlineWorkers(),
            journal=self.journal,
            policy=self.policy,
        )
        self.deliver_ports = DeliverPorts(
            clock=self.clock,
            documents=self.documents,
            newest=self.newest,
            ledger=self.ledger,
            reservations=self.reservations,
            sent_pages=self.sent_pages,
            prices=Prices(),
            sources=sources,
            results=results,
            read_page=self.ocr.read_page,
            renderers=fake_renderers(),
            notices=[self.notices],
            workers=InlineWorkers(),
            run_parallel=inline_parallel,
            journal=self.journal,
            policy=self.policy,
        )
        self.listing = FakeUploadListing(self.uploads, self.faults)
        self.dead_letters = FakeDeadLetters(self.clock, self.faults, on_redrive=self._redriven)
        self.uploads_queue = FakeQueue("queue", self.faults, on_send=self.send)
        self.progress = FakeVersionedRow("progress", ReconcileRun(), self.faults)
        self.successor = FakeFunction("successor", self.faults)
        source = SourceBucket(self.uploads.name, "", own=True, stack="stack/1")
        self.control_ports = ControlPorts(
            clock=self.clock,
            documents=self.documents,
            source=source,
            newest=self.newest,
            ledger=self.ledger,
            sums=self.sums,
            reservations=self.reservations,
            sent_pages=self.sent_pages,
            prices=Prices(),
            pause=self.pause,
            tick=self.tick,
            sources=sources,
            uploads=self._uploads_below,
            ocr=self.ocr,
            open_document=FakeDocument,
            poller=poller,
            run_parallel=inline_parallel,
            journal=self.journal,
            policy=self.policy,
        )
        self.reconcile_ports = ReconcilePorts(
            clock=self.clock,
            documents=self.documents,
            source=source,
            uploads=self.listing,
            queue=self.uploads_queue,
            ledger=self.ledger,
            sums=self.sums,
            dead_letters=self.dead_letters,
            progress=self.progress,
            successor=self.successor,
            journal=self.journal,
            policy=self.policy,
        )
        self.submit_settings = SubmitSettings("ru en", "page", 10.0, FileLimits(max_pages=9), self.uploads.name)
        self.control_settings = ControlSettings("ru en", "page", 10.0, "results", results_prefix, max_pages=9)
        self.poll_settings = PollSettings(reads_per_second=50, submits_per_second=10.0, step_seconds=20.0)

    def deploy(self, source: SourceBucket) -> None:
        """The stack is updated, or another one deployed on what is here: uploads come from here, and poll has run."""
        self.submit_settings = replace(self.submit_settings, source_bucket=source.name, source_prefix=source.prefix)
        self.reconcile_ports = replace(self.reconcile_ports, source=source)
        self.listing.prefix = source.prefix
        record_source(self.progress, source, self.clock.now())

    def upload(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> Document:
        """Puts an object, with its event in the queue. The document as it would be accepted, to look it up by."""
        source = self.uploads.put(key, body, metadata)
        self.send(event(source))
        return self.document_of(source)

    def upload_unheard(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> Document:
        """Puts an object whose event is lost. The document as it would be accepted, to look it up by."""
        return self.document_of(self.uploads.put(key, body, metadata))

    def send(self, body: str) -> None:
        """A message into the queue."""
        self._messages += 1
        self.queue.append(Message(f"m{self._messages}", body))

    def send_delivery(self, body: str) -> None:
        """A message into the queue of deliver."""
        self._messages += 1
        self.deliver_queue.append(Message(f"m{self._messages}", body))

    def document_of(self, source: Source) -> Document:
        """A stand-in that carries the id of the source's document."""
        seen = source
        if not source.version_id:
            stored = self.uploads.find(source.key)
            assert stored is not None
            seen = Source(source.bucket, source.key, etag=stored.etag, last_modified=stored.last_modified)
        return Document(identity.document_id(seen), source, DocumentState.ACCEPTED, 0.0)

    def visible(self) -> list[Message]:
        """What of the queue can be received now: what failed before is hidden for a while."""
        now = self.clock.now()
        return [message for message in self.queue if self.received.hidden_until.get(message.receipt, 0.0) <= now]

    def receive(self, message: Message) -> Message:
        """The message, which is no longer in the queue, as it was received."""
        self.queue.remove(message)
        receives = message.receives + 1
        return replace(message, receipt=f"receipt {receives} of {message.id}", receives=receives)

    def give_up(self, message: Message) -> DeadLetter:
        """The queue moves a message, which came back too often, to the dead letters, with what it carries."""
        return self.dead_letters.put(message.body, self.carried.get(message.id))

    def submit(self, batch: Iterable[Message] | None = None) -> list[str]:
        """One invocation of submit with these messages, or with all that can be received, by its handler's parsing."""
        if batch is None:
            batch = [self.receive(message) for message in self.visible()]
        received = messages(queue_event(list(batch)))
        deadline = self.clock.now() + SUBMIT_SECONDS
        answer = batch_failures(submit(self.submit_ports, self.submit_settings, received, deadline))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def poll(self) -> str:
        """One invocation of poll."""
        return tick(self.poll_ports, self.poll_settings, self.clock.now() + POLL_SECONDS)

    def deliver(self) -> None:
        """One invocation of deliver for each message that its queue holds."""
        while self.deliver_queue:
            self.deliver_one(self.deliver_queue.pop(0))

    def deliver_one(self, message: Message) -> None:
        """One invocation of deliver, by its handler's parsing."""
        deliver(self.deliver_ports, resumes(queue_event([message])), self.clock.now() + DELIVER_SECONDS)

    def reconcile(self, older_than_seconds: float | None = None, seconds: float = RECONCILE_SECONDS) -> str:
        """One invocation of reconcile, and of the successors that it asks for; how the last of them ended."""
        event: dict[str, Any] = {} if older_than_seconds is None else {"older_than_seconds": older_than_seconds}
        while True:
            asked = self.successor.invoked
            ended = self.reconcile_once(event, seconds)
            if self.successor.invoked == asked:
                return ended
            event = {}

    def reconcile_once(self, event: Mapping[str, Any], seconds: float = RECONCILE_SECONDS) -> str:
        """One invocation of reconcile with this event, by its handler's parsing."""
        return reconcile(self.reconcile_ports, self.clock.now() + seconds, asked_age_seconds(event))

    def run(self, minutes: int = 600) -> None:
        """Lets queue, wakes and the schedule work until every document is final, or held. Fails when that does not
        come."""
        for _ in range(minutes):
            while visible := self.visible():
                batch = [self.receive(message) for message in visible[:5]]
                try:
                    failed = self.submit(batch)
                except (KilledError, StoreUnavailable):
                    # The queue delivers the batch again.
                    self.queue.extend(batch)
                else:
                    self.queue.extend(message for message in batch if message.id in failed)
            with suppress(KilledError, StoreUnavailable):
                self.poll()
            while self.deliver_queue:
                with suppress(KilledError):
                    self.deliver()
            if not self.queue and self.quiet():
                return
            self.clock.advance(60.0)
        raise AssertionError(f"not quiet after {minutes} minutes")

    def quiet(self) -> bool:
        """Nothing is due, now or later, but what is held."""
        return not self.queue and all(row.due_at is None or row.due_kind is DueKind.HELD for row in self.rows())

    def rows(self) -> list[Document | Operation]:
        """All rows of documents and operations."""
        return [*self.documents.rows.values(), *self.documents.operations.values()]

    def ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        """What control answers to a request that it follows."""
        answered = self.ask_control({"version": 1, "command": command, **parameters})
        assert answered["ok"], answered
        found: dict[str, Any] = answered["answer"]
        return found

    def ask_control(self, request: Any) -> dict[str, Any]:
        """One invocation of control with this request, through JSON, as Lambda passes both on."""
        sent = json.loads(json.dumps(request))
        answered: dict[str, Any] = json.loads(json.dumps(answer(self.control_ports, self.control_settings, sent)))
        return answered

    def transition(self, document: Document, seen: DocumentSeen) -> Document | None:
        """What a request does with a document's row: the row afterwards, None if nothing was to be done."""
        return transition_document(self.control_ports, self.row(document), seen)

    def row(self, document: Document) -> Document:
        """The document as it is stored."""
        stored = self.documents.read(document.id)
        assert stored is not None
        return stored

    def operation(self, document: Document, page: int = 1, run: int = 1) -> Operation:
        """The operation of a page as it is stored."""
        stored = self.documents.read_operation(document.id, run, page)
        assert stored is not None
        return stored

    def file(self, key: str) -> bytes | None:
        """A file in the results bucket."""
        stored = self.results.find(key)
        return None if stored is None else stored.body

    def json(self, key: str) -> dict[str, object]:
        """A JSON file in the results bucket."""
        body = self.file(key)
        assert body is not None, f"no {key}; there are {self.results.keys()}"
        parsed: dict[str, object] = json.loads(body)
        return parsed

    def notices_of(self, document: Document) -> list[dict[str, Any]]:
        """The notices about a document, as sent."""
        bodies = [json.loads(notice.body) for notice in self.notices.published]
        return [body for body in bodies if body["document"] == document.id]

    def failures(self) -> list[tuple[str, dict[str, str | int | float | None]]]:
        """The failures in the log: their events and fields."""
        return [(entry.name, dict(entry.fields)) for entry in self.journal.failures]

    def _uploads_below(self, prefix: str) -> FakeUploadListing:
        listing = FakeUploadListing(self.uploads, self.faults)
        listing.prefix, listing.most = prefix, self.listing.most
        return listing

    def _redriven(self, letter: DeadLetter) -> None:
        self.send(letter.body)
        self.carried[self.queue[-1].id] = letter

    def _tick_asked(self) -> None:
        self.ticks_asked += 1
