"""A searchable PDF: the document as it was uploaded, with the recognised text laid invisibly over each page's
picture."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, BinaryIO

from pagekit.limits import UploadType
from pagekit.page import RecognisedPage

if TYPE_CHECKING:
    from pagekit.pdf.text_layer import Rendered


def searchable_pdf(
    source: BinaryIO,
    media_type: UploadType,
    pages: Iterable[tuple[int, RecognisedPage | None]],
    to: BinaryIO,
    drawn: Collection[int] = (),
    own_text: Collection[int] = (),
) -> Rendered:
    """Writes the searchable PDF of the document in `source` to `to`: the same bytes for the same document and text.

    `source` is read where needed and may be larger than memory; it stays open. `pages` are numbers from 1, ascending,
    each with what was recognised, or None; they are taken one by one, and missing pages count as not recognised. For an
    image, the recognised text is in pixels of any frame with the upload's proportions. `drawn` are the numbers of the
    pages of a PDF that were drawn to be recognised, `own_text` of those whose text is their own, which are copied as
    they are. Raises NotRenderable, and what reading `source` and `pages` and writing `to` raises; then the content of
    `to` is of no use.
    """
    # Each costs memory and time to import that the other should not pay for.
    if media_type == "application/pdf":
        from pagekit.pdf.layered_pdf import layered_pdf

        return layered_pdf(source, pages, to, drawn, own_text)
    if media_type == "image/jpeg" or media_type == "image/png":
        from pagekit.pdf.image_pdf import image_pdf

        return image_pdf(source, media_type, pages, to)
    from pagekit.pdf.pictures_pdf import pictures_pdf

    return pictures_pdf(source, media_type, pages, to)
