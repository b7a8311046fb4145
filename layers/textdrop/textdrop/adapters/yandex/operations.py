"""The service's Operation, read from its JSON: the answer to a submit, and to a request for one."""

from __future__ import annotations

import re
from typing import Any

from textdrop.adapters.yandex.failures import UNKNOWN, bounded
from textdrop.adapters.yandex.values import either, integer, mapping, text, within_depth
from textdrop.core.answers import OperationDescription, OperationStatus
from textdrop.core.errors import Trace

METADATA_DEPTH = 16
_ID = re.compile(r"[!-~]{1,256}")  # printable, no blanks: it becomes part of addresses, keys and logs


def described(value: Any) -> OperationDescription | None:
    """The operation as the service describes it; None if the value is not an object with a usable id.

    `metadata` nested deeper than 16 levels is left out: it could be neither stored nor shown.
    """
    operation = mapping(value)
    identity = text(operation.get("id"))
    if not _ID.fullmatch(identity):
        return None
    metadata = operation.get("metadata")
    return OperationDescription(
        id=identity,
        description=bounded(operation.get("description")),
        created_at=bounded(either(operation, "createdAt", "created_at")),
        created_by=bounded(either(operation, "createdBy", "created_by")),
        modified_at=bounded(either(operation, "modifiedAt", "modified_at")),
        metadata=metadata if isinstance(metadata, dict) and within_depth(metadata, METADATA_DEPTH) else None,
    )


def status(value: Any, asked_id: str, trace: Trace) -> OperationStatus | None:
    """The state of the operation `asked_id`; None if the value does not say.

    A code that is neither a number nor empty counts as UNKNOWN (2): there was an error of an unknown kind.
    """
    operation = mapping(value)
    known = any(name in operation for name in ("id", "done", "error"))
    if not known or text(either(operation, "id") or asked_id) != asked_id:
        return None
    error = mapping(operation.get("error"))
    code = error.get("code")
    return OperationStatus(
        error_code=integer(code) or (UNKNOWN if isinstance(code, str) and code.strip(" 0") else 0),
        error_message=bounded(error.get("message")),
        trace=trace,
    )
