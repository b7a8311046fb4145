"""Functions, as others and they themselves invoke them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.documents import Resume
from textdrop.core.events import resume_body

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

CONTINUE = '{"textdrop": "continue"}'


class LambdaFunction:
    """Invokes one function of AWS Lambda, and does not wait for it. Satisfies `ports.Function`."""

    def __init__(self, client: LambdaClient, name: str) -> None:
        self._client = client
        self._name = name

    def invoke(self, resume: Resume | None = None) -> None:
        payload = CONTINUE if resume is None else resume_body(resume)
        with as_store_unavailable("lambda.Invoke"):
            self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload.encode())
