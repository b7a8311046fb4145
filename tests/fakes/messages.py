"""The topic, the uploads queue and the functions, in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import schemas
from fakes.faults import Fake, Faults, effect
from textdrop.ports import Clock


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that the topic accepted."""

    body: str
    attributes: Mapping[str, str]


class FakeNotices(Fake):
    """`published` are the notices that the topic accepted, in order.

    A body that tells of a document is held against the published schema; the topic itself takes any.
    """

    port = "notices"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.published: list[Notice] = []

    @effect
    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        sent = {name: _carried(value) for name, value in attributes.items() if value}
        carried = _carried(body)
        if "document" in json.loads(carried):
            schemas.checked(carried, "textdrop.notice/1", "textdrop.held/1")
        self.published.append(Notice(carried, sent))


def _carried(text: str) -> str:
    # A topic carries the characters of XML 1.0.
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)


class FakeQueue(Fake):
    """`sent` are the messages that it took, in order; `on_send`, if given, is called with each.

    Each message is a call of its own: after a failure some of them are in the queue.
    """

    used_as = ("queue", "resumes", "deliveries", "deliveries_alone")

    def __init__(self, port: str, faults: Faults | None = None, on_send: Callable[[str], None] | None = None) -> None:
        super().__init__(faults)
        self.port = port
        self.sent: list[str] = []
        self.on_send = on_send

    def send(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            self.send_one(body)

    @effect
    def send_one(self, body: str) -> None:
        """One of the messages is in the queue."""
        self.sent.append(body)
        if self.on_send is not None:
            self.on_send(body)


class FakeReceivedMessages(Fake):
    """`hidden_until` says by its receipt when a message that was hidden comes again."""

    port = "received"

    def __init__(self, clock: Clock, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.hidden_until: dict[str, float] = {}
        self._clock = clock

    @effect
    def hide(self, receipt: str, seconds: float) -> None:
        self.hidden_until[receipt] = self._clock.now() + seconds


class FakeFunction(Fake):
    """`invoked` counts the invocations; `on_invoke`, if given, is called for each."""

    used_as = ("poller", "successor")

    def __init__(self, port: str, faults: Faults | None = None, on_invoke: Callable[[], None] | None = None) -> None:
        super().__init__(faults)
        self.port = port
        self.invoked = 0
        self._on_invoke = on_invoke

    @effect
    def invoke(self) -> None:
        self.invoked += 1
        if self._on_invoke is not None:
            self._on_invoke()
