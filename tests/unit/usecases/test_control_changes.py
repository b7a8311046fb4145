"""retry, cancel, delete and render: which documents they change, what they say of the others, and of a dry run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.ocr import Failure
from textdrop.core.documents import Document, DocumentState, DueKind, Outcome
from textdrop.core.errors import OcrUnreachable, StoreUnavailable
from textdrop.core.observations import DeleteAsked
from textdrop.usecases.control import active
from unit.usecases.operated import NOON, ids, keys, operated, paged, run_each
from world import World

IN_FLIGHT = "It is in flight: wait for its outcome, or cancel it first."
SUCCEEDED = "It succeeded, with these options: name options that change something, or render its outputs again."


@pytest.fixture
def world() -> World:
    return operated()


def why(answer: dict[str, Any]) -> str:
    [unchanged] = answer["unchanged"]
    return str(unchanged["why"])


def paid(world: World) -> int:
    return len(world.ocr.accepted)


def wait_for_slots(world: World, count: int, folder: str = "") -> list[Document]:
    """Documents of three pages in flight of which no page is sent."""
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"), times=1_000)
    made = [world.upload(f"{folder}{number}.pdf", b"pages:3 of %d" % number) for number in range(count)]
    world.submit()
    return made


def another_writes(world: World, document: Document) -> None:
    row = world.row(document)
    world.documents.rows[document.id] = replace(row, rev=row.rev + 1)


# --- any of them ------------------------------------------------------------------------------------------------------


def test_each_document_is_answered_for_in_the_order_it_is_asked_for(world: World) -> None:
    done = run_each(world, {"bad.png": b"damaged", "good.png": b"1", "worse.png": b"damaged 2"})
    answer = world.ask("retry", documents=["worse.png", "good.png", "none.png", "bad.png", done["bad.png"].id])
    assert keys(answer["began"]) == ["worse.png", "bad.png"]
    assert [(each["run"], each["state"]) for each in answer["began"]] == [(2, "accepted")] * 2
    assert answer["unchanged"] == [
        {"asked": "good.png", "document": done["good.png"].id, "why": SUCCEEDED},
        {"asked": "none.png", "document": None, "why": "No document is known of it."},
        {"asked": done["bad.png"].id, "document": done["bad.png"].id, "why": "It is named twice."},
    ]
    assert answer["cursor"] is None


def test_what_is_due_now_is_handed_out_at_once_and_nothing_wakes_for_nothing(world: World) -> None:
    run_each(world, {"bad.png": b"damaged", "good.png": b"1"})
    asked = world.ticks_asked
    world.ask("retry", documents=["good.png"])
    world.ask("retry", documents=["bad.png"], dry_run=True)
    assert world.ticks_asked == asked
    world.ask("retry", documents=["bad.png"])
    assert world.ticks_asked == asked + 1


def test_a_lost_race_is_decided_anew(world: World) -> None:
    [document] = wait_for_slots(world, 1)
    world.faults.happen("documents.write", lambda: another_writes(world, document), times=2)
    assert ids(world.ask("cancel", documents=[document.id])["cancelled"]) == [document.id]
    assert world.row(document).outcome is Outcome.CANCELLED


def test_a_race_that_is_lost_again_and_again_is_told(world: World) -> None:
    [document] = wait_for_slots(world, 1)
    world.faults.happen("documents.write", lambda: another_writes(world, document), times=3)
    assert why(world.ask("cancel", documents=[document.id])) == "Others changed it at the same time: ask again."
    assert world.row(document).outcome is None


def test_a_row_that_cannot_be_written_is_told_beside_the_others(world: World) -> None:
    made = wait_for_slots(world, 3)
    world.faults.fail("documents.write", lambda: StoreUnavailable("dynamodb.UpdateItem: 503"), skip=1)
    answer = world.ask("cancel", documents=[each.id for each in made])
    assert ids(answer["cancelled"]) == [made[0].id, made[2].id]
    assert why(answer) == "Its row could not be read or written: ask again."
    assert world.failures()[-1] == ("request_failed", {"document": made[1].id})


def test_nothing_is_changed_that_could_not_be_answered(world: World) -> None:
    made = run_each(world, {"x.pdf": b"pages:3 bad:2", "y.pdf": b"pages:3 bad:1"})
    world.ask("retry", documents=["y.pdf"])
    world.run()
    for command in ("retry", "delete", "render"):
        world.faults.fail("pause.read", lambda: StoreUnavailable("503"))
        assert not world.ask_control({"command": command, "documents": ["x.pdf"]})["ok"]
        assert world.row(made["x.pdf"]).state is DocumentState.FINAL
    world.faults.fail("documents.read_operations", lambda: StoreUnavailable("503"))
    assert world.ask("retry", documents=["x.pdf"], options={"pages": "2-3"})["pages"] == 0
    world.faults.mend()
    world.faults.fail("ledger.runs", lambda: StoreUnavailable("503"))
    [deleting] = world.ask("delete", documents=["y.pdf"])["deleting"]
    assert deleting["ocr_result_kept_until"].startswith("2026-12-02T12:0")


# --- retry ------------------------------------------------------------------------------------------------------------


def test_a_retry_pays_for_what_it_said_and_no_more(world: World) -> None:
    world.ocr.table = {b"pages:4 #2": Failure()}
    world.upload("x.pdf", b"pages:4")
    world.run()
    answer = world.ask("retry", documents=["x.pdf"], dry_run=True)
    assert [(each["state"], each["run"]) for each in answer["began"]] == [("final", 1)], "it is shown as it is"
    assert answer["pages"] == 1
    assert answer["cost"] == {"amount": "0.1321", "currency": "RUB", "prices_of": "2026-05"}
    world.ocr.table = {}
    assert world.ask("retry", documents=["x.pdf"])["pages"] == 1
    world.run()
    assert paid(world) == 5


@pytest.mark.parametrize(
    ("options", "pages", "amount"),
    [
        ({"model": "table"}, 5, "6.1"),
        ({"languages": "en"}, 5, "0.6605"),
        ({"languages": "en ru"}, 1, "0.1321"),
        ({"pages": "1-2"}, 1, "0.1321"),
        ({"pages": "1,3"}, 0, "0"),
        ({"pages": "9"}, 0, "0"),
        ({"outputs": "tables"}, 1, "0.1321"),
        ({"model": "markdown"}, 5, None),
    ],
)
def test_options_change_what_is_to_be_paid_for(
    world: World, options: dict[str, str], pages: int, amount: str | None
) -> None:
    world.upload("x.pdf", b"pages:5 bad:2")
    world.run()
    answer = world.ask("retry", documents=["x.pdf"], options=options, dry_run=True)
    assert answer["pages"] == pages
    assert answer["cost"]["amount"] == amount
    assert answer["cost"].get("unpriced") == (["markdown"] if amount is None else None)


def test_new_options_are_those_of_the_next_run(world: World) -> None:
    document = run_each(world, {"x.png": b"1"})["x.png"]
    assert why(world.ask("retry", documents=["x.png"], options={"languages": "en,ru"})) == SUCCEEDED
    world.ask("retry", documents=["x.png"], options={"model": "table", "languages": "en"})
    world.run()
    assert (world.ocr.accepted[-1].model, world.ocr.accepted[-1].languages) == ("table", ("en",))
    assert world.row(document).run == 2
    assert paid(world) == 2


def test_options_that_do_not_go_with_the_documents_own_begin_no_run(world: World) -> None:
    world.upload("x.png", b"1", {"ocr-languages": "kk"})
    world.run()
    told = why(world.ask("retry", documents=["x.png"], options={"model": "handwritten"}))
    assert told.startswith(
        'The options cannot be combined with the document\'s own. The model "handwritten" reads only ru and en'
    )
    assert world.ask("retry", documents=["x.png"], options={"model": "handwritten", "languages": "ru"})["began"]


def test_a_document_that_was_never_inspected_counts_as_a_page(world: World) -> None:
    run_each(world, {"x.png": b"damaged"})
    assert world.ask("retry", documents=["x.png"], dry_run=True)["pages"] == 1


def test_more_pages_than_are_allowed_are_not_paid_for(world: World) -> None:
    world.upload("x.pdf", b"pages:12", {"ocr-pages": "1-9"})
    world.run()
    assert world.ask("retry", documents=["x.pdf"], options={"pages": "all"}, dry_run=True)["pages"] == 0


def test_of_a_cancelled_document_the_pages_that_were_recognised_are_kept(world: World) -> None:
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"), skip=2, times=100)
    document = world.upload("x.pdf", b"pages:5")
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    world.ask("cancel", documents=["x.pdf"])
    world.run()
    assert world.row(document).outcome is Outcome.CANCELLED
    assert paid(world) == 2
    assert world.ask("retry", documents=["x.pdf"], dry_run=True)["pages"] == 3
    world.faults.mend()
    world.ask("retry", documents=["x.pdf"])
    world.run()
    assert (world.row(document).outcome, paid(world)) == (Outcome.SUCCEEDED, 5)


def test_of_a_document_that_could_not_be_delivered_the_pages_that_were_recognised_are_kept(world: World) -> None:
    document = world.upload("x.pdf", b"pages:3")
    world.faults.fail("results.put", lambda: RuntimeError("died"), skip=3, times=world.policy.max_attempts)
    world.run()
    assert world.row(document).outcome_replaced
    assert world.ask("retry", documents=["x.pdf"])["pages"] == 0
    world.run()
    assert (world.row(document).outcome, paid(world)) == (Outcome.SUCCEEDED, 3)


def test_only_so_many_documents_have_their_operations_counted(world: World) -> None:
    made = [world.upload(f"{number}.png", b"damaged %d" % number) for number in range(20)]  # which have none
    made += [world.upload(f"{number}.pdf", b"pages:3 bad:2 %d" % number) for number in range(30)]
    world.run()
    before = len(world.faults.of("documents.read_operations"))
    answer = world.ask("retry", documents=[each.id for each in made], options={"pages": "1-2"}, dry_run=True)
    assert len(world.faults.of("documents.read_operations")) - before == 20
    assert answer["pages"] == 20 + 20 * 1 + 10 * 0


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (DocumentState.ACCEPTED, IN_FLIGHT),
        (DocumentState.RECOGNIZING, IN_FLIGHT),
        (DocumentState.HELD, "It is held, over a cap: release it (textdrop release), or cancel it first."),
        (DocumentState.DELIVERING, "Its files are being written: ask again in a moment."),
        (DocumentState.DELETING, "It is being deleted."),
        (DocumentState.DELETED, "It was deleted."),
    ],
)
def test_what_has_not_ended_is_neither_retried_nor_rendered(world: World, state: DocumentState, told: str) -> None:
    world.documents.rows["a" * 32] = Document("a" * 32, world.uploads.put("x", b"1"), state, NOON)
    assert why(world.ask("retry", documents=["a" * 32])) == told
    assert why(world.ask("render", documents=["a" * 32])) == told


def test_all_of_an_outcome_are_retried_page_by_page_and_none_twice(world: World) -> None:
    bodies = {f"a/{number}.png": b"damaged %d" % number for number in range(230)}
    run_each(world, bodies, seconds=0.01)
    run_each(world, {"b/1.png": b"damaged", "a/good.png": b"1"})
    would = paged(world, "retry", "began", outcome="failed", reason="damaged", prefix="a/", dry_run=True)
    assert sorted(keys(would)) == sorted(bodies)
    assert sorted(keys(paged(world, "retry", "began", outcome="failed", prefix="a/"))) == sorted(bodies)
    world.run()
    assert {row.run for row in world.documents.rows.values() if row.source.key in bodies} == {2}
    assert {row.run for row in world.documents.rows.values() if row.source.key not in bodies} == {1}


@pytest.mark.parametrize(("count", "kind"), [(10, DueKind.SUBMIT), (11, DueKind.BACKFILL)])
def test_many_at_once_are_taken_after_live_uploads(world: World, count: int, kind: DueKind) -> None:
    bodies = {f"{number}.png": b"damaged %d" % number for number in range(count)}
    run_each(world, bodies, seconds=0.01)
    world.ask("retry", documents=list(bodies))
    assert {row.due_kind for row in world.documents.rows.values()} == {kind}
    world.run()
    assert {(row.state, row.run) for row in world.documents.rows.values()} == {(DocumentState.FINAL, 2)}


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_what_is_in_flight_below_a_prefix_is_cancelled_and_nothing_else(world: World) -> None:
    inside = wait_for_slots(world, 120, "a/")
    outside = wait_for_slots(world, 3, "b/")
    done = paged(world, "cancel", "cancelled", prefix="a/", dry_run=True)
    assert sorted(ids(done)) == sorted(each.id for each in inside)
    assert all(world.row(each).outcome is None for each in inside)
    done = paged(world, "cancel", "cancelled", prefix="a/")
    assert sorted(ids(done)) == sorted(each.id for each in inside)
    assert {each["outcome"] for each in done} == {"cancelled"}
    assert all(world.row(each).outcome is None for each in outside)
    world.faults.mend()
    world.run()
    assert paid(world) == 9
    assert {len(world.notices_of(each)) for each in [*inside, *outside]} == {1}


def test_what_is_being_delivered_below_a_prefix_is_left_out(world: World) -> None:
    world.upload("a/1.png", b"1")
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    [inside] = wait_for_slots(world, 1, "a/")
    answer = world.ask("cancel", prefix="a/")
    assert (ids(answer["cancelled"]), answer["unchanged"]) == ([inside.id], [])


def test_what_has_its_outcome_is_not_cancelled(world: World) -> None:
    document = run_each(world, {"x.png": b"1"})["x.png"]
    assert why(world.ask("cancel", documents=["x.png"])) == "It has its outcome already: succeeded."
    world.transition(document, DeleteAsked())
    assert why(world.ask("cancel", documents=["x.png"])) == "It is deleted, or being deleted."


# --- delete -----------------------------------------------------------------------------------------------------------


def test_a_deleted_document_is_told_with_what_its_upload_is_and_how_long_the_service_keeps_it(world: World) -> None:
    document = run_each(world, {"x.png": b"1"})["x.png"]
    [would] = world.ask("delete", documents=["x.png"], dry_run=True)["deleting"]
    [done] = world.ask("delete", documents=["x.png"])["deleting"]
    assert (would["state"], done["state"]) == ("final", "deleting")
    for each in (would, done):
        assert (each["bucket"], each["key"], each["version_id"]) == ("uploads", "x.png", "version-000001")
        assert each["ocr_result_kept_until"].startswith("2026-12-02T12:00:0")
    assert why(world.ask("delete", documents=[document.id])) == "It is being deleted already."
    world.run()
    assert why(world.ask("delete", documents=[document.id])) == "It was deleted."
    assert world.results.keys() == []


def test_the_service_keeps_nothing_of_what_was_never_sent(world: World) -> None:
    run_each(world, {"bad.png": b"damaged"})
    waiting = world.upload("x.png", b"1")
    world.faults.fail("sources.head", lambda: StoreUnavailable("s3.HeadObject: 503"))
    world.submit()
    answer = world.ask("delete", documents=["bad.png", waiting.id])
    assert [each["ocr_result_kept_until"] for each in answer["deleting"]] == [None, None]


def test_the_service_may_keep_what_an_earlier_run_has_sent(world: World) -> None:
    run_each(world, {"x.pdf": b"pages:3 bad:2"})
    world.clock.advance(86_400.0)
    world.ask("retry", documents=["x.pdf"])
    world.run()
    [done] = world.ask("delete", documents=["x.pdf"])["deleting"]
    assert done["pages"]["paid"] == 0
    assert done["ocr_result_kept_until"].startswith("2026-12-02T12:0")


def test_what_is_being_sent_may_be_kept_from_now_on(world: World) -> None:
    wait_for_slots(world, 1)
    world.clock.advance(3_600.0)
    [done] = world.ask("delete", documents=["0.pdf"])["deleting"]
    assert done["ocr_result_kept_until"].startswith("2026-12-02T13:00:0")


def test_all_below_a_prefix_is_deleted_in_flight_or_not(world: World) -> None:
    run_each(world, {f"a/{number}.png": b"%d" % number for number in range(120)}, seconds=0.01)
    run_each(world, {"b/1.png": b"1"})
    wait_for_slots(world, 3, "a/")
    would = paged(world, "delete", "deleting", prefix="a/", dry_run=True)
    assert len(set(ids(would))) == len(would) == 123
    assert len(paged(world, "delete", "deleting", prefix="a/")) == 123
    world.faults.mend()
    world.run()
    states = [row.state for row in world.documents.rows.values()]
    assert (states.count(DocumentState.DELETED), states.count(DocumentState.FINAL)) == (123, 1)
    assert {key.split("/")[0] for key in world.results.keys()} == {".textdrop", "b"}  # noqa: SIM118


def test_what_is_in_flight_behind_many_others_is_deleted_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "ENTRIES_A_READ", 2)
    wait_for_slots(world, active.READS_A_CALL * 2 + 1, "b/")
    world.clock.advance(1.0)
    [inside] = wait_for_slots(world, 1, "a/")
    assert ids(paged(world, "delete", "deleting", prefix="a/")) == [inside.id]


def test_with_an_outcome_only_what_has_it_is_deleted(world: World) -> None:
    run_each(world, {"a/1.png": b"1", "a/2.png": b"damaged"})
    wait_for_slots(world, 1, "a/")
    assert keys(paged(world, "delete", "deleting", prefix="a/", outcome="failed")) == ["a/2.png"]


# --- render -----------------------------------------------------------------------------------------------------------


def test_outputs_are_made_again_and_nothing_is_paid(world: World) -> None:
    document = run_each(world, {"x.png": b"1"})["x.png"]
    [began] = world.ask("render", documents=["x.png"], outputs="markdown")["began"]
    assert (began["run"], began["state"]) == (2, "delivering")
    world.run()
    assert world.file("x.png.md") is not None
    assert paid(world) == 1
    assert len(world.notices_of(document)) == 2


@pytest.mark.parametrize(("body", "outcome"), [(b"damaged", "failed"), (b"", "skipped")])
def test_what_has_no_text_is_not_rendered(world: World, body: bytes, outcome: str) -> None:
    run_each(world, {"x.png": body})
    assert why(world.ask("render", documents=["x.png"])) == f"It has no text to make outputs of: it is {outcome}."


def test_the_pages_of_a_document_that_was_rendered_are_those_of_the_run_before(world: World) -> None:
    run_each(world, {"x.pdf": b"pages:3"})
    world.ask("render", documents=["x.pdf"], outputs="markdown")
    world.run()
    assert world.ask("retry", documents=["x.pdf"], options={"pages": "1-2"}, dry_run=True)["pages"] == 0
    [shown] = world.ask("status", documents=["x.pdf"], pages=True)["documents"]
    assert [(each["pages"], each["text_from"]) for each in shown["page_states"]] == [("1-3", "earlier_run")]
