"""What a handler raises, as Lambda shows it: in our words, without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_runtime.application import Application, batch
from lambda_runtime.aws_over_http import Refusal

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
