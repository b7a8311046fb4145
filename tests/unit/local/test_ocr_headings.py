"""Headings are found by the size of their letters."""

import re

import pytest

from local.ocr import headings
from local.ocr.annotation import Block, Line, Word

TEXT = "The goods named below were received at the warehouse and examined on the same day"


def line(text: str, height: float) -> Line:
    """Words with the boxes of type whose small letters are so high."""
    words = []
    for word in text.split():
        above = 0.37 if re.search("[A-ZА-Я0-9bdfhijkltбёйф]", word) else 0
        below = 0.3 if re.search("[gjpqyдруфцщ,]", word) else 0
        words.append(Word(word, (0, 0, 1, round(height * (1 + above + below)))))
    return Line(tuple(words))


def block(*lines: tuple[str, float]) -> Block:
    return Block(tuple(line(text, height) for text, height in lines))


def layouts(*blocks: Block) -> list[tuple[str, list[str]]]:
    """Each block's layout and lines after marking."""
    found = headings.marked(blocks, headings.least_height(blocks))
    return [(part.layout, [" ".join(word.text for word in line.words) for line in part.lines]) for part in found]


def test_the_largest_heading_is_the_title_and_others_are_section_headers() -> None:
    made = layouts(block(("Record", 24)), block((TEXT, 16)), block(("First part", 19)), block((TEXT, 16), (TEXT, 16)))
    assert made == [
        ("TITLE", ["Record"]),
        ("TEXT", [TEXT]),
        ("SECTION_HEADER", ["First part"]),
        ("TEXT", [TEXT, TEXT]),
    ]


def test_several_headings_in_the_largest_letters_are_section_headers() -> None:
    made = layouts(
        block(("One", 20)), block((TEXT, 16), (TEXT, 16)), block(("Two", 20.5)), block((TEXT, 16), (TEXT, 16))
    )
    assert [layout for layout, _ in made] == ["SECTION_HEADER", "TEXT", "SECTION_HEADER", "TEXT"]


def test_a_heading_within_a_block_cuts_it() -> None:
    made = layouts(block((TEXT, 16), ("Part", 20), ("the second", 20), (TEXT, 16), (TEXT, 16)))
    assert made == [("TEXT", [TEXT]), ("TITLE", ["Part", "the second"]), ("TEXT", [TEXT, TEXT])]


def test_headings_of_two_sizes_are_two() -> None:
    made = layouts(block(("Works", 30), ("Bristol", 22), (TEXT, 16), (TEXT, 16)))
    assert made[:2] == [("TITLE", ["Works"]), ("SECTION_HEADER", ["Bristol"])]


@pytest.mark.parametrize(
    "blocks",
    [
        [block(("Hello", 30))],
        [block((TEXT, 16)), block(("Larger by rounding", 17.4))],
        [block((TEXT, 8), (TEXT, 8)), block(("Larger by rounding", 9))],
        [block((TEXT, 16), (TEXT, 16)), block(("1450,00", 30))],
        [block((TEXT, 16), (TEXT, 16)), block(("T", 60))],
        [block((TEXT, 16), ("and examined.", 20), (TEXT, 16))],
        [block(*[(TEXT, 16)] * 30), block(*[("In large letters", 20)] * 4)],
        # A poor picture, in which letters of one size come out in two.
        [block((TEXT, 10), (TEXT, 10), (TEXT, 10), (TEXT, 12.9))],
        [],
    ],
    ids=[
        "alone",
        "rounded",
        "rounded and small",
        "a price",
        "an initial",
        "a sentence's rest",
        "a paragraph",
        "a poor picture",
        "blank",
    ],
)
def test_what_is_no_heading_stays_text(blocks: list[Block]) -> None:
    assert {layout for layout, _ in layouts(*blocks)} <= {"TEXT"}


def test_much_larger_letters_are_a_heading_though_they_are_many() -> None:
    assert layouts(block(("Договор поставки", 30)), block(("город Ярославль, 2024 год", 16)))[0][0] == "TITLE"
