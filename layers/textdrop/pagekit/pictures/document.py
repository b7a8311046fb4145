"""An image that cannot be sent as it is, as a document of pages that can: mended, converted or scaled.

A TIFF has a page for each of its images; every other file has one page, in an animation its first picture.
"""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO

from pagekit.errors import Reason, Refusal
from pagekit.images import can_be_sent
from pagekit.limits import FileFacts, FileLimits, MediaType, UploadType
from pagekit.pictures.decoding import MAX_FILE_BYTES, decoded, sound_jpeg, sound_png
from pagekit.pictures.fitting import fitted
from pagekit.pictures.tiff import Tiff
from pagekit.pictures.tiff_decoding import decoded_tiff_page
from pagekit.prepared import How, Preparation, PreparedPage


class PictureDocument:
    """An image file that has been opened. It does not close the file that it reads."""

    def __init__(
        self, file: BinaryIO, media_type: UploadType, limits: FileLimits, bilevel_limits: FileLimits | None = None
    ) -> None:
        """Opens a file of the type that its content shows. Nothing is decoded yet. `bilevel_limits`: for pages of two
        colours, if those differ.

        Raises Refusal (`damaged`, `file_too_large`, `too_many_pages` or `unsupported_type`) and what reading the file
        raises.
        """
        self._media_type = media_type
        self._limits = limits
        self._bilevel_limits = bilevel_limits or limits
        self._content = b""
        self._tiff: Tiff | None = None
        if media_type == "image/tiff":
            self._tiff = Tiff(file, limits.max_pages)
        else:
            self._content = _content(file)
        self.facts = FileFacts(media_type, pages=self._tiff.pages if self._tiff is not None else 1)

    def page(self, number: int) -> PreparedPage:
        """The page, counted from 1; the same bytes each time.

        Raises Refusal (`damaged`, `image_too_large` or `unsupported_type`) and what reading the file raises.
        """
        if not 1 <= number <= self.facts.pages:
            raise ValueError(f"there is no page {number}: the document has {self.facts.pages}")
        try:
            return self._page(number)
        except Refusal as refusal:
            if self.facts.pages == 1:
                raise
            raise Refusal(refusal.reason, f"Page {number:,} of the TIFF: {refusal.what}", refusal.advice) from None

    def _page(self, number: int) -> PreparedPage:
        with warnings.catch_warnings():
            # Pillow warns of odd things in a file; all that matters is whether it can be read.
            warnings.simplefilter("ignore")
            if self._tiff is not None:
                return fitted(decoded_tiff_page(self._tiff, number), self._limits, self._bilevel_limits)
            if self._media_type == "image/jpeg" or self._media_type == "image/png":
                return self._jpeg_or_png(self._media_type)
            return fitted(decoded(self._content, self._media_type), self._limits, self._bilevel_limits)

    def own_text(self, number: int) -> None:
        """An image has none."""

    def close(self) -> None:
        """Releases the content."""
        self._content = b""

    def _jpeg_or_png(self, media_type: MediaType) -> PreparedPage:
        """As it is, mended without touching its picture, or decoded."""
        content, limits = self._content, self._limits
        if can_be_sent(content, media_type, limits):
            return PreparedPage(content, media_type, Preparation(How.AS_IS))
        sound = sound_jpeg(content) if media_type == "image/jpeg" else sound_png(content)
        if sound is not content and can_be_sent(sound, media_type, limits):
            return PreparedPage(sound, media_type, Preparation(How.CONVERTED))
        return fitted(decoded(sound, media_type), limits, self._bilevel_limits)


def _content(file: BinaryIO) -> bytes:
    size = file.seek(0, io.SEEK_END)
    if size > MAX_FILE_BYTES:
        raise Refusal(
            Reason.FILE_TOO_LARGE,
            f"The image has {size:,} bytes; the most is {MAX_FILE_BYTES:,}.",
            "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
        )
    file.seek(0)
    return file.read()
