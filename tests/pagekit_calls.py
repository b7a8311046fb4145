"""How the proofs (`make corpus`, `make hostile`) call pagekit: the one place to change when the calls do."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from pagekit.child.process import Child
from pagekit.child.searchable_pdf import searchable_pdf
from pagekit.limits import FileLimits, UploadType
from pagekit.opening import open_document
from pagekit.page import RecognisedPage
from pagekit.prepared import Document

_CHILD = Child()


def opened(content: bytes) -> Document:
    return open_document(io.BytesIO(content), FileLimits(), _CHILD)


def searchable(
    content: bytes,
    media_type: UploadType,
    pages: Iterable[tuple[int, RecognisedPage | None]],
    drawn: Collection[int],
    own_text: Collection[int] = (),
) -> tuple[bytes, Sequence[str]]:
    """The searchable PDF and its warnings."""
    to = io.BytesIO()
    warnings = searchable_pdf(_CHILD, io.BytesIO(content), media_type, pages, to, drawn, own_text)
    return to.getvalue(), warnings
