"""Logs and metrics, in one place. They never contain text of a document, the key of its upload, or a credential."""

from __future__ import annotations

import logging
import threading
import traceback
import warnings
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from textdrop.core.documents import Document, Operation
from textdrop.core.errors import OcrError, TextdropError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
T = TypeVar("T")

logger = Logger()
metrics = Metrics(namespace="textdrop")
# An invocation may have nothing to count; Powertools' warning about that would be a line that is not JSON.
warnings.filterwarnings("ignore", message="No application metrics to publish")

_counting = threading.Lock()
_TAKEN = {*vars(logging.makeLogRecord({})), "message", "asctime", "level", "location", "timestamp", "service"}


class InvocationDied(TextdropError):
    """This invocation was ended by an error that nobody expected. The message is the kind of the error; the log has its
    place."""


def redact_errors(handler: Callable[P, T]) -> Callable[P, T]:
    """The handler, but only our own errors leave it: Lambda logs an error's message, and others' may quote a
    document."""

    @wraps(handler)
    def told(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return handler(*arguments, **named)
        except TextdropError as error:
            # Without its cause: whatever shows errors may show that too, and its message may quote a document.
            raise error from None
        except Exception as error:  # noqa: BLE001 - whatever it is, its kind is told and its message is not
            LambdaJournal().failed("invocation_died", error)
            raise InvocationDied(type(error).__name__) from None

    return told


class LambdaJournal:
    """Lines of JSON for CloudWatch Logs, and metrics in its embedded format. Satisfies `ports.Journal`."""

    def transition(self, rule: str, row: Document | Operation) -> None:
        own: dict[str, str | float | None]
        if isinstance(row, Document):
            kind, document = "document", row.id
            own = {"rev": row.rev, "run": row.run, "attempts": row.attempts}
            own["outcome"] = str(row.outcome) if row.outcome else None
        else:
            kind, document = "operation", row.document_id
            own = {"page": row.page, "unconfirmed": row.unconfirmed, "request_id": row.trace.request_id}
            own["operation"] = row.described.id if row.described else None
        reason = str(row.problem.reason) if row.problem else None
        extra = _present(rule=rule, document=document, state=str(row.state), **own, reason=reason)
        logger.info(f"{kind} transition", extra=extra)

    def noted(self, event: str, **fields: str | float | None) -> None:
        logger.info(event, extra=_present(**fields))

    def counted(self, metric: str, value: float = 1) -> None:
        """A metric, written out when the invocation ends."""
        _add(metric, MetricUnit.Count, value)

    def measured(self, metric: str, seconds: float) -> None:
        """A metric in seconds, written out when the invocation ends."""
        _add(metric, MetricUnit.Seconds, seconds)

    def failed(self, event: str, error: BaseException, **fields: str | float | None) -> None:
        """One line: what kind of error and where. Our own errors' messages carry no document text; others' may."""
        known = isinstance(error, TextdropError)
        trace = error.trace if isinstance(error, OcrError) else None
        place = traceback.extract_tb(error.__traceback__)
        own = _present(
            error=type(error).__name__,
            message_of_error=str(error) if known else None,
            cause=type(error.__cause__).__name__ if error.__cause__ else None,
            at=f"{place[-1].filename.rpartition('/')[2]}:{place[-1].lineno}" if place and not known else None,
            http_status=trace.status if trace else None,
            service_code=trace.code if trace else None,
            request_id=trace.request_id if trace else None,
            server_trace_id=trace.server_trace_id if trace else None,
        )
        line = {**_present(**fields), **own}
        if known:
            logger.warning(event, extra=line)
        else:
            logger.error(event, extra=line)


def _add(metric: str, unit: MetricUnit, value: float) -> None:
    # Powertools' metrics are not thread-safe: counts double or get lost, and writing them out may fail.
    with _counting:
        metrics.add_metric(name=metric, unit=unit, value=value)


def _present(**fields: str | float | None) -> Mapping[str, object]:
    # A log record refuses fields named like its own, and Powertools lets them replace its own.
    return {
        f"{name}_" if name in _TAKEN else name: value
        for name, value in fields.items()
        if value is not None and value != ""
    }
