"""Caps: what is sent within them, what is held, and how it is released in the end."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import pytest

from fakes.files import FakeDocument, KilledError
from pagekit.prepared import PreparedPage
from textdrop.core import problems
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Hold,
    Operation,
    OperationState,
    Outcome,
    Period,
    Resume,
    Source,
)
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrCredentialsRefused,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    StoreUnavailable,
    Trace,
)
from textdrop.core.events import resume_body
from textdrop.core.observations import Cancelled, DeleteAsked, RetryAsked
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from textdrop.ports import SubmitPorts
from textdrop.usecases import submit
from textdrop.usecases.ahead import settle_ahead
from textdrop.usecases.release import release_held
from textdrop.usecases.tick import tick
from unit.usecases.capped import (
    DAY_SECONDS,
    NEXT_MONTH,
    TODAY,
    TOMORROW,
    YESTERDAY,
    allow,
    capped,
    delete,
    held,
    minute,
    release_by_hand,
    reserved,
    sent_on,
    to_midnight,
    told,
    uploads,
    why,
    work,
)
from world import SUBMIT_SECONDS, World

NOTICE, HELD = "textdrop.notice/1", "textdrop.held/1"
DOWN = StoreUnavailable("down")


def outcomes(world: World) -> Counter[Outcome | None]:
    return Counter(row.outcome for row in world.documents.rows.values())


def told_each(world: World) -> Counter[tuple[str, ...]]:
    """Of how many documents it was told so."""
    schemas: dict[str, tuple[str, ...]] = {}
    for notice in world.notices.published:
        body = json.loads(notice.body)
        schemas[body["document"]] = (*schemas.get(body["document"], ()), body["schema"])
    return Counter(schemas.values())


# --- many at once ---


def test_of_a_thousand_at_once_as_many_are_sent_as_the_cap_allows_and_the_others_on_the_next_day() -> None:
    world = capped(per_day=500)
    documents = uploads(world, 1_000)
    work(world)
    assert sent_on(world) == {TODAY: 500}
    assert outcomes(world) == {Outcome.SUCCEEDED: 500, None: 500}
    assert reserved(world) == {TODAY: 500}
    waiting = held(world)
    assert [row.id for row in waiting] == [document.id for document in documents[500:]]
    assert {why(row) for row in waiting} == {Hold(Period.DAY, 1)}
    assert {row.hold.cap for row in waiting if row.hold} == {500}
    assert told_each(world) == {(NOTICE,): 500, (HELD,): 500}
    to_midnight(world)
    work(world)
    assert sent_on(world) == {TODAY: 500, TOMORROW: 500}
    assert outcomes(world) == {Outcome.SUCCEEDED: 1_000}
    assert told_each(world) == {(NOTICE,): 500, (HELD, NOTICE): 500}
    assert world.journal.values["DocumentsHeld"][0] == 500
    assert max(world.journal.values["CapUsedPercent"]) == 100.0


def test_those_that_are_held_are_released_the_oldest_first_as_many_a_day_as_have_room() -> None:
    world = capped(per_day=20)
    documents = []
    for number in range(60):
        documents += uploads(world, 1, f"page{number}")
        minute(world)
    for left in (40, 20, 0):
        work(world)
        assert [row.id for row in held(world)] == [document.id for document in documents[60 - left :]]
        to_midnight(world)
    assert sent_on(world) == {TODAY: 20, TOMORROW: 20, NEXT_MONTH: 20}
    assert outcomes(world) == {Outcome.SUCCEEDED: 60}


def test_held_documents_make_no_alarm_of_what_is_due_for_long() -> None:
    world = capped(per_day=1)
    uploads(world, 3)
    work(world)
    world.journal.values.clear()
    world.clock.advance(3_600.0)
    minute(world)
    assert world.journal.values["OldestDueAge"][0] == 0.0
    assert world.journal.values["DocumentsHeld"][0] == 2


def test_a_month_cap_beside_a_day_cap_holds_until_the_month_turns() -> None:
    world = capped(per_day=3, per_month=4)
    uploads(world, 6)
    work(world)
    assert {why(row) for row in held(world)} == {Hold(Period.DAY, 1)}
    to_midnight(world)
    work(world)
    assert sent_on(world) == {TODAY: 3, TOMORROW: 1}
    to_midnight(world)
    work(world)
    assert sent_on(world) == {TODAY: 3, TOMORROW: 1, NEXT_MONTH: 2}


# --- a new day ---


def test_on_a_new_day_an_upload_waits_for_those_that_were_held_before() -> None:
    world = capped(per_day=2)
    uploads(world, 3)
    work(world)
    to_midnight(world)
    late = uploads(world, 2, "late")
    world.submit()
    assert [why(world.row(document)) for document in late] == [Hold(Period.DAY, 1)] * 2
    work(world)
    assert [row.id for row in held(world)] == [late[1].id]
    assert sent_on(world) == {TODAY: 2, TOMORROW: 2}
    assert (told(world, late[0]), told(world, late[1])) == ([HELD, NOTICE], [HELD])


def test_in_a_new_month_an_upload_waits_for_those_that_were_held_before() -> None:
    world = capped(per_month=2)
    uploads(world, 3)
    work(world)
    to_midnight(world)
    to_midnight(world)
    [late] = uploads(world, 1, "late")
    world.submit()
    assert world.row(late).hold == Hold(Period.MONTH, 1, cap=2, at=world.clock.now())
    work(world)
    assert sent_on(world) == {TODAY: 2, NEXT_MONTH: 2}


def test_later_in_the_day_an_upload_that_has_room_is_sent_though_larger_ones_are_held() -> None:
    world = capped(per_day=4)
    uploads(world, 3)
    world.upload("held.pdf", b"pages:2")
    work(world)
    [late] = uploads(world, 1, "late")
    looked = world.faults.calls.count("documents.due")
    world.submit()
    assert world.row(late).state is DocumentState.RECOGNIZING
    assert world.faults.calls.count("documents.due") == looked, "nobody looks for those that wait"


def test_on_a_new_day_nobody_waits_for_one_that_waits_for_a_person() -> None:
    world = capped(per_day=2)
    larger = world.upload("larger.pdf", b"pages:3")
    work(world)
    to_midnight(world)
    [late] = uploads(world, 1, "late")
    world.submit()
    assert world.row(late).state is DocumentState.RECOGNIZING
    assert world.row(larger).state is DocumentState.HELD


def test_nobody_waits_for_one_that_waits_for_the_next_month() -> None:
    world = capped(per_day=9, per_month=20)
    world.reservations.days[TODAY] = 8
    world.reservations.days["2026-11-01"] = 4
    for_the_month = world.upload("month.pdf", b"pages:9")
    minute(world)
    for_the_day = world.upload("day.pdf", b"pages:2")
    work(world)
    assert [why(row) for row in held(world)] == [Hold(Period.MONTH, 9), Hold(Period.DAY, 2)]
    to_midnight(world)
    work(world)
    assert (world.row(for_the_month).outcome, world.row(for_the_day).outcome) == (None, Outcome.SUCCEEDED)
    assert reserved(world)[TOMORROW] == 2


def test_on_a_new_day_an_upload_does_not_wait_for_one_that_waits_for_the_next_month() -> None:
    world = capped(per_day=9, per_month=20)
    world.reservations.days[TODAY] = 12
    for_the_month = world.upload("month.pdf", b"pages:9")
    work(world)
    to_midnight(world)
    [late] = uploads(world, 1, "late")
    world.submit()
    assert why(world.row(for_the_month)) == Hold(Period.MONTH, 9)
    assert world.row(late).state is DocumentState.RECOGNIZING


def test_a_document_in_the_middle_of_which_the_day_turns_moves_what_is_left() -> None:
    world = capped(per_day=9)
    document = world.upload("x.pdf", b"pages:4")
    world.faults.happen("quota.reserve", lambda: to_midnight(world), skip=2)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert sent_on(world) == {TODAY: 2, TOMORROW: 2}
    assert reserved(world) == sent_on(world)
    assert set(world.ocr.billed.values()) == {1}
    assert world.operation(document, 3).unconfirmed == 0


def test_a_document_in_the_middle_that_finds_the_new_day_full_is_held_and_ends_with_every_page_once() -> None:
    world = capped(per_day=4)
    document = world.upload("x.pdf", b"pages:4")

    def the_day_turns_and_others_are_first() -> None:
        to_midnight(world)
        world.reservations.days[TOMORROW] = 3

    world.faults.happen("quota.reserve", the_day_turns_and_others_are_first, skip=2)
    work(world)
    assert why(world.row(document)) == Hold(Period.DAY, 2)
    assert sent_on(world) == {TODAY: 2}
    assert [world.operation(document, page).state for page in (1, 2)] == [OperationState.RECOGNIZED] * 2
    to_midnight(world)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert sent_on(world) == {TODAY: 2, NEXT_MONTH: 2}
    assert reserved(world) == {TODAY: 2, TOMORROW: 3, NEXT_MONTH: 2}
    assert set(world.ocr.billed.values()) == {1}
    assert told(world, document) == [HELD, NOTICE]


def test_one_that_is_held_again_on_the_day_of_its_release_is_not_told_again() -> None:
    world = capped(per_day=2)
    uploads(world, 2)
    document = world.upload("x.pdf", b"pages:2")
    work(world)
    to_midnight(world)
    world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    minute(world)
    assert world.row(document).state is DocumentState.RECOGNIZING
    to_midnight(world)
    world.reservations.days[NEXT_MONTH] = 1
    world.pause.row = replace(world.pause.row, operator_since=None)
    work(world)
    assert world.row(document).state is DocumentState.HELD
    assert world.row(document).due_at == world.row(document).accepted_at
    assert told(world, document) == [HELD]


@pytest.mark.parametrize("by_hand", [True, False])
def test_no_deadline_runs_while_a_document_is_held(by_hand: bool) -> None:
    world = capped(per_day=1)
    world.reservations.days[TODAY] = 1
    document = world.upload("x.png", b"page")
    work(world)
    outage = world.clock.now()
    world.pause.row = Pause(unavailable_since=outage, unavailable_at=outage + 9_000.0)
    world.clock.advance(10_000.0)
    if by_hand:
        release_by_hand(world, document)
    else:
        to_midnight(world)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("by_hand", [True, False])
def test_of_a_document_that_was_held_a_source_that_may_not_be_read_is_tried_for_a_day(by_hand: bool) -> None:
    world = capped(per_day=1)
    world.reservations.days[TODAY] = 1
    document = world.upload("x.png", b"page")
    work(world)
    if by_hand:
        world.clock.advance(3 * DAY_SECONDS)
        release_by_hand(world, document)
    else:
        to_midnight(world)
    world.faults.fail("sources.head", lambda: ObjectForbidden("403"), times=Policy().max_backfill_failures + 2)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED


# --- what counts ---


def test_a_page_whose_answer_was_lost_needs_room_again() -> None:
    world = capped(per_day=3)
    document = world.upload("x.pdf", b"pages:2")
    world.faults.fail("ocr.submit", lambda: OcrAnswerLost("reset"), times=2)
    work(world)
    assert why(world.row(document)) == Hold(Period.DAY, 2)
    assert sent_on(world) == {TODAY: 2}
    assert reserved(world) == {TODAY: 2}
    to_midnight(world)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert reserved(world) == sent_on(world) == {TODAY: 2, TOMORROW: 2}


def test_one_that_needs_more_room_than_there_is_sends_what_it_has_reserved_before_it_is_held() -> None:
    world = capped(per_day=5)
    document = world.upload("x.pdf", b"pages:5")
    world.faults.fail("ocr.submit", lambda: OcrAnswerLost("reset"), times=3)
    work(world)
    assert why(world.row(document)) == Hold(Period.DAY, 3)
    assert reserved(world) == sent_on(world) == {TODAY: 5}
    assert [world.operation(document, page).sent for page in range(1, 6)] == [False, False, False, True, True]
    assert "pages_unsent" not in world.journal.rules(), "it is due again as it was"
    to_midnight(world)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert reserved(world) == sent_on(world) == {TODAY: 5, TOMORROW: 3}


@pytest.mark.parametrize(
    "error",
    [
        OcrThrottled("429", Trace(status=429, code=8)),
        OcrUnavailable("500", Trace(status=500, code=13)),
        OcrUnreachable("no connection"),
        OcrCredentialsRefused("401", Trace(status=401, code=16)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_page_that_was_certainly_not_taken_needs_no_more_room(error: Exception) -> None:
    world = capped(per_day=1)
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", error, times=3)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert reserved(world) == {TODAY: 1}
    assert len(world.faults.of("reservations.write")) == 1


def test_what_was_refused_here_or_by_the_service_is_given_back_once_though_its_delivery_fails() -> None:
    world = capped(per_day=9)
    world.faults.fail("ocr.submit", lambda: OcrRejected("400", Trace(status=400, code=3)))
    world.faults.fail("notices.publish", DOWN)
    document = world.upload("x.pdf", b"pages:4 bad:2")
    work(world)
    assert world.row(document).outcome is Outcome.PARTIAL
    assert sent_on(world) == {TODAY: 3}
    assert reserved(world) == {TODAY: 2}


def test_a_page_that_the_file_does_not_give_is_found_before_and_needs_no_room() -> None:
    world = capped(per_day=2)
    document = world.upload("x.pdf", b"pages:3 bad:2")
    world.submit()
    assert world.row(document).unfinished == {1, 3}
    work(world, minutes=3)  # nobody waits for it until a recheck
    assert world.row(document).outcome is Outcome.PARTIAL


def test_a_page_that_was_cut_ahead_is_not_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[int] = []
    cuts = FakeDocument.page

    def page(self: FakeDocument, number: int) -> PreparedPage:
        cut.append(number)
        return cuts(self, number)

    monkeypatch.setattr(FakeDocument, "page", page)
    world = capped(per_day=9)
    world.upload("x.pdf", b"pages:3")
    work(world)
    assert cut == [1, 2, 3]


def test_looking_ahead_takes_no_more_than_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file whose pages take long to be cut those are reserved that were not looked at."""
    world = capped(per_day=9)
    cuts = FakeDocument.page

    def page(self: FakeDocument, number: int) -> PreparedPage:
        world.clock.advance(20.0)
        return cuts(self, number)

    monkeypatch.setattr(FakeDocument, "page", page)
    document = world.upload("x.pdf", b"pages:4 bad:4")
    world.submit()
    assert world.row(document).reserved == 4
    work(world)
    assert reserved(world) == {TODAY: 3}


def test_a_document_is_looked_through_once_and_not_in_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def counted(ports: SubmitPorts, document: Document, *rest: Any) -> Any:
        looked.append(document.id)
        return settle_ahead(ports, document, *rest)

    monkeypatch.setattr(submit, "settle_ahead", counted)
    world = capped(per_day=9)
    document = world.upload("x.pdf", b"pages:3")
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"), times=2)
    work(world)
    assert world.row(document).submit_passes > 1
    assert looked == [document.id]


def stopped(world: World) -> Document:
    """A document of four pages, of which the first was sent when the service broke down."""
    document = world.upload("x.pdf", b"pages:4")
    world.faults.fail("ocr.submit", lambda: OcrUnavailable("500", Trace(status=500, code=13)), skip=1, times=99)
    world.submit()
    assert reserved(world) == {TODAY: 4}
    return document


def test_what_a_cancelled_document_has_not_sent_is_given_back() -> None:
    world = capped(per_day=9)
    document = stopped(world)
    world.transition(document, Cancelled(problems.cancelled()))
    world.run()
    assert reserved(world) == {TODAY: 1}
    assert world.row(document).outcome is Outcome.CANCELLED


def test_what_a_deleted_document_has_not_sent_is_given_back_in_the_last_sweep() -> None:
    world = capped(per_day=9)
    document = stopped(world)
    delete(world, document)
    assert reserved(world) == {TODAY: 1}


def test_what_may_have_been_sent_of_a_deleted_document_is_not_given_back() -> None:
    world = capped(per_day=9)
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", OcrAnswerLost("reset"))
    world.submit()
    delete(world, document)
    assert reserved(world) == {TODAY: 1}


def test_what_is_given_back_has_room_for_others_on_the_same_day() -> None:
    world = capped(per_day=4)
    document = stopped(world)
    [other] = uploads(world, 1)
    minute(world)
    assert world.row(other).state is DocumentState.HELD
    world.transition(document, Cancelled(problems.cancelled()))
    world.faults.mend()
    work(world, lambda: world.row(other).outcome is Outcome.SUCCEEDED)
    assert reserved(world) == {TODAY: 2}


@pytest.mark.parametrize("end", ["cancelled", "deleted"])
def test_a_held_document_can_be_cancelled_and_deleted(end: str) -> None:
    world = capped(per_day=1)
    uploads(world, 1)
    document = world.upload("x.pdf", b"pages:1 second")
    work(world)
    assert world.row(document).state is DocumentState.HELD
    if end == "cancelled":
        world.transition(document, Cancelled(problems.cancelled()))
    else:
        delete(world, document)
    work(world)
    assert world.row(document).outcome is (Outcome.CANCELLED if end == "cancelled" else None)
    assert sent_on(world) == {TODAY: 1}
    to_midnight(world)
    work(world)
    assert sent_on(world) == {TODAY: 1}


def test_a_retry_reserves_only_what_it_sends() -> None:
    world = capped(per_day=9)
    document = world.upload("x.pdf", b"pages:3")
    world.faults.fail("ocr.submit", lambda: OcrRejected("400", Trace(status=400, code=3)))
    work(world)
    world.transition(document, RetryAsked())
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert reserved(world) == {TODAY: 3}


# --- larger than a cap ---


def test_one_that_is_larger_than_a_cap_waits_for_a_person_and_keeps_no_other_waiting() -> None:
    world = capped(per_day=2)
    larger = world.upload("larger.pdf", b"pages:3")
    work(world)
    others = uploads(world, 4)
    work(world)
    assert why(world.row(larger)) == Hold(Period.DAY, 3, is_larger=True)
    to_midnight(world)
    work(world)
    assert {world.row(other).outcome for other in others} == {Outcome.SUCCEEDED}
    assert [row.id for row in held(world)] == [larger.id]
    release_by_hand(world, larger)
    work(world)
    assert world.row(larger).outcome is Outcome.SUCCEEDED
    assert reserved(world) == sent_on(world) == {TODAY: 2, TOMORROW: 5}
    [late] = uploads(world, 1, "late")
    work(world)
    assert world.row(late).state is DocumentState.HELD


def test_what_a_person_released_is_sent_whatever_the_caps_on_the_next_day_too() -> None:
    world = capped(per_day=2)
    larger = world.upload("larger.pdf", b"pages:4")
    work(world)
    release_by_hand(world, larger)
    assert (world.row(larger).due_kind, world.row(larger).released) == (DueKind.SUBMIT, True)
    world.faults.happen("quota.reserve", lambda: to_midnight(world), skip=1)
    work(world)
    assert world.row(larger).outcome is Outcome.SUCCEEDED
    assert reserved(world) == sent_on(world) == {TODAY: 1, TOMORROW: 3}


def test_what_is_released_by_hand_while_it_is_being_told_is_released() -> None:
    world = capped(per_day=1)
    larger = world.upload("larger.pdf", b"pages:2")
    world.submit()
    world.faults.happen("notices.publish", lambda: release_by_hand(world, larger))
    work(world)
    assert world.row(larger).outcome is Outcome.SUCCEEDED
    assert told(world, larger) == [HELD, NOTICE]


def test_what_a_late_worker_may_send_of_a_held_document_is_unconfirmed_when_that_is_released() -> None:
    world = capped(per_day=1)
    document = world.upload("x.pdf", b"pages:2")
    work(world)
    intent = Operation(document.id, 1, 1, OperationState.SUBMITTING, holder_rev=1)
    world.documents.operations[document.id, 1, 1] = intent
    assert release_by_hand(world, document).reserved == 3
    assert world.operation(document) == replace(intent, state=OperationState.WAITING, unconfirmed=1)
    assert world.journal.counts["SubmitsUnconfirmed"] == 1


def test_the_next_run_of_what_a_person_released_is_within_the_caps_again() -> None:
    world = capped(per_day=2)
    larger = world.upload("larger.pdf", b"pages:3 bad:1")
    allow(world, per_day=1)
    work(world)
    release_by_hand(world, larger)
    work(world)
    world.transition(larger, RetryAsked((("ocr-model", "table"),)))
    work(world)
    assert (world.row(larger).state, world.row(larger).run) == (DocumentState.HELD, 2)
    assert told(world, larger) == [HELD, NOTICE, HELD]


# --- the caps change ---


@pytest.mark.parametrize(("per_day", "sent"), [(0, 5), (4, 4), (2, 2)])
def test_with_caps_turned_off_or_raised_what_has_room_then_is_released(per_day: int, sent: int) -> None:
    world = capped(per_day=2)
    uploads(world, 4)
    larger = world.upload("larger.pdf", b"pages:1 last")
    work(world)
    allow(world, per_day=per_day)
    work(world)
    assert sent_on(world) == {TODAY: sent}
    assert reserved(world) == {TODAY: sent if per_day else 2}
    assert (world.row(larger).outcome is Outcome.SUCCEEDED) == (sent == 5)


def test_what_a_tick_releases_at_its_end_it_hands_out_too() -> None:
    world = capped(per_day=1)
    uploads(world, 2)
    work(world)
    to_midnight(world)
    world.poll()
    assert len(world.queue) == 1


def test_with_caps_turned_off_in_the_middle_of_a_document_its_pages_are_sent_on_any_day() -> None:
    world = capped(per_day=9)
    document = stopped(world)
    allow(world)
    world.faults.mend()
    to_midnight(world)
    work(world)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert reserved(world) == {TODAY: 4}


def test_one_that_was_larger_than_a_cap_is_released_when_that_is_raised() -> None:
    world = capped(per_day=2)
    larger = world.upload("larger.pdf", b"pages:3")
    work(world)
    allow(world, per_day=3)
    work(world)
    assert world.row(larger).outcome is Outcome.SUCCEEDED


# --- workers that die, come back, or meet ---


def test_a_worker_that_comes_back_after_its_lease_passes_no_cap() -> None:
    """The page that both may have sent needs room again."""
    world = capped(per_day=2)
    document = world.upload("x.png", b"page")
    again: list[str] = []

    def the_lease_passes_and_another_sends() -> None:
        world.clock.advance(SUBMIT_SECONDS + 10.0)
        world.poll()
        again.append(world.ocr.submit.__name__)
        world.submit()

    world.faults.happen("ocr.submit", the_lease_passes_and_another_sends)
    world.submit()
    work(world)
    assert again
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert sent_on(world) == reserved(world) == {TODAY: 2}


def test_a_worker_that_comes_back_finds_no_room_for_the_page_that_it_may_have_sent() -> None:
    world = capped(per_day=1)
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", KilledError, when="before")
    with pytest.raises(KilledError):
        world.submit()
    world.clock.advance(SUBMIT_SECONDS + 10.0)
    minute(world)
    work(world)
    assert world.row(document).state is DocumentState.HELD
    assert world.ocr.accepted == []
    assert reserved(world) == {TODAY: 1}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["reservations.read", "reservations.write"])
def test_an_outage_while_pages_are_reserved_counts_none_twice(call: str, when: Literal["before", "after"]) -> None:
    world = capped(per_day=2)
    documents = uploads(world, 2)
    world.faults.fail(call, DOWN, when=when, times=2)
    work(world)
    assert {world.row(document).outcome for document in documents} == {Outcome.SUCCEEDED}
    assert reserved(world) == sent_on(world) == {TODAY: 2}


def test_a_document_that_is_cancelled_just_then_reserves_and_sends_nothing() -> None:
    world = capped(per_day=2)
    document = world.upload("x.png", b"page")
    world.faults.fail("reservations.read", DOWN)
    world.submit()
    cancelled = Cancelled(problems.cancelled())
    world.faults.happen("reservations.write", lambda: world.transition(document, cancelled) and None)
    work(world)
    assert world.row(document).outcome is Outcome.CANCELLED
    assert (world.ocr.accepted, reserved(world)) == ([], {})
    assert len(world.faults.of("reservations.write")) == 1


def test_a_release_that_loses_the_room_between_the_look_and_the_write_waits() -> None:
    world = capped(per_day=1)
    documents = uploads(world, 2)
    work(world)
    to_midnight(world)

    def another_is_first() -> None:
        world.reservations.days[TOMORROW] = 1

    world.faults.happen("reservations.write", another_is_first)
    work(world)
    assert [row.id for row in held(world)] == [documents[1].id]
    assert sent_on(world) == {TODAY: 1}


def test_one_that_another_releases_and_sends_meanwhile_keeps_no_other_from_its_release() -> None:
    world = capped(per_day=1)
    world.reservations.days[TODAY] = 1
    [first, second] = [world.upload(f"{number}.pdf", b"pages:2 %d" % number) for number in range(2)]
    work(world)

    def another_is_first() -> None:
        released = release_by_hand(world, first)
        world.send(resume_body(Resume(released.id, released.rev)))
        world.faults.fail("ocr.submit", KilledError)
        with suppress(KilledError):
            world.submit()

    allow(world, per_day=9)
    world.faults.happen("documents.read_operations", another_is_first)
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 1
    assert world.row(second).state is DocumentState.RECOGNIZING
    assert world.operation(first).state is OperationState.SUBMITTING, "it is that worker's"
    assert not world.journal.counts["SubmitsUnconfirmed"]


def test_of_those_that_wait_for_a_day_none_overtakes_an_older_one() -> None:
    world = capped(per_day=4)
    world.reservations.days[TODAY] = 3
    waits(world, 1, pages=2)
    waits(world, 2, pages=1)
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 0
    world.reservations.days[TODAY] = 1
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 2


def test_an_upload_that_is_gone_before_its_pages_are_reserved_reserves_none() -> None:
    world = capped(per_day=2)
    document = world.upload("x.png", b"page")
    world.faults.fail("reservations.read", DOWN)
    world.submit()
    world.uploads.forget("x.png", document.source.version_id)
    work(world)
    assert world.row(document).outcome is Outcome.SKIPPED
    assert "reservations.write" not in world.faults.calls


@pytest.mark.parametrize("call", ["reservations.write", "documents.due", "documents.read_many"])
def test_a_release_that_fails_is_made_in_the_next_minute(call: str) -> None:
    world = capped(per_day=1)
    documents = uploads(world, 2)
    work(world)
    to_midnight(world)
    world.faults.fail(call, DOWN)
    work(world, lambda: world.row(documents[1]).outcome is Outcome.SUCCEEDED)
    assert reserved(world) == sent_on(world) == {TODAY: 1, TOMORROW: 1}


@pytest.mark.parametrize(("seconds", "released"), [(120.0, 4), (25.0, 3)])
def test_a_release_takes_half_a_minute_and_no_longer_than_its_tick_lasts(seconds: float, released: int) -> None:
    world = capped(per_day=9)
    world.reservations.days[TODAY] = 9
    documents = uploads(world, 9)
    work(world)
    to_midnight(world)
    world.faults.happen("reservations.write", lambda: world.clock.advance(8.0), times=released)
    tick(world.poll_ports, world.poll_settings, world.clock.now() + seconds)
    assert [world.row(document).state for document in documents].count(DocumentState.HELD) == 9 - released
    work(world)
    assert outcomes(world) == {Outcome.SUCCEEDED: 9}


def waits(world: World, number: int, pages: int) -> Document:
    """A document that has been held since the second of its number."""
    at = world.clock.now() - 86_400.0 + number
    row = Document(f"{number:032x}", Source("uploads", f"{number}.pdf", "v"), DocumentState.HELD, at, pages=pages)
    hold = Hold(Period.DAY, pages)
    row = replace(row, hold=hold, hold_told=True, unfinished=frozenset(range(1, pages + 1)))
    world.documents.rows[row.id] = row = replace(row, due_kind=DueKind.HELD, due_at=at)
    return row


def test_behind_hundreds_that_wait_for_a_person_the_others_are_released() -> None:
    world = capped(per_day=200)
    larger = [waits(world, number, pages=201) for number in range(250)]
    others = [waits(world, number, pages=2) for number in range(250, 370)]
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 100
    assert [row.id for row in held(world)] == [row.id for row in [*larger, *others[100:]]]
    released = [world.row(row) for row in others[:100]]
    assert {row.due_kind for row in released} == {DueKind.BACKFILL}
    assert reserved(world) == {TODAY: 200}


def test_on_a_new_day_an_upload_waits_for_the_one_of_hundreds_that_has_room_and_else_for_none() -> None:
    world = capped(per_day=5)
    for number in range(210):
        waits(world, number, pages=6)
    first, second = uploads(world, 2)
    world.submit([world.receive(world.queue[0])])
    assert world.row(first).state is DocumentState.RECOGNIZING
    to_midnight(world)
    waits(world, 210, pages=5)
    world.submit()
    assert world.row(second).state is DocumentState.HELD


def test_what_waits_for_the_next_month_costs_a_few_reads_a_minute() -> None:
    world = capped(per_day=9, per_month=20)
    world.reservations.days["2026-11-01"] = 19
    for number in range(250):
        waits(world, number, pages=2)
    last = waits(world, 250, pages=1)
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 1
    assert Counter(world.faults.calls) == {
        **{"documents.due": 3, "documents.read_many": 3, "documents.read_operations": 1},
        **{"reservations.read": 4, "reservations.write": 1},
    }
    assert world.row(last).state is DocumentState.RECOGNIZING


def test_pages_that_one_has_reserved_on_an_earlier_day_of_the_month_have_room_in_it() -> None:
    world = capped(per_day=9, per_month=20)
    world.reservations.days.update({"2026-11-01": 18, YESTERDAY: 2})
    document = waits(world, 1, pages=2)
    world.documents.rows[document.id] = replace(document, reserved=2, reserved_on=YESTERDAY)
    assert release_held(world.poll_ports, world.poll_settings.caps, world.clock.now() + 30.0) == 1
    assert reserved(world) == {"2026-11-01": 18, TODAY: 2}


def test_one_that_loses_the_room_between_the_look_and_the_write_is_held() -> None:
    world = capped(per_day=1)
    document = world.upload("x.png", b"page")

    def another_is_first() -> None:
        world.reservations.days[TODAY] = 1

    world.faults.happen("reservations.write", another_is_first)
    world.submit()
    assert world.ticks_asked == 1, "somebody is to tell of it"
    work(world)
    assert why(world.row(document)) == Hold(Period.DAY, 1)
    assert sent_on(world) == {}


def test_a_file_with_a_page_that_kills_its_worker_loses_that_page_alone() -> None:
    world = capped(per_day=9)
    document = world.upload("x.pdf", b"pages:3 deadly:2")
    for _ in range(60):
        if world.quiet():
            break
        try:
            minute(world)
        except KilledError:
            world.clock.advance(SUBMIT_SECONDS + 10.0)
    row = world.row(document)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 2)
    assert reserved(world) == {TODAY: 2}


# --- off ---


def test_without_caps_and_reuse_nothing_is_read_or_written_for_them() -> None:
    world = World()
    document = world.upload("x.pdf", b"pages:4 bad:2")
    world.run()
    for asked in (RetryAsked(), DeleteAsked()):
        world.transition(document, asked)
        world.run()
    assert not [call for call in world.faults.calls if call.startswith(("reservations.", "sent_pages."))]


def test_a_page_that_fails_unsent_costs_no_more_reads_of_its_document() -> None:
    calls = []
    for body in (b"pages:3", b"pages:3 bad:2"):
        world = World(recognition_seconds=60.0)
        world.upload("x.pdf", body)
        world.submit()
        calls.append(world.faults.calls.count("documents.read_operations"))
    assert calls == [0, 0]
