"""The real use cases on the in-memory fakes, run by a stack on virtual time. Calls take no time of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aws_events import event
from benchmarks.fast_fakes import (
    CountingFaults,
    FastDocuments,
    LognormalOcr,
    QuietJournal,
    QuietNotices,
    RecentBucket,
)
from benchmarks.virtual import VirtualClock, VirtualWorkers
from benchmarks.virtual import World as Time
from benchmarks.virtual_stack import Stack, Submit
from fakes.buckets import FakeResults, FakeSources
from fakes.messages import FakePoller, FakeResumeQueue
from textdrop import bootstrap
from textdrop.adapters.aws.clients import CALL_SECONDS
from textdrop.adapters.yandex.client import Timeouts
from textdrop.core.events import resume_body
from textdrop.core.files import FileLimits
from textdrop.ports import PollPorts, SubmitPorts
from textdrop.usecases.submit import SubmitSettings, submit
from textdrop.usecases.tick import PollSettings, tick
from world import World

STEP_SECONDS = Timeouts().ask_total_seconds + CALL_SECONDS + bootstrap.STEP_SPARE_SECONDS
"""As `bootstrap` adds it up."""


class Application:
    """Uploads go in; `run` lets time pass until so many documents are final."""

    def __init__(
        self,
        *,
        recognition_seconds: float,
        submits_per_second: float = 10.0,
        asks_per_second: float = bootstrap.ASKS_PER_SECOND,
        seed: int = 1,
    ) -> None:
        self.time = Time()
        self.clock = VirtualClock(self.time, seed)
        self.faults = CountingFaults()
        self.documents = FastDocuments(self.faults)
        self.ocr = LognormalOcr(self.clock, self.faults, recognition_seconds, seed)
        self.journal = QuietJournal()
        self.fakes = World(faults=self.faults, clock=self.clock)  # type: ignore[arg-type]  # a clock is all it needs
        self._uploads = RecentBucket("uploads", self.clock)
        self.stack = Stack(self.time, self._submit, self._poll)
        poller = FakePoller(self.faults, on_invoke=self.stack.invoke_poll)
        resumes = FakeResumeQueue(self.faults, on_send=lambda resume: self.stack.send(resume_body(resume)))
        self._submit_ports: SubmitPorts = replace(
            self.fakes.submit_ports,
            documents=self.documents,
            sources=FakeSources([self._uploads], self.faults),
            ocr=self.ocr,
            journal=self.journal,
            poller=poller,
        )
        self._poll_ports: PollPorts = replace(
            self.fakes.poll_ports,
            documents=self.documents,
            ocr=self.ocr,
            journal=self.journal,
            poller=poller,
            resumes=resumes,
            results=FakeResults(RecentBucket("results", self.clock), self.faults),
            notices=QuietNotices(self.faults),
        )
        self._submit_settings = SubmitSettings("ru en", "page", submits_per_second, FileLimits(max_pages=9))
        self._poll_settings = PollSettings(asks_per_second, submits_per_second, step_seconds=STEP_SECONDS)
        self._uploaded = 0
        self.stack.start()

    def upload(self) -> None:
        """One upload of one page, unlike any other, with its event in the queue."""
        self._uploaded += 1
        source = self._uploads.put(f"{self._uploaded}.png", b"page %d" % self._uploaded)
        self.stack.send(event(source))

    def upload_at(self, per_second: float, count: int) -> None:
        """So many uploads, one after another from now on."""

        def uploads() -> None:
            for _ in range(count):
                self.upload()
                self.time.sleep(1.0 / per_second)

        self.time.start(uploads)

    def run(self, finished: int) -> None:
        """Returns when so many documents, of all there ever were, are final."""
        self.time.run(lambda: self.journal.counts["DocumentsFinished"] >= finished)

    def _submit(self) -> Submit:
        ports = replace(self._submit_ports, workers=VirtualWorkers(self.time, bootstrap.SUBMIT_THREADS))
        return lambda batch, deadline: submit(ports, self._submit_settings, batch, deadline)

    def _poll(self) -> Callable[[float], None]:
        ports = replace(self._poll_ports, workers=VirtualWorkers(self.time, bootstrap.POLL_THREADS))

        def run(deadline: float) -> None:
            tick(ports, self._poll_settings, deadline)

        return run
