"""submit, poll and deliver in Lambda's own runtime, when all goes well or only a part does not."""

from __future__ import annotations

import json
from pathlib import Path

from lambda_runtime.application import Application, batch, failed, image, sha256
from lambda_runtime.aws_over_http import Refusal, Request
from local.ocr.table import synthetic_text
from textdrop.core.documents import DocumentState, OperationState, Outcome
from textdrop.core.identity import document_id


def test_a_batch_names_exactly_the_messages_that_must_come_again(
    application: Application, built_layers: list[Path]
) -> None:
    pages = [image(number) for number in range(4)]
    uploads = [application.upload(f"a/{number}.png", page) for number, page in enumerate(pages)]
    unlucky = document_id(uploads[1][0]).encode()

    def refuse(request: Request) -> Refusal | None:
        if request.action == "PutItem" and unlucky in request.body:
            return Refusal(400, "AccessDeniedException", "the table's key may not be used")
        return None

    application.aws.mishap = refuse
    bodies = [body for _, body in uploads]
    submit = application.start("SubmitFunction", built_layers)
    answer = submit.invoke(batch(bodies[0], "no JSON", bodies[1], bodies[2], bodies[3]))
    assert (answer.status, answer.value) == (200, failed("m2", "m3"))
    hidden = [json.loads(each.body) for each in application.aws.requests if each.action == "ChangeMessageVisibility"]
    assert {each["ReceiptHandle"]: each["VisibilityTimeout"] for each in hidden} == {"receipt 2": 240, "receipt 3": 240}
    assert application.submits() == {sha256(page): 1 for page in (pages[0], *pages[2:])}
    for source, _ in (uploads[0], *uploads[2:]):
        assert application.operation(source).state is OperationState.RUNNING

    application.aws.mishap = lambda request: None
    assert submit.invoke(batch("no JSON", bodies[1], bodies[0])).value == failed("m1")
    assert application.submits() == {sha256(page): 1 for page in pages}


def test_a_tick_and_the_deliveries_that_it_asks_for_bring_results_and_notices(
    application: Application, built_layers: list[Path]
) -> None:
    pages = {"a/one.png": image(1), "б/два + 2.png": image(2)}
    uploads = {key: application.upload(key, page) for key, page in pages.items()}
    damaged, body = application.upload("c/damaged.png", image(3)[:60])
    submit = application.start("SubmitFunction", built_layers)
    assert submit.invoke(batch(body, *(body for _, body in uploads.values()))).value == failed()
    assert application.invocations() == 1

    poll = application.start("PollFunction", built_layers)
    answer = poll.invoke({"textdrop": "continue"})
    assert (answer.status, answer.value) == (200, {"ended": "ended"})
    deliver = application.start("DeliverFunction", built_layers)
    deliveries = application.deliveries()
    for event in deliveries:
        assert deliver.invoke(event).value is None
    for key, (source, _) in uploads.items():
        row = application.document(source)
        assert (row.state, row.outcome) == (DocumentState.FINAL, Outcome.SUCCEEDED)
        assert application.operation(source).state is OperationState.RECOGNIZED
        assert application.text(key) == synthetic_text(sha256(pages[key])) + "\n"
    assert application.document(damaged).state is DocumentState.FINAL
    assert "c/damaged.png.error.json" in application.results.keys()  # noqa: SIM118 (no mapping)
    told = {notice["source"]["key"]: notice["outcome"] for notice in application.notices()}
    assert told == {"a/one.png": "succeeded", "б/два + 2.png": "succeeded", "c/damaged.png": "failed"}

    assert poll.invoke({"textdrop": "continue"}).value == {"ended": "ended"}
    for event in (*deliveries, batch("no JSON")):
        assert deliver.invoke(event).value is None
    assert application.deliveries() == application.notices() == []
    assert application.submits() == {sha256(page): 1 for page in pages.values()}
