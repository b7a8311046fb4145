"""render: one document that poll hands over; its outputs, then the rest of its delivery."""

from __future__ import annotations

import json
from typing import Any

from textdrop import bootstrap
from textdrop.core.documents import Resume
from textdrop.core.events import MessageMalformed, parse
from textdrop.observability import logger, metrics, redact_errors
from textdrop.usecases.render import render


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: dict[str, Any], context: bootstrap.LambdaContext) -> dict[str, str]:
    """Renders and delivers the document, unless it has moved on since it was handed over."""
    deadline = bootstrap.deadline(context)
    ports = bootstrap.render()
    ended = render(ports, _resume(event), deadline)
    ports.journal.noted("render_over", ended=ended)
    return {"ended": ended}


def _resume(event: dict[str, Any]) -> Resume:
    for asked in parse(json.dumps(event)):
        if isinstance(asked, Resume):
            return asked
    raise MessageMalformed("the event names no document")
