"""The queues of uploads and of deliveries, and the dead letter queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.reconciling import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

MAX_RECEIVED = 10
HIDDEN_SECONDS = 120
WAIT_SECONDS = 2  # long enough to ask all of the queue's servers, short enough for the client's read timeout


class SqsQueue:
    """One queue, with one call a message: there are few, and many are sent faster than they are received."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            with as_store_unavailable("sqs.SendMessage"):
                self._client.send_message(QueueUrl=self._queue_url, MessageBody=body)

    def hide(self, receipt: str, seconds: float) -> None:
        with as_store_unavailable("sqs.ChangeMessageVisibility"):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=round(seconds)
            )


class SqsDeadLetters:
    """The dead letter queue of the uploads queue. A message carries its history as attributes:

    `redriven` (a number), `first_sent_at` (epoch seconds), `former_message_ids` (separated by spaces) and `cause`.
    """

    def __init__(self, client: SQSClient, queue_url: str, uploads_queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._uploads_queue_url = uploads_queue_url

    def receive(self) -> list[DeadLetter]:
        with as_store_unavailable("sqs.ReceiveMessage"):
            answer = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=MAX_RECEIVED,
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        return [_letter(message) for message in answer.get("Messages", [])]

    def redrive(self, letter: DeadLetter) -> None:
        history: dict[str, MessageAttributeValueTypeDef] = {
            "redriven": {"DataType": "Number", "StringValue": str(letter.redriven)},
            "first_sent_at": {"DataType": "Number", "StringValue": repr(letter.first_sent_at)},
        }
        for name, text in (("former_message_ids", " ".join(letter.former_ids)), ("cause", letter.cause)):
            if text:  # SQS refuses an attribute with an empty value
                history[name] = {"DataType": "String", "StringValue": text}
        with as_store_unavailable("sqs.SendMessage"):
            self._client.send_message(
                QueueUrl=self._uploads_queue_url, MessageBody=letter.body, MessageAttributes=history
            )

    def delete(self, letter: DeadLetter) -> None:
        with as_store_unavailable("sqs.DeleteMessage"):
            self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=letter.receipt)


def _letter(message: MessageTypeDef) -> DeadLetter:
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
    history = {name: attribute.get("StringValue", "") for name, attribute in attributes.items()}
    sent_at = int(message["Attributes"]["SentTimestamp"]) / 1000
    letter = DeadLetter(message["MessageId"], message["Body"], message["ReceiptHandle"], sent_at)
    try:
        return replace(
            letter,
            first_sent_at=float(history["first_sent_at"]),
            redriven=int(history["redriven"]),
            former_ids=tuple(history.get("former_message_ids", "").split()),
            cause=history.get("cause", ""),
        )
    except (KeyError, ValueError):  # it has no history, or not one of ours
        return letter
