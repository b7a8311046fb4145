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
    Changes,
    Check,
    Document,
    Options,
    Pages,
    Pause,
    Run,
    Summary,
    Unchanged,
)
from textdrop.client.published import Billing, Cost, ErrorFile, Notice, Result
from textdrop.client.uploads import Put

__all__ = [
    "Backfill",
    "Billing",
    "Changes",
    "Check",
    "ControlRefused",
    "Cost",
    "Document",
    "ErrorFile",
    "Fetched",
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
]
