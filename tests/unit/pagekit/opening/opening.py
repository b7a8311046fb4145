"""Opening files for the tests: bytes in, facts or a refusal out."""

from __future__ import annotations

import atexit
import io
import math
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from PIL import Image, ImageChops, ImageStat

from pagekit.child.process import Child
from pagekit.errors import Reason, Refusal
from pagekit.kinds import media_type
from pagekit.limits import FileFacts, FileLimits
from pagekit.opening import open_document
from pagekit.pdf.document import PdfDocument
from pagekit.prepared import Document, PreparedPage
from textdrop.core.errors import StoreUnavailable
from unit.pagekit.outputs import reading

LIMITS = FileLimits()
CHILD = Child()
atexit.register(CHILD.close)
FEW_PIXELS = FileLimits(max_pixels=100_000)
"""So that pages are drawn in no time."""

LARGE, SMALL = (300, 300), (60, 60)


class FailingFile(io.BytesIO):
    """Reading fails after so many reads."""

    def __init__(self, content: bytes, reads: float = math.inf) -> None:
        super().__init__(content)
        self.reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise StoreUnavailable("gone")
        return super().read(size)


def opened(content: bytes, limits: FileLimits = LIMITS) -> Document:
    """The document; a PDF as the child opens it, but in this process."""
    if media_type(content) == "application/pdf" and len(content) <= limits.max_document_bytes:
        return PdfDocument(io.BytesIO(content), limits)
    return open_document(io.BytesIO(content), limits, CHILD)


def inspected(content: bytes, limits: FileLimits = LIMITS) -> FileFacts:
    """The facts of a file that can be sent; an image is sent as it is."""
    document = opened(content, limits)
    if document.facts.media_type != "application/pdf":
        assert document.page(1).content == content
    document.close()
    return document.facts


def refusal(content: bytes, limits: FileLimits = LIMITS) -> Refusal:
    """Why a file is refused as a whole."""
    with pytest.raises(Refusal) as caught:
        opened(content, limits)
    return caught.value


def refusal_of_page(document: Document, number: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        document.page(number)
    return caught.value


def pages_of(document: Document, order: Iterable[int] | None = None) -> list[PreparedPage | Reason]:
    """Each page, or why it cannot be sent, when they are asked for in this order."""
    found: dict[int, PreparedPage | Refusal] = {}
    for number in order or range(1, document.facts.pages + 1):
        try:
            found[number] = document.page(number)
        except Refusal as refused:
            found[number] = refused
    document.close()
    assert all(str(number) in page.what and page.advice for number, page in found.items() if isinstance(page, Refusal))
    return [page.reason if isinstance(page, Refusal) else page for _, page in sorted(found.items())]


def prepared(content: bytes, limits: FileLimits = FEW_PIXELS) -> list[PreparedPage]:
    """All pages of a document, none of which is refused."""
    pages = pages_of(opened(content, limits))
    assert not any(isinstance(page, Reason) for page in pages)
    return [page for page in pages if isinstance(page, PreparedPage)]


def picture_of(page: PreparedPage) -> Image.Image:
    """What a viewer shows of a page that is sent, small and grey."""
    if page.media_type == "application/pdf":
        image = reading.raster_of(page.content, LARGE)
    else:
        with Image.open(io.BytesIO(page.content)) as opened_image:
            image = opened_image.resize(LARGE)
    return image.convert("L").resize(SMALL, Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean of how much the pixels differ, from 0 to 255."""
    return ImageStat.Stat(ImageChops.difference(one, other)).mean[0]


@contextmanager
def less_memory_than(most_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()
