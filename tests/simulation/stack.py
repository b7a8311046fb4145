"""The stack that histories happen in: its numbers, small so that every limit is met, its clock, and its world."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from fakes.faults import Faults
from fakes.ocr import synthetic_text
from fakes.running import FakeClock, FakeJournal
from simulation.choices import SAME_PAGES
from simulation.fibres import Fibre, FibreWorkers, Hub
from textdrop.core.documents import Document, Operation, Source
from textdrop.core.policy import Policy
from textdrop.ports import ReadPage
from world import World

KEPT_SECONDS = 1500.0
POLICY = Policy(
    max_attempts=2,
    max_unconfirmed=2,
    max_breakdowns=2,
    deadline_base_seconds=400.0,
    deadline_page_seconds=1.0,
    result_kept_seconds=KEPT_SECONDS,
    forbidden_seconds=900.0,
    refusals_before_pause=4,
    single_pass_max_pages=3,
    segment_pages=2,
    max_redrives=2,
    render_failures=2,
    delivery_seconds=40.0,
    message_retry_first_seconds=3.0,
    max_message_retry_seconds=7.0,
)
SLEEPS_IN_TURN = 40
LIFE_SECONDS = 900.0
"""No function runs for longer."""
BEFORE_THE_TABLE_SECONDS = 5.0
OLDER = b"page that was there before"
ODD_KEYS = ("b/б +.pdf", "a&b=c;d?e#f%20g+.png", "📄 \u200b.png", "a.png.txt", "é/" + "x" * 1015)
"""Keys that are hard to carry: the last is too long for a published name."""


class HistoryClock(FakeClock):
    """True time, and what each invocation's machine takes for it."""

    def __init__(self, hub: Hub, seed: int) -> None:
        super().__init__()
        self.true = 1_700_000_000.0
        self._hub = hub
        self._chances = random.Random(seed)

    def now(self) -> float:
        me = self._hub.current
        return self.true if me is None else self.true + me.invocation.skew

    def advance(self, seconds: float) -> None:
        if seconds > 0:
            # Whole milliseconds, as events have them: a sum of fractions could fall into another second than its event.
            self.true = round(self.true + seconds, 3)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        me = self._hub.current
        if me is not None and me.first and me.invocation.working():
            # While a thread of this invocation is held, its first would turn round and round.
            me.invocation.sleeps += 1
            if me.invocation.sleeps % SLEEPS_IN_TURN == 0:
                me.stop()

    def chance(self) -> float:
        return self._chances.random()

    def token(self) -> str:
        return f"{self._chances.getrandbits(128):032x}"


class HistoryJournal(FakeJournal):
    """`on_moved` is called with each rule and the row it wrote."""

    def __init__(self, on_moved: Callable[[str, Document | Operation], None]) -> None:
        super().__init__()
        self._on_moved = on_moved

    def transition(self, rule: str, row: Document | Operation) -> None:
        self._on_moved(rule, row)


@dataclass(frozen=True)
class Upload:
    """What was uploaded, as the test knows it. `document` is a stand-in that carries the id."""

    document: Document
    source: Source
    name: str
    body: bytes
    names_model: bool = False

    def content(self, page: int, file_pages: int) -> bytes:
        """A page as it is sent."""
        number = min(page, SAME_PAGES) if self.name.endswith("same:2") else page
        return self.body + b" #%d" % number if file_pages > 1 else self.body

    def text(self, operation: Operation, file_pages: int) -> str:
        """The text of a page."""
        if operation.own_text:
            return f"Own text of page {operation.page}"
        return synthetic_text(self.content(operation.page, file_pages))


@dataclass(frozen=True)
class Sent:
    """A page that the service took: of which document, by which thread, and when. `stopped`: the document's row said by
    then that nothing of it is to be sent; `released`: that a person had let it be, whatever the caps. `day`: on which,
    by its clock, the POST had begun."""

    operation_id: str
    document: str
    by: Fibre
    at: float
    stopped: bool
    released: bool
    day: str


@dataclass(frozen=True)
class Post:
    """One submit as it left: when, and how far apart its invocation's settings let them be."""

    at: float
    interval_seconds: float


@dataclass(frozen=True)
class Stack:
    """What a seed sets up. `receives_most`: so often a message is received before the queue gives it up."""

    versioned: bool
    threads: bool
    keys: tuple[str, ...]
    submits_per_second: float
    reads_per_second: int
    listed_most: int
    receives_most: int
    older: bool

    @classmethod
    def of(cls, seed: int) -> Stack:
        """The stack of a seed."""
        setting = random.Random(f"the stack of {seed}")
        return cls(
            versioned=setting.random() < 0.8,
            threads=setting.random() < 0.5,
            keys=("a.png",) if setting.random() < 0.5 else ("a.png", setting.choice(ODD_KEYS)),
            submits_per_second=setting.choice((1.0, 4.0, 10.0)),
            reads_per_second=3 + seed % 3,
            listed_most=setting.choice((1, 2, 1_000)),
            receives_most=setting.choice((2, 2, 5)),
            older=setting.random() < 0.3,
        )

    def older_upload(self, world: World) -> Upload | None:
        """What was there before the table, if anything: only a backfill takes it."""
        if not self.older:
            return None
        [version] = world.uploads.versions[self.keys[0]]
        source = Source(world.uploads.name, self.keys[0], version.version_id, version.etag, len(OLDER))
        source = replace(source, event_at=version.last_modified, last_modified=version.last_modified)
        return Upload(world.document_of(source), source, "page", OLDER)

    def world(
        self,
        faults: Faults,
        clock: HistoryClock,
        hub: Hub,
        on_moved: Callable[[str, Document | Operation], None],
        read_page: ReadPage,
    ) -> World:
        """A new one, with nothing in it but perhaps an object that was there before the table."""
        world = World(faults=faults, clock=clock, policy=POLICY, versioned=self.versioned)
        world.ocr.kept_seconds = KEPT_SECONDS
        world.journal = HistoryJournal(on_moved)
        workers = FibreWorkers(hub, self.threads)
        world.submit_ports = replace(
            world.submit_ports, workers=workers, run_parallel=workers.run_parallel, journal=world.journal
        )
        world.poll_ports = replace(world.poll_ports, workers=workers, journal=world.journal)
        world.deliver_ports = replace(
            world.deliver_ports,
            workers=workers,
            run_parallel=workers.run_parallel,
            journal=world.journal,
            read_page=read_page,
        )
        world.reconcile_ports = replace(world.reconcile_ports, journal=world.journal)
        world.control_ports = replace(world.control_ports, journal=world.journal)
        world.submit_settings = replace(world.submit_settings, submits_per_second=self.submits_per_second)
        world.poll_settings = replace(
            world.poll_settings,
            reads_per_second=self.reads_per_second,
            submits_per_second=self.submits_per_second,
        )
        world.listing.most = self.listed_most
        if self.older:
            world.uploads.put(self.keys[0], OLDER)
            clock.advance(BEFORE_THE_TABLE_SECONDS)
        world.documents.made_at = clock.true
        return world
