"""Reshapings of bodies: what they keep, and what they leave alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.ocr import reshaping
from local.ocr.annotation import Block, Line, Page, Word, text_annotation
from local.ocr.protocol import result_line


def line(text: str) -> Line:
    return Line(tuple(Word(word, (0, 0, 9, 9)) for word in text.split()), (0, 0, 99, 9))


BLOCKS = (
    Block((line("первая строка"), line("second")), (0, 0, 99, 30), ("ru",)),
    Block((line("third 😀 line"), line("fourth"), line("last")), (0, 40, 99, 90), ("en",)),
)
BODY = result_line({**text_annotation(Page(100, 100, BLOCKS)), "tables": [{"rowCount": "1"}]}, 0)
TEXT = ["первая строка", "second", "third 😀 line", "fourth", "last"]

RESHAPINGS: list[Callable[[bytes], bytes]] = [
    reshaping.pretty_printed,
    reshaping.concatenated,
    lambda body: reshaping.out_of_order(body, 3),
    lambda body: reshaping.with_missing_page(body, 3),
    lambda body: reshaping.error_in_stream(body, {"error": {}}),
    lambda body: reshaping.padded(body, 1_000),
    reshaping.each(reshaping.bare),
    reshaping.each(reshaping.snake_case),
    reshaping.each(reshaping.with_nulls),
]


def split(number: int) -> list[dict[str, Any]]:
    return [value["result"]["textAnnotation"] for value in reshaping.in_pages(reshaping.documents(BODY), number)]


@pytest.mark.parametrize("number", [1, 2, 3, 5, 9])
def test_pages_have_all_the_text_in_order(number: int) -> None:
    pages = split(number)
    assert len(pages) == number
    assert [text for page in pages for text in page["fullText"].splitlines()] == TEXT


@pytest.mark.parametrize("number", [1, 2, 3, 5, 9])
def test_segments_of_a_page_point_into_its_own_text(number: int) -> None:
    for page in split(number):
        for block in page["blocks"]:
            [segment] = block["textSegments"]
            start = int(segment["startIndex"])
            lines = "\n".join(line["text"] for line in block["lines"])
            assert page["fullText"][start : start + int(segment["length"])] == lines
            for part in (*block["lines"], *(word for line in block["lines"] for word in line["words"])):
                [segment] = part["textSegments"]
                start = int(segment["startIndex"])
                assert page["fullText"][start : start + int(segment["length"])] == part["text"]


def test_one_page_is_the_page_itself() -> None:
    assert reshaping.in_pages(reshaping.documents(BODY), 1) == [json.loads(BODY)]


def test_tables_stay_on_the_first_page() -> None:
    assert [len(page["tables"]) for page in split(3)] == [1, 0, 0]


@pytest.mark.parametrize("reshape", RESHAPINGS)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"result": {"textAn', b"[1]", b'{"a": 1}{"b"'])
def test_what_is_no_json_stays_as_it_is(reshape: Callable[[bytes], bytes], body: bytes) -> None:
    assert reshape(body) == body


@pytest.mark.parametrize("reshape", RESHAPINGS)
@pytest.mark.parametrize("annotation", [{}, {"blocks": [{}]}, {"blocks": [{"lines": [{"words": [{}]}]}]}])
def test_an_annotation_may_lack_anything(reshape: Callable[[bytes], bytes], annotation: dict[str, Any]) -> None:
    assert reshaping.documents(reshape(result_line(annotation, 0)))


@pytest.mark.parametrize("reshape", RESHAPINGS)
def test_reshapings_take_what_others_left(reshape: Callable[[bytes], bytes]) -> None:
    for earlier in RESHAPINGS:
        assert reshaping.documents(reshape(earlier(BODY)))


def test_padding_reaches_the_size_and_leaves_what_is_large_enough() -> None:
    assert 5_000 <= len(reshaping.padded(BODY, len(BODY) + 5_000)) - len(BODY) < 5_100
    assert reshaping.padded(BODY, len(BODY)) == BODY
