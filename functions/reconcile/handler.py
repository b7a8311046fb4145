"""reconcile: uploads that no event told of, and messages that were given up."""

from __future__ import annotations

from typing import Any

from textdrop import bootstrap
from textdrop.core.reconciling import asked_age_seconds
from textdrop.observability import logger, metrics, redact_errors
from textdrop.usecases.reconcile import reconcile


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> dict[str, str]:
    """Looks through the bucket, or goes on where the last run stopped.

    `{"older_than_seconds": 0}`, by hand, begins anew and takes uploads of that age instead of the usual hour.
    """
    deadline = bootstrap.deadline(context)
    ports = bootstrap.reconcile()
    ended = reconcile(ports, deadline, asked_age_seconds(event))
    ports.journal.noted("reconcile_over", ended=ended)
    return {"ended": ended}
