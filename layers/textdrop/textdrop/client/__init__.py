"""The client: `Textdrop("my-stack").put("scan.pdf").wait().text`. Examples: docs/client.md."""

from textdrop.client.connection import Textdrop
from textdrop.client.downloads import Fetched
from textdrop.client.errors import (
    ControlRefused,
    NoAccess,
    NoText,
    NotReadable,
    StackNotFound,
    TextdropClientError,
    Unreachable,
    UploadRefused,
    WaitTimedOut,
)
from textdrop.client.models import (
    Backfill,
    Cap,
    Caps,
    Changes,
    Check,
    Document,
    Hold,
    Options,
    Pages,
    Pause,
    Run,
    Summary,
    Unchanged,
)
from textdrop.client.published import Billing, Cost, ErrorFile, HeldNotice, Notice, Result, read_message
from textdrop.client.uploads import Put

__all__ = [
    "Backfill",
    "Billing",
    "Cap",
    "Caps",
    "Changes",
    "Check",
    "ControlRefused",
    "Cost",
    "Document",
    "ErrorFile",
    "Fetched",
    "HeldNotice",
    "Hold",
    "NoAccess",
    "NoText",
    "NotReadable",
    "Notice",
    "Options",
    "Pages",
    "Pause",
    "Put",
    "Result",
    "Run",
    "StackNotFound",
    "Summary",
    "Textdrop",
    "TextdropClientError",
    "Unchanged",
    "Unreachable",
    "UploadRefused",
    "WaitTimedOut",
    "read_message",
]
