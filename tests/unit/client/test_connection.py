"""The client against a stack in memory."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from textdrop.client import (
    ControlRefused,
    NoAccess,
    NoText,
    NotReadable,
    Options,
    StackNotFound,
    Textdrop,
    Unreachable,
    WaitTimedOut,
)
from unit.client.conftest import Clock
from unit.client.fake_stack import FakeStack, Refused


def test_put_wait_and_read(textdrop: Textdrop, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    uploaded = textdrop.put(tmp_path / "scan.pdf", "contracts/scan.pdf")
    assert (uploaded.progress, uploaded.done) == ("uploaded", False)
    with pytest.raises(NoText, match="not done yet"):
        _ = uploaded.text
    seen: list[str] = []
    [document] = textdrop.wait([uploaded], progress=lambda now: seen.append(now[0].progress))
    assert seen == ["received", "reading, 1 of 2 pages", "writing", "done"]
    assert (document.outcome, document.text, document.error) == ("succeeded", "text of contracts/scan.pdf\n", None)
    assert document.id == uploaded.id
    assert clock.sleeps == [1.0, 1.5, 2.25]


def test_a_document_without_text_says_why(textdrop: Textdrop, stack: FakeStack) -> None:
    stack.control.endings["a.png"] = ("failed", "failed_in_ocr")
    document = textdrop.put(b"PNG", "a.png").wait()
    assert document.progress == "failed: failed_in_ocr"
    error = document.error
    assert error is not None
    assert (error.reason, error.advice) == ("failed_in_ocr", "Run it again.")
    with pytest.raises(NoText, match=r"a\.png has no text"):
        _ = document.text


def test_waiting_ends_after_its_time_and_says_what_it_waits_for(
    textdrop: Textdrop, stack: FakeStack, clock: Clock
) -> None:
    ids = [stack.control.add(f"{number}.png", None)["document"] for number in range(2)]
    stack.control.on_status = lambda documents, pages=False: {  # type: ignore[method-assign]
        "documents": [stack.control.documents[each] for each in documents],
        "missing": [],
    }
    with pytest.raises(WaitTimedOut, match="After 3 s 2 of 2 documents had not ended") as raised:
        textdrop.wait(ids, timeout=3)
    assert [document.id for document in raised.value.waiting] == ids
    assert clock.now == 3.0


def test_only_what_is_not_done_is_looked_at_again(textdrop: Textdrop, stack: FakeStack) -> None:
    done, flying = stack.control.add("a.png"), stack.control.add("b.png", None)
    textdrop.wait([done["document"], flying["document"]])
    assert [len(request["documents"]) for request in stack.control.requests] == [2, 1]
    with pytest.raises(ControlRefused, match=r"known as nowhere\.png"):
        textdrop.wait(["nowhere.png"])


def test_a_retry_is_waited_for_even_if_the_former_run_is_still_shown(textdrop: Textdrop, stack: FakeStack) -> None:
    was = stack.control.add("a.png", "failed", "failed_in_ocr")
    before = dict(was)
    again = textdrop.retry([was["document"]]).only()
    assert (again.run, again.state) == (2, "accepted")
    real = stack.control.on_status
    shown = iter([before])

    def stale(documents: list[str], pages: bool = False) -> dict[str, Any]:
        old = next(shown, None)
        return {"documents": [old], "missing": []} if old else real(documents, pages)

    stack.control.on_status = stale  # type: ignore[method-assign]
    assert (again.wait().outcome, again.wait().run) == ("succeeded", 2)


def test_a_deleted_document_is_waited_for_even_if_it_is_still_shown_as_it_was(
    textdrop: Textdrop, stack: FakeStack
) -> None:
    was = stack.control.add("a.png")
    before = dict(was)
    deleting = textdrop.delete([was["document"]]).only()
    real = stack.control.on_status
    shown = iter([before])

    def stale(documents: list[str], pages: bool = False) -> dict[str, Any]:
        old = next(shown, None)
        return {"documents": [old], "missing": []} if old else real(documents, pages)

    stack.control.on_status = stale  # type: ignore[method-assign]
    assert deleting.wait().state == "deleted"


def test_without_a_time_to_wait_what_is_held_is_not_waited_for(
    textdrop: Textdrop, stack: FakeStack, clock: Clock
) -> None:
    stack.control.hold("held.pdf")
    stack.control.add("read.pdf", None)
    held, read = textdrop.wait(["held.pdf", "read.pdf"])
    assert (held.state, held.done, read.outcome) == ("held", False, "succeeded")
    with pytest.raises(NoText, match=r"held\.pdf is held\. It waits for the next day \(UTC\)"):
        _ = held.text
    with pytest.raises(WaitTimedOut, match=r"1 of 1 document had not ended, 1 of them held over a cap\."):
        held.wait(timeout=600)
    assert clock.now >= 600


def test_what_control_shows_as_held_a_moment_after_its_release_is_waited_for(
    textdrop: Textdrop, stack: FakeStack
) -> None:
    before = dict(stack.control.hold("held.pdf"))
    released = textdrop.document("held.pdf").release()
    assert (released.state, released.hold) == ("recognizing", None)
    real = stack.control.on_status
    shown = iter([before])

    def stale(documents: list[str], pages: bool = False) -> dict[str, Any]:
        old = next(shown, None)
        return {"documents": [old], "missing": []} if old else real(documents, pages)

    stack.control.on_status = stale  # type: ignore[method-assign]
    assert released.wait().outcome == "succeeded"
    with pytest.raises(ControlRefused, match="It is not held"):
        released.release()


def test_references_go_a_hundred_a_call(textdrop: Textdrop, stack: FakeStack) -> None:
    ids = [stack.control.add(f"{number}.png")["document"] for number in range(250)]
    found, missing = textdrop.status([*ids, "nowhere.pdf"])
    assert [document.id for document in found] == ids
    assert missing == ("nowhere.pdf",)
    assert [len(request["documents"]) for request in stack.control.requests] == [100, 100, 51]


def test_what_is_not_there(textdrop: Textdrop) -> None:
    with pytest.raises(ControlRefused, match=r"There is no document known as nowhere\.pdf") as raised:
        textdrop.document("nowhere.pdf")
    assert raised.value.code == "not_found"


def test_details(textdrop: Textdrop, stack: FakeStack) -> None:
    stack.control.add("a.png")
    document = textdrop.document("a.png", details=True)
    assert document.page_states is not None
    assert [(each.pages, each.state) for each in document.page_states] == [("1-2", "recognized")]
    assert document.runs is not None
    assert document.runs[0].paid == 2
    assert document.timeline is not None
    assert textdrop.document("a.png").runs is None


def test_lists_are_gone_through_page_by_page(textdrop: Textdrop, stack: FakeStack) -> None:
    for number in range(7):
        stack.control.add(f"a/{number}.png", "failed" if number % 2 else "succeeded")
    stack.control.page_size = 2
    keys = [document.key for document in textdrop.list("failed", prefix="a/", since=timedelta(days=10_000))]
    assert keys == ["a/1.png", "a/3.png", "a/5.png"]
    assert [request.get("cursor") for request in stack.control.requests] == [None, "2"]
    assert stack.control.requests[0]["since"].endswith("Z")


def test_what_moves_on_between_two_pages_is_found_once(
    textdrop: Textdrop, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stack.control.add("a.png", None), stack.control.add("b.png", None)

    def answers(name: str) -> Any:
        def answer(cursor: str | None = None, **_: Any) -> dict[str, Any]:
            return {name: [one, other] if cursor else [one], "cursor": None if cursor else "1"}

        return answer

    monkeypatch.setattr(stack.control, "on_list", answers("documents"))
    monkeypatch.setattr(stack.control, "on_cancel", answers("cancelled"))
    assert [each.key for each in textdrop.list("active")] == ["a.png", "b.png"]
    assert [each.key for each in textdrop.cancel(prefix="a", dry_run=True).documents] == ["a.png", "b.png"]


def test_the_summary_is_asked_for_until_it_is_complete(textdrop: Textdrop, stack: FakeStack) -> None:
    stack.control.add("a.png")
    stack.control.add("b.png", "failed", "failed_in_ocr")
    stack.control.add("c.png", None)
    summary = textdrop.summary()
    assert (summary.documents["succeeded"], summary.reasons) == (1, {"failed_in_ocr": 1})
    assert summary.active.documents == 1
    assert summary.cost is not None
    assert summary.cost.amount == "0.528"
    assert len(stack.control.requests) == 2


def test_a_retry_by_filter_goes_on_with_the_cursor_and_sums_up(textdrop: Textdrop, stack: FakeStack) -> None:
    for number in range(5):
        stack.control.add(f"{number}.png", "failed", "failed_in_ocr")
    stack.control.page_size = 2
    so_far: list[int] = []
    would = textdrop.retry(outcome="failed", dry_run=True, progress=lambda all_: so_far.append(len(all_.documents)))
    assert (so_far, would.pages, would.dry_run) == ([2, 4, 5], 10, True)
    assert would.cost is not None
    assert would.cost.amount == "1.320"
    assert all(document["state"] == "final" for document in stack.control.documents.values())


def test_a_command_on_one_document_that_is_refused_says_why(textdrop: Textdrop, stack: FakeStack) -> None:
    stack.control.add("a.png")
    with pytest.raises(ControlRefused, match="It is not active"):
        textdrop.document("a.png").cancel()


def test_cancel_render_pause_and_resume(textdrop: Textdrop, stack: FakeStack) -> None:
    stack.control.add("a.png", None)
    stack.control.add("b.png")
    assert textdrop.cancel(prefix="a").only().key == "a.png"
    assert textdrop.document("b.png").render("markdown").state == "delivering"
    assert stack.control.requests[-1]["outputs"] == "markdown"
    assert textdrop.pause().why == "operator"
    assert textdrop.resume().why == ""


def test_a_backfill_sums_up_its_pages(textdrop: Textdrop, stack: FakeStack) -> None:
    for number in range(5):
        stack.s3.put_object(Bucket="textdrop-uploads", Key=f"old/{number}.pdf", Body=b"%PDF")
    stack.control.page_size = 2
    would = textdrop.estimate("old/")
    assert (would.new, would.pages, would.types, would.cursor) == (5, 15, {".pdf": 5}, None)
    assert would.cost is not None
    assert would.cost.amount == "1.980"
    assert not stack.control.documents
    assert [done.cursor for done in textdrop.backfill("old/")] == ["2", "4", None]
    assert [done.known for done in textdrop.backfill("old/", cursor="4")] == [1]


def test_an_estimate_is_of_all_its_pages_together_within_the_caps(textdrop: Textdrop, stack: FakeStack) -> None:
    for number in range(5):
        stack.s3.put_object(Bucket="textdrop-uploads", Key=f"old/{number}.pdf", Body=b"%PDF")
    stack.control.page_size = 2
    stack.control.kinds = (3, 1, 2)
    stack.control.caps = {"day": {"cap": 6, "pages_used": 4, "percent": 66.7}, "month": None}
    would = textdrop.estimate("old/", Options(reuse=False))
    assert (would.pages, would.pages_paid, would.pages_reused, would.pages_skipped) == (30, 15, 5, 10)
    assert would.models == {"page": 15}
    assert (would.pages_over_cap, would.days) == (13, 4)
    assert stack.control.requests[-1]["options"] == {"reuse": "no"}


def test_check_reads_what_the_stack_finds(textdrop: Textdrop) -> None:
    check = textdrop.check()
    assert (check.ocr.ok, check.clock.offset_seconds, check.submits_per_second) == (True, 0.4, 10)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_control_is_asked_again_when_it_could_not_reach_aws(textdrop: Textdrop, stack: FakeStack, clock: Clock) -> None:
    stack.control.unavailable = 3
    textdrop.pause()
    assert clock.sleeps == [1.0, 2.0, 4.0]
    stack.control.unavailable = 4
    with pytest.raises(ControlRefused, match="could not be read") as raised:
        textdrop.pause()
    assert raised.value.code == "unavailable"


def test_what_is_refused_for_another_reason_is_not_asked_again(
    textdrop: Textdrop, stack: FakeStack, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses() -> None:
        raise Refused("conflict", "Not now.", "Later.")

    monkeypatch.setattr(stack.control, "on_pause", refuses)
    with pytest.raises(ControlRefused, match="Not now"):
        textdrop.pause()
    assert (clock.sleeps, len(stack.control.requests)) == ([], 1)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no."}}, "Invoke")


@pytest.mark.parametrize(
    ("failure", "error", "what"),
    [
        (client_error("AccessDeniedException"), NoAccess, r"may not use the function .* lambda:InvokeFunction"),
        (client_error("ExpiredTokenException"), NoAccess, "credentials cannot be used: no"),
        (NoCredentialsError(), NoAccess, "Unable to locate credentials"),
        (EndpointConnectionError(endpoint_url="https://x"), Unreachable, "did not answer"),
        (client_error("ServiceException"), Unreachable, "answered with an error .*: no"),
    ],
)
def test_failures_of_aws_are_the_clients_errors(
    textdrop: Textdrop, stack: FakeStack, failure: Exception, error: type[Exception], what: str
) -> None:
    stack.invoker.failures = [failure]
    with pytest.raises(error, match=what):
        textdrop.pause()


def test_another_stack_is_not_found(stack: Any) -> None:
    with pytest.raises(StackNotFound, match='no stack "other"'):
        Textdrop("other", session=stack).pause()


def test_a_stack_without_control_is_none_for_the_client(
    textdrop: Textdrop, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = stack.describe_stacks(StackName="textdrop")
    described["Stacks"][0]["Outputs"].pop()
    monkeypatch.setattr(stack, "describe_stacks", lambda **_: described)
    with pytest.raises(StackNotFound, match="no output ControlFunctionName"):
        textdrop.pause()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ({"version": 2, "ok": True, "answer": {}}, "answers in version 2"),
        ({"version": 1, "ok": True}, "cannot be understood"),
        ({"version": 1, "ok": False, "error": {"code": "conflict"}}, "cannot be understood"),
        ([], "cannot be understood"),
        ({"version": 1, "ok": True, "answer": {"pause": {"why": 3}}}, "The field pause.why is not a text"),
    ],
)
def test_an_answer_of_another_form_is_refused(
    textdrop: Textdrop, stack: FakeStack, monkeypatch: pytest.MonkeyPatch, answer: Any, what: str
) -> None:
    monkeypatch.setattr(stack.invoker, "_control", lambda request: answer)
    with pytest.raises(NotReadable, match=what):
        textdrop.pause()


def test_a_price_that_is_known_in_part_alone_is_not_known(
    textdrop: Textdrop, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        stack.control.add(f"{number}.png", "failed")
    stack.control.page_size = 1
    real, parts = stack.control.on_retry, iter([("0.13", []), (None, ["table"]), (None, ["markdown", "table"])])

    def on_retry(**given: Any) -> dict[str, Any]:
        amount, unpriced = next(parts)
        return real(**given) | {"cost": {"amount": amount, "currency": "RUB", "unpriced": unpriced}}

    monkeypatch.setattr(stack.control, "on_retry", on_retry)
    cost = textdrop.retry(outcome="failed", dry_run=True).cost
    assert cost is not None
    assert (cost.amount, cost.unpriced) == (None, ("table", "markdown"))
