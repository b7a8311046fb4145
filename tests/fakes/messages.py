"""The topic, the uploads queue and the functions, in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import schemas
from fakes.faults import Fake, Faults, effect
from textdrop.core.documents import Resume
from textdrop.core.events import parse


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
            schemas.checked(carried, "textdrop.notice/1")
        self.published.append(Notice(carried, sent))


def _carried(text: str) -> str:
    # A topic carries the characters of XML 1.0.
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)


class FakeResumeQueue(Fake):
    """`sent` are the messages in the queue, in order; `on_send`, if given, is called with each."""

    port = "resumes"

    def __init__(self, faults: Faults | None = None, on_send: Callable[[Resume], None] | None = None) -> None:
        super().__init__(faults)
        self.sent: list[Resume] = []
        self._on_send = on_send

    @effect
    def send(self, bodies: Sequence[str]) -> None:
        for resume in (asked for body in bodies for asked in parse(body) if isinstance(asked, Resume)):
            self.sent.append(resume)
            if self._on_send is not None:
                self._on_send(resume)


class FakeFunction(Fake):
    """`invoked` counts the invocations; `asked` are the documents that were handed over and not taken up yet, in order;
    `on_invoke`, if given, is called for each."""

    used_as = ("poller", "render_function", "successor")

    def __init__(self, port: str, faults: Faults | None = None, on_invoke: Callable[[], None] | None = None) -> None:
        super().__init__(faults)
        self.port = port
        self.invoked = 0
        self.asked: list[Resume] = []
        self._on_invoke = on_invoke

    @effect
    def invoke(self, resume: Resume | None = None) -> None:
        self.invoked += 1
        if resume is not None:
            self.asked.append(resume)
        if self._on_invoke is not None:
            self._on_invoke()
