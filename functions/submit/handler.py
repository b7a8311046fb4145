"""submit: S3's events and resume messages in, pages sent to the OCR service."""

from __future__ import annotations

from typing import Any

from textdrop import bootstrap
from textdrop.observability import logger, metrics, redact_errors
from textdrop.usecases.accept import batch_failures, messages
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
