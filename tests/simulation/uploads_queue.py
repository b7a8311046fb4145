"""The uploads queue as its redrive policy has it: what was received too often becomes a dead letter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from textdrop.core.documents import Source
from textdrop.core.events import MessageMalformed, parse
from textdrop.core.identity import document_id
from textdrop.usecases.accept import Message
from world import World


class UploadsQueue:
    """`out` are the messages that workers have: hidden in the queue until they are deleted or come back."""

    def __init__(self, world: World, receives_most: int) -> None:
        self.out: list[Message] = []
        self._world = world
        self._most = receives_most

    def take(self, picks: Sequence[int]) -> list[Message]:
        """A batch: for each pick one of the messages that can be received."""
        batch: list[Message] = []
        for pick in picks:
            if visible := self._world.visible():
                batch.append(self._world.receive(visible[pick % len(visible)]))
        self.out.extend(batch)
        return batch

    def end(self, batch: Iterable[Message], failed: Collection[str]) -> None:
        """Those of the failed ids come again, when they are no longer hidden, unless they did too often; all others are
        deleted."""
        for message in batch:
            self.out.remove(message)
            if message.id not in failed:
                continue
            if message.receives < self._most:
                self._world.queue.append(message)
            else:
                self._world.give_up(message)

    def documents(self) -> set[str]:
        """The documents of the uploads that some message tells of, wherever it is."""
        letters = [letter.body for letter in self._world.dead_letters.letters]
        bodies = [message.body for message in self._world.queue + self.out] + letters
        return {document for body in bodies for document in told_of(body) or ()}


def told_of(body: str) -> set[str] | None:
    """The documents of the uploads that a message tells of; None: it cannot be read."""
    try:
        return {document_id(asked) for asked in parse(body) if isinstance(asked, Source)}
    except MessageMalformed:
        return None
