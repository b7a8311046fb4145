"""What a handler raises, as Lambda shows it: in our words, without a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambda_runtime.application import Application, batch, failed, image
from lambda_runtime.aws_over_http import Refusal
from textdrop.core.documents import OperationState

WORDS_OF_AWS = "words of AWS about a row"


@pytest.mark.parametrize(("name", "event"), [("SubmitFunction", batch()), ("PollFunction", {})])
def test_a_wrong_environment_is_told_whole(
    application: Application, built_layers: list[Path], name: str, event: object
) -> None:
    function = application.start(
        name, built_layers, variables={"TABLE_NAME": None, "OCR_BASE_URL": " ", "SUBMITS_PER_SECOND": "none"}
    )
    for _ in range(2):
        answer = function.invoke(event)
        assert answer.value["errorType"] == "SettingsError"
        assert answer.value["errorMessage"] == (
            "the function's environment is not right: OCR_BASE_URL is missing; TABLE_NAME is missing; "
            "SUBMITS_PER_SECOND must be a number of at least 0.1"
        )
    function.stop()
    assert "SettingsError: the function's environment is not right: OCR_BASE_URL is missing" in function.log()
    assert [secret for secret in application.secrets if secret in function.log()] == []


def test_a_secret_that_may_not_be_read_sends_nothing_fails_nobody_and_is_told(
    application: Application, built_layers: list[Path]
) -> None:
    source, body = application.upload("a.png", image(1))
    running = application.start("SubmitFunction", built_layers)
    assert running.invoke(batch(body)).value == failed()
    others = [application.upload(f"{number}.png", image(number)) for number in (2, 3, 4)]
    denied = Refusal(400, "AccessDeniedException", WORDS_OF_AWS)
    application.aws.mishap = lambda request: denied if request.service == "secretsmanager" else None
    submit = application.start("SubmitFunction", built_layers)
    # It would ask for the running page until there is no time for one more step, which takes most of these seconds.
    poll = application.start("PollFunction", built_layers, timeout_seconds=62)
    assert submit.invoke(batch(*[body for _, body in others])).value == failed()
    assert poll.invoke({}).value == {"ended": "handed_over"}
    assert application.ocr.stats()["submits"]["asked"] == 1
    assert application.operation(source).state is OperationState.RUNNING
    for other, _ in others:
        operation = application.operation(other)
        assert (operation.state, operation.unconfirmed) == (OperationState.WAITING, 0)
    submit.stop()
    told = [json.loads(line) for line in submit.printed() if "_aws" not in line]
    failures = [line for line in told if line["message"] == "submit_failed"]
    assert {(line["exchange"], line["error"]) for line in failures} == {("secret_unreadable", "OcrSecretUnreadable")}
    assert "secretsmanager.GetSecretValue: AccessDeniedException" in failures[0]["message_of_error"]
    assert [line["why"] for line in told if line["message"] == "paused"] == ["secret_unreadable"]
    poll.stop()
    printed = [json.loads(line) for line in poll.printed() if "_aws" not in line]
    assert {line["error"] for line in printed if line["message"] == "ask_failed"} == {"OcrSecretUnreadable"}
    assert [line["why"] for line in printed if line["message"] == "submitting_paused"] == ["secret_unreadable"]
    assert WORDS_OF_AWS not in submit.log() + poll.log()


def test_a_store_that_refuses_everything_is_told_in_our_words(
    application: Application, built_layers: list[Path]
) -> None:
    application.aws.mishap = lambda request: Refusal(400, "AccessDeniedException", WORDS_OF_AWS)
    poll = application.start("PollFunction", built_layers)
    answer = poll.invoke({})
    assert answer.value["errorType"] == "StoreUnavailable"
    assert answer.value["errorMessage"] == "dynamodb.UpdateItem: AccessDeniedException"
    application.aws.mishap = lambda request: None
    assert poll.invoke({}).value == {"ended": "ended"}
    poll.stop()
    assert WORDS_OF_AWS not in poll.log()
    assert [secret for secret in application.secrets if secret in poll.log()] == []
