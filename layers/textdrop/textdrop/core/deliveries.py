"""Which documents go to deliver together. Each message is one invocation, which works on all documents it names.

There are two queues, as what takes long, or kills, must not have to be waited for by what is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textdrop.core.documents import Document, Resume
from textdrop.core.policy import Policy

MAX_TOGETHER = 20
"""Documents a message: deliver works on so many at once."""

MAX_BYTES_TOGETHER = 10_000_000
"""Of stored results a message, by the largest of each document: they take many times as much memory when they are read.
A document with more has a message of its own."""

GROUP_SECONDS = 0.25
"""So long documents are collected when others have just been sent: four messages a second, of some 0.4 s of work each,
keep two functions busy."""


@dataclass(frozen=True, slots=True)
class Messages:
    """The documents of each message: `together` to the one queue, and those that each have a message of their own."""

    together: tuple[tuple[Resume, ...], ...]
    alone: tuple[tuple[Resume, ...], ...]


def messages(documents: Sequence[Document], policy: Policy) -> Messages:
    """What is sent of documents that are to be delivered."""
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
    """Whether others must not share what may happen to it: it takes long, or the worker that had it last died."""
    return document.attempts > 0 or takes_long(document, policy)


def takes_long(document: Document, policy: Policy) -> bool:
    """Whether its delivery may use all the time that the function has: for outputs, many pages, or much to read."""
    return (
        bool(document.to_render)
        or document.pages > policy.single_pass_max_pages
        or document.pages * document.result_bytes > MAX_BYTES_TOGETHER
    )
