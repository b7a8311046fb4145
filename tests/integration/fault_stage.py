"""The whole application with the real OCR client, over HTTP to the local OCR service, all on one virtual clock.

The service is a real server on loopback; its recognitions, its waiting and its forgetting take virtual time only.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fakes import FakeClock, Faults
from local.ocr import authorized_key
from local.ocr.protocol import IAM
from local.ocr.server import start
from local.ocr.settings import DEFAULT_API_KEY, Settings
from local.ocr.table import synthetic_text
from printed import PrintingJournal, leaked, printing
from textdrop.adapters.yandex.client import Timeouts, YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core import keys
from textdrop.core.answers import NotReady, OperationStatus, Recognition
from textdrop.core.documents import Document, DocumentState, Operation, Outcome
from textdrop.core.errors import Reason, StoreUnavailable
from world import World

HIT, NEIGHBOUR = b"a canary page", b"its canary neighbour"
HIT_KEY, NEIGHBOUR_KEY = "canary folder/ключ hit.png", "canary folder/neighbour.png"
RECOGNITION_SECONDS = 1.0
"""Shorter than the age at which an operation is first asked for: one that goes well is asked for once."""
LATER_SECONDS = 2.0
"""So long after the document comes its neighbour."""
HANGING_SECONDS = 1.0
"""What the client's patience is in real time where the service hangs."""
MINUTELY_SECONDS = 5100.0
"""After so long, well over the deadline, the schedule is slowed: days of asking twice a minute would only cost."""
SELDOM_SECONDS = 6 * 3600.0
"""Between polls from then on."""
MAX_SECONDS = 4 * 86_400.0
PATIENCE_SECONDS = 30.0
"""What the client waits for an answer to a submit. The client of a fault that hangs has none of it, in real time."""


@dataclass(frozen=True)
class Scene:
    """A fault that a document meets: of one `kind` on requests of one `target`, with these `fields`.

    `beside` is another, which the document meets always. `everyone`: it strikes the neighbour too, as one of tokens
    does anyway. `hangs`: it outlasts the client's patience.
    """

    kind: str
    target: str
    fields: Mapping[str, object]
    beside: Mapping[str, object] = field(default_factory=dict)
    everyone: bool = False
    hangs: bool = False


@dataclass(frozen=True)
class Seen:
    """What became of a document. `accepted` by the service's own count, `sent` pages that have an id, `unknown`
    submits as counted on the rows."""

    outcome: Outcome | None
    reason: Reason | None
    way: str
    accepted: int
    sent: int
    unconfirmed: int
    asks: int
    seconds: float
    text: str | None
    files_before_notice: bool
    final: bool


@dataclass(frozen=True)
class Played:
    """A scene as it went: the document that met the fault, its neighbour, and all. `leaked` is what was printed, or
    stood in an error, of the documents' text and keys and of credentials; `lines` how many lines were printed."""

    document: Seen
    neighbour: Seen
    paused: bool
    quiet: bool
    struck: int
    leaked: tuple[str, ...]
    lines: int


class CountingOcr(YandexOcr):
    """The client itself, which tells how often it was asked for each operation."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.asked: Counter[str] = Counter()

    def result(self, operation_id: str) -> Recognition | NotReady:
        self.asked[operation_id] += 1
        return super().result(operation_id)

    def status(self, operation_id: str) -> OperationStatus:
        self.asked[operation_id] += 1
        return super().status(operation_id)


class Watched(Faults):
    """Nothing goes wrong in the fakes; `published` is called after each notice, as soon as the topic has it."""

    published: Callable[[], None] = staticmethod(lambda: None)

    def after(self, call: str) -> None:
        super().after(call)
        if call == "notices.publish":
            self.published()


class Stage:
    """One local OCR service, on which each scene is played in a world of its own. The credentials' secret can be read
    as long as `secret_readable`."""

    def __init__(self, folder: Path) -> None:
        self._key = authorized_key.generate()
        authorized_key.write(folder / "key.json", self._key)
        self.clock = FakeClock()
        self.secret_readable = True
        self._given_up = threading.Event()
        self._hanging: list[threading.Thread] = []
        settings = Settings(engine="table", seconds=RECOGNITION_SECONDS, authorized_keys=(folder / "key.json",))
        self.server = start(settings, clock=lambda: self.clock.now(), wait=self._wait)
        self._client: CountingOcr | None = None

    def stop(self) -> None:
        self._end_hanging()
        if self._client is not None:
            self._client.new_connections()
        self.server.stop()

    def play(self, scene: Scene) -> Played:
        """How it goes for a document and its neighbour."""
        with printing() as printed:
            world, ocr, early = self.world(hangs=scene.hangs, authorized=scene.target == IAM)
            journal = PrintingJournal(world.journal)
            world.submit_ports = replace(world.submit_ports, journal=journal)
            world.poll_ports = replace(world.poll_ports, journal=journal)
            world.deliver_ports = replace(world.deliver_ports, journal=journal)
            alone = {"sha256": digest(HIT)}
            whom = {} if scene.everyone or scene.target == IAM else alone
            self.fault(scene.kind, scene.target, {**whom, **scene.fields})
            if scene.beside:
                self.server.add_fault(rate=1, **alone, **scene.beside)
            document = world.upload(HIT_KEY, HIT)
            world.submit()
            self.clock.advance(LATER_SECONDS)
            neighbour = world.upload(NEIGHBOUR_KEY, NEIGHBOUR)
            run(world)
            self._end_hanging()
            stats = self.server.stats()
        accepted = stats["submits"]["by_sha256"]
        everything = "\n".join([printed.getvalue(), *journal.errors])
        return Played(
            document=_seen(world, ocr, document, accepted.get(digest(HIT), 0), early),
            neighbour=_seen(world, ocr, neighbour, accepted.get(digest(NEIGHBOUR), 0), early),
            paused=any(note.name == "paused" for note in world.journal.notes),
            quiet=world.quiet(),
            struck=stats["faults"].get(scene.kind, 0),
            leaked=tuple(leaked(everything, self._private(journal))),
            lines=printed.getvalue().count("\n"),
        )

    def client(self, *, hangs: bool = False, authorized: bool = False) -> CountingOcr:
        """A new client, with `hangs` of little patience, with `authorized` of an authorized key. The service is as
        new, and both live by a new clock."""
        self._end_hanging()
        if self._client is not None:
            self._client.new_connections()
        self.clock = FakeClock()
        self.server.reset()
        self.secret_readable = True

        def read_secret() -> str:
            if not self.secret_readable:
                raise StoreUnavailable("secretsmanager.GetSecretValue: AccessDeniedException")
            return json.dumps(self._key if authorized else {"api_key": DEFAULT_API_KEY})

        haste = Timeouts(submit_total_seconds=HANGING_SECONDS, ask_total_seconds=HANGING_SECONDS)
        self._client = CountingOcr(
            ocr_base_url=self.server.url,
            operation_base_url=self.server.url,
            credentials=Credentials(
                read_secret, iam_base_url=self.server.url, monotonic=self.clock.now, now=self.clock.now
            ),
            timeouts=haste if hangs else Timeouts(),
            now=self.clock.now,
        )
        return self._client

    def fault(self, kind: str, target: str, fields: Mapping[str, object]) -> None:
        """Puts a fault in force: once, unless `count` or `rate` says otherwise."""
        often = {} if "rate" in fields else {"count": 1}
        self.server.add_fault(kind=kind, target=target, **{**often, **fields})

    def world(self, *, hangs: bool = False, authorized: bool = False) -> tuple[World, CountingOcr, set[str]]:
        """An application, its client, and the ids of documents whose notice came before their files."""
        ocr = self.client(hangs=hangs, authorized=authorized)
        watched = Watched()
        world = World(clock=self.clock, faults=watched)
        world.submit_ports = replace(world.submit_ports, ocr=ocr)
        world.poll_ports = replace(world.poll_ports, ocr=ocr)
        world.deliver_ports = replace(world.deliver_ports, read_page=ocr.read_page)
        early: set[str] = set()

        def check() -> None:
            told = json.loads(world.notices.published[-1].body)
            suffixes = keys.suffixes(Outcome(told["outcome"]))
            names = [*(keys.own(told["document"], 1, suffix) for suffix in suffixes)]
            names += [told["source"]["key"] + suffix for suffix in suffixes]
            if any(world.file(name) is None for name in names):
                early.add(told["document"])

        watched.published = check
        return world, ocr, early

    def _private(self, journal: PrintingJournal) -> list[str]:
        """What nobody may read in a log, a metric or an error."""
        texts = [line for content in (HIT, NEIGHBOUR) for line in whole_text(content).splitlines()]
        key_lines = [line for line in self._key["private_key"].splitlines() if line]
        names = [name for key in (HIT_KEY, NEIGHBOUR_KEY) for name in key.split("/")]
        contents = [content.decode() for content in (HIT, NEIGHBOUR)]
        return [*texts, *key_lines, *names, *contents, *journal.quoted, DEFAULT_API_KEY]

    def _wait(self, seconds: float) -> None:
        """Called by the service for a fault that is slow: the time passes. What is beyond a client's patience waits
        until that client has really given up."""
        self.clock.advance(min(seconds, PATIENCE_SECONDS))
        if seconds > PATIENCE_SECONDS:
            self._hanging.append(threading.current_thread())
            self._given_up.wait()

    def _end_hanging(self) -> None:
        """Afterwards no request is left in the service: one that waited was served, for nobody."""
        self._given_up.set()
        for thread in self._hanging:
            thread.join()
        self._hanging.clear()
        self._given_up.clear()


def run(world: World) -> None:
    """Lets queues, wakes and the schedule work until nothing is due. Fails when that does not come within days."""
    began = world.clock.now()
    while not world.quiet():
        passed = world.clock.now() - began
        assert passed < MAX_SECONDS, f"not quiet after {passed / 86_400:.1f} days: {world.rows()}"
        if world.queue:
            assert not world.submit()
        else:
            world.clock.advance(60.0 if passed < MINUTELY_SECONDS else SELDOM_SECONDS)
        world.poll()
        world.deliver()


def digest(content: bytes) -> str:
    """What faults name a content by."""
    return hashlib.sha256(content).hexdigest()


def whole_text(content: bytes) -> str:
    """The text that the service reads in a content."""
    return synthetic_text(digest(content)) + "\n"


def _seen(world: World, ocr: CountingOcr, named: Document, accepted: int, early: set[str]) -> Seen:
    row = world.row(named)
    operations = [row for row in world.documents.operations.values() if row.document_id == named.id]
    rules = [
        entry.name
        for entry in world.journal.transitions
        if isinstance(entry.row, Operation) and entry.row.document_id == named.id
    ]
    text = world.file(named.source.key + keys.TEXT)
    return Seen(
        outcome=row.outcome,
        reason=row.problem.reason if row.problem else None,
        way="".join(f"{rule} " for rule in rules),
        accepted=accepted,
        sent=sum(operation.sent for operation in operations),
        unconfirmed=sum(operation.unconfirmed for operation in operations),
        asks=sum(ocr.asked[operation.described.id] for operation in operations if operation.described),
        seconds=(row.outcome_at or 0.0) - row.accepted_at,
        text=None if text is None else text.decode(),
        files_before_notice=bool(world.notices_of(named)) and named.id not in early,
        final=row.state is DocumentState.FINAL and row.due_at is None,
    )
