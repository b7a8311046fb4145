"""What inspecting an uploaded file finds, and the limits that it is checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MediaType = Literal["image/jpeg", "image/png", "application/pdf"]
"""What the OCR service takes."""

UploadType = Literal[
    "image/jpeg",
    "image/png",
    "application/pdf",
    "image/tiff",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/jp2",
    "image/heic",
    "image/avif",
]
"""What can be uploaded: what the service takes as it is, and what is converted for it."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """`max_bytes` and `max_pixels` are the OCR service's, for a page (10 MB, 20 megapixels); `max_document_bytes`, for
    a PDF of several pages, and `max_pages` are ours."""

    max_bytes: int = 10_000_000
    max_pixels: int = 20_000_000
    max_document_bytes: int = 2_000_000_000
    max_pages: int = 5_000


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that can be sent: its actual type, by content. `attachments`: how many files a PDF has in it."""

    media_type: UploadType
    pages: int
    attachments: int = 0
