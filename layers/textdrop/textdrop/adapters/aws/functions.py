"""Functions, as others and they themselves call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.documents import Resume
from textdrop.core.events import resume_body

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

WAKE = b'{"textdrop": "wake"}'
CONTINUE = b'{"textdrop": "continue"}'


class LambdaPoller:
    """Asks AWS Lambda for a tick, and does not wait for it."""

    def __init__(self, client: LambdaClient, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def invoke(self) -> None:
        with as_store_unavailable("lambda.Invoke"):
            self._client.invoke(FunctionName=self._function_name, InvocationType="Event", Payload=WAKE)


class LambdaRenderFunction:
    """Asks AWS Lambda to render a document, and does not wait for it."""

    def __init__(self, client: LambdaClient, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def invoke(self, resume: Resume) -> None:
        with as_store_unavailable("lambda.Invoke"):
            self._client.invoke(
                FunctionName=self._function_name, InvocationType="Event", Payload=resume_body(resume).encode()
            )


class LambdaSuccessor:
    """Asks AWS Lambda for another run of a function that goes on by its own rows, and does not wait for it."""

    def __init__(self, client: LambdaClient, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def invoke(self) -> None:
        with as_store_unavailable("lambda.Invoke"):
            self._client.invoke(FunctionName=self._function_name, InvocationType="Event", Payload=CONTINUE)
