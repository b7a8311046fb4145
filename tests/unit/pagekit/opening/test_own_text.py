"""Text that pages have of their own: when it tells all that can be read on them, what it says, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pypdfium2
import pytest
from pikepdf import Array, Pdf

from pagekit.limits import FileLimits
from pagekit.outputs.markdown import markdown
from pagekit.page import RecognisedPage
from pagekit.pdf import own_text
from pagekit.pdf.document import PdfDocument
from textdrop.core.errors import StoreUnavailable
from unit.pagekit import making
from unit.pagekit.opening.opening import FailingFile, opened
from unit.pagekit.outputs import drawing, reading
from unit.pagekit.outputs.set_page import upright
from unit.pagekit.own_text_pages import BODY, ENGLISH, RUSSIAN, TABLE, TELLS_ALL, TELLS_NOT_ALL, one
from unit.pagekit.typeset import add_page, lines, shown, width_of

DPI = 300
BOTH = [*RUSSIAN, *ENGLISH]


def own(content: bytes) -> RecognisedPage:
    """What the first page says."""
    found = opened(content).own_text(1)
    assert found is not None
    return found


@pytest.mark.parametrize("case", TELLS_ALL)
def test_text_that_tells_all(case: str) -> None:
    """It is the same each time, and asking for it changes nothing about the page."""
    file = opened(TELLS_ALL[case])
    found = file.own_text(1)
    assert found is not None
    page = file.page(1)
    assert (file.own_text(1), file.page(1)) == (found, page)
    assert page == opened(TELLS_ALL[case]).page(1)


@pytest.mark.parametrize("case", TELLS_NOT_ALL)
def test_text_that_does_not_tell_all(case: str) -> None:
    assert opened(TELLS_NOT_ALL[case]).own_text(1) is None


def test_asking_for_one_page_does_not_change_another() -> None:
    content = making.made(lambda document: [add_page(document, lines(texts)) for texts in (RUSSIAN, ENGLISH)])
    file = opened(content)
    assert file.own_text(1) is not None
    assert file.page(2) == opened(content).page(2)


def test_images_and_pages_that_are_not_there_have_none() -> None:
    for image in (making.jpeg(), making.encoded(making.noise(60, 40), "TIFF")):
        assert opened(image).own_text(1) is None
    file = opened(TELLS_ALL["both"])
    assert (file.own_text(0), file.own_text(2)) == (None, None)


def test_a_file_that_has_to_be_mended_has_none() -> None:
    file = opened(making.with_broken_table(TELLS_ALL["both"]))
    assert (file.facts.pages, file.own_text(1)) == (1, None)


# --- what it says


@pytest.mark.parametrize("case", ["both", "turned by 90", "turned by 180", "turned by 270", "sideways", "two columns"])
def test_lines_are_those_that_are_shown(case: str) -> None:
    page = own(TELLS_ALL[case])
    assert drawing.lines_of(page) == BOTH
    assert page["text"] == "".join(f"{line}\n" for line in BOTH)
    assert page["rotate"] == (270 if case == "sideways" else 0)
    assert (page["tables"], page["entities"], page["markdown"]) == ([], [], None)


def words(texts: Sequence[str], y: float) -> Iterator[bytes]:
    """Operators that show each word of some lines by itself."""
    for row, text in enumerate(texts):
        for place, word in enumerate(text.split()):
            before = " ".join([*text.split()[:place], ""])
            yield shown(word, 60 + width_of(before, 11), y - 16 * row)


@pytest.mark.parametrize("page_turns", range(4))
@pytest.mark.parametrize("turns", range(4))
def test_lines_and_their_words_keep_their_order_however_page_and_text_are_turned(turns: int, page_turns: int) -> None:
    turned = (b"1 0 0 1 0 0", b"0 -1 1 0 0 842", b"-1 0 0 -1 595 842", b"0 1 -1 0 595 0")[turns]

    def draw(document: Pdf) -> None:
        text = lines(RUSSIAN, y=500), *words(ENGLISH, 430)
        add_page(document, b"q %b cm" % turned, *text, b"Q").Rotate = 90 * page_turns

    page = own(making.made(draw))
    assert drawing.lines_of(page) == BOTH
    assert page["rotate"] == 90 * ((turns + page_turns) % 4)


def test_columns_and_cells_are_blocks_of_their_own() -> None:
    assert [len(block["lines"]) for block in own(TELLS_ALL["two columns"])["blocks"]] == [4, 4]
    cells = own(TELLS_ALL["a table"])["blocks"]
    assert [[line["text"] for line in block["lines"]] for block in cells] == [[text] for row in TABLE for text in row]


def test_columns_that_the_file_has_line_by_line_are_lines_of_their_own() -> None:
    rows = [
        shown(text, x, 780 - 14 * row, 9)
        for row, pair in enumerate(zip(RUSSIAN, ENGLISH, strict=True))
        for text, x in zip(pair, (20, 310), strict=True)
    ]
    assert sorted(drawing.lines_of(own(one(*rows)))) == sorted(BOTH)


def test_a_line_that_begins_where_the_one_above_ends_is_a_line_of_its_own() -> None:
    first = "The parish history of the town is ready to be delivered"
    second = "and two hundred copies have been ordered by publishers"
    shows = shown(first, 40, 700, 9), shown(second, 40 + width_of(first, 9), 690, 9)
    assert drawing.lines_of(own(one(*shows, lines(ENGLISH, y=500))))[:2] == [first, second]


def test_markdown_has_its_paragraphs() -> None:
    [text] = markdown([(1, own(TELLS_ALL["both"]))])
    assert " ".join(RUSSIAN[1:]) in text
    assert " ".join(ENGLISH) in text


def with_names(**names: str) -> bytes:
    """A page on which some letters are given as other characters."""
    return one(*BODY, names=lambda letter: names.get(letter, letter))


@pytest.mark.parametrize(
    ("names", "word"),
    [
        ({"«": "\ufb01"}, "fiСеверный"),
        ({"«": "\uf0b7"}, "•Северный"),
        ({"«": "\xad"}, "-Северный"),
        ({"«": "\u200b"}, "Северный"),
        ({"«": "\ue001"}, "\ufffdСеверный"),
        ({"ё": "е\u0308"}, "её:"),
    ],
    ids=["a ligature", "a bullet", "a soft hyphen", "nothing that is seen", "a private code", "an accent"],
)
def test_characters_are_those_that_people_search(names: dict[str, str], word: str) -> None:
    assert word in [found["text"] for found in drawing.words_of(own(with_names(**names)))]


def test_a_word_that_is_cut_at_the_end_of_a_line_stays_cut() -> None:
    cut = ["The parish history of the town is ready to be deliv-", "ered, and two hundred copies have been ordered by"]
    cut += ["the well-known publishers of maps and calendars."]
    assert drawing.lines_of(own(one(lines(cut)))) == cut


def test_what_is_beside_the_page_is_not_said() -> None:
    assert own(TELLS_ALL["text outside the page"]) == own(TELLS_ALL["both"])


# --- where it stands

PLACES = ["both", "turned by 90", "turned by 270", "sideways", "a table", "a scan with its text, cropped"]


@pytest.mark.parametrize("case", PLACES)
def test_words_stand_where_their_letters_are_seen(case: str) -> None:
    page = own(TELLS_ALL[case])
    size = page["width"], page["height"]
    with pypdfium2.PdfDocument(TELLS_ALL[case]) as pdf:
        assert size == tuple(round(side * DPI / 72) for side in pdf[0].get_size())
    dark = reading.raster_of(TELLS_ALL[case], size).convert("L").point([255] * 128 + [0] * 128)
    # Unseen letters take the room of a line.
    most = 20 if "scan" in case else 3
    for word in drawing.words_of(page):
        (left, top), _, (right, bottom), _ = upright(word["polygon"])
        ink = dark.crop((left - 2, top - 2, right + 2, bottom + 2)).getbbox()
        assert ink is not None, word
        edges = (ink[0], ink[1], right - left + 4 - ink[2], bottom - top + 4 - ink[3])
        assert max(edges) <= most + 2, (word, edges)


def test_polygons_begin_at_the_top_left_of_the_text() -> None:
    for case, along in (("turned by 90", (1, 0)), ("sideways", (0, -1))):
        for word in drawing.words_of(own(TELLS_ALL[case])):
            (x1, y1), (x2, y2), (x3, y3), _ = word["polygon"]
            assert (sign(x2 - x1), sign(y2 - y1)) == along
            # Clockwise.
            assert (x2 - x1) * (y3 - y2) - (y2 - y1) * (x3 - x2) > 0


def with_unit(unit: float) -> bytes:
    """A page whose units measure so many 72nds of an inch."""
    return making.made(lambda document: setattr(add_page(document, *BODY), "UserUnit", Decimal(unit)))


def test_pixels_are_of_the_size_that_the_page_really_has() -> None:
    page, larger = own(TELLS_ALL["both"]), own(with_unit(2))
    assert (larger["width"], larger["height"]) == (round(595 * 2 * DPI / 72), round(842 * 2 * DPI / 72))
    for word, large in zip(drawing.words_of(page), drawing.words_of(larger), strict=True):
        for (x, y), corner in zip(word["polygon"], large["polygon"], strict=True):
            assert corner == [pytest.approx(2 * x, abs=2), pytest.approx(2 * y, abs=2)]
    assert opened(with_unit(10)).own_text(1) is None  # larger than A1


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def test_a_block_is_around_its_lines() -> None:
    [block] = own(TELLS_ALL["russian"])["blocks"]
    points = [point for line in block["lines"] for word in line["words"] for point in word["polygon"]]
    assert block["polygon"] == upright(points)
    assert all(line["polygon"] == drawing.around(line["words"]) for line in block["lines"])


# --- bounds, and what may go wrong


@pytest.mark.parametrize(("bound", "most"), [("MAX_CHARACTERS", 400), ("MAX_WORDS", 75)])
def test_a_page_with_too_much_text_has_none(bound: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this one are some 420 characters in 78 words."""
    monkeypatch.setattr(own_text, bound, most)
    assert opened(TELLS_ALL["both"]).own_text(1) is None
    assert opened(TELLS_ALL["russian"]).own_text(1) is not None


def test_a_page_that_is_too_large_to_be_sent_as_it_is_has_none() -> None:
    file = opened(TELLS_ALL["both"], FileLimits(max_bytes=100_000))
    assert file.own_text(1) is None


@pytest.mark.parametrize("box", [[0, 0, 10, 10], [0, 0, 1, 99_999], [0, 0, 1e9, 1e9], [0, 0, 2_000, 2_500]])
def test_a_page_that_is_too_small_or_too_large_has_none(box: list[float]) -> None:
    def draw(made: Pdf) -> None:
        add_page(made, *BODY).MediaBox = Array([Decimal(side) for side in box])

    file = opened(making.made(draw))
    assert (file.facts.pages, file.own_text(1)) == (1, None)


def test_what_reading_the_file_raises_is_raised() -> None:
    file = FailingFile(TELLS_ALL["both"])
    document = PdfDocument(file, FileLimits())
    file.reads = 0
    with pytest.raises(StoreUnavailable):
        document.own_text(1)
