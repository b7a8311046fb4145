"""Makes up a history as it goes, from a seed, and writes it down."""

from __future__ import annotations

import random
from collections.abc import Iterator

from simulation.aims import plan
from simulation.script import OCR_ANSWERS, WAITS_SECONDS, Act, Mishap, Script, View

# Some histories have most of their mishaps at a few calls, so that rare races are met.
FOCUSES = (
    *("-", "-", "-"),
    "results.",
    "results.copy",
    "newest.",
    "notices.",
    "documents.write",
    "documents.write_operation",
    "documents.finish_page",
    "documents.",
    "sources.",
    "ocr.submit",
    "ocr.result",
    "quota.",
    "pause.",
    "tick.",
)
FOCUS_RATE = 0.3
# Others have histories in which one worker is held at such a call for longer than its lease, and others take over.
TAKEN_OVER: tuple[str | tuple[str, ...], ...] = (
    "ocr.submit",
    "documents.write_operation",
    ("documents.read_operations", "ocr.submit"),
    "pause.read",
    "documents.write",
)
LONG_PICKS = (5,)
# And others in which uploads of one key are delivered at once, and one is held while it publishes.
PUBLISHING = ("results.copy", "newest.", "results.exists", "results.delete", "documents.read")
SHORT_PICKS = (0, 1, 2, 3)
KINDS = (
    ("hold",),
    ("kill",),
    ("kill", "hold"),
    ("kill", "hold", "store", "lost"),
    ("kill", "hold", "store", "index", "lost", "clock"),
    ("kill", "hold", "store", "index", "lost", "clock"),
)
PICKS = 1 << 16
CAPPED_SHARE, REUSING_SHARE = 0.45, 0.45
REQUESTS = ("retry", "retry", "retry", "render", "cancel", "cancel", "delete", "backfill", "forget")


class Chance:
    """An author by chance. What it chose is in `script()` afterwards."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._acts: list[Act] = []
        self._mishaps: list[Mishap] = []
        self._rate = self._random.choice((0.0, 0.01, 0.03, 0.06))
        self._focus: str | tuple[str, ...] = self._random.choice(FOCUSES)
        self._kinds = self._random.choice(KINDS)
        # How the stack is set up is chosen apart, so that the rest is the same with caps and without.
        self._setting = random.Random(f"caps and reuse of {seed}")
        self._is_capped = self._setting.random() < CAPPED_SHARE
        self._is_reusing = self._setting.random() < REUSING_SHARE
        self._plan = plan(seed, self._random)
        self._aims_at_caps = self._plan is not None and self._plan.steps[0][0] in ("caps", "reuse")
        style = self._random.random() if self._plan is None else 0.5
        self._taken_over, self._rivals = style < 0.15, style > 0.7
        self._hold_picks = LONG_PICKS if self._taken_over else SHORT_PICKS if self._rivals else ()
        self._holds_left = self._random.choice((1, 1, 4)) if self._rivals else 2
        if self._hold_picks:
            self._rate = self._random.choice((0.0, 0.0, self._rate))
            self._focus = self._random.choice(TAKEN_OVER if self._taken_over else PUBLISHING)
            self._kinds = ("hold",)
        self._requests = self._random.random() < 0.4
        self._forbids = self._random.random() < 0.1
        self._forbidding, self._ocr_rate = False, 0.0
        self._weather()
        if self._plan is not None:
            # What is aimed at comes first.
            self._rate, self._focus = self._random.choice((0.0, 0.0, self._rate)), "-"
            self._ocr_rate = self._random.choice((0.0, 0.0, 0.0, self._ocr_rate))
            if self._plan.alone:
                self._rate, self._ocr_rate, self._forbidding = 0.0, 0.0, False
        self._left = self._calls_until_next()
        self._armed: tuple[str, str] | None = None

    def script(self) -> Script:
        """All that was chosen."""
        return Script(self._seed, tuple(self._acts), tuple(self._mishaps))

    def acts(self, view: View) -> Iterator[Act]:
        if not self._aims_at_caps:
            yield from self._settings()
        if self._plan is not None:
            for name, picks in self._plan.steps:
                yield self._act(name, *picks)
        else:
            yield self._act("upload")
        if self._rivals:
            for name in (
                "wait",
                "upload",
                "submit",
                "submit",
                "wait",
                *("poll", "deliver", "deliver"),
                *("continue", "poll", "deliver", "continue"),
            ):
                yield self._act(name, *([self._random.choice(SHORT_PICKS)] if name == "wait" else []))
        for _ in range(self._random.randrange(3, 14)):
            if self._random.random() < 0.2:
                self._weather()
            held = view.held()
            if self._random.random() < (0.8 if held and self._taken_over else 0.4 if held else 0.2):
                # A lease passes and others take over, as the schedule and the queue would let them.
                yield self._act("wait", self._random.choice((2, 3, 3, 5, 5, 6)))
                for name in ("poll", "submit", "deliver", "poll")[: self._random.randrange(1, 5)]:
                    yield self._act(name)
                continue
            often = ["submit", "poll"] * 6 + ["continue"] * (10 if held else 0)
            often += ["deliver"] * (8 if view.to_deliver() else 0)
            seldom = ["upload", "upload", "repeat", "repeat", "redeliver", "index", "configure"]
            seldom += ["reconcile", "message"]
            rarely = ["forget"] if self._random.random() < 0.3 else []
            requests = [*REQUESTS] if self._requests else []
            if self._is_capped or self._aims_at_caps:
                requests += ["turn", "turn", "turn", "release", "caps"]
            if self._is_reusing and self._random.random() < 0.2:
                rarely.append("reuse")
            yield self._act(self._random.choice(often + seldom + rarely + requests))
            if self._random.random() < 0.35:
                yield self._act("wait", self._random.randrange(len(WAITS_SECONDS) - (self._random.random() < 0.9)))

    def mishap(self, act: int, nth: int, call: str, when: str) -> Mishap | None:
        chosen = self._plan.hit(call, when, self._random) if self._plan is not None else None
        chosen = chosen or self._chosen(call, when)
        if chosen is None:
            return None
        mishap = Mishap(act, nth, call, when, *chosen)
        self._mishaps.append(mishap)
        return mishap

    def _settings(self) -> Iterator[Act]:
        if self._is_capped:
            yield self._act("caps", self._setting.randrange(PICKS))
        if self._is_reusing:
            yield self._act("reuse", self._setting.choice((0, 0, 0, 3)))
        if self._is_capped and self._setting.random() < 0.4:
            yield self._act("turn", self._setting.randrange(4), self._setting.randrange(4))

    def _act(self, name: str, *first: int) -> Act:
        picks = (*first, *(self._random.randrange(PICKS) for _ in range(6 - len(first))))
        self._acts.append(Act(len(self._acts) + 1, name, picks))
        return self._acts[-1]

    def _weather(self) -> None:
        """What the OCR service does for a time, and whether the uploads may be read."""
        self._ocr_rate = self._random.choice((0.0, 0.0, 0.0, 0.1, 0.3, 0.7, 1.0))
        self._ocr_pick = self._random.randrange(PICKS) if self._random.random() < 0.5 else None
        self._forbidding = self._forbids and self._random.random() < 0.7

    def _calls_until_next(self) -> int:
        return int(self._random.expovariate(self._rate)) if self._rate else PICKS

    def _chosen(self, call: str, when: str) -> tuple[str, int] | None:
        answers = OCR_ANSWERS.get((call, when))
        if answers is not None and self._ocr_rate and self._random.random() < self._ocr_rate:
            pick = self._ocr_pick if self._ocr_pick is not None else self._random.randrange(PICKS)
            return "ocr", pick % len(answers)
        if when == "held":
            return None
        if self._forbidding and when == "before" and call.startswith("sources."):
            return "forbidden", 0
        if when == "before":
            self._left -= 1
            self._arm(call)
        if self._armed is None or self._armed[1] != when:
            return None
        kind, self._armed = self._armed[0], None
        return kind, self._random.choice(self._hold_picks or range(PICKS))

    def _arm(self, call: str) -> None:
        """Chooses whether something goes wrong at the call that begins, and when: before its effect, after it, or to
        its answer."""
        self._armed = None
        focused = call.startswith(self._focus) and self._random.random() < FOCUS_RATE
        if self._left >= 0 and not focused:
            return
        kind = self._random.choice(self._kinds)
        if kind in ("store", "lost") and call.startswith("ocr."):
            return
        self._armed = kind, "lost" if kind == "lost" else self._random.choice(("before", "before", "after"))
        if self._left < 0:
            self._left = self._calls_until_next()
        if self._hold_picks and focused:
            # The others are to get through.
            self._holds_left -= 1
            self._focus = self._focus if self._holds_left else "-"
