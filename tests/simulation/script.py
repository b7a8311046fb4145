"""What happens in a history, as data: the acts in their order, and what goes wrong at which call of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from textdrop.core import errors
from textdrop.core.errors import Trace

SKEW_SECONDS = 0.25
WAITS_SECONDS = (0.05, 1.0, 7.0, 25.0, 130.0, 320.0, 1300.0, 7200.0)


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `picks` are numbers that the act takes its choices from, by their remainder: so they always fit."""

    number: int
    name: str
    picks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong before or after the effect of one call: the `nth` of the invocation that act `act` began.

    `when` "lost": the effect happens, its answer is lost, and the library repeats the call; "held": its worker goes on
    that was held before the effect. `pick` is as an act's.
    """

    act: int
    nth: int
    call: str
    when: str
    kind: str
    pick: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A history that can be played again: the seed chooses the stack it happens in."""

    seed: int
    acts: tuple[Act, ...]
    mishaps: tuple[Mishap, ...]


class View(Protocol):
    """What the next act may depend on."""

    def held(self) -> int:
        """How many workers are held and could go on."""

    def to_deliver(self) -> int:
        """How many messages wait for deliver."""


class Author(Protocol):
    """Who decides what happens."""

    def acts(self, view: View) -> Iterator[Act]:
        """The acts, one after another."""

    def mishap(self, act: int, nth: int, call: str, when: str) -> Mishap | None:
        """What goes wrong there, if anything."""


class Replay:
    """What happened before happens again. A mishap whose call has become another is left out."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._mishaps = {(mishap.act, mishap.nth, mishap.call, mishap.when): mishap for mishap in script.mishaps}

    def acts(self, view: View) -> Iterator[Act]:
        return iter(self._script.acts)

    def mishap(self, act: int, nth: int, call: str, when: str) -> Mishap | None:
        return self._mishaps.get((act, nth, call, when))


NOT_ACCEPTED: tuple[Callable[[], Exception], ...] = (
    lambda: errors.OcrUnreachable("no connection"),
    lambda: errors.OcrUnavailable("503", Trace(status=503, code=14)),
    lambda: errors.OcrThrottled("429", Trace(status=429, code=8)),
    lambda: errors.OcrThrottled("429 with Retry-After", Trace(status=429, code=8), 20.0),
    lambda: errors.OcrCredentialsRefused("401", Trace(status=401, code=16)),
    lambda: errors.OcrCredentialsRefused("403", Trace(status=403, code=7)),
    lambda: errors.OcrCredentialsMissing("no key"),
    lambda: errors.OcrSecretUnreadable("no secret"),
    lambda: errors.OcrRejected("400", Trace(status=400, code=3)),
    lambda: errors.OcrAnswerLost("timeout"),
    lambda: errors.OcrAnswerMalformed("a proxy's page"),
)
PERHAPS_ACCEPTED: tuple[Callable[[], Exception], ...] = (
    lambda: errors.OcrAnswerLost("reset"),
    lambda: errors.OcrAnswerMalformed("cut"),
    lambda: errors.OcrAnswerTooLarge("an answer of 20 MB"),
)
UNASKED: tuple[Callable[[], Exception], ...] = (
    *NOT_ACCEPTED,
    lambda: errors.OcrAnswerLost("504 in its own words", Trace(status=504, code=4)),
    lambda: errors.OcrOperationUnknown("404", Trace(status=404, code=5)),
    lambda: errors.OcrAnswerTooLarge("a result of 20 MB"),
)
OCR_ANSWERS = {
    ("ocr.submit", "before"): NOT_ACCEPTED,
    ("ocr.submit", "held"): NOT_ACCEPTED,
    ("ocr.submit", "after"): PERHAPS_ACCEPTED,
    ("ocr.result", "before"): UNASKED,
    ("ocr.result", "held"): UNASKED,
    ("ocr.status", "before"): UNASKED,
    ("ocr.status", "held"): UNASKED,
}
"""Every answer of the service but a good one, by where it is met: before an effect, in its place when its worker
had been held there, or after it: the service did what was asked."""
