"""The textAnnotation has the shape of the service's samples."""

from local.ocr.annotation import Block, Cell, Line, Page, Table, Word, text_annotation


def line(*words: tuple[str, tuple[int, int, int, int]]) -> Line:
    return Line(tuple(Word(text, box) for text, box in words))


FIRST = line(("Привет,", (10, 20, 80, 40)), ("мир", (90, 18, 130, 42)))
SECOND = line(("Hello", (10, 60, 60, 80)))
THIRD = line(("End", (10, 200, 40, 220)))
PAGE = Page(300, 400, (Block((FIRST, SECOND)), Block((THIRD,))), rotate=90)


def test_segments_count_the_characters_of_the_full_text() -> None:
    annotation = text_annotation(PAGE)
    text = annotation["fullText"]
    assert text == "Привет, мир\nHello\nEnd\n"

    def segment(value: dict[str, list[dict[str, str]]]) -> str:
        [part] = value["textSegments"]
        start = int(part["startIndex"])
        return str(text[start : start + int(part["length"])])

    first, second = annotation["blocks"]
    assert [segment(first), segment(second)] == ["Привет, мир\nHello", "End"]
    lines = [line for block in annotation["blocks"] for line in block["lines"]]
    assert [segment(line) for line in lines] == [line["text"] for line in lines] == ["Привет, мир", "Hello", "End"]
    words = [word for line in lines for word in line["words"]]
    assert [segment(word) for word in words] == [word["text"] for word in words] == ["Привет,", "мир", "Hello", "End"]


def test_integers_are_strings_and_corners_run_from_top_left_to_bottom_left() -> None:
    annotation = text_annotation(PAGE)
    assert (annotation["width"], annotation["height"], annotation["rotate"]) == ("300", "400", "ANGLE_90")
    for holder, bottom in ((annotation["blocks"][0], "80"), (annotation["blocks"][0]["lines"][0], "42")):
        expected = (("10", "18"), ("10", bottom), ("130", bottom), ("130", "18"))
        assert holder["boundingBox"]["vertices"] == [{"x": x, "y": y} for x, y in expected]
    assert annotation["blocks"][0]["lines"][0]["words"][0]["entityIndex"] == "-1"
    assert annotation["blocks"][0]["languages"] == [{"languageCode": "ru"}, {"languageCode": "en"}]


def test_a_blank_page_has_no_blocks_and_an_empty_text() -> None:
    annotation = text_annotation(Page(30, 40, ()))
    assert (annotation["blocks"], annotation["fullText"], annotation["rotate"]) == ([], "", "ANGLE_0")
    assert annotation["markdown"] == " "


def test_markdown_is_paragraphs_for_the_models_that_have_it() -> None:
    assert text_annotation(PAGE, markdown=True)["markdown"] == "Привет, мир\nHello\n\nEnd"


def test_headings_have_their_layout_type_and_their_mark_in_markdown() -> None:
    layouts = ("TITLE", "SECTION_HEADER", "TEXT")
    page = Page(300, 400, tuple(Block((SECOND, THIRD), layout) for layout in layouts))
    annotation = text_annotation(page, markdown=True)
    assert [block["layoutType"] for block in annotation["blocks"]] == [f"LAYOUT_TYPE_{name}" for name in layouts]
    assert annotation["markdown"] == "# Hello End\n\n## Hello End\n\nHello\nEnd"


def test_tables_are_shaped_as_the_service_shapes_them() -> None:
    cells = (Cell(0, 0, (0, 0, 200, 100), 0), Cell(1, 0, (0, 100, 100, 300), None))
    page = Page(PAGE.width, PAGE.height, PAGE.blocks, tables=(Table(2, 2, (0, 0, 200, 300), cells),))
    [table] = text_annotation(page)["tables"]
    assert table == {
        "boundingBox": {"vertices": corners((0, 0), (200, 0), (200, 300), (0, 300))},
        "rowCount": "2",
        "columnCount": "2",
        "cells": [
            {
                "boundingBox": {"vertices": corners((0, 0), (200, 0), (200, 100), (0, 100))},
                "rowIndex": "0",
                "columnIndex": "0",
                "columnSpan": "1",
                "rowSpan": "1",
                "text": "Привет, мир\nHello",
                "textSegments": [{"startIndex": "0", "length": "17"}],
            },
            {
                "boundingBox": {"vertices": corners((0, 100), (100, 100), (100, 300), (0, 300))},
                "rowIndex": "1",
                "columnIndex": "0",
                "columnSpan": "1",
                "rowSpan": "1",
                "text": "",
                "textSegments": [],
            },
        ],
    }


def corners(*points: tuple[int, int]) -> list[dict[str, str]]:
    return [{"x": str(x), "y": str(y)} for x, y in points]
