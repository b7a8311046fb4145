"""Absurd results of the OCR service, as they are stored, and each output made of one in a process of its own.

`python -m hostile.result_pages OUTPUT RESULT` reads the result, makes the output, and prints what became of it.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pagekit_calls
from pagekit.errors import NotRenderable
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.outputs.page_bounds import MOST
from pagekit.outputs.workbook import workbook
from pagekit.page import RecognisedPage
from textdrop.adapters.yandex.recognition import read_page
from textdrop.core import results
from textdrop.core.documents import Operation, OperationState
from textdrop.core.errors import OcrAnswerMalformed, OcrAnswerTooLarge
from unit.pagekit.making import png

MAX_BYTES = 10_000_000
_FAR = 2**31 - 1
Json = dict[str, Any]


def box(left: int, top: int, right: int, bottom: int) -> Json:
    return {
        "vertices": [
            {"x": f"{x}", "y": f"{y}"} for x, y in ((left, top), (left, bottom), (right, bottom), (right, top))
        ]
    }


def of(text: str, place: Json | None = None, words: Sequence[Json] = ()) -> Json:
    """A line or a word."""
    return {"text": text, **({"boundingBox": place} if place else {}), **({"words": words} if words else {})}


def block(lines: Sequence[Json], kind: str = "TEXT", place: Json | None = None) -> Json:
    made = {"layoutType": f"LAYOUT_TYPE_{kind}", "lines": lines}
    return {**made, **({"boundingBox": place} if place else {})}


def cell(row: int, column: int, text: str, row_span: int = 1, column_span: int = 1) -> Json:
    spans = {"rowSpan": f"{row_span}", "columnSpan": f"{column_span}"} if (row_span, column_span) != (1, 1) else {}
    return {"rowIndex": f"{row}", "columnIndex": f"{column}", "text": text, **spans}


def table(cells: Sequence[Json], rows: int = 0, columns: int = 0, place: Json | None = None) -> Json:
    made = {"rowCount": f"{rows}", "columnCount": f"{columns}", "cells": cells}
    return {**made, **({"boundingBox": place} if place else {})}


def stored(
    blocks: Sequence[Json] = (), tables: Sequence[Json] = (), width: int = 1_000, height: int = 1_400, **more: Any
) -> bytes:
    annotation = {"width": f"{width}", "height": f"{height}", "blocks": blocks, "tables": tables, **more}
    said = {"result": {"textAnnotation": annotation, "page": "0"}}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def filled(head: bytes, repeated: bytes, tail: bytes) -> bytes:
    """An annotation of 10 MB."""
    head, tail = b'{"result":{"textAnnotation":{"width":"9","height":"9",' + head, tail + b"}}}"
    return head + repeated * ((MAX_BYTES - len(head) - len(tail)) // len(repeated)) + tail


def files() -> Iterator[tuple[str, bytes]]:
    for kind in (_texts, _places, _tables, _markdowns, _beyond):
        for name, content in kind():
            assert len(content) <= MAX_BYTES, name
            yield f"result/{name}", content


def _texts() -> Iterator[tuple[str, bytes]]:
    """As much as outputs are laid out of, or a little less."""
    lines, words = MOST["lines"], MOST["words"]
    letters = MOST["characters"] // 2 - 1_000
    for name, text in (
        ("of_a_word_and_a_hyphen", "слово-"),
        ("of_a_digit_and_a_hyphen", "1-"),
        ("of_a_soft_hyphen", "a\xad"),
        ("of_a_list", "1. a"),
        ("of_a_bullet", "•"),
        ("from_right_to_left", "שלום-"),
    ):
        yield f"lines_20000_{name}", stored([block([of(text)] * lines)])
    for name, text in (
        ("word", "a" * letters),
        ("word_of_hyphens", "a-" * (letters // 2)),
        ("words", "a " * (letters // 2)),
        ("stars", "*" * letters),
        ("entities", "&a;" * (letters // 3)),
        ("ends_of_lines", "a\r" * (letters // 2)),
        ("dots_and_quotation_marks", ".»" * (letters // 2)),
        ("dashes", "- " * (letters // 2)),
        ("letters_from_right_to_left", "ש " * (letters // 2)),
    ):
        yield f"line_of_499000_{name}", stored([block([of(f"{text} b-"), of("c")])])
    yield "header_of_50000_words", stored([block([of(" ".join("a" * words), None, [of("a")] * words)], "HEADER")])
    placed = [of("a", box(9 * at, 0, 9 * at + 8, 9)) for at in range(words)]
    yield (
        "line_of_50000_words_with_places",
        stored([block([of(" ".join("a" * words), box(0, 0, 9 * words, 9), placed)])]),
    )
    yield (
        "characters_60000",
        stored([block([of("".join(map(chr, range(0x2000 + row, 0x12000, 100)))) for row in range(100)])]),
    )
    yield "headers_10000", stored([block([of(f"Глава {at}")], "HEADER") for at in range(MOST["blocks"])])
    yield (
        "blocks_10000_of_a_line",
        stored([block([of("a-", box(9, 9 * at, 99, 9 * at + 8))]) for at in range(MOST["blocks"])]),
    )
    three = [[of("a b c", box(9, 9 * at, 99 + at, 9 * at + 8))] * 3 for at in range(lines // 3)]
    yield "blocks_6666_of_three_lines", stored([block(each) for each in three])


def _places() -> Iterator[tuple[str, bytes]]:
    def at(place: Json, count: int = 5_000, **more: Any) -> bytes:
        return stored([block([of("ab cd", place, [of("ab", place), of("cd", place)])] * count, place=place)], **more)

    yield "places_far_out", at(box(-_FAR, -_FAR, _FAR, _FAR))
    yield "places_beyond_the_page", at(box(_FAR - 1, _FAR - 1, _FAR, _FAR))
    yield "places_without_extent", at(box(5, 5, 5, 5))
    yield "places_of_no_height", at(box(0, 5, 9, 5))
    yield "places_upside_down", at(box(9, 9, 0, 0))
    yield "page_of_2_gigapixels_squared", at(box(0, 0, _FAR, _FAR), width=_FAR, height=_FAR)
    yield "page_of_1_by_2_gigapixels", at(box(0, 0, 1, _FAR), width=1, height=_FAR)
    yield "page_of_no_size", at(box(0, 0, 9, 9), width=0, height=0)
    yield "page_turned", at(box(-_FAR, 0, 9, _FAR), rotate="ANGLE_270")
    corners = {"vertices": [{"x": f"{x}", "y": "-9"} for x in range(50_000)]}
    yield "place_of_50000_corners", stored([block([of("a", corners)])])


def _tables() -> Iterator[tuple[str, bytes]]:
    tables, cells = MOST["tables"], MOST["cells"]
    lines, everywhere = [of(f"a{at}", box(0, 0, 9, 9)) for at in range(MOST["lines"])], box(0, 0, 9, 9)
    yield "tables_200_over_20000_lines", stored([block(lines)], [table([cell(0, 0, "b")], place=everywhere)] * tables)
    bare = [block([of(f"a{at}") for at in range(MOST["lines"])])]
    yield "tables_200_without_a_place", stored(bare, [table([cell(0, 0, "b")])] * tables)
    below = [block([of("a", box(0, at, 9, at + 9))]) for at in range(MOST["blocks"])]
    yield (
        "tables_200_below_10000_blocks",
        stored(below, [table([cell(0, 0, "b")], place=box(0, _FAR - 9, 9, _FAR))] * tables),
    )
    yield "cells_20000_in_one_place", stored(tables=[table([cell(0, 0, "a" * 40)] * cells)])
    yield "cells_20000_in_a_column", stored(tables=[table([cell(at, 0, "a") for at in range(cells)], cells, 10)])
    yield "cells_20000_in_a_row", stored(tables=[table([cell(0, at, "1") for at in range(cells)], 1, cells)])
    cross = [cell(0, at, "1") for at in range(cells // 2)] + [cell(at, 0, "1") for at in range(1, cells // 2)]
    yield "cells_20000_in_a_cross", stored(tables=[table(cross)])
    numbers = [
        cell(at, 0, f"{'+-'[at % 2]}{'$€ '[at % 3]}1.{'1' * (at % 14)}{'% '[at % 2]}".strip()) for at in range(cells)
    ]
    yield "cells_of_20000_numbers", stored(tables=[table(numbers)])
    digits = [cell(at, 0, text) for at, text in enumerate(["1" * 400_000, "1.1", "2." + "1" * 400_000])]
    yield "cells_of_400000_digits", stored(tables=[table(digits)])
    yield "cell_of_900000_letters", stored(tables=[table([cell(0, 0, "-a\n" * 300_000)])])
    far = cell(_FAR, _FAR, "a", _FAR, _FAR)
    yield "tables_200_of_billions", stored(tables=[table([cell(0, 0, "a"), far], _FAR, _FAR)] * tables)
    yield "tables_200_of_100000_rows", stored(tables=[table([cell(0, 0, "a")], 100_000, 1)] * tables)
    yield "tables_200_of_16000_columns", stored(tables=[table([cell(0, 0, "a")], 1, 16_000)] * tables)
    yield "tables_200_of_10000_rows", stored(tables=[table([cell(9_999, 0, "a", 1, 1)], 10_000, 1)] * tables)
    yield "tables_200_of_1000_columns", stored(tables=[table([cell(9, 999, "a")], 10, 1_000)] * tables)
    spans = [cell(row, column, "a", _FAR, _FAR) for row in range(100) for column in range(100)]
    yield "spans_10000_over_each_other", stored(tables=[table(spans)])
    yield "span_over_200_tables", stored(tables=[table([cell(0, 0, "a", 100, 100)], 100, 100)] * tables)


def _markdowns() -> Iterator[tuple[str, bytes]]:
    most = MOST["characters"] - 10
    for name, said in (
        ("brackets", "<"),
        ("tags", "<b>"),
        ("links", "]("),
        ("fences", "```\n"),
        ("quotations", "> "),
        ("spaces", " "),
    ):
        yield f"markdown_of_{name}", stored(markdown="x" + said * (most // len(said)) + "x")
    yield "markdown_in_a_fence", stored(markdown="```\n" + "\n" * most)
    yield "markdown_of_long_fences", stored(markdown=("`" * (most // 2) + "\n") + "```\n" * (most // 8))


def _beyond() -> Iterator[tuple[str, bytes]]:
    """Of 10 MB, most of it more than anything is laid out of."""
    many: list[tuple[str, bytes, bytes, bytes]] = [
        ("words", b'"blocks":[{"lines":[{"words":[', b"{},", b"{}]}]}]"),
        ("lines", b'"blocks":[{"lines":[', b"{},", b"{}]}]"),
        ("lines_cut_by_a_hyphen", b'"blocks":[{"lines":[', b'{"text":"a-"},', b"{}]}]"),
        ("blocks", b'"blocks":[', b"{},", b"{}]"),
        ("languages", b'"blocks":[{"languages":[', b'"a",', b'"a"]}]'),
        ("tables", b'"tables":[', b'{"cells":[{"text":"a"}]},', b"{}]"),
        ("cells", b'"tables":[{"cells":[', b"{},", b"{}]}]"),
        ("entities", b'"entities":[', b"{},", b"{}]"),
        ("corners", b'"blocks":[{"boundingBox":{"vertices":[', b"{},", b"{}]}}]"),
        ("fields", b'"x":{', b'"a":[],', b'"b":1}'),
        ("lists_in_lists", b'"x":', b"[", b""),
        ("letters", b'"fullText":"', b"a", b'"'),
        ("words_in_the_text", b'"fullText":"', b"ab ", b'"'),
        ("ends_of_lines", b'"fullText":"', b"\\r", b'"'),
        ("halves_of_characters", b'"fullText":"', b"\\ud800", b'"'),
        ("faces", b'"fullText":"', "😀".encode(), b'"'),
        ("letters_of_a_line", b'"blocks":[{"lines":[{"text":"', b"a ", b'"}]}]'),
        ("letters_of_markdown", b'"markdown":"', b"<", b'"'),
    ]
    for name, head, repeated, tail in many:
        yield f"10_mb_of_{name}", filled(head, repeated, tail)
    yield "10_mb_of_pages", b'{"page":"0","textAnnotation":{"fullText":"a"}}\n' * (MAX_BYTES // 50)


def _text(page: RecognisedPage) -> int:
    return len(results.page_text(1, page))


def _json(page: RecognisedPage) -> int:
    return len(results.page_json(1, 1, Operation("id", 1, 1, OperationState.RECOGNIZED), page))


def _markdown(page: RecognisedPage) -> int:
    return len("".join(markdown([(1, page)])).encode())


def _csv(page: RecognisedPage) -> int:
    return sum(len(content) for _, _, content in csv_files([(1, page)], bom=False))


def _workbook(page: RecognisedPage) -> int:
    to = io.BytesIO()
    workbook([(1, page)], to)
    return len(to.getvalue())


def _searchable_pdf(page: RecognisedPage) -> int:
    return len(pagekit_calls.searchable(png(), "image/png", [(1, page)], ())[0])


OUTPUTS: dict[str, Callable[[RecognisedPage], int]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "csv": _csv,
    "workbook": _workbook,
    "searchable_pdf": _searchable_pdf,
}


def outcome(output: str, path: Path) -> str:
    """What becomes of a stored result; an error that is no refusal is one outcome too, and a wrong one."""
    try:
        return f"{OUTPUTS[output](read_page(path.read_bytes())):,} bytes"
    except NotRenderable as refusal:
        return f"no {output}: {refusal.what}"
    except (OcrAnswerTooLarge, OcrAnswerMalformed) as refusal:
        return f"not read: {type(refusal).__name__}"
    except Exception as error:  # noqa: BLE001 - none is expected, and the table names it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"raised {type(error).__name__} in {Path(place.filename).name}:{place.lineno}"


def main() -> None:
    output, path = sys.argv[1:]
    print(json.dumps({"outcomes": [outcome(output, Path(path))]}))


if __name__ == "__main__":
    main()
