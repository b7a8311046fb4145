"""Documents of several pages: sent side by side and in turns, each page with its own fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from fakes.running import FakeClock
from textdrop.adapters.threads import ThreadCrew
from textdrop.core.documents import Document, DocumentState, DueKind, Operation, Outcome, Resume
from textdrop.core.errors import OcrUnavailable, Trace
from textdrop.core.events import resume_body
from textdrop.core.quota import Quota
from textdrop.ports import Tick
from textdrop.usecases.ask import ask
from textdrop.usecases.deliver import page_finished
from world import World


def failure() -> OcrUnavailable:
    return OcrUnavailable("503", Trace(status=503, code=14))


def pages_sent(world: World) -> list[int]:
    """The numbers of the pages that the service took, in order."""
    return [int(accepted.content.rpartition(b"#")[2]) for accepted in world.ocr.accepted]


def texts(world: World, key: str) -> list[str]:
    return (world.file(f"{key}.txt") or b"").decode().split("\f")


def test_every_page_is_sent_once_and_comes_out_in_its_place(world: World) -> None:
    document = world.upload("book.pdf", b"pages:9")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert sorted(pages_sent(world)) == list(range(1, 10))
    result: Any = world.json("book.pdf.ocr.json")
    assert [page["number"] for page in result["pages"]] == list(range(1, 10))
    operations = {page["number"]: page["operation"]["id"] for page in result["pages"]}
    assert operations == {
        page: accepted.operation_id for page, accepted in zip(pages_sent(world), world.ocr.accepted, strict=True)
    }
    assert [page["text"] + "\n" for page in result["pages"]] == texts(world, "book.pdf")
    assert len(set(texts(world, "book.pdf"))) == 9


def test_when_all_pages_fail_the_document_fails_and_the_error_names_them(world: World) -> None:
    world.ocr.prepare = lambda content, *_: b'{"content": ""}'  # type: ignore[method-assign]  # which is refused
    document = world.upload("book.pdf", b"pages:3 bad:2")
    world.run()
    row = world.row(document)
    assert row.outcome is Outcome.FAILED
    assert row.problem is not None
    assert row.problem.what.startswith("All 3 pages failed; the first: ")
    error: Any = world.json("book.pdf.error.json")
    reasons = [page["problem"]["reason"] for page in error["pages"]]
    assert reasons == ["rejected_by_ocr", "damaged", "rejected_by_ocr"]
    [notice] = world.notices_of(document)
    assert notice["pages"]["failures"] == [  # type: ignore[index]
        {"reason": "rejected_by_ocr", "count": 2, "pages": "1, 3"},
        {"reason": "damaged", "count": 1, "pages": "2"},
    ]


def test_a_page_that_kills_its_worker_is_given_up_and_the_others_are_kept(world: World) -> None:
    document = world.upload("book.pdf", b"pages:5 deadly:3")
    world.run()
    row = world.row(document)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 4)
    pages: Any = world.json("book.pdf.ocr.json")["pages"]
    assert [page["reason"] for page in pages] == [None, None, "internal", None, None]


def test_when_several_pages_cannot_be_sent_the_go_ends(world: World) -> None:
    world.faults.fail("ocr.submit", failure, times=100)
    document = world.upload("book.pdf", b"pages:9")
    world.submit()
    assert Counter(world.faults.calls)["ocr.submit"] == world.policy.max_failures_in_slice
    assert world.row(document).consecutive_failures == 1


def test_out_of_time_the_next_go_sends_what_is_left(world: World) -> None:
    world.submit_settings = world.submit_settings.__class__("ru", "page", 0.02, world.submit_settings.limits)
    document = world.upload("book.pdf", b"pages:9")
    world.submit()
    assert 0 < len(world.ocr.accepted) < 9
    assert world.row(document).attempts == 0
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert pages_sent(world) == list(range(1, 10))


class Threads:
    """A world whose pages are sent by real threads; the clock is virtual."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.world = World(faults=faults, clock=FakeClock())
        ports = self.world.submit_ports
        object.__setattr__(ports, "run_parallel", ThreadCrew(7))


def test_threads_send_every_page_once() -> None:
    for _ in range(20):
        world = Threads().world
        document = world.upload("book.pdf", b"pages:9 bad:5")
        world.run()
        assert world.row(document).outcome is Outcome.PARTIAL
        assert sorted(pages_sent(world)) == [1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("late", [False, True])
def test_pages_that_finish_while_others_are_sent_conclude_the_document(late: bool) -> None:
    """The last page to be finished fails at submit, whether or not the others were finished before."""
    world = World(recognition_seconds=0.0)
    document = world.upload("book.pdf", b"pages:3 bad:3")
    if late:
        read = world.documents.finish_page

        def finish(document_id: str, run: int, page: int) -> Document | None:
            if page == 3:
                for sent in (1, 2):
                    world.documents.finish_page = read  # type: ignore[method-assign]
                    ask_now(world, world.documents.read_operation(document_id, run, sent))
            return read(document_id, run, page)

        world.documents.finish_page = finish  # type: ignore[method-assign]
    world.submit()
    if late:
        assert world.row(document).state is DocumentState.DELIVERING
    world.run()
    assert world.row(document).outcome is Outcome.PARTIAL


def ask_now(world: World, operation: Operation | None) -> None:
    assert operation is not None
    asked = ask(world.poll_ports, operation, 1.0)
    assert asked.operation is not None
    page_finished(world.poll_ports, asked.operation, 9e9)


def test_a_slow_quota_wakes_poll_again_and_again(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, submits_per_second=0.2)
    world.upload("book.pdf", b"pages:5")
    world.submit()
    wakes = Counter(world.faults.calls)["tick.wake"]
    assert wakes == 5


def test_wakes_are_as_far_apart_as_the_index_needs_to_settle(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, submits_per_second=1.0)
    woken: list[float] = []
    wake = world.tick.wake

    def counted(now: float) -> Tick:
        woken.append(now)
        return wake(now)

    world.tick.wake = counted  # type: ignore[method-assign]  # told of
    world.upload("book.pdf", b"pages:9")
    world.submit()
    *between, last = woken
    assert [later - earlier for earlier, later in pairwise(between)] == [world.policy.tick_settle_seconds] * 3
    assert last >= between[-1], "and once more at the end"


@pytest.mark.parametrize(("pages", "attempts", "max_workers"), [(1, 0, 1), (3, 0, 3), (9, 0, 8), (9, 1, 1), (9, 2, 1)])
def test_pages_are_sent_side_by_side_but_alone_after_a_worker_died(
    world: World, pages: int, attempts: int, max_workers: int
) -> None:
    crews: list[int] = []

    def run_parallel(task: Callable[[], None], max_workers: int) -> None:
        crews.append(max_workers)
        task()

    world.submit_ports = replace(world.submit_ports, run_parallel=run_parallel)
    document = world.upload("book.pdf", b"pages:%d" % pages)
    if attempts:
        world.faults.fail("ocr.submit", KilledError)
        with pytest.raises(KilledError):
            world.submit()
        world.queue.clear()
        row = world.row(document)
        world.documents.rows[document.id] = replace(row, attempts=attempts)
        world.send(resume_body(Resume(document.id, row.rev)))
        crews.clear()
    world.submit()
    assert crews == [max_workers]


@pytest.mark.parametrize(("attempts", "first"), [(0, 1), (1, 9), (2, 1), (3, 9)])
def test_after_a_death_the_pages_are_begun_from_the_other_end(world: World, attempts: int, first: int) -> None:
    """The page that kills is met at last, with all others sent."""
    document = world.upload("book.pdf", b"pages:9")
    world.quota.row = Quota(next_free_at=world.clock.now() + 10_000.0)
    world.submit()
    world.quota.row = Quota()
    row = world.row(document)
    world.documents.rows[document.id] = replace(row, attempts=attempts)
    world.send(resume_body(Resume(document.id, row.rev)))
    world.submit()
    assert pages_sent(world)[0] == first


def test_a_turn_that_is_over_leaves_the_rest_due_at_once_and_is_no_setback(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, submits_per_second=0.1)
    document = world.upload("book.pdf", b"pages:9")
    began = world.clock.now()
    world.submit()
    row = world.row(document)
    assert world.clock.now() - began == pytest.approx(world.policy.slice_seconds)
    assert (row.due_at, row.due_kind, row.consecutive_failures) == (world.clock.now(), DueKind.SUBMIT, 0)
    assert len(pages_sent(world)) == 4
