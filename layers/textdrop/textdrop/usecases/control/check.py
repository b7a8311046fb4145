"""check: whether the stack can work, as far as it can tell from the inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textdrop import __version__
from textdrop.core import control, ledger
from textdrop.core.documents import Outcome
from textdrop.core.errors import (
    HistoryMissing,
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
)
from textdrop.ports import ControlPorts
from textdrop.usecases.control.in_flight import in_flight
from textdrop.usecases.control.settings import ControlSettings

NO_OPERATION = "textdrop-check-of-a-key"
"""No operation has this id, so asking for it does nothing and costs nothing."""

_ADVICE: tuple[tuple[type[OcrError], str], ...] = (
    (OcrCredentialsMissing, "Store a key in the stack's secret: aws secretsmanager put-secret-value."),
    (OcrCredentialsRefused, "Check the key, its service account's role ai.vision.user, and the billing account."),
    (OcrSecretUnreadable, "Let the functions' roles read the secret and use its key."),
    (OcrUnreachable, "Check the addresses OcrBaseUrl and IamBaseUrl, and the way out of the functions' network."),
    (OcrUnavailable, "Wait, and look at the OCR service's status page; uploads are kept meanwhile."),
    (OcrAnswerLost, "Check that the address OcrBaseUrl is the OCR service's, and look at its status page."),
    (OcrAnswerMalformed, "Check that the address OcrBaseUrl is the OCR service's."),
)
_ANSWERED = (OcrOperationUnknown, OcrRejected, OcrThrottled)
"""The service refused to give what is not there, or refused so many requests; but it accepted the key."""


def check(ports: ControlPorts, settings: ControlSettings) -> dict[str, Any]:
    """What can be found out. Raises StoreUnavailable."""
    began_at = ports.clock.now()
    refused = _error(lambda: ports.ocr.result(NO_OPERATION))
    latency = ports.clock.now() - began_at
    lost = _error(lambda: ports.ocr.status(NO_OPERATION))
    now = ports.clock.now()
    due = in_flight(ports)
    ocr = {
        "ok": refused is None,
        "what": None if refused is None else _sentence(refused),
        "advice": None if refused is None else _advice(refused),
        "latency_seconds": round(latency, 3),
    }
    endpoints = [
        ("ocr", settings.ocr_base_url, refused),
        ("operation", settings.operation_base_url, lost),
    ]
    return {
        "version": __version__,
        "ocr": ocr,
        "clock": {"offset_seconds": ports.ocr.clock_offset_seconds()},
        "endpoints": [
            {"name": name, "url": url, "ok": error is None, "what": None if error is None else _sentence(error)}
            for name, url, error in endpoints
        ],
        "history_index": _has_history(ports, now),
        "pause": control.pause(ports.pause.read()),
        "oldest": control.oldest(due.rows, now),
        "due": {str(kind): count for kind, count in due.counts.items()},
        "languages": settings.languages,
        "model": settings.model,
        "outputs": settings.outputs,
        "pages": settings.pages,
        "submits_per_second": settings.submits_per_second,
        "source_bucket": ports.source.name,
        "source_prefix": ports.source.prefix,
        "results_bucket": settings.results_bucket,
        "results_prefix": settings.results_prefix,
    }


def _error(ask: Callable[[], object]) -> OcrError | None:
    """What is wrong with the service or the way to it; None if it answered as it should."""
    try:
        ask()
    except _ANSWERED:
        return None
    except OcrError as error:
        return error
    return None


def _sentence(error: OcrError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _advice(error: OcrError) -> str:
    found = (advice for kind, advice in _ADVICE if isinstance(error, kind))
    return next(found, "Look at the log of the submit function.")


def _has_history(ports: ControlPorts, now: float) -> bool:
    try:
        ports.ledger.history(ledger.month(now), Outcome.FAILED, now, now, 1)
    except HistoryMissing:
        return False
    return True
