"""How a result's bytes become a page, in every shape the service is known or suspected to send."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagekit.page import Polygon
from textdrop.adapters.yandex import values
from textdrop.adapters.yandex.recognition import MAX_PAGES, has_words, read_page, read_pages
from textdrop.adapters.yandex.values import MAX_COUNTS, MAX_DEPTH, MAX_DOCUMENTS
from textdrop.core.errors import OcrAnswerMalformed, OcrError

NO_BOX = [[0, 0]] * 4


def box(*points: tuple[int, int]) -> dict[str, Any]:
    """As the service writes it: integers as strings, and no zeros."""
    return {"vertices": [{name: str(at) for name, at in zip("xy", point, strict=True) if at} for point in points]}


def vendor_box(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    return box((left, top), (left, bottom), (right, bottom), (right, top))


def clockwise(left: int, top: int, right: int, bottom: int) -> Polygon:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def line(text: str, left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    word = {"boundingBox": vendor_box(left, top, right, bottom), "text": text, "entityIndex": "-1"}
    return {
        "boundingBox": vendor_box(left, top, right, bottom),
        "text": text,
        "words": [word],
        "textSegments": [{"startIndex": "0", "length": str(len(text))}],
        "orientation": "ANGLE_0",
    }


def annotation(text: str = "MIND THE GAP\n", **fields: Any) -> dict[str, Any]:
    return {
        "width": "800",
        "height": "600",
        "blocks": [
            {
                "boundingBox": vendor_box(0, 7, 90, 40),
                "lines": [line(text.strip(), 0, 7, 90, 40)],
                "languages": [{"languageCode": "en"}],
                "layoutType": "LAYOUT_TYPE_SECTION_HEADER",
            }
        ],
        "entities": [],
        "tables": [],
        "fullText": text,
        "rotate": "ANGLE_0",
        "markdown": " ",
        "pictures": [],
        **fields,
    }


def message(page: int = 0, **fields: Any) -> dict[str, Any]:
    return {"result": {"textAnnotation": annotation(**fields), "page": str(page)}}


def lines(*messages: Any) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in messages)


def test_a_page_as_the_service_sends_it() -> None:
    assert read_page(lines(message(rotate="ANGLE_270"))) == {
        "width": 800,
        "height": 600,
        "rotate": 270,
        "text": "MIND THE GAP\n",
        "blocks": [
            {
                "type": "section_header",
                "polygon": clockwise(0, 7, 90, 40),
                "languages": ["en"],
                "lines": [
                    {
                        "text": "MIND THE GAP",
                        "polygon": clockwise(0, 7, 90, 40),
                        "words": [{"text": "MIND THE GAP", "polygon": clockwise(0, 7, 90, 40)}],
                    }
                ],
            }
        ],
        "tables": [],
        "entities": [],
        "markdown": None,
    }


ONE = message()
PRETTY = json.dumps(ONE, indent=2).encode()


@pytest.mark.parametrize(
    "body",
    [
        lines(ONE).rstrip(),
        b"\r\n\r\n" + lines(ONE) + b"\n\n",
        b"\xef\xbb\xbf" + lines(ONE),
        PRETTY,
        lines(ONE["result"]),
        lines(ONE["result"]["textAnnotation"]),
        lines([ONE]),
        lines({"result": {"text_annotation": ONE["result"]["textAnnotation"]}}),
        lines({**ONE, "error": None, "unknown": [1]}),
        lines(ONE, ONE),
        lines(message(page=7)),
        lines(ONE, {"result": {}}),
    ],
)
def test_one_page_in_any_framing(body: bytes) -> None:
    assert read_page(body) == read_page(lines(ONE))


def test_the_older_generation_of_fields() -> None:
    older = {
        "width": 800,
        "height": 600.0,
        "blocks": [
            {
                "bounding_box": vendor_box(1, 2, 30, 40),
                "layout_type": "LAYOUT_TYPE_LIST",
                "languages": [{"language_code": "ru"}, "en", {}],
                "lines": [
                    {
                        "bounding_box": vendor_box(1, 2, 30, 40),
                        "alternatives": [
                            {"text": "осторожно", "words": [{"alternatives": [{"text": "осторожно"}]}]},
                            {"text": "осторожна"},
                        ],
                    },
                    {"words": [{"text": "двери"}, {"text": "закрываются"}]},
                ],
            }
        ],
        "tables": [{"row_count": "1", "column_count": 2, "cells": [{"column_index": "1", "column_span": "1"}]}],
    }
    page = read_page(lines({"result": {"text_annotation": older, "page": 0}}))
    assert page["text"] == "осторожно\nдвери закрываются"
    (block,) = page["blocks"]
    assert (block["type"], block["languages"]) == ("list", ["ru", "en"])
    assert block["lines"][0]["words"] == [{"text": "осторожно", "polygon": NO_BOX}]
    assert block["lines"][0]["polygon"] == clockwise(1, 2, 30, 40)
    (table,) = page["tables"]
    assert (table["rows"], table["columns"], table["cells"][0]["column"]) == (1, 2, 1)


@pytest.mark.parametrize("value", [None, True, -1, "x", {"a": 1}, {"lines": [1]}])
def test_fields_of_another_type_are_read_as_empty(value: Any) -> None:
    fields = ["width", "height", "blocks", "tables", "entities", "rotate"]
    page = read_page(lines(message(text="kept", **dict.fromkeys(fields, value))))
    assert page == {**read_page(lines({"result": {"page": "0"}})), "text": "kept"}


@pytest.mark.parametrize(
    "fields",
    [{"fullText": ["all of it"]}, {"fullText": 5}, {"blocks": "list"}, {"fullText": "", "blocks": {"lines": []}}],
)
def test_text_of_another_type_is_no_blank_page(fields: dict[str, Any]) -> None:
    with pytest.raises(OcrAnswerMalformed):
        read_page(lines({"result": {"textAnnotation": fields, "page": "0"}}))


@pytest.mark.parametrize("item", [None, 5, "x", []])
def test_items_of_another_type_are_left_out(item: Any) -> None:
    fields: dict[str, Any] = {name: [item] for name in ("blocks", "tables", "entities")}
    assert read_page(lines(message(**fields))) == read_page(lines(message(blocks=[], tables=[], entities=[])))
    word = {"text": "kept", "boundingBox": {"vertices": [item]}}
    in_lines = {"lines": [item, {"words": [item, word, item]}, {"alternatives": [item, {"text": "best"}]}]}
    page = read_page(lines(message(blocks=[in_lines], tables=[{"cells": [item, {"text": "cell"}]}])))
    (block,) = page["blocks"]
    assert [line["text"] for line in block["lines"]] == ["kept", "best"]
    assert [line["words"] for line in block["lines"]] == [[{"text": "kept", "polygon": NO_BOX}], []]
    assert [cell["text"] for cell in page["tables"][0]["cells"]] == ["cell"]


ABSURD = ["1e400", "-1e400", "NaN", "Infinity", "9" * 5000, f'"{"9" * 5000}"', "4294967296", '"nan"', "true"]


@pytest.mark.parametrize(
    ("number", "read"),
    [*((absurd, 0) for absurd in ABSURD), ("12", 12), ('"12"', 12), ('" 12 "', 12), ("12.6", 13), ("-3", 0)],
)
def test_a_number_in_any_spelling(number: str, read: int) -> None:
    body = json.dumps(message(width="WIDTH")).replace('"WIDTH"', number).encode()
    assert read_page(body)["width"] == read


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\uDE00\uD83D\ude00", "😀😀"),
        (r"a\ud800b", "a\ufffdb"),
        (r"\udfff", "\ufffd"),
        (r"\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d\\", "\\\ufffd\\"),
        (r"\ud83d\\ude00", "\ufffd\\ude00"),
        (r"\n\ud83d\\\ude00", "\n\ufffd\\\ufffd"),
    ],
)
def test_a_lone_surrogate_is_replaced(escaped: str, text: str) -> None:
    body = json.dumps(message(text="TEXT")).replace('"TEXT"', f'"{escaped}"').encode()
    assert read_page(body)["text"] == text
    assert read_page(body + b' {"result": {"\\udfff": 1}}')["text"] == text


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    broken = lines(message(text="Ж")).replace("Ж".encode(), b"\xd0")
    assert read_page(broken)["text"] == "\ufffd"


@pytest.mark.parametrize(("given", "kept"), [(" ", None), ("", None), (None, None), ("# A\n", "# A\n")])
def test_markdown(given: str | None, kept: str | None) -> None:
    assert read_page(lines(message(markdown=given)))["markdown"] == kept


@pytest.mark.parametrize(
    ("given", "type_"),
    [
        ("LAYOUT_TYPE_TEXT", "text"),
        ("LAYOUT_TYPE_UNSPECIFIED", "unknown"),
        (None, "unknown"),
        ("LAYOUT_TYPE_NEW", "unknown"),
    ],
)
def test_layout_type(given: str | None, type_: str) -> None:
    assert read_page(lines(message(blocks=[{"layoutType": given}])))["blocks"][0]["type"] == type_


@pytest.mark.parametrize(
    ("points", "polygon"),
    [
        ([(1, 2), (1, 9), (8, 9), (8, 2)], [[1, 2], [8, 2], [8, 9], [1, 9]]),
        ([(1, 2), (8, 2), (8, 9), (1, 9)], [[1, 2], [8, 2], [8, 9], [1, 9]]),
        # A line turned a quarter: its own top left is the page's top right.
        ([(8, 2), (1, 2), (1, 9), (8, 9)], [[8, 2], [8, 9], [1, 9], [1, 2]]),
        ([(5, 5), (5, 5), (5, 5), (5, 5)], [[5, 5]] * 4),
        ([(8, 9), (1, 2)], [[1, 2], [8, 2], [8, 9], [1, 9]]),
        ([(3, 0), (0, 3), (3, 6), (6, 3), (5, 1)], [[0, 0], [6, 0], [6, 6], [0, 6]]),
        ([], NO_BOX),
    ],
)
def test_polygons_of_text_run_clockwise_from_its_top_left(points: list[tuple[int, int]], polygon: Polygon) -> None:
    fields: dict[str, Any] = {"blocks": [{"boundingBox": box(*points), "lines": [{"boundingBox": box(*points)}]}]}
    (block,) = read_page(lines(message(**fields)))["blocks"]
    assert block["polygon"] == polygon
    assert block["lines"][0]["polygon"] == polygon


def test_a_table_and_its_cells_begin_anywhere() -> None:
    corners = [(1, 2), (8, 2), (8, 9), (1, 9)]
    cells = [
        {
            "boundingBox": box(*corners[start:], *corners[:start]),
            "rowIndex": str(row) if row else None,
            "columnIndex": "2",
            "rowSpan": "2",
            "text": f"cell {row}",
        }
        for row, start in [(0, 0), (1, 1), (5, 3)]
    ]
    (table,) = read_page(lines(message(tables=[{"boundingBox": box(*reversed(corners)), "cells": cells}])))["tables"]
    assert table["polygon"] == clockwise(1, 2, 8, 9)
    assert [cell["polygon"] for cell in table["cells"]] == [clockwise(1, 2, 8, 9)] * 3
    assert [(cell["row"], cell["column"]) for cell in table["cells"]] == [(0, 2), (1, 2), (5, 2)]
    assert {(cell["row_span"], cell["column_span"]) for cell in table["cells"]} == {(2, 1)}
    assert (table["rows"], table["columns"]) == (7, 3)


def test_entities() -> None:
    entities = [{"name": "surname", "text": "агапова"}, {"name": "number"}, {"text": 702084625}]
    assert read_page(lines(message(entities=entities)))["entities"] == [
        {"name": "surname", "text": "агапова"},
        {"name": "number", "text": ""},
        {"name": "", "text": "702084625"},
    ]


def test_several_pages_become_one_with_all_their_text() -> None:
    table = {"boundingBox": vendor_box(1, 2, 3, 4), "cells": [{"boundingBox": vendor_box(1, 2, 3, 4)}]}
    no_box = {"cells": [{"text": "without a box"}]}
    second = message(1, text="second", width="900", markdown="two", tables=[table, no_box])
    page = read_page(lines(second, message(0, text="first\n", markdown="one", tables=[])))
    assert page["text"] == "first\nsecond"
    assert (page["width"], page["height"], page["markdown"]) == (900, 1200, "one\n\ntwo")
    upper, lower = page["blocks"]
    assert upper["lines"][0]["words"][0]["polygon"] == clockwise(0, 7, 90, 40)
    texts: list[Any] = [lower, lower["lines"][0], lower["lines"][0]["words"][0]]
    assert [shape["polygon"] for shape in texts] == [clockwise(0, 607, 90, 640)] * 3
    tables: list[Any] = [page["tables"][0], page["tables"][0]["cells"][0]]
    assert [shape["polygon"] for shape in tables] == [clockwise(1, 602, 3, 604)] * 2
    assert page["tables"][1]["cells"][0]["polygon"] == NO_BOX


def test_pages_come_by_their_numbers_and_different_ones_of_one_number_are_both_kept() -> None:
    pages = read_pages(
        lines(*[message(number, text=text) for number, text in ((10, "b"), (9, "a"), (11, "d"), (10, "c"))])
    )
    assert [page["text"] for page in pages] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("body", [b"", b"\n \n", b"{}", b'{"result": null}', lines({"result": {"unknown": 1}})])
def test_no_page(body: bytes) -> None:
    assert has_words(body) is None
    assert read_pages(body) == []
    with pytest.raises(OcrAnswerMalformed):
        read_page(body)


@pytest.mark.parametrize(
    "body",
    [
        lines(ONE)[:-2],
        lines(ONE) + b'{"result',
        lines(ONE) + b"\x00",
        lines(message(0), message(2)),
        lines(ONE, 5),
        lines(None),
        lines({"result": "text"}),
        lines({"result": {"textAnnotation": "text"}}),
        lines({"result": {"textAnnotation": [annotation()]}}),
        lines({**ONE, "error": {"message": "no code"}}),
        b"[" * MAX_DEPTH,
        json.dumps(ONE).encode("utf-16"),
    ],
)
def test_a_body_that_is_not_whole_or_not_a_result(body: bytes) -> None:
    with pytest.raises(OcrAnswerMalformed) as raised:
        read_pages(body)
    assert "MIND" not in repr(raised.value)


# --- bounds -------------------------------------------------------------------------------------------------------


def with_words(*words: bytes) -> bytes:
    return b'{"result": {"textAnnotation": {"blocks": [{"lines": [{"words": [%b]}]}]}}}' % b",".join(words)


def nested(levels: int) -> bytes:
    """Two objects and lists within each other, with brackets in strings that would hide it."""
    lists = levels - 2
    return b'{"result": {"unknown": %b0%b}}' % (b'["]", ' * lists, b', "["]' * lists)


def is_too_large(body: bytes) -> bool:
    """Whether the body is over a bound, for whoever reads it; else it can be read."""
    refused = judged(has_words, body)[1]
    assert refused == judged(read_pages, body)[1]
    assert refused.startswith("OcrAnswerTooLarge") or not refused
    return bool(refused)


@pytest.mark.parametrize(("mark", "value"), [(b"{", b"{}"), (b"[", b"[]"), (b",", b"0")])
def test_values_are_counted_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch, mark: bytes, value: bytes) -> None:
    monkeypatch.setitem(MAX_COUNTS, mark, 1_000)
    words = [value] * (1_000 - with_words().count(mark) + (mark == b","))
    assert not is_too_large(with_words(*words))
    assert is_too_large(with_words(*words, value))
    assert is_too_large(with_words(*words, value) + b"no JSON")
    assert is_too_large(with_words(*words) + b"\n" + with_words(value, value))


def test_escapes_are_counted_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_BACKSLASHES", 1_250)
    escapes = [rb"\n", rb"\\", rb"\"", rb"\u0436"] * 250
    assert not is_too_large(b'{"fullText": "%b"}' % b"a".join(escapes))
    assert is_too_large(b'{"fullText": "%b\\t"}' % b"a".join(escapes))


@pytest.mark.parametrize("text", ["{", "[", ",", '"{', '\\"[', "\\\\{", "{\\", '\\",{"'])
def test_what_stands_in_text_is_not_counted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for mark in MAX_COUNTS:
        monkeypatch.setitem(MAX_COUNTS, mark, lines(ONE).count(mark))
    assert read_page(lines(message(text=text * 1_000)))["text"] == text * 1_000


def test_a_full_page_of_ten_megabytes_is_within_the_bounds() -> None:
    box = vendor_box(1001, 2001, 1101, 2101)
    word = {
        "boundingBox": box,
        "text": "letters",
        "entityIndex": "-1",
        "textSegments": [{"startIndex": "0", "length": "7"}],
    }
    ten_words = {**line("letters", 1001, 2001, 1101, 2101), "words": [word] * 10}
    page = json.dumps(annotation(blocks=[{"lines": [ten_words] * 100}]), separators=(",", ":")).encode()
    pages = 10_000_000 / len(page)
    assert pages * 1_000 > 40_000
    assert all(pages * page.count(mark) < most for mark, most in MAX_COUNTS.items())


def test_levels_are_counted_before_they_are_parsed() -> None:
    assert not is_too_large(nested(MAX_DEPTH))
    assert is_too_large(nested(MAX_DEPTH + 1))
    assert is_too_large(nested(MAX_DEPTH + 1) + b"no JSON")
    assert is_too_large(b"[" * 100_000)
    assert is_too_large(b'{"result":' * 100_000)


def test_more_pages_or_values_than_a_result_has_are_not_read() -> None:
    pages = [message(number) for number in range(MAX_PAGES + 1)]
    assert not is_too_large(lines(*pages[1:]))
    assert is_too_large(lines(*pages))
    assert is_too_large(lines(pages))
    assert not is_too_large(b"{}" * MAX_DOCUMENTS)
    assert is_too_large(b"{}" * (MAX_DOCUMENTS + 1))


@pytest.mark.parametrize(
    "fields",
    [
        b'"blocks": [{"lines": [{"words": [%b]}]}]' % b",".join([b"{}"] * 3_600),
        b'"blocks": [{"lines": [{"words": [%b]}]}]' % b",".join([b'{"text":"ab"}'] * 3_600),
        b'"blocks": [{"lines": [{"words": [%b]}]}]' % b",".join([b"0"] * 7_000),
        b'"tables": [{"cells": [%b]}]' % b",".join([b'{"text":"ab"}'] * 3_600),
        b'"blocks": [%b]' % b",".join([b"{}"] * 3_600),
        b'"blocks": [{"languages": [%b]}]' % b",".join([b"1000"] * 7_000),
        b'"fullText": "%b"' % (rb"\naa" * 7_000),
    ],
    ids=["words without text", "words", "words that are none", "cells", "blocks", "languages", "escapes"],
)
def test_memory_is_bounded(fields: bytes) -> None:
    """At a hundredth of the bounds a hundredth of the memory: 250 MB for 10 MB of bytes."""
    body = b'{"result": {"textAnnotation": {%b}}}' % fields
    tracemalloc.start()
    try:
        read_page(body)
        assert tracemalloc.get_traced_memory()[1] < 2_500_000
    finally:
        tracemalloc.stop()


# --- whatever the bytes -------------------------------------------------------------------------------------------

NAMES = re.findall(r'"(\w+)": ', json.dumps(ONE))
NAMES += ["error", "code", "grpcCode", "httpCode", "alternatives", "cells", "rowIndex", "text_annotation"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "0", "-1", "7", "a", "\ud800"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
ANNOTATIONS = st.fixed_dictionaries({}, optional=dict.fromkeys(annotation(), VALUES))
MESSAGES = st.one_of(
    VALUES,
    st.builds(lambda value, page: {"result": {"textAnnotation": value, "page": page}}, ANNOTATIONS, SCALARS),
)


def judged(read: Callable[[bytes], object], body: bytes) -> tuple[bool, str]:
    """Whether there are pages, or why not."""
    try:
        return read(body) not in (None, []), ""
    except OcrError as error:
        return False, f"{type(error).__name__}: {error}"


def reads_or_refuses(body: bytes) -> None:
    assert judged(has_words, body) == judged(read_pages, body)
    try:
        pages = read_pages(body)
    except OcrError:
        return
    json.dumps(pages, ensure_ascii=False, allow_nan=False).encode()
    for page in pages:
        shapes: list[Any] = [*page["blocks"], *page["tables"]]
        assert all(len(shape["polygon"]) == 4 for shape in shapes)
    if pages:
        read_page(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    reads_or_refuses(body)


@given(st.lists(MESSAGES, max_size=3), st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_any_json_whole_or_damaged_is_read_or_refused(messages: list[Any], at: int, byte: int) -> None:
    body = "\n".join(json.dumps(each) for each in messages).encode()
    reads_or_refuses(body)
    if body:
        at %= len(body)
        reads_or_refuses(body[:at])
        reads_or_refuses(body[:at] + bytes([byte]) + body[at + 1 :])


@pytest.mark.parametrize(
    ("fields", "has_any"),
    [
        ({}, True),
        ({"text": " \n", "blocks": []}, False),
        ({"text": ""}, True),
        ({"text": "", "blocks": []}, False),
        ({"text": "", "blocks": [], "markdown": "# a"}, True),
        ({"text": "", "blocks": [], "tables": [{"cells": [{"text": "a"}]}]}, True),
        ({"text": "", "blocks": [], "tables": [{"cells": [{"text": " "}]}]}, False),
        ({"text": "", "blocks": [], "entities": [{"name": "a", "text": "a"}]}, True),
    ],
)
def test_whether_there_are_words(fields: dict[str, Any], has_any: bool) -> None:
    words = fields.pop("text", "MIND")
    empty = annotation("MIND")
    empty["fullText"] = words
    if words == "" and "blocks" not in fields:
        assert has_words(lines({"result": {"textAnnotation": empty}})) is has_any
        return
    assert has_words(lines({"result": {"textAnnotation": {**empty, **fields}}})) is has_any
    assert has_words(lines({"result": {"textAnnotation": {**empty, **fields}}}, message(1))) is True
