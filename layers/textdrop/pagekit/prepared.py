"""A page as it goes to the OCR service, what was done to make it, and the document that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pagekit.limits import FileFacts, MediaType
from pagekit.page import RecognisedPage


class How(StrEnum):
    """How a page was made of the upload."""

    AS_IS = "as_is"  # the upload itself, byte for byte
    CUT = "cut"  # a page of a PDF as a PDF of its own; nothing was encoded again
    DRAWN = "drawn"  # a picture of a page of a PDF
    CONVERTED = "converted"  # an image, or one of its pages, in another format, with all its pixels
    SCALED = "scaled"  # an image with fewer pixels, in whatever format


class PageWarning(StrEnum):
    """What the owner of the upload should know about a page; the wording is in the result."""

    DAMAGED = "damaged"  # drawn as a viewer shows it, since the file is damaged there
    LOW_RESOLUTION = "low_resolution"  # sent with fewer than 150 dots per inch
    MISSING_FONT = "missing_font"  # drawn with another font than the file asks for
    NO_WORDS = "no_words"  # nothing was recognised on a page that is not known to be blank


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was done to make a page. `scale`: pixels sent for each pixel of the upload's image, at most 1; 1 for PDF.
    `blank`: there is nothing to see on it."""

    how: How
    scale: float = 1.0
    warnings: tuple[PageWarning, ...] = ()
    blank: bool = False


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """A page as a file of its own, within the limits of the OCR service."""

    content: bytes
    media_type: MediaType
    preparation: Preparation


class Document(Protocol):
    """A file that can be sent, page by page. Any thread may use it, one at a time."""

    facts: FileFacts

    def page(self, number: int) -> PreparedPage:
        """The page, counted from 1; the same bytes each time.

        Raises Refusal for what concerns this page alone, and what reading the file raises.
        """

    def own_text(self, number: int) -> RecognisedPage | None:
        """The own text of the page, counted from 1, if it is all that can be read there; else None, as for every image.
        The same each time.

        Positions on a page of a PDF are in pixels of 1/300 inch, as viewers show it. Raises what reading the file
        raises.
        """

    def close(self) -> None:
        """Releases what it holds; the file that it reads stays open."""
