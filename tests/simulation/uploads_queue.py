"""The uploads queue as its redrive policy has it: what was received too often becomes a dead letter."""

from __future__ import annotations

from collections import Counter
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
        self._received: Counter[str] = Counter()

    def take(self, picks: Sequence[int]) -> list[Message]:
        """A batch: for each pick one of the messages there are."""
        queue = self._world.queue
        batch = [queue.pop(pick % len(queue)) for pick in picks if queue]
        self.out.extend(batch)
        self._received.update(message.id for message in batch)
        return batch

    def end(self, batch: Iterable[Message], failed: Collection[str]) -> None:
        """Those of the failed ids come again, unless they did too often; all others are deleted."""
        for message in batch:
            self.out.remove(message)
            if message.id not in failed:
                continue
            if self._received[message.id] < self._most:
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
