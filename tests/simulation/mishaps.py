"""What goes wrong in a history, and how: every fake asks before and after each of its effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from fakes.faults import Faults
from fakes.files import KilledError
from simulation.fibres import Hub, Invocation
from simulation.script import OCR_ANSWERS, SKEW_SECONDS, WAITS_SECONDS, Author, Mishap
from simulation.stack import LIFE_SECONDS, HistoryClock, Post
from textdrop.core import ledger
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from world import World

HELD_MOST = 6
WRITING = ("results.put", "results.copy", "results.complete", "results.delete", "results.remove")
# A thread that reads a source holds it for its document's other threads, who could not be let go on before it.
READING = ("sources.head", "sources.read")
TROUBLES = ("kill", "hold", "store", "forbidden")
UNAVAILABLE = ("OcrUnreachable", "OcrUnavailable", "OcrAnswerLost", "OcrAnswerMalformed", "OcrAnswerTooLarge")


class Mishaps(Faults):
    """Asks the author what goes wrong, and does it.

    `counts` is what was met. `marked` counts, by kind, what may explain an outcome, and documents whose upload is gone.
    `posts` are the submits as they left; `answers` are those to submits: when, and whether the service was there.
    `asks` says when those for results and for statuses left.
    """

    world: World

    def __init__(
        self,
        seed: int,
        author: Author,
        watch: Callable[[str], None],
        threads: bool,
        tell: Callable[[str], None] | None,
    ) -> None:
        super().__init__()
        self.hub = Hub()
        self.clock = HistoryClock(self.hub, seed)
        self.counts: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.posts: list[Post] = []
        self.answers: list[tuple[float, bool]] = []
        self.asks: dict[str, list[float]] = {"ocr.result": [], "ocr.status": []}
        self.peace = False
        self.threads = threads
        self._author = author
        self._watch = watch
        self._tell = tell

    def before(self, call: str) -> None:
        me = self.hub.current
        if me is not None:
            self._live(me.invocation)
            me.invocation.calls += 1
            if call == "ocr.submit":
                self.posts.append(Post(self.clock.true, 1.0 / me.invocation.submits_per_second))
                me.posted_on = ledger.day(self.clock.now())
            if call in self.asks:
                self.asks[call].append(self.clock.true)
        if not self.peace:
            self._go_wrong(call, "before")
            if me is not None:
                self._live(me.invocation)

    def _live(self, invocation: Invocation) -> None:
        """Raises KilledError in one that is dead, or has run for as long as a function may."""
        if not invocation.dead and self.clock.true > invocation.began_at + LIFE_SECONDS:
            invocation.dead = True
            invocation.troubles += 1
            self.marked["kill"] += 1
            self.counts["kill as its time was over"] += 1
        if invocation.dead:
            raise KilledError

    def after(self, call: str) -> None:
        self._check(partial(self._watch, call))
        if not self.peace:
            self._go_wrong(call, "after")
        self._learn(call, True)
        me = self.hub.current
        if me is not None and me.learnt is not None and call.startswith("pause."):
            row = self.world.pause.row
            if call == "pause.write" or (me.learnt and (row is None or row.unavailable_since is None)):
                self.answers.append((self.clock.true, me.learnt))
                me.learnt = None

    def _check(self, check: Callable[[], None]) -> None:
        try:
            check()
        except AssertionError as broken:
            # Raised alone, it might be caught as any mistake of ours is.
            self.hub.failure = self.hub.failure or broken
            raise

    def answer_lost(self, call: str) -> bool:
        return not self.peace and self._mishap(call, "lost") is not None

    def _mishap(self, call: str, when: str, nth: int | None = None) -> Mishap | None:
        """What the author wants to go wrong, at the call that was made last or at the `nth`."""
        me = self.hub.current
        if me is None:
            return None
        invocation = me.invocation
        mishap = self._author.mishap(invocation.number, nth or invocation.calls, call, when)
        if mishap is not None:
            self.marked[mishap.kind] += 1
            invocation.troubles += mishap.kind in TROUBLES
            self.counts[f"{mishap.kind} {call} {when}" if mishap.kind != "ocr" else f"{mishap.kind} {call}"] += 1
            if self._tell is not None:
                self._tell(f"{self._when()}    {invocation.number}: {_told(mishap)}")
        return mishap

    def _go_wrong(self, call: str, when: str) -> None:
        mishap = self._mishap(call, when)
        if mishap is None:
            return
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
        if (mishap.call, "held") in OCR_ANSWERS and mishap.when == "before" and not self.peace:
            answer = self._mishap(mishap.call, "held", mishap.nth)
            if answer is not None:
                self._answer_badly(answer)

    def _step_clock(self, pick: int) -> None:
        me = self.hub.current
        if me is not None:
            me.invocation.skew = skew_of(pick)

    def _index(self, pick: int) -> None:
        if pick % 2:
            self.world.documents.hold_index()
        else:
            self.world.documents.let_index_follow()

    def _note(self, line: str) -> None:
        if self._tell is not None:
            self._tell(f"{self._when()} {line}")

    def _when(self) -> str:
        return f"{self.clock.true - 1_700_000_000:9.2f}"


def skew_of(pick: int) -> float:
    """How far a clock is off, by an act's or a mishap's pick."""
    return SKEW_SECONDS * (pick % 21 - 10) / 10


def _told(mishap: Mishap) -> str:
    when = {"before": "before", "after": "after", "lost": "at", "held": "when it goes on at"}[mishap.when]
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
            what = f"its clock is set to {skew_of(mishap.pick):+g} s"
        case _:
            what = mishap.kind
    return f"{what}, {when} {mishap.call} (its call {mishap.nth})"
