"""One turn at a document's pages: which are sent, in which order, and what its hands tell one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Source
from textdrop.core.errors import StoreUnavailable
from textdrop.ports import OpenedDocument, RunParallel
from textdrop.usecases import pages
from textdrop.usecases.pages import send_pages
from textdrop.usecases.send import Later, Lost, Sent, Settled
from textdrop.usecases.source import PageSource
from world import SUBMIT_SECONDS, World

PAUSED = Later(500.0, failed=False)
SETBACK = Later(900.0, failed=True)


def row(
    page: int, state: OperationState = OperationState.WAITING, *, breakdowns: int = 0, unconfirmed: int = 0
) -> Operation:
    return Operation("d", 1, page, state, breakdowns=breakdowns, unconfirmed=unconfirmed)


def running(page: int) -> Operation:
    return replace(row(page, OperationState.RUNNING), described=OperationDescription(f"op-{page}"))


def one_hand(task: Callable[[], None], max_workers: int) -> None:
    task()


class Turn:
    """A document of some pages that we hold; how the sending of a page ends is as `ends` says, else it is taken.

    `meanwhile` says what the other hands do, or whatever else happens, while a page is being sent. `tried` are the
    pages, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, page_count: int, attempts: int = 1) -> None:
        self.world = World()
        self.document = Document(
            "d",
            Source("uploads", "book.pdf"),
            DocumentState.RECOGNIZING,
            self.world.clock.now(),
            pages=page_count,
            unfinished=frozenset(range(1, page_count + 1)),
            attempts=attempts,
        )
        self.world.documents.rows["d"] = self.document
        self.ends: dict[int, Sent | Exception] = {}
        self.meanwhile: dict[int, Callable[[], None]] = {}
        self.tried: list[int] = []
        monkeypatch.setattr(pages, "send_page", self._send_page)

    def take(
        self, operations: Mapping[int, Operation], run_parallel: RunParallel = one_hand
    ) -> tuple[Operation, ...] | Later | Lost:
        ports = replace(self.world.submit_ports, run_parallel=run_parallel)
        deadline = self.world.clock.now() + SUBMIT_SECONDS
        return send_pages(ports, 10.0, self.document, operations, PageSource(_never_opened), deadline)

    def _send_page(self, *arguments: object) -> Sent:
        page = arguments[4]
        assert isinstance(page, int)
        self.tried.append(page)
        if page in self.meanwhile:
            self.meanwhile.pop(page)()
        end = self.ends.get(page, Settled(running(page)))
        if isinstance(end, Exception):
            raise end
        return end


def _never_opened() -> OpenedDocument:
    raise AssertionError("no page is cut out here")


def test_what_has_an_id_or_is_final_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 4)
    unsent = row(1, OperationState.FAILED)
    recognised = replace(running(3), state=OperationState.RECOGNIZED)
    sent = turn.take({1: unsent, 2: running(2), 3: recognised})
    assert turn.tried == [4]
    assert sent == (unsent, running(2), recognised, running(4))


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_more_trouble_a_page_gave_the_later_it_goes(monkeypatch: pytest.MonkeyPatch, attempts: int) -> None:
    """From the other end after a death, but the trouble counts first."""
    turn = Turn(monkeypatch, 6, attempts)
    turn.take(
        {
            1: row(1, breakdowns=1, unconfirmed=1),
            2: row(2, unconfirmed=1),
            3: row(3, breakdowns=1),
            5: row(5),
        }
    )
    assert turn.tried == ([4, 5, 6, 2, 3, 1] if attempts == 1 else [6, 5, 4, 3, 2, 1])


def test_a_document_that_is_gone_has_no_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 2)
    turn.ends[2] = Settled(row(2, OperationState.FAILED))
    turn.meanwhile[2] = turn.world.documents.rows.clear
    assert turn.take({}) == ()


def test_who_finishes_the_last_page_need_not_be_the_last_to_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two hands the one finishes the page that is left while the other hears of its own."""
    turn = Turn(monkeypatch, 3)
    recognised = [replace(running(1), state=OperationState.RECOGNIZED)]
    failed = [row(page, OperationState.FAILED) for page in (2, 3)]
    turn.ends.update({operation.page: Settled(operation) for operation in failed})
    documents, finish_page = turn.world.documents, turn.world.documents.finish_page
    others: list[Callable[[], None]] = []

    def slow_to_answer(document_id: str, run: int, page: int) -> Document | None:
        documents.operations.update({(row.document_id, row.run, row.page): row for row in recognised + failed})
        after = finish_page(document_id, run, page)
        if page == 2:
            finish_page(document_id, run, 1)
            others.pop()()
        return after

    documents.finish_page = slow_to_answer  # type: ignore[method-assign]

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        others.append(task)
        task()

    assert turn.take({}, two_hands) == (*recognised, *failed)


def test_who_has_lost_the_document_sends_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 3)
    turn.ends[1] = Lost()
    assert turn.take({}) == Lost()
    assert turn.tried == [1]


def test_one_failure_does_not_begin_again_what_another_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 4)
    turn.ends.update({1: SETBACK, 2: PAUSED})

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        turn.meanwhile[1] = task
        task()

    assert turn.take({}, two_hands) == Later(900.0, failed=True)
    assert turn.tried == [1, 2]


def test_what_goes_wrong_in_one_hand_ends_the_others_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 5)
    turn.ends[2] = StoreUnavailable("down")

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        try:
            task()
        finally:
            task()

    with pytest.raises(StoreUnavailable):
        turn.take({}, two_hands)
    assert turn.tried == [1, 2]


def test_poll_is_woken_for_what_was_sent_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(monkeypatch, 3)
    turn.ends[1] = SETBACK
    woken: list[int] = []
    turn.meanwhile[2] = lambda: woken.append(turn.world.faults.calls.count("tick.wake"))
    turn.take({})
    assert turn.world.faults.calls.count("tick.wake") == 1
    assert woken == [0], "not for the page that could not be sent"
