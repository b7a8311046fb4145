"""What must become of a document that meets a fault: for each kind and request, met once and met always.

Derived from the state table of the design and the error tree of `core.errors`, not from runs. A `way` is a regular
expression over the ids of the rules of the page's transitions, each followed by a blank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from local.ocr.protocol import IAM, RESULT, STATUS, SUBMIT
from textdrop.core.documents import Outcome
from textdrop.core.errors import Reason

MANY = 20
DAY_SECONDS = 86_400.0
DEADLINE_SECONDS = 3610.0
"""Of a document of one page: an hour, and ten seconds a page."""
LATE_SECONDS = 400.0
"""By how much an end may come after what brings it: backoff, schedule and hand-out."""
SOON = (0.0, LATE_SECONDS)
AT_DEADLINE = (DEADLINE_SECONDS, DEADLINE_SECONDS + 2 * LATE_SECONDS)
SELDOM_SECONDS = 6 * 3600.0
"""Between polls, of a document that waits for days."""
FORGOTTEN = (3 * DAY_SECONDS, 3 * DAY_SECONDS + SELDOM_SECONDS + LATE_SECONDS)
PATIENCE_SECONDS = 30.0
"""What the client waits for an answer to a submit. The client of a hanging case has none of it, in real time."""


@dataclass(frozen=True)
class Ending:
    """How a document ends: `accepted` submits that the service took (and billed), `asks` for result and status (None:
    over MANY), whether submitting was `paused` for all, and after how many seconds, from and to."""

    outcome: Outcome
    reason: Reason | None
    way: str
    accepted: int
    asks: int | None
    paused: bool = False
    seconds: tuple[float, float] = SOON


@dataclass(frozen=True)
class Case:
    """A fault of one kind on one request. `beside` is another that the document meets always, for there to be a scene.

    `everything`: met always, it hits the neighbour too, as it is a trouble of the service or the way to it. `lasts`: a
    trouble that delays for as long as it lasts is met so many times instead of always. `text`: what a success reads.
    `hangs`: it outlasts the client's patience.
    """

    kind: str
    target: str
    once: Ending
    always: Ending
    fields: Mapping[str, object] = field(default_factory=dict)
    everything: bool = False
    lasts: int | None = None
    text: str = "whole"
    beside: Mapping[str, object] = field(default_factory=dict)
    hangs: bool = False

    @property
    def name(self) -> str:
        """The kind with its parameters."""
        return " ".join([self.kind, *self.parameters])

    @property
    def parameters(self) -> list[str]:
        """Its parameters but for the defaults, as text."""
        return [f"{name}={_json(value)}" for name, value in self.fields.items()]


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _failed(reason: Reason, way: str, accepted: int, asks: int | None = 0, **more: object) -> Ending:
    return replace(Ending(Outcome.FAILED, reason, way, accepted, asks), **more)  # type: ignore[arg-type]


TAKEN = "intent accepted recognised "
GOOD = Ending(Outcome.SUCCEEDED, None, TAKEN, accepted=1, asks=1)

# At submit.
NOT_TAKEN = replace(GOOD, way=f"intent not_taken {TAKEN}")
PROBED = replace(NOT_TAKEN, paused=True)
LOST = replace(GOOD, way=f"intent answer_lost {TAKEN}")
LOST_AND_PAID = replace(LOST, accepted=2)
UNCONFIRMED = _failed(Reason.SUBMIT_UNCONFIRMED, "(intent answer_lost ){3}unconfirmed ", 0, paused=True)
UNCONFIRMED_AND_PAID = replace(UNCONFIRMED, accepted=3)
REJECTED = _failed(Reason.REJECTED_BY_OCR, "intent rejected ", 0)
UNAVAILABLE = _failed(Reason.OCR_UNAVAILABLE, "(intent not_taken )+unavailable_too_long ", 0, seconds=AT_DEADLINE)
OUT_OF_REACH = replace(UNAVAILABLE, paused=True)
PROBES = 70
"""A probe a minute: longer than the deadline, which they run none of."""
PAUSED = replace(PROBED, way=f"(intent not_taken )+{TAKEN}", seconds=(60.0 * PROBES, 60.0 * PROBES + 600.0))
TOKENS = 15
PAUSED_SHORTLY = replace(PAUSED, seconds=(60.0 * TOKENS, 60.0 * TOKENS + 200.0))
THROTTLES = 500
"""At first one a second, then as many as the lowered rate allows."""
THROTTLED = replace(NOT_TAKEN, way=f"(intent not_taken )+{TAKEN}", seconds=(THROTTLES / 2, 2.0 * THROTTLES))
RETRY_AFTER_SECONDS = 120.0
THROTTLES_WITH_RETRY_AFTER = 40
THROTTLED_RETRY_AFTER = replace(
    THROTTLED,
    seconds=(
        RETRY_AFTER_SECONDS * THROTTLES_WITH_RETRY_AFTER,
        RETRY_AFTER_SECONDS * THROTTLES_WITH_RETRY_AFTER + LATE_SECONDS,
    ),
)

# At what the submit began.
LONG = replace(GOOD, asks=None)
FAILED_THERE = _failed(Reason.FAILED_IN_OCR, "intent accepted failed_in_service ", 1, 2)
TOLD_BY_STATUS = replace(FAILED_THERE, asks=None)
NEVER_DONE = _failed(Reason.DEADLINE_EXCEEDED, "intent accepted deadline_exceeded ", 1, None, seconds=AT_DEADLINE)

# At an ask.
ASKED_AGAIN = replace(GOOD, asks=2)
ASKED_STATUS_AND_AGAIN = replace(GOOD, asks=3)
EXPIRED = _failed(Reason.RESULT_EXPIRED, "intent accepted ask_failed_expired ", 1, None, seconds=FORGOTTEN)
FORGOTTEN_THERE = replace(EXPIRED, way="intent accepted expired ")
"""The fault is one of results: once there is none any more, the service says so."""
TOO_LARGE = _failed(Reason.INTERNAL, "intent accepted unreadable ", 1, 1)


def _submits() -> Iterator[Case]:
    """A trouble of the service or the way to it hits everything; what becomes of an operation, one page."""

    def service(kind: str, once: Ending, always: Ending, lasts: int | None = None, **fields: object) -> Case:
        return Case(kind, SUBMIT, once, always, fields, everything=True, lasts=lasts)

    def page(kind: str, ending: Ending, **fields: object) -> Case:
        return Case(kind, SUBMIT, ending, ending, fields)

    # Served in the end, and billed; where the client's patience is over before, it is not told so. (The neighbour of
    # one page that hangs is accepted, so three in a row, which pause, do not come together.)
    yield service("slow", GOOD, GOOD)
    yield service("slow_answer", GOOD, GOOD)
    for kind in ("slow", "slow_answer"):
        hanging = page(kind, LOST_AND_PAID, seconds=60)
        yield replace(hanging, always=replace(UNCONFIRMED_AND_PAID, paused=False), hangs=True)
    # The answer to an accepted submit is lost, or does not tell the id: it is paid, and sent again.
    yield service("lost_answer", LOST_AND_PAID, UNCONFIRMED_AND_PAID)
    for kind in ("cut_body", "truncated_body", "empty_body", "html_body", "wrong_types", "large_body"):
        yield service(kind, LOST_AND_PAID, UNCONFIRMED_AND_PAID)
    # Nothing tells a request that was lost from an answer that was.
    yield service("lost_request", LOST, UNCONFIRMED)
    yield service("499", LOST, UNCONFIRMED)
    yield service("499", LOST, UNCONFIRMED, body=False)
    for status in (502, 504):
        yield service("5xx", LOST, UNCONFIRMED, status=status)
    for status in (500, 502, 503, 504):
        yield service("5xx", LOST, UNCONFIRMED, status=status, body=False)
    # The service itself says that it did not take the page, or nothing of the service is at that address.
    for status in (500, 503):
        yield service("5xx", NOT_TAKEN, UNAVAILABLE, status=status)
    yield service("404", NOT_TAKEN, UNAVAILABLE, body=False)
    for kind in ("401", "403"):
        yield service(kind, PROBED, PAUSED, PROBES)
        yield service(kind, PROBED, PAUSED, PROBES, body=False)
    yield service("429", NOT_TAKEN, THROTTLED, THROTTLES)
    yield service("429", NOT_TAKEN, THROTTLED_RETRY_AFTER, THROTTLES_WITH_RETRY_AFTER, retry_after=RETRY_AFTER_SECONDS)
    # Refused is refused, and never tried again.
    yield page("404", REJECTED)
    yield page("413", REJECTED)
    yield page("413", REJECTED, body=True)
    for code in (3, 9, 11):
        yield page("reject", REJECTED, code=code)
    yield page("slow_recognition", replace(LONG, seconds=(600.0, 700.0)), seconds=600)
    yield page("late_result", replace(LONG, asks=5), seconds=2)
    yield page("late_result", replace(LONG, seconds=(600.0, 700.0)), seconds=600)
    yield page("never_done", NEVER_DONE)
    # Nobody says of a 404 whether the result is not there yet or not there any more.
    yield page("expired_result", NEVER_DONE)
    yield page("expired_result", NEVER_DONE, operation=False)
    for code in (2, 3, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16):
        yield page("failing_operation", FAILED_THERE, code=code)
    # Its result is refused as one that is not ready, as an answer that was lost, as over a quota: once it is overdue,
    # the status tells.
    yield page("failing_operation", TOLD_BY_STATUS, in_result=False)
    yield page("failing_operation", TOLD_BY_STATUS, code=5)
    for code in (1, 4, 8):
        yield page("failing_operation", TOLD_BY_STATUS, code=code)
    yield page("error_before_done", FAILED_THERE)
    yield page("done_with_response", GOOD)
    for kind in ("zero_error", "nanosecond_times", "chunked", "content_type", "unknown_fields"):
        yield page(kind, GOOD)
    for kind in ("null_fields", "missing_fields", "pretty_printed"):
        yield page(kind, GOOD)


def _results() -> Iterator[Case]:
    def of(kind: str, once: Ending, always: Ending, **fields: object) -> Case:
        return Case(kind, RESULT, once, always, fields)

    yield of("slow", GOOD, GOOD)
    yield of("slow_answer", GOOD, GOOD)
    # An ask without an answer says nothing of the page: no deadline runs, but the service forgets (decision 0003).
    for kind in ("lost_request", "499"):
        yield of(kind, ASKED_AGAIN, EXPIRED)
    for kind in ("lost_answer", "cut_body"):
        yield of(kind, ASKED_AGAIN, FORGOTTEN_THERE)
    for kind in ("slow", "slow_answer"):
        yield replace(of(kind, ASKED_AGAIN, replace(ASKED_AGAIN, asks=4), seconds=60), hangs=True, lasts=3)
    for status in (502, 504):
        yield of("5xx", ASKED_AGAIN, EXPIRED, status=status)
    yield of("5xx", ASKED_AGAIN, EXPIRED, body=False)
    # A refusal or a breakdown is an answer: the status may say more.
    for status in (500, 503):
        yield of("5xx", ASKED_STATUS_AND_AGAIN, EXPIRED, status=status)
    yield of("error_in_stream", ASKED_STATUS_AND_AGAIN, FORGOTTEN_THERE)
    # The key is refused for everything, a 403 or 404 is about this operation (decision 0003).
    yield of("401", ASKED_STATUS_AND_AGAIN, EXPIRED)
    yield of("403", ASKED_STATUS_AND_AGAIN, NEVER_DONE)
    for body in (True, False):
        yield of("404", ASKED_AGAIN, NEVER_DONE, body=body)
    yield of("429", ASKED_AGAIN, EXPIRED)
    yield of("429", ASKED_AGAIN, EXPIRED, retry_after=30)
    # An answer that is no result, whole or readable: until the deadline it may become one.
    for kind in ("truncated_body", "empty_body", "html_body", "wrong_types", "missing_page"):
        yield of(kind, ASKED_AGAIN, NEVER_DONE)
    yield of("large_body", TOO_LARGE, TOO_LARGE)
    for kind in ("chunked", "content_type", "unknown_fields", "null_fields", "missing_fields", "pretty_printed"):
        yield of(kind, GOOD, GOOD)
    for kind in ("no_full_text", "no_blocks", "bare", "snake_case", "blank_lines", "no_last_newline"):
        yield of(kind, GOOD, GOOD)
    for kind in ("concatenated", "pages_out_of_order"):
        yield of(kind, GOOD, GOOD)
    for kind in ("blank_page", "page_alone"):
        yield replace(of(kind, GOOD, GOOD), text="blank")
    yield replace(of("not_utf8", GOOD, GOOD), text="replaced")


def _statuses() -> Iterator[Case]:
    """Of a recognition that failed, which the status alone tells: else the status decides nothing."""

    def of(kind: str, always: Ending, **fields: object) -> Case:
        return Case(
            kind, STATUS, TOLD_BY_STATUS, always, fields, beside={"kind": "failing_operation", "in_result": False}
        )

    for kind in ("lost_request", "lost_answer", "401", "403", "404", "429", "499", "5xx"):
        yield of(kind, NEVER_DONE)
    for kind in ("cut_body", "truncated_body", "empty_body", "html_body", "wrong_types"):
        yield of(kind, NEVER_DONE)
    yield of("large_body", NEVER_DONE, bytes=200_000)
    for kind in ("slow", "slow_answer", "zero_error", "nanosecond_times", "chunked", "content_type", "unknown_fields"):
        yield of(kind, TOLD_BY_STATUS)
    for kind in ("null_fields", "missing_fields", "pretty_printed"):
        yield of(kind, TOLD_BY_STATUS)


def _tokens() -> Iterator[Case]:
    """With an authorized key: nothing of the page is sent without a token."""

    def of(kind: str, once: Ending, always: Ending, lasts: int | None = None, **fields: object) -> Case:
        return Case(kind, IAM, once, always, fields, everything=True, lasts=lasts)

    yield of("slow", GOOD, GOOD)
    yield of("slow_answer", GOOD, GOOD)
    for kind in ("lost_request", "lost_answer", "499", "5xx", "cut_body", "truncated_body", "empty_body", "html_body"):
        yield of(kind, NOT_TAKEN, OUT_OF_REACH)
    yield of("wrong_types", NOT_TAKEN, OUT_OF_REACH)
    yield of("large_body", NOT_TAKEN, OUT_OF_REACH, bytes=200_000)
    yield of("404", NOT_TAKEN, OUT_OF_REACH, body=False)
    for kind in ("401", "403", "404"):
        yield of(kind, PROBED, PAUSED_SHORTLY, TOKENS)
    yield of("429", NOT_TAKEN, THROTTLED, THROTTLES)
    for kind in ("chunked", "content_type", "unknown_fields", "null_fields", "missing_fields", "pretty_printed"):
        yield of(kind, GOOD, GOOD)
    # A token that is refused is renewed and the request repeated, once, in the same exchange.
    yield of("short_token", GOOD, PAUSED_SHORTLY, 2 * TOKENS)


CASES = tuple(chain(_submits(), _results(), _statuses(), _tokens()))
