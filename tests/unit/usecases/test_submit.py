"""submit by itself: whom it holds and until when, what it leaves alone, and how it comes back from what fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import pytest

from fakes.files import FakeDocument, KilledError
from fakes.running import InlineWorkers
from pagekit.limits import FileLimits
from textdrop.core.documents import Document, DocumentState, DueKind, Outcome, Resume
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.core.events import resume_body
from world import SUBMIT_SECONDS, World

DOWN = StoreUnavailable("down")


def left_behind(world: World, key: str = "x.png") -> Document:
    """An upload whose worker died as soon as it had a row; it has come due again."""
    document = world.upload(key, b"page")
    world.faults.fail("documents.create", KilledError, when="after")
    with pytest.raises(KilledError):
        world.submit()
    world.queue.clear()
    world.clock.advance(SUBMIT_SECONDS + 10.0)
    return document


def resume(world: World, document: Document) -> None:
    """A message to go on with it, as poll sends it."""
    world.send(resume_body(Resume(document.id, world.row(document).rev)))


# --- what is accepted ---


def test_every_upload_that_a_message_names_is_accepted(world: World) -> None:
    documents = [world.upload(f"{number}.png", b"%d" % number) for number in range(3)]
    records = [record for message in world.queue for record in json.loads(message.body)["Records"]]
    world.queue.clear()
    world.send(json.dumps({"Records": records}))
    assert world.submit() == []
    assert world.documents.rows.keys() == {document.id for document in documents}


def test_an_upload_without_versions_that_is_gone_is_accepted_and_keeps_nobody_from_it() -> None:
    world = World(versioned=False)
    gone, there = world.upload("gone.png", b"1"), world.upload("there.png", b"2")
    world.uploads.delete("gone.png")
    world.run()
    assert (world.row(gone).outcome, world.row(there).outcome) == (Outcome.SKIPPED, Outcome.SUCCEEDED)


# --- whom it holds ---


def test_a_document_is_held_until_its_workers_time_is_over_and_a_margin(world: World) -> None:
    began = world.clock.now()
    document = left_behind(world)
    assert world.row(document).due_at == began + SUBMIT_SECONDS + world.policy.lease_margin_seconds
    resume(world, document)
    began = world.clock.now()
    world.faults.fail("sources.head", KilledError)
    with pytest.raises(KilledError):
        world.submit()
    assert world.row(document).due_at == began + SUBMIT_SECONDS + world.policy.lease_margin_seconds
    assert world.row(document).attempts == 2


@pytest.mark.parametrize("by", [-1, 1, None])
def test_a_resume_of_another_rev_or_a_row_that_is_gone_is_dropped_and_counted(world: World, by: int | None) -> None:
    document = left_behind(world)
    before = replace(world.row(document), rev=3)
    world.documents.rows = {} if by is None else {document.id: before}
    rows = dict(world.documents.rows)
    world.send(resume_body(Resume(document.id, before.rev + (by or 0))))
    assert world.submit() == []
    assert world.documents.rows == rows
    assert [entry.name for entry in world.journal.notes] == ["stale_resume"]
    assert world.failures() == []


def test_what_killed_a_worker_is_worked_on_alone(world: World) -> None:
    steps: list[str] = []

    class Workers(InlineWorkers):
        def start(self, task: Callable[[], None]) -> None:
            steps.append("start")
            super().start(task)

        def wait(self) -> None:
            steps.append("wait")

    suspects = [left_behind(world, f"{number}.png") for number in range(2)]
    for suspect in suspects:
        resume(world, suspect)
    world.upload("new.png", b"another page")
    world.submit_ports = replace(world.submit_ports, workers=Workers())
    world.submit()
    assert steps == ["start", "wait", "start", "wait", "start", "wait"]


@pytest.mark.parametrize(("spare_seconds", "is_sent"), [(0.0, False), (1.0, True)])
def test_what_killed_a_worker_is_gone_on_with_if_a_page_could_still_be_sent(
    world: World, spare_seconds: float, is_sent: bool
) -> None:
    class Workers(InlineWorkers):
        def wait(self) -> None:
            world.clock.advance(SUBMIT_SECONDS - world.ocr.submit_seconds(0) - spare_seconds)

    suspect = left_behind(world)
    resume(world, suspect)
    world.submit_ports = replace(world.submit_ports, workers=Workers())
    before = world.row(suspect)
    world.submit()
    assert bool(world.ocr.accepted) == is_sent
    assert (world.row(suspect) == before) == (not is_sent)


def test_poll_is_woken_for_a_document_that_was_given_up_when_it_was_taken(world: World) -> None:
    document = left_behind(world)
    world.documents.rows[document.id] = replace(world.row(document), attempts=world.policy.max_attempts)
    resume(world, document)
    asked = world.ticks_asked
    world.submit()
    assert world.row(document).state is DocumentState.DELIVERING
    assert world.ticks_asked == asked + 1


# --- what fails ---


@pytest.mark.parametrize(
    ("call", "event"),
    [("documents.read", "resume_failed"), ("documents.write", "take_failed"), ("sources.head", "pass_failed")],
)
def test_what_cannot_be_done_is_logged_and_done_later(world: World, call: str, event: str) -> None:
    document = left_behind(world)
    resume(world, document)
    world.faults.fail(call, DOWN)
    assert world.submit() == []
    assert world.failures() == [(event, {"document": document.id})]
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_mistake_in_a_pass_is_logged_and_uses_up_an_attempt(world: World, document: Document) -> None:
    world.faults.fail("sources.head", ValueError("ours"))
    world.submit()
    assert world.failures() == [("pass_died", {"document": document.id})]
    assert world.row(document).attempts == 1
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_message_that_cannot_be_stored_is_logged_and_comes_again_and_all_others_are_accepted(world: World) -> None:
    _, _, *others = [world.upload(f"{number}.png", b"%d" % number) for number in range(10)]
    failed = [message.id for message in world.queue[:2]]
    world.faults.fail("documents.create", DOWN, times=2)
    assert world.submit() == failed
    assert world.failures() == [("message_failed", {"message_id": each}) for each in failed]
    assert world.documents.rows.keys() == {document.id for document in others}
    assert world.faults.calls.count("received.hide") == 2


@pytest.mark.usefixtures("document")
def test_a_message_that_failed_comes_again_after_a_minute_and_after_twice_the_time_whenever_it_fails_again(
    world: World,
) -> None:
    for seconds in (60.0, 120.0, 240.0):
        [waiting] = world.visible()
        message = world.receive(waiting)
        world.faults.fail("documents.create", DOWN)
        assert world.submit([message]) == [message.id]
        world.queue.append(message)
        world.clock.advance(seconds - 1.0)
        assert world.visible() == []
        world.clock.advance(1.0)


def test_that_a_message_cannot_be_hidden_is_logged_and_no_more(world: World) -> None:
    world.upload("failed.png", b"failed")
    accepted = world.upload("accepted.png", b"accepted")
    [failed, _] = world.queue
    world.faults.fail("documents.create", DOWN)
    world.faults.fail("received.hide", DOWN)
    assert world.submit() == [failed.id]
    assert world.failures() == [(event, {"message_id": failed.id}) for event in ("message_failed", "hide_failed")]
    assert world.row(accepted).state is DocumentState.RECOGNIZING


@pytest.mark.parametrize(("error", "event"), [(DOWN, "pass_failed"), (ObjectForbidden("403"), "source_forbidden")])
def test_a_failed_pass_is_logged_and_tried_again_after_a_backoff(
    world: World, document: Document, error: Exception, event: str
) -> None:
    world.faults.fail("sources.head", error)
    world.submit()
    assert world.failures() == [(event, {"document": document.id})]
    row, policy = world.row(document), world.policy
    assert (row.attempts, row.consecutive_failures) == (0, 1)
    wait = (row.due_at or 0.0) - world.clock.now()
    assert policy.backoff_first_seconds <= wait <= policy.max_backoff_seconds


def test_a_pass_that_cannot_even_come_back_leaves_its_lease(world: World) -> None:
    began = world.clock.now()
    document = world.upload("x.png", b"page")
    world.faults.fail("sources.head", DOWN)
    world.faults.fail("documents.read", DOWN)
    world.submit()
    assert world.failures() == [
        ("pass_failed", {"document": document.id}),
        ("return_failed", {"document": document.id}),
    ]
    assert world.row(document).due_at == began + SUBMIT_SECONDS + world.policy.lease_margin_seconds


@pytest.mark.parametrize(
    "changes",
    [{"holder": "0"}, {"holder": "z"}, {"due_kind": DueKind.DELIVER}, {"due_kind": None, "due_at": None}, None],
)
def test_a_failed_pass_leaves_alone_what_is_no_longer_its_own_or_gone(
    world: World, document: Document, changes: dict[str, object] | None
) -> None:
    others: list[Document] = []

    def taken_meanwhile() -> StoreUnavailable:
        row = world.documents.rows.pop(document.id)
        if changes is not None:
            others.append(replace(row, rev=row.rev + 1, **changes))  # type: ignore[arg-type]  # its fields
            world.documents.rows[document.id] = others[0]
        return DOWN

    world.faults.fail("sources.head", taken_meanwhile)
    assert world.submit() == []
    assert list(world.documents.rows.values()) == others
    assert world.failures() == [("pass_failed", {"document": document.id})]


# --- the file ---


@pytest.mark.parametrize("failing", ["nothing", "documents.write"])
def test_the_file_is_closed_when_its_pages_are_sent_or_the_row_cannot_be_written(
    world: World, document: Document, failing: str
) -> None:
    opened: list[BinaryIO] = []

    def open_document(file: BinaryIO, limits: FileLimits) -> FakeDocument:
        opened.append(file)
        return FakeDocument(file, limits)

    world.submit_ports = replace(world.submit_ports, open_document=open_document)
    world.faults.fail(failing, DOWN)
    world.submit()
    assert [file.closed for file in opened] == [True]


# --- what is logged ---


def test_every_row_that_moves_is_logged_with_its_rule_from_the_first_on(world: World) -> None:
    world.upload("x.png", b"page")
    world.run()
    assert world.journal.rules() == [
        "upload_new",
        "pages_known",
        "intent",
        "accepted",
        "every_page_sent",
        "recognised",
        "concluded",
        "delivery_taken",
        "step_begins",
        "step_begins",
        "notice_accepted",
    ]
