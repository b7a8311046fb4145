"""Why a file, a page or an output is refused. Each error carries a sentence for the owner of the file; trying again
cannot help."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a file cannot be read."""

    UNSUPPORTED_TYPE = "unsupported_type"
    EMPTY_FILE = "empty_file"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    FILE_TOO_LARGE = "file_too_large"
    IMAGE_TOO_LARGE = "image_too_large"
    TOO_MANY_PAGES = "too_many_pages"
    XFA_FORM = "xfa_form"


class Refusal(Exception):
    """This file, or this page of it, cannot be read.

    `what` says what was wrong with this particular file, in one sentence without any of its text; `advice` says what
    its owner can do.
    """

    def __init__(self, reason: Reason, what: str, advice: str) -> None:
        super().__init__(f"{reason}: {what}")
        self.reason = reason
        self.what = what
        self.advice = advice


class NotRenderable(Exception):
    """An output, such as a searchable PDF, cannot be made of this document. `what` tells the document's owner why, in
    one sentence without any of its text."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
