"""What became of a page that was to be sent."""

from __future__ import annotations

from dataclasses import dataclass

from textdrop.core.documents import Operation


@dataclass(frozen=True, slots=True)
class Settled:
    """The page has an id or is final: nothing is left to send."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Later:
    """The page could not be sent now; its document should be due again at `due_at`. `is_own`: the reason is the page's
    own, and keeps no other page from being sent."""

    due_at: float
    failed: bool
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The document is no longer ours: stop, and write nothing more."""


@dataclass(frozen=True, slots=True)
class SourceGone:
    """The upload was deleted: nothing more of it is sent."""


Sent = Settled | Later | Lost | SourceGone
