"""What is reserved within the caps, and what may have been sent, stays right whatever becomes of a document."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from fakes.files import KilledError
from textdrop.core import problems
from textdrop.core.caps import Caps
from textdrop.core.documents import DocumentState, Operation, OperationState, Outcome
from textdrop.core.errors import StoreUnavailable, Trace
from textdrop.core.ledger import day
from textdrop.core.observations import DeleteAsked, FailedInService, Rejected
from textdrop.core.policy import Policy
from textdrop.core.states import decide_operation
from textdrop.usecases.transitions import transition_operation
from world import World


def capped(pages_a_day: int) -> World:
    world = World()
    world.submit_settings = replace(world.submit_settings, caps=Caps(pages_a_day))
    world.poll_settings = replace(world.poll_settings, caps=Caps(pages_a_day))
    return world


def test_within_caps_too_a_page_that_kills_its_workers_keeps_no_other_from_being_sent() -> None:
    world = capped(9)
    document = world.upload("book.pdf", b"pages:4 deadly:2")
    world.run()
    row = world.row(document)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 3)
    assert sum(world.reservations.days.values()) == 3


def test_a_worker_that_died_once_does_not_make_a_document_larger() -> None:
    world = capped(2)
    world.faults.fail("sources.head", KilledError)
    document = world.upload("book.pdf", b"pages:3 text:2", {"ocr-pages": "without-text"})
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_what_is_refused_late_is_not_given_back_to_another_day_than_its_own() -> None:
    world = capped(1)
    document = world.upload("a.png", b"page")
    world.faults.fail("ocr.submit", KilledError)
    with suppress(KilledError):
        world.submit()
    [late] = world.documents.operations.values()
    yesterday = day(world.clock.now())
    world.clock.advance(86_400.0)
    world.poll()
    world.faults.fail("reservations.write", KilledError, when="after")
    with suppress(KilledError):
        world.submit()
    transition_operation(world.submit_ports, late, Rejected(late.holder_rev, problems.rejected(Trace())))
    world.ask("cancel", documents=[document.id])
    world.run()
    today = day(world.clock.now())
    assert world.reservations.days == {yesterday: 1, today: 0}


def test_a_deletion_that_fails_when_its_pages_are_gone_gives_nothing_back_twice() -> None:
    world = capped(2)
    document = world.upload("a.png", b"page")
    world.submit()
    world.transition(document, DeleteAsked())
    world.faults.fail("documents.delete_operations", StoreUnavailable("a service failed"), when="after")
    world.run()
    assert world.row(document).state is DocumentState.DELETED
    assert sum(world.reservations.days.values()) == len(world.ocr.accepted) == 1


def test_a_deletion_gives_nothing_back_that_may_have_been_sent() -> None:
    world = capped(2)
    document = world.upload("a.png", b"page")
    world.faults.fail("ocr.submit", KilledError, when="after")
    with suppress(KilledError):
        world.submit()
    world.transition(document, DeleteAsked())
    world.queue.clear()
    world.run()
    assert world.row(document).state is DocumentState.DELETED
    assert sum(world.reservations.days.values()) == len(world.ocr.accepted) == 1


def test_what_may_have_been_sent_still_counts_when_a_shared_page_is_sent_after_all() -> None:
    shared = Operation(
        "d", 1, 1, OperationState.RUNNING, holder_rev=3, unconfirmed=1, breakdowns=1, reused_from="another"
    )
    seen = FailedInService(problems.rejected(Trace()))
    row = decide_operation(shared, seen, 0.0, Policy()).row
    assert row is not None
    assert (row.state, row.unconfirmed, row.breakdowns, row.reused_from) == (OperationState.WAITING, 1, 1, "")


def test_without_caps_and_reuse_nothing_is_asked_of_them() -> None:
    world = World()
    document = world.upload("book.pdf", b"pages:3")
    world.run()
    world.transition(document, DeleteAsked())
    world.run()
    assert not [call for call in world.faults.calls if call.startswith(("reservations.", "sent_pages."))]
