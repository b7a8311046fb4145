"""The faults that the service was told to have: whom they strike and how often; by count or by rate, seeded."""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local.ocr.kinds import KINDS, MEANT, Course, Kind, Parameters, TokenLife, Wait, is_number
from local.ocr.protocol import IAM, SUBMIT, Answer

log = logging.getLogger("local.ocr")

GENERAL_FIELDS = ("kind", "count", "rate", "burst", "target", "sha256")


class FaultRequestError(Exception):
    """A fault was asked for that cannot be; the message names what is allowed."""


@dataclass
class Fault:
    """A fault in force: begins at matching requests with probability `rate`, until `remaining` is 0 (None: no end).

    Each time it strikes `burst` matching requests in a row; `in_burst` of them are still to come.
    """

    name: str
    kind: Kind
    targets: tuple[str, ...]
    sha256: str | None
    rate: float
    burst: int
    remaining: int | None
    parameters: Parameters
    random: random.Random
    in_burst: int = 0

    def strikes(self, target: str, sha256: str | None) -> bool:
        """Whether it strikes this request; if so, it is used up by that much."""
        if target not in self.targets or self.sha256 not in (None, sha256):
            return False
        if self.in_burst:
            self.in_burst -= 1
            return True
        if self.remaining == 0 or self.random.random() >= self.rate:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.in_burst = self.burst - 1
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
        """Put a fault in force, after those there are. Raises FaultRequestError."""
        with self._lock:
            self._faults.append(_read_fault(request, random.Random(f"{self._seed}:{self._added}")))
            self._added += 1

    def clear(self) -> None:
        """Afterwards no fault is in force, none has struck, and the seed begins anew."""
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
        """The answer of the first fault that answers in the service's stead; None when the service answers."""
        for fault in self._strike(target, sha256, lambda kind: kind.before is not None):
            assert fault.kind.before is not None
            answer = fault.kind.before(fault.parameters, target, wait)
            if answer is not None:
                return answer
        return None

    def course(self, sha256: str) -> Course:
        """What is to become of the operation for a content just accepted."""
        course = Course()
        for fault in self._strike(SUBMIT, sha256, lambda kind: kind.operation is not None):
            assert fault.kind.operation is not None
            course = fault.kind.operation(fault.parameters, course)
        return course

    def token_life(self, seconds: float) -> TokenLife:
        """How long a token is to work that would work so many seconds."""
        life = TokenLife(seconds, seconds)
        for fault in self._strike(IAM, None, lambda kind: kind.token is not None):
            assert fault.kind.token is not None
            life = fault.kind.token(fault.parameters, life)
        return life

    def after(self, target: str, sha256: str | None, answer: Answer, wait: Wait) -> Answer:
        """The answer as the faults leave it."""
        for fault in self._strike(target, sha256, lambda kind: kind.after is not None):
            assert fault.kind.after is not None
            answer = fault.kind.after(fault.parameters, answer, wait)
        return answer

    def _strike(self, target: str, sha256: str | None, acts: Callable[[Kind], bool]) -> Iterator[Fault]:
        """One by one, so that a fault behind one that answers is not used up."""
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
    if not isinstance(request, dict):
        raise FaultRequestError("expected a JSON object with kind and count or rate")
    name = request.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise FaultRequestError(f"kind is not known, allowed: {', '.join(KINDS)}")
    kind = KINDS[name]
    unknown = sorted(set(map(str, request)) - set(GENERAL_FIELDS) - set(kind.parameters))
    if unknown:
        allowed = ", ".join((*GENERAL_FIELDS, *kind.parameters))
        raise FaultRequestError(f"kind {name} has no field {', '.join(unknown)}, allowed: {allowed}")
    count, rate, burst = request.get("count"), request.get("rate"), request.get("burst", 1)
    if count is None and rate is None:
        raise FaultRequestError("count or rate is needed")
    if count is not None and not _is_whole(count):
        raise FaultRequestError("count must be a whole number from 1")
    if rate is not None and not (is_number(rate) and 0 < rate <= 1):
        raise FaultRequestError("rate must be a number over 0 and at most 1")
    if not _is_whole(burst):
        raise FaultRequestError("burst must be a whole number from 1")
    target = request.get("target", kind.targets[0])
    if target not in kind.targets:
        raise FaultRequestError(f"target of {name} is not known, allowed: {', '.join(kind.targets)}")
    sha256 = request.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and len(sha256) == 64):
        raise FaultRequestError("sha256 must be the 64 hex digits of a content's SHA-256")
    parameters = {key: request.get(key, parameter.default) for key, parameter in kind.parameters.items()}
    for key, parameter in kind.parameters.items():
        if not parameter.check(parameters[key]):
            raise FaultRequestError(f"{key} of {name} must be {parameter.allowed}")
    return Fault(name, kind, MEANT[target], sha256, 1.0 if rate is None else rate, burst, count, parameters, rng)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
