"""What the OCR service answers, in our words. Adapters make these; `core.states` decides by them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from textdrop.core.errors import Trace


@dataclass(frozen=True, slots=True)
class OperationDescription:
    """An operation as the service itself describes it; shown in the result.

    Times are RFC 3339 as received ("" where missing); `metadata` is the service's JSON, unread.
    """

    id: str
    description: str = ""
    created_at: str = ""
    created_by: str = ""
    modified_at: str = ""
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The service took the page: from now on it is billed."""

    operation: OperationDescription
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """The state of an operation. `error_code` non-zero: it failed."""

    error_code: int = 0
    error_message: str = ""
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class NotReady:
    """The result cannot be read, yet or any more: 404 or 410, an empty 200, or a body without a page. Only the caller
    knows how old the operation is."""

    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class Recognition:
    """A whole result. `body` is exactly what the service sent, to be stored; it has been read once and is complete.
    `has_words`: there is text in it."""

    body: bytes
    has_words: bool = True
    trace: Trace = field(default_factory=Trace)
