"""poll: one tick, started by the schedule, a wake or the previous tick."""

from __future__ import annotations

from typing import Any

from textdrop import bootstrap
from textdrop.observability import logger, metrics, redact_errors
from textdrop.usecases.tick import tick


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> dict[str, str]:
    """Runs a tick, unless another one is running."""
    deadline = bootstrap.deadline(context)
    ports, settings = bootstrap.poll()
    ended = tick(ports, settings, deadline)
    ports.journal.noted("tick_over", ended=ended)
    return {"ended": ended}
