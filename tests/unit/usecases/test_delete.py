"""Deleting: nothing of a document is left in any version, whoever is at work on it; the ledger stays, without a key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Literal

import pytest

from fakes.files import KilledError
from fakes.ocr import synthetic_text
from pagekit.limits import FileLimits
from textdrop.core import keys
from textdrop.core.answers import NotReady, Recognition, Submitted
from textdrop.core.documents import Billed, Document, DocumentState, DueKind, Outcome, Removed, Resume, Source
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import delivery_body
from textdrop.core.observations import Cancelled, DeleteAsked, RenderAsked, RetryAsked
from textdrop.core.problems import cancelled
from world import World

OUTPUTS = {"ocr-outputs": "markdown tables searchable-pdf", "ocr-model": "table"}


@pytest.fixture
def world() -> World:
    """The whole application, in which long documents are assembled in segments."""
    world = World()
    world.policy = replace(world.policy, single_pass_max_pages=3, segment_pages=2)
    world.deliver_ports = replace(world.deliver_ports, policy=world.policy)
    world.submit_settings = replace(world.submit_settings, limits=FileLimits(max_pages=5_000))
    return world


def delete(world: World, document: Document) -> None:
    assert world.transition(document, DeleteAsked()) is not None


def left_of(world: World, document: Document) -> list[str]:
    """What there is in the results bucket of the document, in any version."""
    own = keys.folder(document.id)
    return [
        f"{key} {version.version_id} {'marker' if version.body is None else ''}"
        for key, versions in world.results.versions.items()
        for version in versions
        if key.startswith((own, document.source.key))
    ]


def is_deleted(world: World, document: Document, submitted: int, unconfirmed: int = 0, runs: int = 1) -> Document:
    """Nothing is left but a tombstone and the ledger, which is exact."""
    row = world.row(document)
    assert row == Document(
        document.id,
        Source("", ""),
        DocumentState.DELETED,
        row.accepted_at,
        rev=row.rev,
        run=runs,
        outcome_at=row.outcome_at,
        removed=row.removed,
    )
    assert [name for name in world.documents.operations if name[0] == document.id] == []
    listed = world.ledger.runs(document.id)
    assert [run.run for run in listed] == list(range(1, runs + 1))
    assert {run.key for run in listed} == {""}
    assert (sum(run.submitted for run in listed), sum(run.unconfirmed for run in listed)) == (submitted, unconfirmed)
    return row


# --- all that there is ---


def test_a_document_that_ended_before_there_was_a_ledger_does_not_come_into_it(world: World) -> None:
    document = world.upload("a/book.pdf", b"pages:2")
    world.run()
    world.documents.rows[document.id] = replace(world.row(document), billed=None)
    world.ledger.rows.clear()
    delete(world, document)
    world.run()
    assert world.row(document).state is DocumentState.DELETED
    assert not world.ledger.runs(document.id)


def test_of_a_document_with_outputs_segments_and_several_runs_nothing_is_left(world: World) -> None:
    document = world.upload("a/book.pdf", b"pages:5", OUTPUTS)
    world.run()
    for seen in (RenderAsked(), RetryAsked((("ocr-model", "page"), ("ocr-pages", "1-4")))):
        world.transition(document, seen)
        world.run()
    there = left_of(world, document)
    assert any(".tables/" in name for name in there)
    assert any(name.endswith("marker") for name in there), "segments that were joined"
    assert any("result-0003" in name for name in there)
    began_at = world.clock.now()
    delete(world, document)
    world.run()
    assert left_of(world, document) == []
    row = is_deleted(world, document, submitted=9, runs=3)
    assert row.removed == Removed(objects=len(there), rows=9)
    assert row.outcome_at is not None
    assert row.outcome_at >= began_at + world.policy.longest_lease_seconds
    assert [notice["outcome"] for notice in world.notices_of(document)] == ["succeeded"] * 3, "and none of the deletion"
    assert world.uploads.find("a/book.pdf"), "the upload is its owner's"


def test_it_is_swept_at_once_and_once_more(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.run()
    delete(world, document)
    world.poll()
    world.deliver()
    assert left_of(world, document) == []
    assert world.row(document).state is DocumentState.DELETING
    world.run()
    rules = world.journal.rules()
    assert rules[rules.index("delete_asked") :] == [
        "delete_asked",
        "sweep_taken",
        "swept_early",
        "sweep_taken",
        "deleted",
    ]


def test_an_upload_that_was_deleted_is_not_read_again(world: World) -> None:
    document = world.upload("x.png", b"page")
    event = world.queue[0].body
    world.run()
    delete(world, document)
    for _ in range(2):
        world.send(event)
        world.submit()
        world.run()
    is_deleted(world, document, submitted=1)
    for seen in (RetryAsked(), RenderAsked(), Cancelled(cancelled()), DeleteAsked()):
        assert world.transition(document, seen) is None
    assert len(world.ocr.accepted) == 1


# --- whatever it is doing ---


@pytest.mark.parametrize("state", ["accepted", "recognizing", "delivering", "cancelled", "skipped"])
def test_in_whatever_state_it_is(world: World, state: str) -> None:
    world.ocr.seconds = 600.0
    document = world.upload("x.pdf", b"" if state == "skipped" else b"pages:3")
    if state == "accepted":
        world.faults.fail("sources.head", StoreUnavailable("down"))
    world.submit()
    if state == "delivering":
        world.clock.advance(600.0)
        world.poll()
        world.deliver_queue.clear()
    if state == "cancelled":
        world.transition(document, Cancelled(cancelled()))
    delete(world, document)
    world.run()
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=0 if state in ("accepted", "skipped") else 3)
    [run] = world.ledger.runs(document.id)
    ended = {"delivering": Outcome.SUCCEEDED, "skipped": Outcome.SKIPPED}
    assert run.outcome is ended.get(state, Outcome.CANCELLED)
    assert world.notices_of(document) == []
    assert world.quiet()


def test_what_is_sent_just_then_is_in_the_ledger_and_nothing_more_is_sent(world: World) -> None:
    document = world.upload("x.pdf", b"pages:9")
    submit = world.ocr.submit

    def meanwhile(body: bytes, client_request_id: str) -> Submitted:
        if len(world.ocr.accepted) == 3:
            delete(world, document)
            world.poll()
            world.deliver()
        return submit(body, client_request_id)

    world.ocr.submit = meanwhile  # type: ignore[method-assign]
    world.submit()
    assert len(world.ocr.accepted) == 4
    world.run()
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=4)


def test_a_page_that_was_answered_after_its_document_was_cancelled_and_deleted_is_in_the_ledger(world: World) -> None:
    """When the cancelled document was counted its page was on its way, so that nobody knew."""
    document = world.upload("x.png", b"page")
    submit = world.ocr.submit

    def meanwhile(body: bytes, client_request_id: str) -> Submitted:
        world.transition(document, Cancelled(cancelled()))
        world.faults.fail("ledger.put", StoreUnavailable("down"))
        world.poll()
        world.deliver()
        assert world.row(document).billed == Billed(0, 1)
        delete(world, document)
        return submit(body, client_request_id)

    world.ocr.submit = meanwhile  # type: ignore[method-assign]
    world.submit()
    world.run()
    is_deleted(world, document, submitted=1)


def test_a_page_that_may_have_been_sent_is_unconfirmed_in_the_ledger(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", KilledError, when="after")
    with suppress(KilledError):
        world.submit()
    delete(world, document)
    world.queue.clear()
    world.run()
    is_deleted(world, document, submitted=0, unconfirmed=1)


def test_who_still_looks_at_the_source_writes_nothing(world: World) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.faults.happen("sources.read", lambda: delete(world, document))
    world.submit()
    world.run()
    assert world.ocr.accepted == []
    is_deleted(world, document, submitted=0)


def test_who_is_asking_stores_nothing_that_stays(world: World) -> None:
    """The answer comes after the first sweep; and one that is asked for until the last sweep, after that one."""
    document = world.upload("x.png", b"page")
    world.submit()
    world.clock.advance(5.0)
    result = world.ocr.result

    def sweep_first(operation_id: str) -> Recognition | NotReady:
        world.ocr.result = result  # type: ignore[method-assign]
        delete(world, document)
        swept(world, document)
        return result(operation_id)

    world.ocr.result = sweep_first  # type: ignore[method-assign]
    world.poll()
    assert left_of(world, document) != []
    world.run()
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=1)


def swept(world: World, document: Document) -> None:
    """Another worker sweeps it now."""
    world.send_delivery(delivery_body([Resume(document.id, world.row(document).rev)]))
    world.deliver()


def test_a_page_that_runs_when_it_should_be_gone_is_waited_for(world: World) -> None:
    """Somebody adopted it late, and somebody else asks for it while the last sweep is at work."""
    document = world.upload("x.png", b"page")
    world.submit()
    running = world.operation(document)
    delete(world, document)
    swept(world, document)
    world.documents.operations[document.id, 1, 1] = running
    world.clock.advance(world.policy.longest_lease_seconds + 1.0)

    def stored_late() -> None:
        world.results.put(keys.page(document.id, 1, 1), b"late")

    world.faults.happen("results.remove", stored_late, when="after")
    swept(world, document)
    row = world.row(document)
    assert (row.state, row.due_kind) == (DocumentState.DELETING, DueKind.DELIVER)
    assert row.due_at == world.clock.now() + world.policy.longest_lease_seconds
    assert left_of(world, document) != []
    world.run()
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=1)


@pytest.mark.parametrize("call", ["results.put", "results.copy", "newest.update_if_newer", "ledger.put"])
def test_who_is_delivering_writes_nothing_that_stays(world: World, call: str) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "markdown"})
    world.submit()
    world.clock.advance(5.0)
    world.poll()

    def sweep_first() -> None:
        delete(world, document)
        swept(world, document)

    world.faults.happen(call, sweep_first)
    [message] = world.deliver_queue
    world.deliver_queue.clear()
    world.deliver_one(message)
    world.run()
    assert world.faults.left() == 0
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=1)


@pytest.mark.parametrize("place", range(12))
def test_a_sweep_that_breaks_off_anywhere_is_taken_up_again(world: World, place: int) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    delete(world, document)
    calls = ["documents.read_operations", "results.remove", "ledger.put", "ledger.forget_key", "documents.write"]
    calls += ["documents.delete_operations"]
    world.faults.fail(calls[place % 6], StoreUnavailable("down") if place < 6 else KilledError(), skip=place % 2)
    world.run()
    assert left_of(world, document) == []
    is_deleted(world, document, submitted=2)


# --- beside other uploads of the key ---


@pytest.fixture
def pair(world: World) -> tuple[Document, Document]:
    """An older and a newer upload of a key, both delivered."""
    older = world.upload("x.png", b"old", {"ocr-outputs": "markdown"})
    world.run()
    world.clock.advance(5.0)
    newer = world.upload("x.png", b"new")
    world.run()
    return older, newer


def bodies(world: World, name: str) -> list[bytes | None]:
    return [version.body for version in world.results.versions.get(name, [])]


OLD, NEW = ((synthetic_text(body) + "\n").encode() for body in (b"old", b"new"))


def test_the_newest_has_its_names_still_and_no_version_of_the_older_is_left(
    world: World, pair: tuple[Document, Document]
) -> None:
    older, newer = pair
    assert len(bodies(world, "x.png.txt")) == 2
    delete(world, older)
    world.run()
    assert bodies(world, "x.png.txt") == [NEW]
    assert bodies(world, "x.png.md") == [], "not even the marker that hid it"
    assert [key for key in world.results.versions if older.id in key and world.results.versions[key]] == []
    assert world.file(keys.own(newer.id, 1, keys.TEXT)) == NEW


@pytest.mark.parametrize("upload_too", [False, True])
def test_when_the_newest_is_deleted_an_older_one_takes_its_names_if_it_is_the_current_upload(
    world: World, pair: tuple[Document, Document], upload_too: bool
) -> None:
    older, newer = pair
    if upload_too:
        world.uploads.forget("x.png", newer.source.version_id)
    delete(world, newer)
    world.run()
    assert bodies(world, "x.png.txt") == []
    world.transition(older, RetryAsked())
    world.run()
    assert bodies(world, "x.png.txt") == ([OLD] if upload_too else [])
    notice = world.notices_of(older)[-1]
    assert (notice["newest"], notice["published"]) == (upload_too, upload_too)
    assert world.file(keys.own(older.id, 1, keys.TEXT)) is not None


@pytest.mark.parametrize("call", ["newest.replace", "sources.head"])
@pytest.mark.parametrize("error", [StoreUnavailable("down"), KilledError()])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_upload_gets_the_names_of_a_deleted_one_whatever_fails_meanwhile(
    world: World, pair: tuple[Document, Document], call: str, error: BaseException, when: Literal["before", "after"]
) -> None:
    older, newer = pair
    world.uploads.forget("x.png", newer.source.version_id)
    delete(world, newer)
    world.run()
    world.transition(older, RenderAsked())
    world.faults.fail(call, error, when=when)
    world.run()
    assert world.faults.left() == 0
    assert bodies(world, "x.png.txt")[-1] == OLD


def test_an_upload_that_took_the_names_of_a_deleted_one_gives_them_to_a_newer_one(
    world: World, pair: tuple[Document, Document]
) -> None:
    older, newer = pair
    world.uploads.forget("x.png", newer.source.version_id)
    delete(world, newer)
    world.run()
    world.transition(older, RetryAsked())
    newest = b""

    def replaced() -> None:
        nonlocal newest
        newest = b"newest"
        world.upload("x.png", newest)

    world.faults.happen("newest.replace", replaced, when="after")
    world.run()
    assert newest
    assert bodies(world, "x.png.txt")[-1] == (synthetic_text(newest) + "\n").encode()


@pytest.mark.parametrize("place", range(7))
def test_another_upload_that_is_published_during_a_sweep_has_its_names_afterwards(world: World, place: int) -> None:
    """Whenever it comes: before a name was looked at, after it was removed, or in between."""
    older = world.upload("x.png", b"old", {"ocr-outputs": "markdown"})
    world.run()
    world.clock.advance(5.0)
    newer = world.upload("x.png", b"new")
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    [message] = world.deliver_queue
    world.deliver_queue.clear()
    delete(world, older)
    world.faults.happen("results.remove", lambda: world.deliver_one(message), skip=place)
    swept(world, older)
    assert world.row(newer).state is DocumentState.FINAL
    assert world.file("x.png.txt") == NEW
    world.run()
    assert bodies(world, "x.png.txt")[-1] == NEW
    assert set(bodies(world, "x.png.txt")) == {NEW}
    assert bodies(world, "x.png.md") == []


@pytest.mark.parametrize("died", ["before", "after"])
def test_what_it_had_under_the_names_goes_though_the_newest_has_not_copied_its_own_yet(world: World, died: str) -> None:
    older = world.upload("x.png", b"old")
    world.run()
    world.clock.advance(5.0)
    newer = world.upload("x.png", b"new")
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    world.faults.fail("results.copy", KilledError, when="before" if died == "before" else "after")
    with suppress(KilledError):
        world.deliver()
    delete(world, older)
    swept(world, older)
    assert (synthetic_text(b"old") + "\n").encode() not in bodies(world, "x.png.txt")
    world.run()
    assert world.row(newer).outcome is Outcome.SUCCEEDED
    assert set(bodies(world, "x.png.txt")) == {NEW}


def test_what_somebody_else_has_under_names_that_were_never_published_is_left_alone(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.results.put("x.png.txt", b"somebody's")
    world.results.put("x.png.md", b"somebody's")
    world.submit()
    delete(world, document)
    world.run()
    assert world.file("x.png.txt") == world.file("x.png.md") == b"somebody's"
    other = world.upload("x.png", b"other")
    world.run()
    delete(world, other)
    world.run()
    assert world.file("x.png.txt") is None
    assert world.file("x.png.md") == b"somebody's", "no output was ever asked for"


def test_an_upload_whose_key_begins_with_a_name_of_the_deleted_one_has_its_results_still(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.upload("x.png.txt", b"other")
    world.run()
    delete(world, document)
    world.run()
    assert world.results.keys()[-2:] == ["x.png.txt.ocr.json", "x.png.txt.txt"]


def test_a_late_older_upload_that_copied_for_the_newest_leaves_nothing_of_it(world: World) -> None:
    late = world.upload("x.png", b"old")
    older = world.queue.pop()
    world.clock.advance(5.0)
    newest = world.upload("x.png", b"new")
    world.run()
    world.submit([replace(older, receipt="r")])
    world.clock.advance(5.0)
    world.poll()
    [message] = world.deliver_queue
    world.deliver_queue.clear()

    def swept_first() -> None:
        delete(world, newest)
        swept(world, newest)

    world.faults.happen("results.copy", swept_first)
    world.deliver_one(message)
    world.run()
    assert world.row(late).state is DocumentState.FINAL
    assert bodies(world, "x.png.txt") == []
