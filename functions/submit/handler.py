"""submit: S3's events and resume messages in, pages sent to the OCR service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from textdrop import bootstrap
from textdrop.observability import logger, metrics, redact_errors
from textdrop.usecases.accept import Message
from textdrop.usecases.submit import submit


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> dict[str, Any]:
    """Takes a batch of SQS messages; the answer names those that must come again (ReportBatchItemFailures)."""
    deadline = bootstrap.deadline(context)
    ports, settings = bootstrap.submit()
    batch = messages(event)
    ports.journal.counted("Messages", len(batch))
    return batch_failures(submit(ports, settings, batch, deadline))


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The messages of a batch."""
    return [
        Message(
            record["messageId"],
            record["body"],
            record["receiptHandle"],
            int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    ]


def batch_failures(failed: Iterable[str]) -> dict[str, Any]:
    """The answer to the queue: these messages must come again, all others are done."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
