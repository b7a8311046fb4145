"""Files of every kind that is read, and damaged ones, on the deployed stack: text, what was done, warnings, outputs."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pillow_heif
import pypdf
import pytest

from e2e.whole_stack import Notice, WholeStack
from local.accuracy import character_error_rate
from pagekit.page import Polygon, RecognisedPage
from unit.pagekit import making, troubled
from unit.pagekit.outputs import drawing, reading

MOST_WRONG = 0.02
ENGLISH, RUSSIAN = (drawing.page_of(lines)[0] for lines in (drawing.ENGLISH, drawing.RUSSIAN))
LARGE, LARGE_WORDS = drawing.page_of(drawing.ENGLISH, size=(8000, 6000), letter=165)


@dataclass(frozen=True)
class Kind:
    """An upload, and how its pages must come out: their text, how they were made, and what is said of them."""

    name: str
    content: bytes
    texts: Sequence[Sequence[str]]
    how: str
    warnings: Sequence[str] = ()
    attachments: int = 0


def _pdf() -> bytes:
    file = io.BytesIO()
    ENGLISH.save(file, "PDF", save_all=True, append_images=[RUSSIAN], resolution=drawing.DPI)
    return file.getvalue()


def _tiff() -> bytes:
    pages = [image.convert("1") for image in (ENGLISH, RUSSIAN)]
    return making.encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")


def _heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(RUSSIAN.convert("RGB")).save(file, quality=80)
    return file.getvalue()


BOTH = (drawing.ENGLISH, drawing.RUSSIAN)
KINDS = [
    Kind("sound.pdf", _pdf(), BOTH, "cut"),
    Kind("table of objects lost.pdf", making.with_broken_table(_pdf()), BOTH, "drawn", ["damaged"]),
    Kind("attached.pdf", troubled.with_attachment(1_000), [drawing.ENGLISH], "cut", attachments=2),
    Kind("fax.tif", _tiff(), BOTH, "converted"),
    Kind("phone.heic", _heic(), [drawing.RUSSIAN], "converted"),
    Kind("no end.jpg", making.encoded(ENGLISH, "JPEG")[:-2], [drawing.ENGLISH], "converted"),
    Kind("48 megapixels.jpg", making.encoded(LARGE, "JPEG", quality=60), [drawing.ENGLISH], "scaled"),
]


@pytest.fixture(scope="module")
def notices(whole: WholeStack) -> Mapping[str, Notice]:
    """The notice of each kind; all are uploaded before the first is waited for."""
    for kind in KINDS:
        whole.upload(f"any/{kind.name}", kind.content, ocr_outputs="searchable-pdf")
    return {kind.name: whole.notice(f"any/{kind.name}") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_read_and_what_was_done_is_said(whole: WholeStack, notices: Mapping[str, Notice], kind: Kind) -> None:
    notice = notices[kind.name]
    assert notice.body["outcome"] == "succeeded"
    for expected, text in zip(kind.texts, whole.text(notice).split("\f"), strict=True):
        assert character_error_rate("\n".join(expected), text) < MOST_WRONG
    pages = json.loads(whole.read(notice, "json"))["pages"]
    assert {page["prepared"]["how"] for page in pages} == {kind.how}
    assert set(chain.from_iterable(page["prepared"]["warnings"] for page in pages)) == set(kind.warnings)
    assert [warning["warning"] for warning in notice.body["pages"]["warnings"]] == list(kind.warnings)
    assert notice.body["source"]["attachments"] == kind.attachments
    searchable = whole.read(notice, "searchable_pdf")
    assert reading.problems(searchable) == []
    for expected, page in zip(kind.texts, pypdf.PdfReader(io.BytesIO(searchable)).pages, strict=True):
        assert character_error_rate("\n".join(expected), page.extract_text()) < MOST_WRONG


def test_words_of_a_scaled_photo_are_where_they_stand_in_the_upload(
    whole: WholeStack, notices: Mapping[str, Notice]
) -> None:
    page: Any
    [page] = json.loads(whole.read(notices["48 megapixels.jpg"], "json"))["pages"]
    assert (page["width"], page["height"]) == LARGE.size
    assert page["prepared"]["scale"] == pytest.approx((20_000_000 / 48_000_000) ** 0.5, rel=0.01)
    found, drawn = _words(page), _words(LARGE_WORDS)
    assert len(found) > 0.9 * len(drawn)
    overlaps = [max(_shared(box, other) for _, other in drawn) for _, box in found]
    assert min(overlaps) >= 0.9


def _words(page: RecognisedPage) -> list[tuple[str, Polygon]]:
    return [
        (word["text"], word["polygon"]) for block in page["blocks"] for line in block["lines"] for word in line["words"]
    ]


def _shared(one: Polygon, other: Polygon) -> float:
    """How much of the first upright box lies within the second one, from 0 to 1."""
    (left, top, right, bottom), (its_left, its_top, its_right, its_bottom) = map(_edges, (one, other))
    wide = min(right, its_right) - max(left, its_left)
    high = min(bottom, its_bottom) - max(top, its_top)
    return max(wide, 0) * max(high, 0) / ((right - left) * (bottom - top))


def _edges(box: Polygon) -> tuple[int, int, int, int]:
    across, down = [x for x, _ in box], [y for _, y in box]
    return min(across), min(down), max(across), max(down)
