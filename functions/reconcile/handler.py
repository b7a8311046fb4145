"""reconcile: uploads whose event was lost, and messages that were given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textdrop import bootstrap
from textdrop.core.events import MessageMalformed
from textdrop.observability import logger, redact_errors
from textdrop.usecases.reconcile import reconcile


@logger.inject_lambda_context
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> dict[str, str]:
    """Searches the bucket, continuing where the last run stopped.

    The event `{"older_than_seconds": 0}`, sent by hand, begins from the start and takes uploads of that age instead of
    the usual hour.
    """
    deadline = bootstrap.deadline(context)
    ports = bootstrap.reconcile()
    ended = reconcile(ports, deadline, asked_age_seconds(event))
    ports.journal.noted("reconcile_over", ended=ended)
    return {"ended": ended}


def asked_age_seconds(event: Mapping[str, Any]) -> float | None:
    """The age that uploads must have, by the event; None: the usual one. Raises MessageMalformed."""
    given = event.get("older_than_seconds")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < float("inf"):
        raise MessageMalformed("older_than_seconds must be a number of at least 0")
    return float(given)
