"""What is reserved within the caps, and which page was sent for a fingerprint, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fakes.documents import FakeDocuments
from fakes.faults import Fake, Faults, effect
from textdrop.core.caps import Answer, Caps, Used
from textdrop.core.documents import Document
from textdrop.core.reuse import SentPage


class FakeReservations(Fake):
    """`days` are the pages that are reserved on each day, "2026-11-29"; the documents are those of `documents`."""

    port = "reservations"

    def __init__(self, documents: FakeDocuments, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.days: Counter[str] = Counter()
        self._documents = documents

    def in_month(self, day: str) -> int:
        """The pages that are reserved in the month of the day."""
        return _in_month(self.days, day)

    @effect
    def read(self, day: str) -> Used:
        return Used(self.days[day], self.in_month(day), is_new=day not in self.days)

    @effect
    def write(self, before: Document, after: Document, changes: Mapping[str, int], caps: Caps | None) -> Answer:
        with self._documents.lock:
            can_write = self._documents.can_write(before, after)
            if caps is not None and self._is_over(Counter(), changes, caps):
                return Answer.OVER  # they are more than a whole cap
            if not can_write:
                is_mine = self.repeated and self._documents.has_written(before, after)
                return Answer.WRITTEN if is_mine else Answer.LOST
            if caps is not None and self._is_over(self.days, changes, caps):
                return Answer.OVER
            self._documents.write_over(before, after)
            self.days.update(changes)
            return Answer.WRITTEN

    @staticmethod
    def _is_over(days: Counter[str], changes: Mapping[str, int], caps: Caps) -> bool:
        periods = [(caps.pages_per_day, days[day], change) for day, change in changes.items()]
        periods += [(caps.pages_per_month, _in_month(days, day), _in_month(changes, day)) for day in changes]
        return any(change > 0 and 0 < most < pages + change for most, pages, change in periods)


def _in_month(days: Mapping[str, int], day: str) -> int:
    """The pages of all days of the month of this one."""
    return sum(pages for each, pages in days.items() if each[:7] == day[:7])


class FakeSentPages(Fake):
    """`rows` by fingerprint."""

    port = "sent_pages"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.rows: dict[str, SentPage] = {}

    @effect
    def read(self, fingerprint: str) -> SentPage | None:
        return self.rows.get(fingerprint)

    @effect
    def claim(self, before: SentPage | None, after: SentPage) -> bool:
        stored = self.rows.get(after.fingerprint)
        if stored != before:
            return self.repeated and stored == after
        self.rows[after.fingerprint] = after
        return True

    @effect
    def forget(self, fingerprints: Sequence[str], document_id: str) -> None:
        for fingerprint in fingerprints:
            stored = self.rows.get(fingerprint)
            if stored is not None and stored.document_id == document_id:
                del self.rows[fingerprint]
