"""Which documents go to deliver together.

Each message is one invocation, which works on all documents that it names. There are two queues, so that quick
documents need not wait for those that take long or kill their worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textdrop.core.documents import Document, Resume
from textdrop.core.policy import Policy

MAX_TOGETHER = 20
"""Documents in a message: deliver works on so many at once."""

MAX_BYTES_TOGETHER = 10_000_000
"""Bytes of stored results in a message, counting each document's largest. They take many times as much memory when they
are read, so a document with more has a message of its own."""

GROUP_SECONDS = 0.25
"""How long documents are collected after others were sent: four messages a second, of about 0.4 s of work each, keep
two functions busy."""


@dataclass(frozen=True, slots=True)
class Messages:
    """The documents of each message. `together` go to one queue; those in `alone` have a message each, in the other."""

    together: tuple[tuple[Resume, ...], ...]
    alone: tuple[tuple[Resume, ...], ...]


def messages(documents: Sequence[Document], policy: Policy) -> Messages:
    """The messages for documents that are to be delivered."""
    alone: list[Document] = []
    groups: list[list[Document]] = [[]]
    together_bytes = 0
    for document in documents:
        if goes_alone(document, policy):
            alone.append(document)
            continue
        result_bytes = document.pages * document.result_bytes
        if len(groups[-1]) == MAX_TOGETHER or together_bytes + result_bytes > MAX_BYTES_TOGETHER:
            groups.append([])
            together_bytes = 0
        groups[-1].append(document)
        together_bytes += result_bytes
    return Messages(tuple(map(_resumes, filter(None, groups))), tuple(_resumes([document]) for document in alone))


def _resumes(documents: Sequence[Document]) -> tuple[Resume, ...]:
    return tuple(Resume(document.id, document.rev) for document in documents)


def goes_alone(document: Document, policy: Policy) -> bool:
    """Whether the document must not share its invocation with others: it takes long, or its last worker died."""
    return document.attempts > 0 or takes_long(document, policy)


def takes_long(document: Document, policy: Policy) -> bool:
    """Whether the delivery may need all the time that the function has: for outputs, many pages, or large results."""
    return (
        bool(document.to_render)
        or document.pages > policy.single_pass_max_pages
        or document.pages * document.result_bytes > MAX_BYTES_TOGETHER
    )
