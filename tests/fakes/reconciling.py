"""What reconcile works with, in memory: the bucket's listing and both queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fakes.buckets import FakeBucket
from fakes.faults import Fake, Faults, effect
from textdrop.core.documents import Source
from textdrop.core.reconciling import Cursor, DeadLetter, ListingPage
from textdrop.ports import Clock

LISTED_MOST = 1_000
MAX_RECEIVED = 10
HIDDEN_SECONDS = 120.0


class FakeUploadListing(Fake):
    """The versions in a fake bucket of keys with the prefix. `most` is how many one answer has. Later versions have
    higher ids."""

    port = "uploads"

    def __init__(
        self, store: FakeBucket, faults: Faults | None = None, most: int = LISTED_MOST, prefix: str = ""
    ) -> None:
        super().__init__(faults)
        self.most = most
        self.prefix = prefix
        self._store = store

    @effect
    def after(self, cursor: Cursor) -> ListingPage:
        found: list[Source] = []
        current: list[Source] = []
        last = cursor
        entries = 0
        for key in sorted(self._store.versions, key=str.encode):
            if not key.startswith(self.prefix) or key.encode() < cursor.key.encode():
                continue
            for version in reversed(self._store.versions[key]):
                if key == cursor.key and not version.version_id < cursor.version_id:
                    continue
                if entries == self.most:
                    return ListingPage(tuple(found), last, tuple(current))
                entries += 1
                last = Cursor(key, version.version_id)
                if version.body is not None:
                    found.append(
                        Source(
                            bucket=self._store.name,
                            key=key,
                            version_id=version.version_id,
                            etag=version.etag,
                            size=len(version.body),
                            event_at=version.last_modified,
                            last_modified=version.last_modified,
                        )
                    )
                    if version is self._store.versions[key][-1]:
                        current.append(found[-1])
        return ListingPage(tuple(found), None, tuple(current))


class FakeDeadLetters(Fake):
    """`letters` are what is in the dead letter queue, `redriven` what went back, both in order.

    `on_redrive`, if given, is called with each that goes back.
    """

    port = "dead_letters"

    def __init__(
        self, clock: Clock, faults: Faults | None = None, on_redrive: Callable[[DeadLetter], None] | None = None
    ) -> None:
        super().__init__(faults)
        self.letters: list[DeadLetter] = []
        self.redriven: list[DeadLetter] = []
        self._clock = clock
        self._hidden_until: dict[str, float] = {}
        self._on_redrive = on_redrive
        self._made = 0

    def put(self, body: str, history: DeadLetter | None = None) -> DeadLetter:
        """submit gave up a message with this body; `history` is what it carries of its time before, if any."""
        self._made += 1
        name = f"dead-{self._made}"
        fresh = DeadLetter(name, body, f"receipt-{name}", first_sent_at=self._clock.now())
        carried = fresh if history is None else replace(history, id=name, body=body, receipt=fresh.receipt)
        self.letters.append(carried)
        return carried

    @effect
    def receive(self) -> list[DeadLetter]:
        now = self._clock.now()
        seen = [letter for letter in self.letters if self._hidden_until.get(letter.id, 0.0) <= now][:MAX_RECEIVED]
        for letter in seen:
            self._hidden_until[letter.id] = now + HIDDEN_SECONDS
        return seen

    @effect
    def redrive(self, letter: DeadLetter) -> None:
        self.redriven.append(letter)
        if self._on_redrive is not None:
            self._on_redrive(letter)

    @effect
    def delete(self, letter: DeadLetter) -> None:
        self.letters = [kept for kept in self.letters if kept.receipt != letter.receipt]
