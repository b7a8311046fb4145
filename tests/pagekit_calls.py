"""How the proofs (`make corpus`, `make hostile`) call pagekit: the one place to change when the calls do."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import cast

from pagekit import opening
from pagekit.limits import FileLimits, MediaType, UploadType
from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.page import RecognisedPage
from pagekit.pdf.text_layer import Rendered
from pagekit.prepared import Document, How, Preparation, PreparedPage


class _Prepared:
    """A document whose pages are bytes, until all of them are prepared pages."""

    def __init__(self, document: opening.Document) -> None:
        self.facts = document.facts
        self.close = document.close
        self._page = document.page

    def page(self, number: int) -> PreparedPage:
        how = How.CUT if self.facts.pages > 1 else How.AS_IS
        return PreparedPage(self._page(number), cast(MediaType, self.facts.media_type), Preparation(how))


def opened(content: bytes) -> Document:
    return _Prepared(opening.open_document(io.BytesIO(content), FileLimits()))


def searchable(
    content: bytes, media_type: UploadType, pages: Iterable[tuple[int, RecognisedPage | None]]
) -> tuple[bytes, Rendered]:
    to = io.BytesIO()
    rendered = searchable_pdf(io.BytesIO(content), cast(MediaType, media_type), pages, to)
    return to.getvalue(), rendered
