"""The searchable PDF of images that a PDF cannot contain as they are: each page's picture as it was sent, with its
text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from typing import BinaryIO

import pikepdf
from pikepdf import Pdf

from pagekit.errors import NotRenderable, Refusal
from pagekit.limits import FileLimits, UploadType
from pagekit.page import RecognisedPage, every_page
from pagekit.pdf.glyphless_font import GlyphlessFont
from pagekit.pdf.image_pdf import A4_POINTS, image_page, page_text, save, write_page
from pagekit.pdf.text_layer import Rendered
from pagekit.pictures.document import PictureDocument

# Scaled to what the OCR service takes it would be grey, and ten times as many bytes.
_MAX_BILEVEL_PIXELS = 100_000_000
_PART_BYTES = 20_000_000
_PART_PAGES = 100


def pictures_pdf(
    source: BinaryIO, media_type: UploadType, pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO
) -> Rendered:
    """As searchable_pdf, with `pages` in ascending order. A page that cannot be read is blank, with a warning.

    Memory does not grow with the number of pages: finished pages are kept in temporary files, some in each.
    """
    try:
        document = PictureDocument(source, media_type, FileLimits(), FileLimits(max_pixels=_MAX_BILEVEL_PIXELS))
    except Refusal as refused:
        raise NotRenderable(refused.what) from None
    warnings: list[str] = []
    layered = 0
    with ExitStack() as stack, Pdf.new() as whole:
        part = _Part()
        stack.callback(lambda: part.close())
        for number, recognised in every_page(pages, document.facts.pages):
            if number > document.facts.pages:
                raise NotRenderable(f"The image is damaged: page {number:,} cannot be found in it any more.")
            try:
                has_text, warning = part.add(document.page(number).content, recognised)
                layered += has_text
            except (NotRenderable, Refusal):
                part.add_blank()
                warning = f"Page {number:,} is blank in the searchable PDF: it cannot be read."
            warnings += [warning] if warning else []
            if part.is_full:
                whole.pages.extend(stack.enter_context(part.put_aside(stack)).pages)
                part = _Part()
        part.finish()
        whole.pages.extend(part.document.pages)
        save(whole, to)
    return Rendered(layered, (), tuple(warnings))


class _Part:
    """Some pages of the PDF, in memory."""

    def __init__(self) -> None:
        self.document = Pdf.new()
        self._font = GlyphlessFont(self.document)
        self._has_text = False
        self._sources = ExitStack()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._bytes > _PART_BYTES or len(self.document.pages) >= _PART_PAGES

    def add(self, picture: bytes, recognised: RecognisedPage | None) -> tuple[bool, str | None]:
        """Adds a page. Returns whether it got text, and a warning about that. Raises NotRenderable."""
        shown = image_page(picture)
        self._sources.enter_context(shown.document)
        self._bytes += len(picture)
        self.document.pages.append(shown.document.pages[0])
        layer, warning = page_text(recognised, shown.width, shown.height, self._font)
        font = self._font if layer else None
        write_page(self.document, self.document.pages[-1], shown.operators + layer, font)
        self._has_text |= bool(layer)
        return bool(layer), warning

    def add_blank(self) -> None:
        self.document.add_blank_page(page_size=A4_POINTS)

    def finish(self) -> None:
        """Completes the pages."""
        if self._has_text:
            self._font.written()

    def put_aside(self, files: ExitStack) -> Pdf:
        """The same pages, in a file that `files` closes."""
        self.finish()
        file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        save(self.document, file)
        self.close()
        return pikepdf.open(file)

    def close(self) -> None:
        self.document.close()
        self._sources.close()
