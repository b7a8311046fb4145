"""The text over a scan: others read what was recognised, line by line, and each word where it stands."""

from __future__ import annotations

import io
import statistics

import pytest

from pagekit.page import Block, Line, Polygon, RecognisedPage, Word
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading, set_page
from unit.pagekit.outputs.set_page import rectangle

LANGUAGES = {"english": drawing.ENGLISH, "russian": drawing.RUSSIAN}
MIN_COVERED = 0.9
TURNS = [0, 90, 180, 270]


def read_by_all(document: bytes, *, raw: bool = False) -> dict[str, list[str]]:
    """`raw`: poppler takes the text in the order in which it stands in the file."""
    found = {"pdfium": reading.lines_by_pdfium(document), "pypdf": reading.lines_by_pypdf(document)}
    by_poppler = reading.lines_by_poppler(document, raw=raw)
    return found if by_poppler is None else found | {"poppler": by_poppler}


def assert_found(document: bytes, page: RecognisedPage, *, raw: bool = False) -> None:
    assert reading.problems(document) == []
    for reader, lines in read_by_all(document, raw=raw).items():
        assert lines == drawing.lines_of(page), reader
    covered = reading.covered(document, page)
    assert min(covered) >= MIN_COVERED
    assert statistics.mean(covered) >= 0.98


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("margin", [0, 30], ids=["whole", "cropped"])
@pytest.mark.parametrize("rotate", TURNS)
def test_a_scan_can_be_read_and_searched(language: str, margin: float, rotate: int) -> None:
    image, page = drawing.page_of(LANGUAGES[language])
    source = making.scans([image], rotate=rotate, margin=margin)
    document, told = making.rendered(source, page)
    assert_found(document, page)
    assert (told.layered, told.own_text, told.warnings) == (1, (), ())
    assert reading.raster(document).tobytes() == reading.raster(source).tobytes()
    assert len(document) - len(source) < 6_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("upright_boxes", [False, True], ids=["slanted boxes", "upright boxes"])
@pytest.mark.parametrize("degrees", [-8, -3, -1, 1, 3, 8])
def test_a_page_that_lies_askew(language: str, degrees: float, upright_boxes: bool) -> None:
    image, page = drawing.tilted(*drawing.page_of(LANGUAGES[language]), degrees, upright_boxes=upright_boxes)
    document, _ = making.rendered(making.scans([image]), page)
    assert_found(document, page, raw=True)


@pytest.mark.parametrize("turn", TURNS)
def test_lines_of_one_word_and_of_one_letter(turn: int) -> None:
    image, page = drawing.turned(*drawing.page_of(["Alpha", "Бета", "c", "д", "Epsilon"]), turn)
    document, _ = making.rendered(making.scans([image]), page)
    expected = drawing.lines_of(page)
    assert reading.lines_by_pdfium(document) == expected
    assert reading.lines_by_pypdf(document) == expected


def one_line(text: str, *words: tuple[str, int, int], polygon: Polygon | None = None) -> RecognisedPage:
    """A page with a line of these words, from left to right, between y = 100 and 130."""
    line = Line(
        text=text,
        polygon=rectangle(100, 100, 900, 130) if polygon is None else polygon,
        words=[Word(text=word, polygon=rectangle(left, 100, right, 130)) for word, left, right in words],
    )
    return set_page.page(Block(type="text", polygon=rectangle(90, 90, 910, 140), languages=[], lines=[line]))


def blank() -> bytes:
    return making.made(lambda document: document.add_blank_page(page_size=(500, 700)))


CASES = {
    "characters beyond the first 65,536": one_line("ok 😀 𝔸b", ("ok", 100, 160), ("😀", 180, 210), ("𝔸b", 230, 290)),
    "words that touch": one_line("one two", ("one", 100, 150), ("two", 150, 200)),
    "words that overlap": one_line("one two", ("one", 100, 160), ("two", 150, 200)),
    "a mark that is a word of its own": one_line("end . Next", ("end", 100, 150), (".", 151, 154), ("Next", 170, 250)),
    "a mark without a blank": one_line("end, then", ("end", 100, 150), (",", 152, 156), ("then", 170, 250)),
    "no words": one_line("the whole line"),
    "words that are not the line's": one_line("the whole line", ("the", 100, 150), ("hole", 170, 250)),
    "words without boxes": one_line("the whole line", ("the", 0, 0), ("whole", 0, 0), ("line", 0, 0)),
    "no boxes at all": one_line("the whole line", polygon=[[0, 0]] * 4),
    "a wide gap": one_line("Total 12", ("Total", 100, 160), ("12", 860, 900)),
    "wide and narrow letters": one_line("WWW i", ("WWW", 100, 400), ("i", 420, 424)),
    "brackets and a backslash": one_line("(a\\b) <c>", ("(a\\b)", 100, 200), ("<c>", 220, 280)),
    "a blank in a word": one_line("New York city", ("New York", 100, 300), ("city", 320, 400)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_line_is_read_as_it_was_recognised(case: str) -> None:
    document, told = making.rendered(blank(), CASES[case])
    assert told.layered == 1
    found = read_by_all(document)
    if "poppler" in found:
        # It takes words that are far apart for columns.
        found["poppler"] = [" ".join(found["poppler"])]
    for reader, lines in found.items():
        assert lines == [CASES[case]["text"]], reader


def test_right_to_left_text_is_read_in_its_order() -> None:
    line = one_line("שלום עולם", ("שלום", 500, 600), ("עולם", 380, 480))
    document, _ = making.rendered(blank(), line)
    assert reading.lines_by_pdfium(document) == ["שלום עולם"]


def test_a_line_that_runs_up_an_upright_page() -> None:
    words = [
        Word(text="upwards", polygon=[[100, 400], [100, 260], [130, 260], [130, 400]]),
        Word(text="again", polygon=[[100, 240], [100, 140], [130, 140], [130, 240]]),
    ]
    line = Line(text="upwards again", polygon=[[100, 400], [100, 140], [130, 140], [130, 400]], words=words)
    page = one_line("")
    page["blocks"][0]["lines"] = [line]
    document, _ = making.rendered(blank(), page)
    assert reading.lines_by_pdfium(document) == ["upwards again"]
    assert min(reading.covered(document, page)) >= MIN_COVERED


def test_the_text_is_not_seen_even_by_those_who_draw_everything() -> None:
    image, page = drawing.page_of(drawing.ENGLISH)
    document, _ = making.rendered(making.scans([image]), page)
    with making.opened(document) as pdf:
        layer = pdf.pages[0].Contents[0]
        layer.write(layer.read_bytes().replace(b"3 Tr", b"0 Tr"))
        visible = io.BytesIO()
        pdf.save(visible)
    assert reading.raster(visible.getvalue()).tobytes() == reading.raster(document).tobytes()
