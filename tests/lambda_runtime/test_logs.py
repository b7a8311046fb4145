"""What submit, poll and deliver print, at the level that logs most: JSON, no text of a document, no key or token."""

from __future__ import annotations

import json
from pathlib import Path

from lambda_runtime.application import STACK, Application, batch, failed, image, sha256
from lambda_runtime.aws_over_http import Refusal
from local.ocr.table import synthetic_text
from printed import leaked

MALFORMED = "Malformed and private"
DEBUG = {"LOG_LEVEL": "DEBUG"}


def test_every_line_is_an_event_in_json_without_text_or_credentials(
    application: Application, built_layers: list[Path]
) -> None:
    refusals = [Refusal(400, "AccessDeniedException", f"not for {application.secrets[0]}")]
    application.aws.mishap = lambda request: refusals.pop() if request.service == "sns" and refusals else None
    good, damaged = image(1), image(2)[:60]
    keys = ["canary папка/good.png", "canary папка/damaged.png", "canary папка/unpaid.png"]
    bodies = [application.upload(keys[0], good)[1], application.upload(keys[1], damaged)[1], MALFORMED]
    submit = application.start("SubmitFunction", built_layers, variables=DEBUG)
    assert submit.invoke(batch(*bodies)).value == failed("m3")
    application.ocr.add_fault(kind="401", target="submit", count=2)
    assert submit.invoke(batch(application.upload(keys[2], image(3))[1])).value == failed()
    poll = application.start("PollFunction", built_layers, variables=DEBUG)
    deliver = application.start("DeliverFunction", built_layers, variables=DEBUG)
    for _ in range(2):  # a notice is refused, and the document comes due again
        assert poll.invoke({}).value == {"ended": "ended"}
        for event in application.deliveries():
            assert deliver.invoke(event).value is None
    text = synthetic_text(sha256(good))
    assert application.text(keys[0]) == text + "\n"
    # One for each process, and one instead of that which was refused.
    assert application.ocr.stats()["tokens"] == {"asked": 3, "issued": 3}
    assert refusals == []
    lines = application.printed()

    events = [json.loads(line) for line in lines]
    metrics = [event for event in events if "_aws" in event]
    logged = [event for event in events if "_aws" not in event]
    submitting, polling, delivering = f"{STACK}-submit", f"{STACK}-poll", f"{STACK}-deliver"
    assert [event["service"] for event in metrics] == [*[submitting] * 2, *[polling] * 2, *[delivering] * 2]
    for event in metrics:
        [directive] = event["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("textdrop", [["service"]])
    assert all(0 <= age < 60 for age in metrics[2]["OldestDueAge"])
    assert metrics[2]["SubmittingPaused"] == [1.0]
    [from_upload_to_notice] = metrics[-1]["UploadToNotice"]
    assert from_upload_to_notice > 0
    assert {event["service"] for event in logged} == {submitting, polling, delivering}
    for event in logged:
        assert {"level", "message", "timestamp", "function_request_id"} <= event.keys()
    told = {event["message"] for event in logged}
    assert {"document transition", "operation transition", "message_failed", "submit_failed", "delivery_failed"} <= told
    private = [*application.secrets, MALFORMED, *text.splitlines(), *keys, "canary", "папка"]
    assert leaked("\n".join(lines), private) == []
