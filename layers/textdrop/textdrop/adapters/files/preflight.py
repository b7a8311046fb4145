"""The look into an uploaded file before anything is paid for: can the OCR service read it, and how many pages is it?"""

from __future__ import annotations

import io

from textdrop.adapters.files.document import open_document
from textdrop.core.files import FileFacts, FileLimits


def inspect(content: bytes, limits: FileLimits) -> FileFacts:
    """What the file is, as `open_document` tells. Raises Refusal, whatever the bytes, and nothing else."""
    document = open_document(io.BytesIO(content), limits)
    document.close()
    return document.facts
