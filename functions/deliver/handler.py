"""deliver: documents whose outcome is fixed, as poll hands them out; their files, names and notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textdrop import bootstrap
from textdrop.core.documents import Resume
from textdrop.core.events import MessageMalformed, parse_delivery
from textdrop.observability import LambdaJournal, logger, metrics, redact_errors
from textdrop.usecases.deliver import deliver


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> None:
    """Delivers the documents that the messages name, unless these have changed since they were handed out."""
    deadline = bootstrap.deadline(context)
    deliver(bootstrap.deliver(), resumes(event), deadline)


def resumes(event: Mapping[str, Any]) -> list[Resume]:
    """The documents that a batch of messages names. A message that cannot be read is dropped: it is in the log, and
    the document that it may have named comes due again."""
    found: list[Resume] = []
    for record in event["Records"]:
        try:
            found += parse_delivery(record["body"])
        except MessageMalformed as error:
            LambdaJournal().failed("message_failed", error, message_id=record["messageId"])
    return found
