"""Which documents go to deliver together. Each message is one invocation, which works on all documents it names."""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core.documents import Document, Resume
from textdrop.core.policy import Policy

MAX_TOGETHER = 20
"""Documents a message: deliver works on so many at once."""

MAX_BYTES_TOGETHER = 10_000_000
"""Of stored results a message, by the largest of each document: they take many times as much memory when they are read.
A document with more has a message of its own."""

GROUP_SECONDS = 0.2
"""So long documents are collected when others have just been sent: five messages a second, of half a second's work
each, keep three functions busy."""


def grouped(documents: Sequence[Document], policy: Policy) -> list[tuple[Resume, ...]]:
    """The documents of each message."""
    groups: list[list[Document]] = [[]]
    together_bytes = 0
    for document in documents:
        if goes_alone(document, policy):
            groups.insert(0, [document])
            continue
        result_bytes = document.pages * document.result_bytes
        if len(groups[-1]) == MAX_TOGETHER or together_bytes + result_bytes > MAX_BYTES_TOGETHER:
            groups.append([])
            together_bytes = 0
        groups[-1].append(document)
        together_bytes += result_bytes
    return [tuple(Resume(document.id, document.rev) for document in group) for group in groups if group]


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
