"""The faults that the service was told to have: which requests they strike and how often, by count or by seeded
rate."""

import logging
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local.ocr.kinds import KINDS, Course, Kind, Parameters, Value, Wait, is_number, is_whole
from local.ocr.protocol import IAM, SUBMIT, Answer

log = logging.getLogger("local.ocr")

_SHA256 = re.compile("[0-9a-f]{64}")
GENERAL_FIELDS = {
    "count": Value("a whole number from 1", lambda value: is_whole(value) and value != 0),
    "rate": Value("a number from 0 to 1", lambda value: is_number(value, 1), 1),
    "sha256": Value("64 hexadecimal digits in small letters", lambda value: _SHA256.fullmatch(str(value)) is not None),
}
"""Fields of a request for a fault, besides `kind`, `target` and its kind's parameters. A fault strikes that many times
(`count`), with a probability (`rate`), or both. It strikes requests of its `target`, and only those for one content if
that is given by its SHA-256."""


class FaultRequestError(Exception):
    """A fault was asked for that is not possible; the message names what is allowed."""


@dataclass
class Fault:
    """A fault in force: strikes matching requests with probability `rate`, until `remaining` is 0 (None: no end)."""

    name: str
    kind: Kind
    target: str
    sha256: str | None
    rate: float
    remaining: int | None
    parameters: Parameters
    random: random.Random

    def strikes(self, target: str, sha256: str | None) -> bool:
        """Whether it strikes this request; if so, that is counted."""
        if target != self.target or self.sha256 not in (None, sha256):
            return False
        if self.remaining == 0 or self.random.random() >= self.rate:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True


class Faults:
    """The faults in force, and how often each kind has struck. Safe to call from many threads."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._struck: Counter[str] = Counter()
        self._added = 0

    def add(self, request: object) -> None:
        """Put a fault in force, after the existing ones. Raises FaultRequestError."""
        with self._lock:
            self._faults.append(_read_fault(request, random.Random(f"{self._seed}:{self._added}")))
            self._added += 1

    def clear(self) -> None:
        """Afterwards no fault is in force, none has struck, and the seed starts again."""
        with self._lock:
            self._faults.clear()
            self._struck.clear()
            self._added = 0

    def calm(self) -> None:
        """Afterwards only the faults that are for one content are in force; what has struck stays counted."""
        with self._lock:
            self._faults = [fault for fault in self._faults if fault.sha256 is not None]

    def struck(self) -> dict[str, int]:
        """How often each kind has struck since the last clear."""
        with self._lock:
            return dict(self._struck)

    def before(self, target: str, sha256: str | None, wait: Wait) -> Answer | None:
        """The answer of the first fault that answers instead of the service; None if the service answers."""
        for fault in self._strike(target, sha256, lambda kind: kind.before is not None):
            assert fault.kind.before is not None
            answer = fault.kind.before(fault.parameters, target, wait)
            if answer is not None:
                return answer
        return None

    def course(self, sha256: str) -> Course:
        """What will become of the operation for a content that was just accepted."""
        course = Course()
        for fault in self._strike(SUBMIT, sha256, lambda kind: kind.operation is not None):
            assert fault.kind.operation is not None
            course = fault.kind.operation(fault.parameters, course)
        return course

    def kill_token(self) -> bool:
        """Whether a token that was just asked for will never work."""
        return any([*self._strike(IAM, None, lambda kind: kind.token)])

    def after(self, target: str, sha256: str | None, answer: Answer, wait: Wait) -> Answer:
        """The answer after the faults have changed it."""
        for fault in self._strike(target, sha256, lambda kind: kind.after is not None):
            assert fault.kind.after is not None
            answer = fault.kind.after(fault.parameters, answer, wait)
        return answer

    def _strike(self, target: str, sha256: str | None, acts: Callable[[Kind], bool]) -> Iterator[Fault]:
        """One by one, so that a fault after one that answers is not used up."""
        with self._lock:
            faults = list(self._faults)
        for fault in faults:
            if not acts(fault.kind):
                continue
            with self._lock:
                strikes = fault.strikes(target, sha256)
                if strikes:
                    self._struck[fault.name] += 1
            if strikes:
                log.info("fault met kind=%s target=%s", fault.name, target)
                yield fault


def _read_fault(request: object, rng: random.Random) -> Fault:
    asked = request if isinstance(request, dict) else {}
    name = str(asked.get("kind"))
    if name not in KINDS:
        raise FaultRequestError(f"expected a JSON object with a kind, one of: {', '.join(KINDS)}")
    kind = KINDS[name]
    values = {
        **GENERAL_FIELDS,
        "target": Value(f"one of: {', '.join(kind.targets)}", lambda value: value in kind.targets, kind.targets[0]),
        **kind.parameters,
    }
    if not asked.keys() <= {"kind", *values}:
        raise FaultRequestError(f"kind {name} has no such field, allowed: kind, {', '.join(values)}")
    if "count" not in asked and "rate" not in asked:
        raise FaultRequestError("count or rate is needed")
    for field, value in values.items():
        if field in asked and not value.allows(asked[field]):
            raise FaultRequestError(f"{field} of {name} must be {value.allowed}")
    given = {field: asked.get(field, value.default) for field, value in values.items()}
    parameters = {field: given[field] for field in kind.parameters}
    return Fault(name, kind, given["target"], given["sha256"], given["rate"], given["count"], parameters, rng)
