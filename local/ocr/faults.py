"""Faults that the service can be told to have, each kind one row of KINDS; by count or by rate, seeded.

A kind acts at one of three places: `before` the service acts on a sound request (it may wait, or answer instead), on
the `operation` that a submit creates, or on the answer of a request that succeeded, `after` it was made.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local.ocr.protocol import (
    HTTP_OF_GRPC,
    INTERNAL,
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    RESULT,
    STATUS,
    SUBMIT,
    TARGETS,
    UNAVAILABLE,
    Answer,
    error_answer,
    proxy_answer,
)

ANY = "any"
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Course:
    """How the recognition of an operation goes: so many seconds longer, and, if an error is set, ending in it."""

    extra_seconds: float = 0.0
    error: Mapping[str, Any] | None = None


Before = Callable[[Parameters, str, Callable[[float], None]], Answer | None]
OnOperation = Callable[[Parameters, Course], Course]
After = Callable[[Parameters, Answer], Answer]


class FaultRequestError(Exception):
    """A fault was asked for that cannot be; the message names what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kind: its default, what is allowed in words, and the check."""

    default: object
    allowed: str
    check: Callable[[Any], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the requests it can meet (the first is the default) and its effect, one of the three."""

    says: str
    targets: tuple[str, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    before: Before | None = None
    operation: OnOperation | None = None
    after: After | None = None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(default: float | None) -> Parameter:
    optional = default is None
    return Parameter(
        default,
        "a number of seconds from 0 to 3600" + (", or null" if optional else ""),
        lambda value: (optional and value is None) or (_is_number(value) and 0 <= value <= 3600),
    )


def _one_of(default: object, *allowed: object) -> Parameter:
    names = ", ".join(map(str, allowed))
    return Parameter(default, f"one of {names}", lambda value: _is_number(value) and value in allowed)


def _grpc_code(default: int) -> Parameter:
    return _one_of(default, *HTTP_OF_GRPC)


def _text(default: str) -> Parameter:
    allowed = "a text of at most 256 characters"
    return Parameter(default, allowed, lambda value: isinstance(value, str) and len(value) <= 256)


_FLAG = Parameter(True, "true or false", lambda value: isinstance(value, bool))


def _slow(parameters: Parameters, _target: str, wait: Callable[[float], None]) -> None:
    wait(parameters["seconds"])


def _throttle(parameters: Parameters, target: str, _wait: Callable[[float], None]) -> Answer:
    after = parameters["retry_after"]
    headers = {} if after is None else {"Retry-After": f"{after:g}"}
    return error_answer(target, RESOURCE_EXHAUSTED, "rate quota limit exceed", headers=headers)


def _fail(parameters: Parameters, target: str, _wait: Callable[[float], None]) -> Answer:
    status = parameters["status"]
    if not parameters["body"]:
        return proxy_answer(status)
    answer = error_answer(target, {500: INTERNAL, 502: UNAVAILABLE, 503: UNAVAILABLE}[status], "service failure")
    return replace(answer, status=status)


def _reject(parameters: Parameters, target: str, _wait: Callable[[float], None]) -> Answer:
    return error_answer(target, INVALID_ARGUMENT, parameters["message"])


def _cut(_parameters: Parameters, answer: Answer) -> Answer:
    return replace(answer, cut=True)


def _slow_recognition(parameters: Parameters, course: Course) -> Course:
    return replace(course, extra_seconds=course.extra_seconds + parameters["seconds"])


def _fail_operation(parameters: Parameters, course: Course) -> Course:
    return replace(course, error={"code": parameters["code"], "message": parameters["message"], "details": []})


KINDS: dict[str, Kind] = {
    "slow": Kind("the answer comes late", (ANY, *TARGETS), {"seconds": _seconds(2.0)}, before=_slow),
    "slow_recognition": Kind(
        "the recognition takes longer", (SUBMIT,), {"seconds": _seconds(30.0)}, operation=_slow_recognition
    ),
    "429": Kind("throttled", (SUBMIT, STATUS, RESULT, ANY), {"retry_after": _seconds(None)}, before=_throttle),
    "5xx": Kind(
        "the service fails, with its own error body or with a proxy's page",
        (SUBMIT, STATUS, RESULT, ANY),
        {"status": _one_of(503, 500, 502, 503), "body": _FLAG},
        before=_fail,
    ),
    "lost_answer": Kind("accepted, and the connection is cut without an answer", (SUBMIT,), after=_cut),
    "failing_operation": Kind(
        "accepted, and the recognition ends in an error",
        (SUBMIT,),
        {"code": _grpc_code(INTERNAL), "message": _text("recognition failed")},
        operation=_fail_operation,
    ),
    "reject": Kind("refused at submit as bad input", (SUBMIT,), {"message": _text("invalid image")}, before=_reject),
}

GENERAL_FIELDS = ("kind", "count", "rate", "target", "sha256")


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

    def matches(self, target: str, sha256: str | None) -> bool:
        return self.target in (ANY, target) and self.sha256 in (None, sha256) and self.remaining != 0


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

    def struck(self) -> dict[str, int]:
        """How often each kind has struck since the last clear."""
        with self._lock:
            return dict(self._struck)

    def before(self, target: str, sha256: str | None, wait: Callable[[float], None]) -> Answer | None:
        """The answer of the first fault that answers in the service's stead; None when the service answers."""
        for fault in self._strike(target, sha256, lambda kind: kind.before is not None):
            assert fault.kind.before is not None
            answer = fault.kind.before(fault.parameters, target, wait)
            if answer is not None:
                return answer
        return None

    def course(self, sha256: str) -> Course:
        """How the recognition of a content just accepted is to go."""
        course = Course()
        for fault in self._strike(SUBMIT, sha256, lambda kind: kind.operation is not None):
            assert fault.kind.operation is not None
            course = fault.kind.operation(fault.parameters, course)
        return course

    def after(self, target: str, sha256: str | None, answer: Answer) -> Answer:
        """The answer as the faults leave it."""
        for fault in self._strike(target, sha256, lambda kind: kind.after is not None):
            assert fault.kind.after is not None
            answer = fault.kind.after(fault.parameters, answer)
        return answer

    def _strike(self, target: str, sha256: str | None, acts: Callable[[Kind], bool]) -> Iterator[Fault]:
        """One by one, so that a fault behind one that answers is not used up."""
        with self._lock:
            faults = list(self._faults)
        for fault in faults:
            if not acts(fault.kind):
                continue
            with self._lock:
                strikes = fault.matches(target, sha256) and fault.random.random() < fault.rate
                if strikes:
                    self._struck[fault.name] += 1
                    if fault.remaining is not None:
                        fault.remaining -= 1
            if strikes:
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
    count, rate = request.get("count"), request.get("rate")
    if count is None and rate is None:
        raise FaultRequestError("count or rate is needed")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise FaultRequestError("count must be a whole number from 1")
    if rate is not None and not (_is_number(rate) and 0 < rate <= 1):
        raise FaultRequestError("rate must be a number over 0 and at most 1")
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
    return Fault(name, kind, target, sha256, 1.0 if rate is None else rate, count, parameters, rng)
