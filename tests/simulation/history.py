"""A history: uploads, re-uploads, messages in any order, and anything going wrong at any call; then peace.

An author (`chance`, or a script that is played again) says what happens. Each invocation, and each thread in it, is a
fibre: it can be held before or after any of its calls while others work, and go on later, past its lease.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fakes.faults import Faults
from fakes.files import KilledError
from fakes.ocr import Failure
from fakes.running import FakeClock, FakeJournal
from simulation.fibres import FibreWorkers, Hub, Invocation
from simulation.script import OCR_ANSWERS, SKEW_SECONDS, WAITS_SECONDS, Act, Author, Mishap
from textdrop.core.documents import Document, DocumentState, Operation, Source
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.core.files import FileLimits
from textdrop.core.policy import Policy
from textdrop.usecases.accept import Message
from textdrop.usecases.deliver import deliver
from textdrop.usecases.submit import SubmitSettings
from world import POLL_SECONDS, World, event

KEPT_SECONDS = 1500.0
POLICY = Policy(
    max_attempts=2,
    max_unknowns=2,
    max_breakdowns=2,
    deadline_base_seconds=400.0,
    deadline_page_seconds=1.0,
    result_kept_seconds=KEPT_SECONDS,
    forbidden_seconds=900.0,
    refusals_before_pause=4,
    one_go_pages=3,
    segment_pages=2,
)
HELD_MOST = 6
SLEEPS_IN_TURN = 40
CONTENTS = (
    *("page", "page", "page", "page", "pages:3", "pages:3", "pages:4,bad:2"),
    *("pages:4,deadly:2", "broken", "damaged", "killer", "pages:9"),
)
RECOGNITIONS_SECONDS = (0.0, 0.5, 4.0, 4.0, 20.0, 20.0, 20.0, 500.0)
OPTIONS = (("ru en", "page"), ("ru en", "page"), ("en", "table"), ("*", "markdown"))
WRITING = ("results.put", "results.copy", "results.complete", "results.delete")
# A thread that reads a source holds it for its document's other threads, who could not be let go on before it.
READING = ("sources.look", "sources.read")
UNAVAILABLE = ("OcrUnreachable", "OcrUnavailable", "OcrAnswerLost", "OcrAnswerMalformed", "OcrAnswerTooLarge")


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

    def moved(self, rule: str, row: Document | Operation) -> None:
        self._on_moved(rule, row)


@dataclass(frozen=True)
class Upload:
    """What was uploaded, as the test knows it. `document` is a stand-in that carries the id."""

    document: Document
    source: Source
    name: str
    body: bytes


@dataclass(frozen=True)
class Post:
    """One submit as it left: when, and how far apart its invocation's settings let them be."""

    at: float
    interval_seconds: float


class History(Faults):
    """One history: it acts, and is asked by every fake, before and after each effect, what goes wrong there."""

    def __init__(
        self,
        seed: int,
        author: Author,
        watch: Callable[[History, str], None],
        *,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`watch` is called after each effect, with its name. `tell` gets a line for all that happens."""
        super().__init__()
        self.seed = seed
        self.hub = Hub()
        self.clock = HistoryClock(self.hub, seed)
        self.counts: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.uploads: list[Upload] = []
        self.uploads_of: dict[str, list[Upload]] = {}
        self.seen: list[Message] = []
        self.lost: list[Message] = []
        self.posts: list[Post] = []
        self.answers: list[tuple[float, bool]] = []  # to submits: when, and whether the service was there
        self.peace = False
        self._author = author
        self._watch = watch
        self._tell = tell
        setting = random.Random(f"the stack of {seed}")
        self.versioned = setting.random() < 0.8
        self.threads = setting.random() < 0.5
        self.keys = setting.choice((("a.png",), ("a.png", "b/б +.pdf")))
        self.rate = setting.choice((1.0, 4.0, 10.0))
        self._peaceful = random.Random(f"the peace of {seed}")
        self.world = self._new_world()

    def _new_world(self) -> World:
        world = World(faults=self, clock=self.clock, policy=POLICY, versioned=self.versioned)
        world.ocr.kept_seconds = KEPT_SECONDS
        world.journal = HistoryJournal(self._moved)
        workers = FibreWorkers(self.hub, self.threads)
        world.submit_ports = replace(world.submit_ports, workers=workers, crew=workers.crew, journal=world.journal)
        world.poll_ports = replace(world.poll_ports, workers=workers, crew=workers.crew, journal=world.journal)
        world.submit_settings = replace(world.submit_settings, submits_per_second=self.rate)
        world.poll_settings = replace(world.poll_settings, submits_per_second=self.rate)
        return world

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def before(self, call: str) -> None:
        me = self.hub.current
        if me is not None:
            if me.invocation.dead:
                raise KilledError
            me.invocation.calls += 1
            if call == "ocr.submit":
                self.posts.append(Post(self.clock.true, 1.0 / me.invocation.submits_per_second))
        if not self.peace:
            self._go_wrong(call, "before")

    def after(self, call: str) -> None:
        try:
            self._watch(self, call)
        except AssertionError as broken:
            # Raised alone, it might be caught as any mistake of ours is.
            self.hub.failure = self.hub.failure or broken
            raise
        if not self.peace:
            self._go_wrong(call, "after")
        self._learn(call, True)
        me = self.hub.current
        if me is not None and me.learnt is not None and call.startswith("pause."):
            row = self.world.pause.row
            if call == "pause.write" or (me.learnt and (row is None or row.unavailable_since is None)):
                self.answers.append((self.clock.true, me.learnt))
                me.learnt = None

    def answer_lost(self, call: str) -> bool:
        return not self.peace and self._mishap(call, "lost") is not None

    def _mishap(self, call: str, when: str) -> Mishap | None:
        me = self.hub.current
        if me is None:
            return None
        invocation = me.invocation
        mishap = self._author.mishap(invocation.number, invocation.calls, call, when)
        if mishap is not None:
            self.counts[f"{mishap.kind} {call} {when}" if mishap.kind != "ocr" else f"{mishap.kind} {call}"] += 1
            if self._tell is not None:
                self._tell(f"{self._when()}    {invocation.number}: {_told(mishap)}")
        return mishap

    def _go_wrong(self, call: str, when: str) -> None:
        mishap = self._mishap(call, when)
        if mishap is None:
            return
        self.marked[mishap.kind] += 1
        match mishap.kind:
            case "ocr":
                self._answer_badly(mishap)
            case "kill":
                raise KilledError
            case "store":
                if call.startswith("pause.") and self.hub.current is not None:
                    self.hub.current.learnt = None  # nobody will know
                raise StoreUnavailable("a service failed")
            case "forbidden":
                raise ObjectForbidden("403")
            case "index":
                self._index(mishap.pick)
            case "clock":
                self._step_clock(mishap.pick)
            case "hold":
                self._hold(mishap)

    def _answer_badly(self, mishap: Mishap) -> None:
        error = OCR_ANSWERS[mishap.call, mishap.when][mishap.pick]()
        self.marked[type(error).__name__] += 1
        self.counts[f"answer {mishap.call}: {error}"] += 1
        there = type(error).__name__ not in UNAVAILABLE
        if mishap.call == "ocr.submit" and not there:
            self.answers.append((self.clock.true, False))
        self._learn(mishap.call, there)
        raise error

    def _learn(self, call: str, there: bool) -> None:
        if call == "ocr.submit" and self.hub.current is not None:
            self.hub.current.learnt = there

    def _hold(self, mishap: Mishap) -> None:
        """Time passes, and others work until this worker is let go on, be it past its lease."""
        began = self.clock.true
        self.clock.advance(WAITS_SECONDS[mishap.pick % len(WAITS_SECONDS)])
        me = self.hub.current
        if me is not None and len(self.hub.stopped) < HELD_MOST and not (self.threads and mishap.call in READING):
            me.stop()
        # No later check could mend a file written late, which is why none is begun without its whole time before the
        # lease's end: a call that takes longer than that time has been given up by its client.
        late = self.clock.true - began > self.world.poll_ports.results.total_seconds
        if mishap.call in WRITING and mishap.when == "before" and late:
            raise StoreUnavailable("timed out")

    def _step_clock(self, pick: int) -> None:
        me = self.hub.current
        if me is not None:
            me.invocation.skew = _skew(pick)

    def _index(self, pick: int) -> None:
        if pick % 2:
            self.world.documents.hold_index()
        else:
            self.world.documents.let_index_follow()

    # --- what happens -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The history, then peace until everything is at its end."""
        for act in self._author.acts(self):
            self.counts[f"act {act.name}"] += 1
            self._act(act)
        self.peace = True
        self._note("--- nothing goes wrong any more")
        while held := self.hub.held():
            self.hub.resume(held[0])
        self._settle()

    def repeat_everything(self) -> None:
        """Every message there ever was comes once more."""
        self.world.queue = self._peaceful.sample(self.seen, len(self.seen))
        self._settle()

    def held(self) -> int:
        return len(self.hub.held())

    def _act(self, act: Act) -> None:
        pick = act.picks
        match act.name:
            case "upload":
                self._upload(act)
            case "submit":
                self._submit(act.number, pick[0], pick[1:])
            case "poll":
                self._note(f"{act.number} poll runs")
                self._invoke(act.number, _skew(pick[0]), self.world.poll)
            case "deliver":
                self._deliver(act)
            case "go_on":
                self._go_on(act)
            case "repeat":
                messages = self.seen + self.lost
                if messages:
                    self.world.queue.append(messages[pick[0] % len(messages)])
                    self._note(f"{act.number} message {self.world.queue[-1].id} comes again")
            case "forget":
                self._forget(act)
            case "index":
                self._note(f"{act.number} the index of what is due {'stands still' if pick[0] % 2 else 'follows'}")
                self._index(pick[0])
            case "configure":
                self._configure(act)
            case "wait":
                seconds = WAITS_SECONDS[pick[0] % len(WAITS_SECONDS)]
                self._note(f"{act.number} {seconds:g} s pass")
                self.clock.advance(seconds)

    def _upload(self, act: Act) -> None:
        content, key, seconds, lost = act.picks[:4]
        name = CONTENTS[content % len(CONTENTS)]
        body = f"{name} {len(self.uploads)}".encode()
        world = self.world
        if name == "broken":
            world.ocr.table[body] = Failure((3, 13)[content // len(CONTENTS) % 2])
        world.ocr.seconds = RECOGNITIONS_SECONDS[seconds % len(RECOGNITIONS_SECONDS)]
        source = world.uploads.put(self.keys[key % len(self.keys)], body)
        upload = Upload(world.document_of(source), source, name, body)
        if not self.versioned:
            self._gone(earlier.document.id for earlier in self.uploads_of.get(source.key, []))
        self.uploads.append(upload)
        self.uploads_of.setdefault(source.key, []).append(upload)
        world.send(event(source))
        is_lost = lost % 8 == 0
        if is_lost:
            self.counts["event lost"] += 1
            self.lost.append(world.queue.pop())
        which = self.lost[-1] if is_lost else world.queue[-1]
        fate = ", lost" if is_lost else ""
        self._note(f"{act.number} upload of {source.key} ({body.decode()}; event {which.id}{fate})")

    def _submit(self, number: int, count: int, picks: tuple[int, ...]) -> None:
        queue = self.world.queue
        batch = [queue.pop(pick % len(queue)) for pick in picks[: 1 + count % 5] if queue]
        self.seen.extend(batch)
        self._note(f"{number} submit runs with {', '.join(message.id for message in batch) or 'nothing'}")

        def body() -> None:
            failed = [message.id for message in batch]
            try:
                failed = self.world.submit(batch)
            finally:
                queue.extend(message for message in batch if message.id in failed)

        self._invoke(number, _skew(count // 5), body)

    def _deliver(self, act: Act) -> None:
        """What a tick does that took over, or saw an old hint: the row may be held."""
        rows = self.world.documents.rows.values()
        due = [row for row in rows if row.state is DocumentState.DELIVERING]
        if due:
            row = due[act.picks[0] % len(due)]
            self._note(f"{act.number} delivery of {row.id[:6]}")
            deadline = self.clock.true + POLL_SECONDS
            self._invoke(act.number, _skew(act.picks[1]), lambda: _do(deliver(self.world.poll_ports, row, deadline)))

    def _go_on(self, act: Act) -> None:
        held = self.hub.held()
        if held:
            fibre = held[act.picks[0] % len(held)]
            dies = act.picks[1] % 6 == 0
            fibre.invocation.dead = fibre.invocation.dead or dies
            self.marked["kill"] += dies
            self.counts["kill while held" if dies else "went on"] += 1
            fate = "dies" if dies else "goes on"
            self._note(f"{act.number} the worker of {fibre.invocation.number} {fate}")
            self.hub.resume(fibre)

    def _forget(self, act: Act) -> None:
        """An upload is deleted for ever, whether or not it was read already."""
        upload = self.uploads[act.picks[0] % len(self.uploads)]
        key = upload.source.key
        self._note(f"{act.number} {key} ({upload.body.decode()}) is deleted")
        if self.versioned:
            self.world.uploads.forget(key, upload.source.version_id)
            self._gone([upload.document.id])
        elif key in self.world.uploads.versions:
            self.world.uploads.delete(key)
            self._gone(other.document.id for other in self.uploads_of[key])

    def _gone(self, documents: Iterable[str]) -> None:
        self.marked.update(documents)

    def _configure(self, act: Act) -> None:
        """The stack is updated: invocations from now on work by other parameters, those before by theirs."""
        rate, option, most = act.picks[:3]
        languages, model = OPTIONS[option % len(OPTIONS)]
        self.rate = (1.0, 4.0, 10.0)[rate % 3]
        pages = (9, 9, 2)[most % 3]
        self.marked["fewer pages"] += pages == 2
        settings = SubmitSettings(languages, model, self.rate, FileLimits(max_pages=pages))
        self.world.submit_settings = settings
        self.world.poll_settings = replace(self.world.poll_settings, submits_per_second=self.rate)
        self._note(f"{act.number} {self.rate:g} submits a second, at most {pages} pages, {model} in {languages}")

    def _invoke(self, number: int, skew: float, function: Callable[[], object]) -> None:
        """Runs it until it ends, dies or is held."""

        def body() -> None:
            try:
                function()
            except StoreUnavailable:
                self.counts["invocation failed"] += 1

        self.hub.invoke(Invocation(number, skew, self.rate), body)

    def _settle(self) -> None:
        """Nothing goes wrong any more: everything comes to its end within a day."""
        world = self.world
        world.documents.let_index_follow()
        self._reconcile()
        until = self.clock.true + 86_400
        while self.clock.true < until:
            while world.queue:
                self._submit(0, self._peaceful.randrange(1 << 16), (self._peaceful.randrange(1 << 16),) * 5)
            self._invoke(0, _skew(self._peaceful.randrange(1 << 16)), world.poll)
            if world.quiet():
                return
            due = min((row.due_at for row in world.rows() if row.due_at is not None), default=0.0)
            self.clock.advance(max(60.0, due - self.clock.true))
        raise AssertionError("G1: not quiet after a day")

    def _reconcile(self) -> None:
        """An upload whose event was lost has no row until its event comes again. In place of the daily reconcile."""
        self.world.queue.extend(self.lost)
        self.lost.clear()

    def _moved(self, rule: str, row: Document | Operation) -> None:
        self.counts[f"moved {rule}"] += 1
        if self._tell is not None:
            page = f" page {row.page}" if isinstance(row, Operation) else ""
            name = row.id if isinstance(row, Document) else row.document_id
            me = self.hub.current
            number = me.invocation.number if me is not None else 0
            self._tell(f"{self._when()}    {number}: {name[:6]}{page} {rule} → {row.state}")

    def _note(self, line: str) -> None:
        if self._tell is not None:
            self._tell(f"{self._when()} {line}")

    def _when(self) -> str:
        return f"{self.clock.true - 1_700_000_000:9.2f}"


def _do(_: object) -> None:
    """Drops what a function returns."""


def _skew(pick: int) -> float:
    return SKEW_SECONDS * (pick % 21 - 10) / 10


def _told(mishap: Mishap) -> str:
    when = {"before": "before", "after": "after", "lost": "at"}[mishap.when]
    match mishap.kind:
        case "ocr":
            what = str(OCR_ANSWERS[mishap.call, mishap.when][mishap.pick]())
        case "hold":
            what = f"held for {WAITS_SECONDS[mishap.pick % len(WAITS_SECONDS)]:g} s or more"
        case "kill":
            what = "dies"
        case "store":
            what = "the service fails"
        case "lost":
            what = "its answer is lost and it is repeated"
        case "index":
            what = "the index stands still" if mishap.pick % 2 else "the index follows"
        case "clock":
            what = f"its clock is set to {_skew(mishap.pick):+g} s"
        case _:
            what = mishap.kind
    return f"{what}, {when} {mishap.call} (its call {mishap.nth})"
