"""The stack's functions, as they invoke each other and themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

CONTINUE = b'{"textdrop": "continue"}'


class LambdaFunction:
    """Invokes one function of AWS Lambda, and does not wait for it. Satisfies `ports.Function`."""

    def __init__(self, client: LambdaClient, name: str) -> None:
        self._client = client
        self._name = name

    def invoke(self) -> None:
        with as_store_unavailable("lambda.Invoke"):
            self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=CONTINUE)
