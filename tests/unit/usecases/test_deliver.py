"""One delivery: until when it is held, what it leaves alone, what it publishes, how it comes back from failures."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import pytest

from fakes.files import KilledError
from fakes.messages import FakeNotices
from textdrop.core.documents import Document, DocumentState, DueKind, Newest, Outcome, Resume, Step
from textdrop.core.errors import StoreUnavailable
from textdrop.core.identity import order
from textdrop.core.keys import ERROR, JSON, TEXT, own
from textdrop.usecases.conclude import conclude
from textdrop.usecases.deliver import deliver
from world import DELIVER_SECONDS, World

DOWN = StoreUnavailable("down")
CALLS = ["results.put", "results.copy", "notices.publish"]
"""One of each step."""


class Delivering(World):
    """An upload whose outcome is fixed, and that was handed to deliver."""

    def __init__(self, body: bytes = b"page", outputs: str = "none") -> None:
        super().__init__()
        uploaded = self.upload("x.png", body, {"ocr-outputs": outputs})
        self.submit()
        self.clock.advance(60.0)
        self.poll()
        self.deliver_queue.clear()
        self.document = self.row(uploaded)
        assert self.document.state is DocumentState.DELIVERING

    @property
    def stored(self) -> Document:
        return self.row(self.document)

    def store(self, **changes: object) -> Document:
        """Somebody writes the row."""
        row = replace(self.stored, **changes)  # type: ignore[arg-type]  # its fields
        self.documents.rows[self.document.id] = row
        return row

    def delivered(self, seconds: float = DELIVER_SECONDS, rev: int = 0) -> bool:
        """Whether a message of the row as it is stored, or of another rev, made the document final."""
        before = self.finished
        resume = Resume(self.document.id, rev or self.stored.rev)
        deliver(self.deliver_ports, [resume], self.clock.now() + seconds)
        return self.finished > before

    @property
    def finished(self) -> int:
        """How many documents became final."""
        return len(self.journal.values.get("UploadToNotice", []))

    def newer(self, newer_id: str = "0" * 32, finished: bool = True) -> None:
        """A newer upload of the same key."""
        later = replace(self.document.source, version_id="version-9", event_at=self.clock.now() + 60.0)
        state, outcome = (DocumentState.FINAL, Outcome.SUCCEEDED) if finished else (DocumentState.RECOGNIZING, None)
        self.documents.rows[newer_id] = replace(
            self.document, id=newer_id, source=later, state=state, outcome=outcome, due_kind=None, due_at=None
        )
        self.newest.update_if_newer(later, Newest(order(later), newer_id))
        for suffix, body in ((TEXT, b"newer"), (JSON, b"{}")):
            self.results.put(own(newer_id, 1, suffix), body)

    def newest_and_published(self) -> tuple[object, object]:
        """What the one notice says."""
        [notice] = self.notices_of(self.document)
        return notice["newest"], notice["published"]


@pytest.fixture
def delivering() -> Delivering:
    return Delivering()


def test_it_ends_final_once_and_is_counted(delivering: Delivering) -> None:
    delivering.store(accepted_at=delivering.document.accepted_at + 30.0)
    assert delivering.delivered()
    assert delivering.stored.state is DocumentState.FINAL
    took_seconds = delivering.clock.now() - delivering.document.source.event_at
    assert took_seconds >= 60.0
    assert delivering.journal.values["UploadToNotice"] == [took_seconds]
    assert not delivering.delivered()
    assert len(delivering.notices_of(delivering.document)) == 1, "there is nothing left to take"


def test_a_clock_behind_that_of_the_bucket_measures_no_time_below_zero(delivering: Delivering) -> None:
    source = replace(delivering.document.source, event_at=delivering.clock.now() + 60.0)
    delivering.store(source=source)
    assert delivering.delivered()
    assert delivering.journal.values["UploadToNotice"] == [0.0]


@pytest.mark.parametrize(
    ("outputs", "pages", "function_seconds", "held_seconds"),
    [("none", 1, 900.0, 60.0), ("none", 1, 30.0, 30.0), ("none", 101, 900.0, 900.0), ("markdown", 1, 900.0, 900.0)],
)
def test_it_is_held_until_its_time_is_over_and_a_margin(
    outputs: str, pages: int, function_seconds: float, held_seconds: float
) -> None:
    """What others may share a message with is given up soon, should one of them kill the function."""
    delivering = Delivering(outputs=outputs)
    delivering.store(pages=pages)
    leases: list[float | None] = []
    for call in ("documents.read_operations", *CALLS):
        delivering.faults.happen(call, lambda: leases.append(delivering.stored.due_at))
    until = delivering.clock.now() + held_seconds + delivering.policy.lease_margin_seconds
    delivering.delivered(function_seconds)
    assert set(leases) == {until}
    assert len(leases) == (2 if pages > 1 else 4), "a page without a row is not delivered"


def test_a_message_of_an_earlier_rev_is_dropped_and_logged(delivering: Delivering) -> None:
    held = delivering.store(rev=delivering.stored.rev + 1, holder="other")
    assert not delivering.delivered(rev=held.rev - 1)
    assert delivering.stored == held
    assert [entry.name for entry in delivering.journal.notes] == ["stale_delivery"]
    assert delivering.failures() == []


def test_a_message_of_a_document_that_is_gone_is_dropped(delivering: Delivering) -> None:
    delivering.documents.rows.clear()
    assert not delivering.delivered(rev=1)
    assert delivering.failures() == []


def test_every_document_of_a_message_is_delivered_whatever_becomes_of_another() -> None:
    delivering = Delivering()
    other = delivering.upload("y.png", b"another page")
    delivering.submit()
    delivering.clock.advance(60.0)
    delivering.poll()
    delivering.faults.fail("results.put", DOWN)
    resumes = [Resume(each.id, delivering.row(each).rev) for each in (delivering.document, other)]
    deliver(delivering.deliver_ports, resumes, delivering.clock.now() + DELIVER_SECONDS)
    assert delivering.stored.state is DocumentState.DELIVERING
    assert delivering.row(other).state is DocumentState.FINAL


@pytest.mark.parametrize("state", [DocumentState.ACCEPTED, DocumentState.RECOGNIZING])
def test_what_has_no_outcome_is_not_delivered(delivering: Delivering, state: DocumentState) -> None:
    """A row read long ago may have been more than it is: a retry begins anew."""
    delivering.store(state=state, outcome=None, due_kind=DueKind.SUBMIT)
    assert not delivering.delivered()
    assert delivering.notices.published == []
    assert delivering.failures() == []


TAKEN = {"holder": "other"}
FINAL = {"state": DocumentState.FINAL, "due_at": None, "due_kind": None}


@pytest.mark.parametrize(
    ("call", "when", "changes"),
    [
        *((call, "after", TAKEN) for call in CALLS),
        *(("results.put", "before", changes) for changes in ({"holder": "0"}, {"holder": "z"}, FINAL)),
    ],
)
def test_a_delivery_that_is_no_longer_its_own_is_left_as_it_is(
    delivering: Delivering, call: str, when: Literal["before", "after"], changes: dict[str, object]
) -> None:
    """Whether it goes well (they write the same files and send the same notice; it is theirs to end) or fails."""
    others: list[Document] = []

    def taken_meanwhile() -> StoreUnavailable | None:
        others.append(delivering.store(rev=delivering.stored.rev + 1, **changes))
        return DOWN if when == "before" else None

    delivering.faults.happen(call, taken_meanwhile, when=when)
    assert not delivering.delivered()
    assert [delivering.stored] == others
    assert delivering.finished == 0
    assert len(delivering.failures()) == (when == "before")


# --- what fails ---


def test_what_fails_is_logged_and_tried_again_after_a_backoff_without_the_steps_that_were_done(
    delivering: Delivering,
) -> None:
    delivering.faults.fail("notices.publish", DOWN)
    assert not delivering.delivered()
    assert delivering.failures() == [("delivery_failed", {"document": delivering.document.id})]
    row, policy = delivering.stored, delivering.policy
    assert (row.consecutive_failures, row.attempts, row.step) == (1, 0, Step.NOTICE)
    wait = (row.due_at or 0.0) - delivering.clock.now()
    assert policy.backoff_first_seconds <= wait <= policy.max_backoff_seconds
    calls = len(delivering.faults.calls)
    assert delivering.delivered()
    assert [call for call in delivering.faults.calls[calls:] if call.startswith("results.")] == []


@pytest.mark.parametrize("error", [DOWN, KilledError()], ids=["down", "killed"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_document_is_final_once_topic_and_bus_have_its_notice(
    delivering: Delivering, error: BaseException, when: Literal["before", "after"], which: int
) -> None:
    bus = FakeNotices(delivering.faults)
    delivering.deliver_ports = replace(delivering.deliver_ports, notices=[delivering.notices, bus])
    delivering.faults.fail("notices.publish", error, when=when, skip=which)
    with suppress(KilledError):
        assert not delivering.delivered()
    assert delivering.stored.state is DocumentState.DELIVERING
    assert delivering.delivered()
    bodies = [{notice.body for notice in place.published} for place in (delivering.notices, bus)]
    assert len(bodies[0]) == 1
    assert bodies[0] == bodies[1]


def test_while_the_bus_refuses_a_document_waits_and_its_age_shows_and_then_it_ends(delivering: Delivering) -> None:
    """However long: its permission may have been taken away. The topic takes the same notice each time."""
    bus = FakeNotices()
    refused = replace(delivering.deliver_ports, notices=[delivering.notices, Refusing()])
    delivering.deliver_ports, mended = refused, replace(refused, notices=[delivering.notices, bus])
    for _ in range(150):
        delivering.poll()
        while delivering.deliver_queue:
            delivering.deliver()
        delivering.clock.advance(60.0)
    assert (delivering.stored.state, delivering.stored.outcome) == (DocumentState.DELIVERING, Outcome.SUCCEEDED)
    assert max(delivering.journal.values["OldestDueAge"]) > 7200.0, "by which the alarm goes"
    assert {failure.name for failure in delivering.journal.failures} == {"delivery_failed"}
    delivering.deliver_ports = mended
    delivering.run()
    assert delivering.stored.state is DocumentState.FINAL
    assert {notice.body for notice in delivering.notices.published} == {notice.body for notice in bus.published}


class Refusing:
    """A bus to which nothing may be sent."""

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        raise DOWN


def test_results_and_names_are_below_the_prefix() -> None:
    world = World(results_prefix="ocr/2026/")
    document, long = world.upload("a/x.png", b"page"), world.upload("k" * 1000, b"page")
    world.run()
    assert all(name.startswith("ocr/2026/") for name in world.results.keys())  # noqa: SIM118 - no dict
    [notice], [of_long] = world.notices_of(document), world.notices_of(long)
    assert notice["files"]["text"] == {"bucket": "results", "key": "ocr/2026/a/x.png.txt"}
    assert of_long["files"]["text"]["key"] == f"ocr/2026/.textdrop/documents/{long.id}/result.txt"
    assert (notice["published"], of_long["published"]) == (True, False)
    assert world.file("ocr/2026/a/x.png.txt") is not None
    assert world.file(of_long["files"]["text"]["key"]) is not None
    assert [name for name in world.results.keys() if "k" * 1000 in name] == []  # noqa: SIM118 - no dict


def test_an_error_file_is_not_written_without_the_time_for_it() -> None:
    delivering = Delivering(b"damaged")
    assert not delivering.delivered(1.0)
    assert delivering.results.keys() == []
    assert delivering.delivered()
    assert delivering.results.content_type("x.png.error.json") == "application/json"


@pytest.mark.parametrize(("call", "times", "seconds"), [("results.copy", 2, 30.0), ("results.exists", 1, 60.0)])
def test_names_are_not_deleted_without_the_time_for_it(
    delivering: Delivering, call: str, times: int, seconds: float
) -> None:
    delivering.results.put("x.png.error.json", b"{}")
    delivering.faults.happen(call, lambda: delivering.clock.advance(seconds), when="after", times=times)
    assert not delivering.delivered()
    assert "results.delete" not in delivering.faults.calls
    assert ("results.exists" in delivering.faults.calls) == (call == "results.exists")


def test_names_are_not_copied_without_the_time_for_it(delivering: Delivering) -> None:
    delivering.faults.fail("results.copy", DOWN)
    assert not delivering.delivered()
    calls = len(delivering.faults.calls)
    assert not delivering.delivered(1.0)
    assert "results.copy" not in delivering.faults.calls[calls:]


def test_a_delivery_that_cannot_be_taken_is_logged_and_stays_due(delivering: Delivering) -> None:
    delivering.faults.fail("documents.write", DOWN)
    assert not delivering.delivered()
    assert delivering.failures() == [("delivery_failed", {"document": delivering.document.id})]
    assert delivering.stored == delivering.document


def test_a_mistake_in_it_is_logged_and_uses_up_an_attempt(delivering: Delivering) -> None:
    delivering.faults.fail("results.put", ValueError("ours"))
    assert not delivering.delivered()
    assert delivering.failures() == [("delivery_died", {"document": delivering.document.id})]
    assert delivering.stored.attempts == 1


def test_a_delivery_that_cannot_even_come_back_leaves_its_lease(delivering: Delivering) -> None:
    delivering.faults.fail("results.put", DOWN)
    delivering.faults.fail("documents.read", DOWN, skip=2)  # the test's, and the first of the delivery
    lease_until = delivering.clock.now() + delivering.policy.delivery_seconds + delivering.policy.lease_margin_seconds
    assert not delivering.delivered()
    fields = {"document": delivering.document.id}
    assert delivering.failures() == [("delivery_failed", fields), ("return_failed", fields)]
    assert delivering.stored.due_at == lease_until


def test_a_failed_delivery_whose_row_is_gone_ends(delivering: Delivering) -> None:
    delivering.faults.happen("results.put", delivering.documents.rows.clear)
    delivering.faults.fail("results.put", DOWN, when="after")
    assert not delivering.delivered()
    assert delivering.failures() == [("delivery_failed", {"document": delivering.document.id})]


# --- names and notice ---


@pytest.mark.parametrize(("metadata", "names"), [({}, 1), ({"ocr-outputs": "markdown"}, 3)])
def test_names_that_nobody_can_have_shown_are_not_looked_for_nor_deleted(
    world: World, metadata: dict[str, str], names: int
) -> None:
    """S3 bills each look, and keeps a marker of each name that is deleted, whether or not it was there."""
    world.upload("x.png", b"page", metadata)
    world.run()
    assert world.faults.calls.count("results.exists") == names
    assert "results.delete" not in world.faults.calls
    assert all(version.body is not None for versions in world.results.versions.values() for version in versions)


def test_names_of_the_other_outcome_are_deleted_once(world: World) -> None:
    for body in (b"page", b"damaged", b"damaged"):
        world.upload("x.png", body)
        world.run()
    there = {name: [version.body is None for version in made] for name, made in world.results.versions.items()}
    assert {name: there[name] for name in ("x.png.txt", "x.png.ocr.json")} == {
        "x.png.txt": [False, True],
        "x.png.ocr.json": [False, True],
    }
    assert there["x.png.error.json"] == [False, False]


def test_only_a_notice_with_failed_pages_needs_their_rows(delivering: Delivering) -> None:
    assert delivering.delivered()
    calls = delivering.faults.calls
    assert "documents.read_operations" not in calls[calls.index("results.copy") :]


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
@pytest.mark.parametrize("finished", [False, True])
def test_the_names_show_the_newest_upload_if_it_has_an_outcome(
    delivering: Delivering, newer_id: str, finished: bool
) -> None:
    """Without one it will publish itself."""
    for name in ("x.png.txt", "x.png.ocr.json"):
        delivering.results.put(name, b"shown before")
    delivering.newer(newer_id, finished)
    assert delivering.delivered()
    assert delivering.file("x.png.txt") == (b"newer" if finished else b"shown before")
    assert delivering.file("x.png.ocr.json") == (b"{}" if finished else b"shown before")


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
def test_an_upload_that_becomes_the_newest_meanwhile_gets_the_names(delivering: Delivering, newer_id: str) -> None:
    delivering.faults.happen("results.copy", lambda: delivering.newer(newer_id), when="after")
    assert delivering.delivered()
    assert delivering.file("x.png.txt") == b"newer"


def test_a_newest_upload_whose_row_is_gone_keeps_nobody_from_the_end(delivering: Delivering) -> None:
    delivering.newer()
    del delivering.documents.rows["0" * 32]
    assert delivering.delivered()
    assert delivering.newest_and_published() == (False, False)


def test_a_newest_upload_without_files_is_not_waited_for(delivering: Delivering) -> None:
    """It has yet to write them; or they were removed, or are where results no longer go."""
    delivering.newer()
    delivering.results.delete(own("0" * 32, 1, TEXT))
    assert delivering.delivered()
    assert delivering.newest_and_published() == (False, False)


def test_a_name_that_cannot_be_shown_now_is_shown_later_and_uses_up_no_attempt(delivering: Delivering) -> None:
    delivering.faults.fail("results.copy", DOWN)
    assert not delivering.delivered()
    assert delivering.failures() == [("delivery_failed", {"document": delivering.document.id})]
    assert (delivering.stored.attempts, delivering.stored.consecutive_failures) == (0, 1)
    assert delivering.delivered()
    assert delivering.file("x.png.txt") is not None


@pytest.mark.parametrize("pages", [1, 101], ids=["copied", "joined"])
def test_a_document_whose_own_files_are_gone_fails_in_the_end(delivering: Delivering, pages: int) -> None:
    """As they are when results go to another bucket or prefix after they were written."""
    delivering.store(step=Step.PUBLISH, pages=pages)
    delivering.run()
    row = delivering.stored
    assert (row.state, row.outcome, row.outcome_replaced) == (DocumentState.FINAL, Outcome.FAILED, True)
    assert delivering.file("x.png.error.json") is not None
    assert delivering.newest_and_published() == (True, True)
    died = [failure for failure in delivering.journal.failures if failure.name == "delivery_died"]
    assert [str(failure.error)[-len(delivering.document.id) :] for failure in died] == [delivering.document.id] * 5


def test_a_newest_row_that_is_gone_meanwhile_keeps_nobody_from_the_end(delivering: Delivering) -> None:
    delivering.faults.happen("results.copy", delivering.newest.rows.clear, when="after")
    assert delivering.delivered()
    assert delivering.file("x.png.txt") is not None


def test_a_newest_upload_that_becomes_a_failure_meanwhile_is_shown_as_one(delivering: Delivering) -> None:
    delivering.newer()

    def replaced() -> None:
        row = delivering.documents.rows["0" * 32]
        delivering.documents.rows[row.id] = replace(row, outcome=Outcome.FAILED)
        delivering.results.put(own(row.id, 1, ERROR), b"{}")

    delivering.faults.happen("results.copy", replaced, when="after")
    assert delivering.delivered()
    assert delivering.file("x.png.txt") is None
    assert delivering.file("x.png.error.json") is not None


def test_a_newest_upload_whose_row_is_gone_meanwhile_stays_shown(delivering: Delivering) -> None:
    delivering.newer()
    delivering.faults.happen("results.copy", lambda: delivering.documents.rows.pop("0" * 32), when="after")
    assert delivering.delivered()
    assert delivering.file("x.png.txt") == b"newer"


@pytest.mark.parametrize("newer_id", ["0" * 32, "f" * 32])
def test_a_notice_after_a_break_says_what_is_the_newest_by_then(delivering: Delivering, newer_id: str) -> None:
    delivering.faults.fail("notices.publish", DOWN)
    assert not delivering.delivered()
    delivering.newer(newer_id)
    assert delivering.delivered()
    assert delivering.newest_and_published() == (False, False)


def test_a_key_too_long_for_names_beside_it_is_not_said_to_be_published(world: World) -> None:
    document = world.upload("k" * 1020, b"page")
    world.run()
    [notice] = world.notices_of(document)
    assert (notice["newest"], notice["published"]) == (True, False)


# --- conclusions ---


@pytest.mark.parametrize(("beaten", "tries"), [(99, 5), (1, 2)])
def test_who_was_beaten_to_the_row_looks_again_but_not_for_ever(
    world: World, document: Document, beaten: int, tries: int
) -> None:
    world.submit()
    write, others = world.documents.write, list(range(beaten))
    world.documents.write = lambda before, after: False if others and [others.pop()] else write(before, after)  # type: ignore[method-assign]
    reads = len(world.faults.of("documents.read_operations"))
    world.clock.advance(0.1)
    assert conclude(world.poll_ports, world.row(document)) is None
    assert len(world.faults.of("documents.read_operations")) - reads == tries
    row = world.row(document)
    assert row.state is DocumentState.RECOGNIZING
    assert (row.due_at == world.clock.now() + world.policy.recheck_seconds) == (beaten == 1)
