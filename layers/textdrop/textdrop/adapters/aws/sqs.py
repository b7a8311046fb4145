"""The way from poll to submit: the uploads queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.documents import Resume
from textdrop.core.events import resume_body

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsResumeQueue:
    """Resume messages on the uploads queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, resume: Resume) -> None:
        with as_store_unavailable("sqs.SendMessage"):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=resume_body(resume))
