"""A random history: uploads, re-uploads, messages in any order, and anything going wrong at any call; then peace.

One seed makes one history, always the same. A worker that is stalled, or overlapped, is simulated by whole other
invocations that run inside one of its calls.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fakes.faults import Faults
from fakes.files import KilledError
from fakes.ocr import Failure
from fakes.running import FakeClock
from textdrop.core import errors
from textdrop.core.documents import Document, DocumentState
from textdrop.core.errors import ObjectForbidden, StoreUnavailable, Trace
from textdrop.core.policy import Policy
from textdrop.usecases.accept import Message
from textdrop.usecases.deliver import deliver
from world import POLL_SECONDS, World

SKEW_SECONDS = 0.25
STALLS_SECONDS = (0.05, 1.0, 7.0, 25.0, 130.0, 320.0, 1300.0)
POLICY = Policy(
    max_attempts=2,
    max_unknowns=2,
    deadline_base_seconds=400.0,
    deadline_page_seconds=1.0,
    one_go_pages=3,
    segment_pages=2,
)

NOT_ACCEPTED: tuple[Callable[[], Exception], ...] = (
    lambda: errors.OcrUnreachable("no connection"),
    lambda: errors.OcrUnavailable("503", Trace(status=503, code=14)),
    lambda: errors.OcrThrottled("429", Trace(status=429, code=8)),
    lambda: errors.OcrThrottled("429", Trace(status=429, code=8), 20.0),
    lambda: errors.OcrCredentialsRefused("401", Trace(status=401, code=16)),
    lambda: errors.OcrCredentialsMissing("no key"),
    lambda: errors.OcrRejected("400", Trace(status=400, code=3)),
    lambda: errors.OcrAnswerLost("timeout"),
)
PERHAPS_ACCEPTED: tuple[Callable[[], Exception], ...] = (
    lambda: errors.OcrAnswerLost("reset"),
    lambda: errors.OcrAnswerMalformed("cut"),
)
UNASKED: tuple[Callable[[], Exception], ...] = (
    *NOT_ACCEPTED,
    *PERHAPS_ACCEPTED,
    lambda: errors.OcrCredentialsRefused("403", Trace(status=403, code=7)),
    lambda: errors.OcrOperationUnknown("404", Trace(status=404, code=5)),
    lambda: errors.OcrAnswerTooLarge("20 MB"),
)
OCR_ERRORS = {
    ("ocr.submit", "before"): NOT_ACCEPTED,
    ("ocr.submit", "after"): PERHAPS_ACCEPTED,
    ("ocr.result", "before"): UNASKED,
    ("ocr.status", "before"): UNASKED,
}
UNAVAILABLE = ("OcrUnreachable", "OcrUnavailable", "OcrAnswerLost", "OcrAnswerMalformed")
# Some histories have most of their mishaps at a few calls, so that rare races are met.
FOCUSES = (
    "-",
    "-",
    "results.",
    "results.copy",
    "newest.",
    "notices.",
    "documents.write",
    "ocr.submit",
    "quota.",
    "tick.",
)
FOCUS_RATE = 0.3
WRITING = ("results.put", "results.copy", "results.complete", "results.delete")


class SkewedClock(FakeClock):
    """Each invocation runs on a machine whose clock is a little off."""

    skew = 0.0

    def now(self) -> float:
        return super().now() + self.skew


@dataclass(frozen=True)
class Upload:
    """What was uploaded, as the test knows it."""

    document: Document
    body: bytes
    made: int


class History(Faults):
    """One history: it acts, and it is asked by every fake, before and after each effect, what goes wrong there."""

    def __init__(self, seed: int, watch: Callable[[History, str], None]) -> None:
        """`watch` is called after each effect, with its name."""
        super().__init__()
        self.watch = partial(watch, self)
        self.random = random.Random(seed)
        self.clock = SkewedClock(seed=seed)
        self.world = World(faults=self, clock=self.clock, policy=POLICY)
        rate = self.random.choice((1.0, 10.0))
        self.world.submit_settings = replace(self.world.submit_settings, submits_per_second=rate)
        self.world.poll_settings = replace(self.world.poll_settings, submits_per_second=rate)
        self.mishap_rate = self.random.choice((0.0, 0.01, 0.03, 0.08))
        self.ocr_rate = self.random.choice((0.0, 0.1, 0.3, 0.7))
        self.focus = self.random.choice(FOCUSES)
        self.keys = self.random.choice((("a.png",), ("a.png", "b/б +.pdf")))
        self.mishaps = self.random.choice((("stall",), ("kill",), ("kill", "stall", "store", "index", "lost")))
        self.uploads: list[Upload] = []
        self.seen: list[Message] = []
        self.posts: list[float] = []
        self.answers: list[tuple[float, bool]] = []  # to submits: when, and whether the service was there
        self.happened: Counter[str] = Counter()
        self.faulty = True
        self.depth = 0

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def before(self, call: str) -> None:
        super().before(call)
        if call == "ocr.submit":
            self.posts.append(self.true_now())
        self._go_wrong(call, "before")

    def after(self, call: str) -> None:
        super().after(call)
        self.watch(call)
        self._go_wrong(call, "after")
        if call == "ocr.submit":
            self.answers.append((self.true_now(), True))

    def answer_lost(self, call: str) -> bool:
        if not self.faulty or "lost" not in self.mishaps or call.startswith("ocr."):
            return False
        return self.random.random() < self.mishap_rate

    def _go_wrong(self, call: str, when: str) -> None:
        if not self.faulty:
            return
        said = OCR_ERRORS.get((call, when))
        if said and self.random.random() < self.ocr_rate:
            error = self.random.choice(said)()
            self.happened[type(error).__name__] += 1
            if call == "ocr.submit":
                self.answers.append((self.true_now(), type(error).__name__ not in UNAVAILABLE))
            raise error
        if self.random.random() >= (FOCUS_RATE if call.startswith(self.focus) else self.mishap_rate):
            return
        match self.random.choice(self.mishaps):
            case "kill":
                self.happened["kill"] += 1
                raise KilledError
            case "store" if not call.startswith("ocr."):
                self.happened["store"] += 1
                forbidden = call.startswith("sources.") and self.random.random() < 0.5
                raise ObjectForbidden("403") if forbidden else StoreUnavailable("a service failed")
            case "index":
                self._index()
            case "stall":
                self._stall(call, when)

    def _stall(self, call: str, when: str) -> None:
        """Time passes and others work, inside this call. The worker then goes on, even past its lease."""
        self.happened["stall"] += 1
        began = self.true_now()
        self.clock.advance(self.random.choice(STALLS_SECONDS))
        if self.depth < 3:
            for _ in range(self.random.randrange(3)):
                self.random.choice((self._act, self._deliver))()
        # No later check could mend a file written late, which is why none is begun without its whole time before the
        # lease's end: a call that takes longer than that time has been given up by its client.
        if (call, when) in [(name, "before") for name in WRITING] and (
            self.true_now() - began > self.world.poll_ports.results.total_seconds
        ):
            raise StoreUnavailable("timed out")

    def _index(self) -> None:
        if self.random.random() < 0.5:
            self.world.documents.hold_index()
        else:
            self.world.documents.let_index_follow()

    # --- what happens -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The history, then peace until everything is at its end."""
        self._upload()
        for _ in range(self.random.randrange(3, 12)):
            self._act()
            if self.random.random() < 0.5:
                self.clock.advance(self.random.choice(STALLS_SECONDS))
        self.faulty = False
        self._settle()

    def repeat_everything(self) -> None:
        """Every message there ever was comes once more."""
        self.world.queue = self.random.sample(self.seen, len(self.seen))
        self._settle()

    def _act(self) -> None:
        often, seldom = (self._submit, self._poll), (self._upload, self._repeat, self._forget, self._deliver)
        self.random.choice((*often, *often, *often, *seldom))()

    def _upload(self) -> None:
        made = len(self.uploads)
        name = self.random.choice(("page", "page", "page", "pages:3", "pages:4,bad:2", "broken", "damaged", "killer"))
        body = f"{name} {made}".encode()
        if name == "broken":
            self.world.ocr.table[body] = Failure(self.random.choice((3, 13)))
        self.world.ocr.seconds = self.random.choice((0.0, 0.5, 4.0, 4.0, 20.0, 20.0, 20.0, 500.0))
        if self.world.ocr.seconds > POLICY.deadline_base_seconds:
            self.happened["slow"] += 1
        skew, self.clock.skew = self.clock.skew, 0.0
        document = self.world.upload(self.random.choice(self.keys), body)
        self.clock.skew = skew
        self.uploads.append(Upload(document, body, made))

    def _submit(self) -> None:
        queue = self.world.queue
        batch = [queue.pop(self.random.randrange(len(queue))) for _ in range(self.random.randrange(1, 6)) if queue]
        self.seen.extend(batch)
        failed: list[str] | None = self._invoke(lambda: self.world.submit(batch))
        self.world.queue.extend(message for message in batch if failed is None or message.id in failed)

    def _poll(self) -> None:
        self._invoke(self.world.poll)

    def _deliver(self) -> None:
        """What another thread of a tick does: tasks run one after another here, but in calls of others."""
        for row in list(self.world.documents.rows.values()):
            if row.state is DocumentState.DELIVERING and (row.due_at or 0.0) <= self.clock.now():
                deadline = self.clock.now() + POLL_SECONDS
                self._invoke(partial(deliver, self.world.poll_ports, row, deadline))

    def _repeat(self) -> None:
        if self.seen:
            self.world.queue.append(self.random.choice(self.seen))

    def _forget(self) -> None:
        """An upload is deleted for ever, whether or not it was read already."""
        if self.uploads:
            document = self.random.choice(self.uploads).document
            self.happened[document.id] += 1
            self.world.uploads.forget(document.source.key, document.source.version_id)

    def _invoke(self, function: Callable[[], Any]) -> Any:
        """What it returns; None: it died, or failed and said so."""
        skew, self.clock.skew = self.clock.skew, self.random.uniform(-SKEW_SECONDS, SKEW_SECONDS)
        self.depth += 1
        try:
            return function()
        except (KilledError, StoreUnavailable):
            return None
        finally:
            self.clock.skew = skew
            self.depth -= 1

    def _settle(self) -> None:
        """Nothing goes wrong any more: everything comes to its end within a day."""
        self.world.documents.let_index_follow()
        until = self.true_now() + 86_400
        while self.true_now() < until:
            while self.world.queue:
                self._submit()
            self._poll()
            if self.world.quiet():
                return
            due = min((row.due_at for row in self.world.rows() if row.due_at is not None), default=0.0)
            self.clock.advance(max(60.0, due - self.true_now()))
        raise AssertionError("not quiet after a day")

    def true_now(self) -> float:
        return self.clock.now() - self.clock.skew
