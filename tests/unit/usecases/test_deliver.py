"""One delivery: until when it is held, what it leaves alone, and how it comes back from what fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from textdrop.core.documents import Document, DocumentState, DueKind, Newest, Outcome, Step
from textdrop.core.errors import StoreUnavailable
from textdrop.core.identity import order
from textdrop.core.keys import ERROR, JSON, TEXT, own
from textdrop.usecases.deliver import conclude_and_deliver, deliver
from world import POLL_SECONDS, World

DOWN = StoreUnavailable("down")


def delivering(world: World, body: bytes = b"page", metadata: dict[str, str] | None = None) -> Document:
    """An upload whose outcome is fixed."""
    document = world.upload("x.png", body, metadata)
    world.submit()
    if world.row(document).state is DocumentState.RECOGNIZING:
        world.clock.advance(60.0)
        world.faults.fail("documents.write", DOWN, skip=1)  # taking it for delivery
        world.poll()
    row = world.row(document)
    assert (row.state, row.step) == (DocumentState.DELIVERING, Step.RENDER if metadata else None)
    world.journal.failures.clear()
    world.clock.advance(world.policy.recheck_seconds)
    return row


def run(world: World, document: Document, seconds: float = POLL_SECONDS) -> bool:
    """Whether this delivery made the document final."""
    before = world.journal.counts["DocumentsFinished"]
    deliver(world.poll_ports, document, world.clock.now() + seconds)
    return world.journal.counts["DocumentsFinished"] > before


def test_it_ends_final_once_and_is_counted(world: World) -> None:
    document = delivering(world)
    assert run(world, document)
    assert world.row(document).state is DocumentState.FINAL
    assert world.journal.counts["DocumentsFinished"] == 1
    assert not run(world, document), "there is nothing left to take"
    assert len(world.notices_of(document)) == 1


def test_what_is_to_be_rendered_is_handed_over_and_not_final(world: World) -> None:
    document = delivering(world, metadata={"ocr-outputs": "markdown"})
    assert not run(world, document)
    row = world.row(document)
    assert (row.state, row.step) == (DocumentState.DELIVERING, Step.RENDER)
    assert [(asked.document_id, asked.rev) for asked in world.render_function.asked] == [(row.id, row.rev)]


def test_it_is_held_until_its_workers_time_is_over_and_a_margin(world: World) -> None:
    document = delivering(world)
    until = world.clock.now() + POLL_SECONDS + world.policy.lease_margin_seconds
    for call in ("results.put", "results.copy", "notices.publish"):
        leases: list[float | None] = []

        def seen(leases: list[float | None] = leases) -> StoreUnavailable:
            leases.append(world.row(document).due_at)
            return DOWN

        world.faults.fail(call, seen)
        assert not run(world, world.row(document))
        assert leases == [until]
        world.documents.rows[document.id] = replace(world.row(document), due_at=world.clock.now())


def test_a_delivery_that_somebody_holds_is_left_to_them(world: World) -> None:
    document = delivering(world)
    held = replace(document, holder="other", due_at=world.clock.now() + 60.0)
    world.documents.rows[document.id] = held
    assert not run(world, held)
    assert world.row(document) == held
    assert world.failures() == []


@pytest.mark.parametrize("step", [Step.FILES, Step.PUBLISH, Step.NOTICE])
def test_a_delivery_that_somebody_took_meanwhile_is_left_to_them(world: World, step: Step) -> None:
    """They write the same files and send the same notice; it is theirs to end."""
    document = delivering(world)
    call = {Step.FILES: "results.put", Step.PUBLISH: "results.copy", Step.NOTICE: "notices.publish"}[step]
    others: list[Document] = []

    def taken() -> None:
        row = world.row(document)
        others.append(replace(row, rev=row.rev + 1, holder="other"))
        world.documents.rows[document.id] = others[-1]

    after = world.faults.after

    def counted(name: str) -> None:
        if name == call and not others:
            taken()
        after(name)

    world.faults.after = counted  # type: ignore[method-assign,assignment]  # another takes it right after this call
    assert not run(world, document)
    assert world.row(document) == others[-1]
    assert world.failures() == []
    assert world.journal.counts["DocumentsFinished"] == 0


# --- what fails ---


def test_what_fails_is_told_and_tried_again_after_a_backoff(world: World) -> None:
    document = delivering(world)
    world.faults.fail("notices.publish", DOWN)
    assert not run(world, document)
    assert world.failures() == [("delivery_failed", {"document": document.id})]
    row, policy = world.row(document), world.policy
    assert (row.consecutive_failures, row.attempts, row.step) == (1, 0, Step.NOTICE)
    wait = (row.due_at or 0.0) - world.clock.now()
    assert policy.backoff_first_seconds <= wait <= policy.max_backoff_seconds


def test_an_error_file_is_not_written_without_the_time_for_it(world: World) -> None:
    document = delivering(world, b"damaged")
    assert not run(world, document, 1.0)
    assert world.results.keys() == []
    assert run(world, world.row(document))
    assert world.results.content_type("x.png.error.json") == "application/json"


def test_names_are_not_deleted_without_the_time_for_it(world: World) -> None:
    document = delivering(world)
    copy = world.poll_ports.results.copy

    def slow(key: str, to: str) -> None:
        copy(key, to)
        world.clock.advance(POLL_SECONDS / 2)

    world.poll_ports.results.copy = slow  # type: ignore[method-assign]  # half of the time each
    assert not run(world, document)
    assert "results.delete" not in world.faults.calls


def test_a_delivery_that_cannot_be_taken_is_told_and_stays_due(world: World) -> None:
    document = delivering(world)
    world.faults.fail("documents.write", DOWN)
    assert not run(world, document)
    assert world.failures() == [("delivery_failed", {"document": document.id})]
    assert world.row(document) == document


def test_a_mistake_in_it_is_told_and_uses_up_an_attempt(world: World) -> None:
    document = delivering(world)
    world.faults.fail("results.put", ValueError("ours"))
    assert not run(world, document)
    assert world.failures() == [("delivery_died", {"document": document.id})]
    assert world.row(document).attempts == 1


def test_a_delivery_that_cannot_even_come_back_leaves_its_lease(world: World) -> None:
    document = delivering(world)
    until = world.clock.now() + POLL_SECONDS + world.policy.lease_margin_seconds
    world.faults.fail("results.put", DOWN)
    world.faults.fail("documents.read", DOWN)
    assert not run(world, document)
    assert world.failures() == [
        ("delivery_failed", {"document": document.id}),
        ("return_failed", {"document": document.id}),
    ]
    assert world.row(document).due_at == until


@pytest.mark.parametrize(
    "changes", [{"holder": "0"}, {"holder": "z"}, {"state": DocumentState.FINAL, "due_at": None, "due_kind": None}]
)
def test_a_failed_delivery_leaves_alone_what_is_no_longer_its_own(world: World, changes: dict[str, object]) -> None:
    document = delivering(world)
    others: list[Document] = []

    def taken_meanwhile() -> StoreUnavailable:
        row = world.row(document)
        others.append(replace(row, rev=row.rev + 1, **changes))  # type: ignore[arg-type]  # its fields
        world.documents.rows[document.id] = others[0]
        return DOWN

    world.faults.fail("results.put", taken_meanwhile)
    assert not run(world, document)
    assert world.row(document) == others[0]


def test_a_failed_delivery_whose_row_is_gone_ends(world: World) -> None:
    document = delivering(world)

    def gone() -> StoreUnavailable:
        del world.documents.rows[document.id]
        return DOWN

    world.faults.fail("results.put", gone)
    assert not run(world, document)
    assert world.failures() == [("delivery_failed", {"document": document.id})]


# --- names and notice ---


@pytest.mark.parametrize(("metadata", "names"), [({}, 1), ({"ocr-outputs": "markdown"}, 3)])
def test_names_that_nobody_can_have_shown_are_not_deleted(world: World, metadata: dict[str, str], names: int) -> None:
    """Of several names at once S3 takes a request that it bills."""
    deleted: list[str] = []
    delete = world.poll_ports.results.delete

    def noted(keys: Sequence[str]) -> None:
        deleted.extend(keys)
        delete(keys)

    world.poll_ports.results.delete = noted  # type: ignore[method-assign]
    world.upload("x.png", b"page", metadata)
    world.run()
    assert len(deleted) == names
    assert deleted[0] == "x.png.error.json"


def test_a_newest_upload_whose_row_is_gone_keeps_nobody_from_the_end(world: World) -> None:
    document = delivering(world)
    later = replace(document.source, event_at=world.clock.now() + 60.0)
    world.newest.update_if_newer(document.source, Newest(order(later), "0" * 32))
    assert run(world, document)
    [notice] = world.notices_of(document)
    assert (notice["newest"], notice["published"]) == (False, False)


def test_only_a_notice_with_failed_pages_needs_their_rows(world: World) -> None:
    assert run(world, delivering(world))
    calls = world.faults.calls
    assert "documents.read_operations" not in calls[calls.index("results.copy") :]


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
@pytest.mark.parametrize("finished", [False, True])
def test_the_names_show_the_newest_upload_if_it_has_an_outcome(world: World, newer_id: str, finished: bool) -> None:
    """Without one it will publish itself."""
    document = delivering(world)
    for name in ("x.png.txt", "x.png.ocr.json"):
        world.results.put(name, b"shown before")
    newer(world, document, newer_id, finished)
    assert run(world, document)
    assert world.file("x.png.txt") == (b"newer" if finished else b"shown before")
    assert world.file("x.png.ocr.json") == (b"{}" if finished else b"shown before")


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
def test_an_upload_that_becomes_the_newest_meanwhile_gets_the_names(world: World, newer_id: str) -> None:
    document = delivering(world)
    during_the_first_copy(world, lambda: newer(world, document, newer_id, True))
    assert run(world, document)
    assert world.file("x.png.txt") == b"newer"


def test_a_newest_row_that_is_gone_meanwhile_keeps_nobody_from_the_end(world: World) -> None:
    document = delivering(world)
    during_the_first_copy(world, world.newest.rows.clear)
    assert run(world, document)
    assert world.file("x.png.txt") is not None


def test_a_newest_upload_that_becomes_a_failure_meanwhile_is_shown_as_one(world: World) -> None:
    document = delivering(world)
    newer(world, document, "0" * 32, True)

    def replaced() -> None:
        row = world.documents.rows["0" * 32]
        world.documents.rows[row.id] = replace(row, outcome=Outcome.FAILED)
        world.results.put(own(row.id, ERROR), b"{}")

    during_the_first_copy(world, replaced)
    assert run(world, document)
    assert world.file("x.png.txt") is None
    assert world.file("x.png.error.json") is not None


def test_a_newest_upload_whose_row_is_gone_meanwhile_stays_shown(world: World) -> None:
    document = delivering(world)
    newer(world, document, "0" * 32, True)
    during_the_first_copy(world, lambda: world.documents.rows.pop("0" * 32))
    assert run(world, document)
    assert world.file("x.png.txt") == b"newer"


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
def test_a_notice_after_a_break_says_what_is_the_newest_by_then(world: World, newer_id: str) -> None:
    document = delivering(world)
    world.faults.fail("notices.publish", DOWN)
    assert not run(world, document)
    newer(world, document, newer_id, True)
    assert run(world, due_again(world, document))
    [notice] = world.notices_of(document)
    assert (notice["newest"], notice["published"]) == (False, False)


def test_a_key_too_long_for_names_beside_it_is_not_said_to_be_published(world: World) -> None:
    document = world.upload("k" * 1020, b"page")
    world.run()
    [notice] = world.notices_of(document)
    assert (notice["newest"], notice["published"]) == (True, False)


def newer(world: World, document: Document, newer_id: str, finished: bool) -> None:
    """A newer upload of the same key."""
    later = replace(document.source, version_id="version-9", event_at=world.clock.now() + 60.0)
    state, outcome = (DocumentState.FINAL, Outcome.SUCCEEDED) if finished else (DocumentState.RECOGNIZING, None)
    world.documents.rows[newer_id] = replace(
        document, id=newer_id, source=later, state=state, outcome=outcome, due_kind=None, due_at=None
    )
    world.newest.update_if_newer(document.source, Newest(order(later), newer_id))
    for suffix, body in ((TEXT, b"newer"), (JSON, b"{}")):
        world.results.put(own(newer_id, suffix), body)


def during_the_first_copy(world: World, happens: Callable[[], object]) -> None:
    copy, first = world.poll_ports.results.copy, [happens]

    def copied(key: str, to: str) -> None:
        copy(key, to)
        if first:
            first.pop()()

    world.poll_ports.results.copy = copied  # type: ignore[method-assign]  # and something happens


def test_names_are_not_copied_without_the_time_for_it(world: World) -> None:
    document = delivering(world)
    world.faults.fail("results.copy", DOWN)
    assert not run(world, document)
    calls = len(world.faults.calls)
    assert not run(world, due_again(world, document), 1.0)
    assert "results.copy" not in world.faults.calls[calls:]


def test_a_step_that_was_done_is_not_done_again(world: World) -> None:
    document = delivering(world)
    world.faults.fail("notices.publish", DOWN)
    assert not run(world, document)
    calls = len(world.faults.calls)
    assert run(world, due_again(world, document))
    assert [call for call in world.faults.calls[calls:] if call.startswith("results.")] == []


def due_again(world: World, document: Document) -> Document:
    world.clock.advance(world.policy.max_backoff_seconds)
    return world.row(document)


@pytest.mark.parametrize("state", [DocumentState.ACCEPTED, DocumentState.RECOGNIZING])
def test_what_has_no_outcome_is_not_delivered(world: World, state: DocumentState) -> None:
    """A row read long ago may have been more than it is: a retry begins anew."""
    document = delivering(world)
    again = replace(document, state=state, outcome=None, due_kind=DueKind.SUBMIT)
    world.documents.rows[document.id] = again
    assert not run(world, again)
    assert world.notices.published == []
    assert world.failures() == []


# --- conclusions ---


def test_a_document_that_somebody_else_concludes_is_left_to_them(world: World, document: Document) -> None:
    world.submit()
    world.documents.write = lambda before, after: False  # type: ignore[method-assign]  # always another first
    reads = world.faults.calls.count("documents.read_operations")
    conclude_and_deliver(world.poll_ports, world.row(document), world.clock.now() + POLL_SECONDS)
    assert world.faults.calls.count("documents.read_operations") - reads == 5, "it does not try for ever"


def test_one_that_was_beaten_to_the_row_looks_again(world: World, document: Document) -> None:
    world.submit()
    write, first = world.documents.write, [True]

    def raced(before: Document, after: Document) -> bool:
        return False if first and first.pop() else write(before, after)

    world.documents.write = raced  # type: ignore[method-assign]  # another was first, once
    conclude_and_deliver(world.poll_ports, world.row(document), world.clock.now() + POLL_SECONDS)
    assert world.row(document).state is DocumentState.RECOGNIZING
    assert world.row(document).due_at == world.clock.now() + world.policy.recheck_seconds
