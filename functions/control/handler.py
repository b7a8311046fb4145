"""control: a request in, an answer out. Whoever may invoke the function may send any request."""

from __future__ import annotations

from typing import Any

from textdrop import bootstrap
from textdrop.core import control, requests
from textdrop.core.errors import HistoryMissing, Refused, RequestRefused, StoreUnavailable, TextdropError
from textdrop.observability import logger, metrics, redact_errors
from textdrop.ports import ControlPorts
from textdrop.usecases.control import pausing
from textdrop.usecases.control.backfill import backfill
from textdrop.usecases.control.cancel import cancel
from textdrop.usecases.control.check import check
from textdrop.usecases.control.delete import delete
from textdrop.usecases.control.listing import list_documents
from textdrop.usecases.control.release import release
from textdrop.usecases.control.render import render
from textdrop.usecases.control.retry import retry
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.control.status import status
from textdrop.usecases.control.summary import summary


@logger.inject_lambda_context
@metrics.log_metrics
@redact_errors
def handler(event: Any, context: bootstrap.LambdaContext) -> dict[str, Any]:
    """The answer to the request. It is also given to a wrong request, and when AWS prevents what was asked for."""
    ports, settings = bootstrap.control()
    return answer(ports, settings, event)


def answer(ports: ControlPorts, settings: ControlSettings, request: Any) -> dict[str, Any]:
    """The answer to the request, whatever it is. Raises no expected error."""
    try:
        command = requests.parse(request)
        found = _followed(ports, settings, command)
    except RequestRefused as refused:
        ports.journal.noted("request_refused", code=str(refused.code))
        return control.refused(refused)
    except HistoryMissing as error:
        ports.journal.failed("request_failed", error)
        return control.refused(
            RequestRefused(
                Refused.UNAVAILABLE,
                "The table has no index history yet, because an older stack made it.",
                "Wait until the index is made, or add it, as docs/operations.md shows (Over an older stack).",
            )
        )
    except TextdropError as error:
        ports.journal.failed("request_failed", error)
        what = "AWS failed or was busy." if isinstance(error, StoreUnavailable) else "The stack failed at this request."
        return control.refused(RequestRefused(Refused.UNAVAILABLE, what, "Ask again in a moment; the log has more."))
    ports.journal.noted("request_followed", command=type(command).__name__.lower())
    return control.answered(found)


def _followed(ports: ControlPorts, settings: ControlSettings, command: requests.Command) -> dict[str, Any]:
    match command:
        case requests.Status():
            return status(ports, settings, command)
        case requests.List():
            return list_documents(ports, settings, command)
        case requests.Summary():
            return summary(ports, settings, command)
        case requests.Retry():
            return retry(ports, settings, command)
        case requests.Cancel():
            return cancel(ports, settings, command)
        case requests.Release():
            return release(ports, settings, command)
        case requests.Delete():
            return delete(ports, settings, command)
        case requests.Render():
            return render(ports, settings, command)
        case requests.Pause():
            return pausing.pause(ports)
        case requests.Resume():
            return pausing.resume(ports)
        case requests.Backfill():
            return backfill(ports, settings, command)
        case requests.Check():
            return check(ports, settings)
