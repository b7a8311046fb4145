"""What the service recognised, read from a result's bytes: JSON Lines, read as tolerantly as its documentation is
vague.

Two generations of fields are read: `textAnnotation` with `lines[].text`, and snake_case with `lines[].alternatives[]`.
Text is never silently dropped: if one form of it is missing, the other is used.
"""

from __future__ import annotations

from typing import Any

from pagekit.page import Block, Cell, Entity, Line, Polygon, RecognisedPage, Table, Word
from textdrop.adapters.yandex.failures import failure, service_error
from textdrop.adapters.yandex.values import documents, either, integer, items, mapping, objects, text
from textdrop.core.errors import OcrAnswerMalformed, OcrAnswerTooLarge, Trace

MAX_PAGES = 10
"""In one result. A request is for one page."""

_NO_TRACE = Trace()
_NO_BOX: Polygon = [[0, 0] for _ in range(4)]
"""All zeros; one shared object, as a result may have very many words and cells without a box."""
_ROTATIONS = {"ANGLE_90": 90, "ANGLE_180": 180, "ANGLE_270": 270}
_LAYOUTS = frozenset(
    ["text", "header", "section_header", "footer", "footnote", "picture", "caption", "title", "list", "unknown"]
)
_COORDINATES = {str(pixels): pixels for pixels in range(10_000)}
"""Nearly all coordinates on a page, in the service's spelling."""
_ANNOTATION_FIELDS = ("fullText", "full_text", "blocks", "tables", "entities", "width", "height")


def read_page(body: bytes, trace: Trace = _NO_TRACE) -> RecognisedPage:
    """The page in the result of a request for one page.

    If the service answers with several pages all the same, they are put below each other as one page, so that no text
    is lost: texts are joined by a line end, and points moved down by the heights of the pages before. Raises
    OcrAnswerMalformed if there is no page, or one is missing, and OcrAnswerTooLarge.
    """
    pages = read_pages(body, trace)
    if not pages:
        raise OcrAnswerMalformed("the OCR service's result holds no page", trace)
    return pages[0] if len(pages) == 1 else _stacked(pages)


def read_pages(body: bytes, trace: Trace = _NO_TRACE) -> list[RecognisedPage]:
    """The pages in a result, by number; none if it is empty or has no page, as it is not ready then. A page that was
    sent twice counts once.

    Raises OcrAnswerTooLarge over the bounds of `values`, or MAX_PAGES; OcrAnswerMalformed if the body is truncated,
    cannot be understood or lacks a page between others; and if the service reports a failure in it, the error for that.
    """
    numbered: list[tuple[int, RecognisedPage]] = []
    for number, annotation in _annotations(body, trace):
        found = number, _page(annotation)
        if found not in numbered:
            numbered.append(found)
    numbered.sort(key=lambda found: found[0])
    return [page for _, page in numbered]


def has_words(body: bytes, trace: Trace = _NO_TRACE) -> bool | None:
    """Whether there are words on the pages that `read_pages` finds, at a fraction of its cost; None if it finds no
    page.

    Raises what `read_pages` raises.
    """
    found = _annotations(body, trace)
    return any(_has_words(annotation) for _, annotation in found) if found else None


def _has_words(annotation: dict[str, Any]) -> bool:
    full_text = text(either(annotation, "fullText", "full_text"))
    if full_text or not any(annotation.get(name) for name in ("blocks", "tables", "entities", "markdown")):
        return bool(full_text.strip())
    page = _page(annotation)
    cells = [cell["text"] for table in page["tables"] for cell in table["cells"]]
    said = [page["text"], page["markdown"] or "", *cells, *(entity["text"] for entity in page["entities"])]
    return any(each.strip() for each in said)


def _annotations(body: bytes, trace: Trace) -> list[tuple[int, dict[str, Any]]]:
    """The numbers and annotations of the pages in a result, as they came. `_page` can read them whatever they
    contain."""
    found = []
    for document in documents(body, trace):
        for message in document if isinstance(document, list) else [document]:
            annotation = _numbered_annotation(message, trace)
            if annotation is not None:
                found.append(annotation)
            if len(found) > MAX_PAGES:
                raise OcrAnswerTooLarge("the OCR service's result holds too many pages", trace)
    numbers = sorted({number for number, _ in found})
    if numbers and numbers[-1] - numbers[0] + 1 != len(numbers):
        raise OcrAnswerMalformed("the OCR service's result leaves out a page", trace)
    return found


def _numbered_annotation(message: Any, trace: Trace) -> tuple[int, dict[str, Any]] | None:
    """A message of the stream. `page` alone is a blank page; an object without anything of a page is none."""
    if not isinstance(message, dict):
        raise OcrAnswerMalformed("the OCR service's result holds something that is no object", trace)
    result = message.get("result")
    if result is None or message.get("error"):
        error = service_error(message)
        if error is not None:
            raise failure(error.status, error, trace, submitting=False)
        if message.get("error"):
            raise OcrAnswerMalformed("the OCR service's result holds an error without a code", trace)
        result = message
    if not isinstance(result, dict):
        raise OcrAnswerMalformed("the OCR service's result is no object", trace)
    annotation = either(result, "textAnnotation", "text_annotation")
    if annotation is None and any(name in result for name in _ANNOTATION_FIELDS):
        annotation = result
    if annotation is None and "page" not in result:
        return None
    if annotation is not None and not isinstance(annotation, dict):
        raise OcrAnswerMalformed("the OCR service's text annotation is no object", trace)
    if annotation is not None and not _has_text_or_none(annotation):
        raise OcrAnswerMalformed("the OCR service's text stands in a form that is not known", trace)
    return integer(result.get("page")), annotation or {}


def _has_text_or_none(annotation: dict[str, Any]) -> bool:
    """Whether its text can be read, or there is none. Text of another type would make a page look blank."""
    full_text, blocks = either(annotation, "fullText", "full_text"), annotation.get("blocks")
    if full_text and isinstance(full_text, str):
        return True
    return isinstance(full_text, str | None) and isinstance(blocks, list | None)


def _page(annotation: dict[str, Any]) -> RecognisedPage:
    blocks = [_block(block) for block in objects(annotation.get("blocks"))]
    tables = [_table(table) for table in objects(annotation.get("tables"))]
    markdown = text(annotation.get("markdown"))
    full_text = text(either(annotation, "fullText", "full_text"))
    return RecognisedPage(
        width=max(integer(annotation.get("width")), 0),
        height=max(integer(annotation.get("height")), 0),
        rotate=_ROTATIONS.get(text(annotation.get("rotate")), 0),
        text=full_text or "\n".join(line["text"] for block in blocks for line in block["lines"]),
        blocks=blocks,
        tables=tables,
        entities=[
            Entity(name=text(entity.get("name")), text=text(entity.get("text")))
            for entity in objects(annotation.get("entities"))
        ],
        markdown=markdown if markdown.strip() else None,
    )


def _block(block: dict[str, Any]) -> Block:
    lines = [_line(line) for line in objects(block.get("lines"))]
    layout = text(either(block, "layoutType", "layout_type")).removeprefix("LAYOUT_TYPE_").lower()
    return Block(
        type=layout if layout in _LAYOUTS else "unknown",
        polygon=_text_polygon(block),
        languages=[code for code in map(_language, items(block.get("languages"))) if code],
        lines=lines,
    )


def _language(language: Any) -> str:
    return text(either(mapping(language), "languageCode", "language_code")) or text(language)


def _line(line: dict[str, Any]) -> Line:
    best = _best_alternative(line)
    words = [_word(word) for word in objects(line.get("words")) or objects(best.get("words"))]
    said = text(line.get("text")) or text(best.get("text")) or " ".join(word["text"] for word in words)
    return Line(text=said, polygon=_text_polygon(line), words=words)


def _word(word: dict[str, Any]) -> Word:
    said = text(word.get("text")) or text(_best_alternative(word).get("text"))
    return Word(text=said, polygon=_text_polygon(word))


def _best_alternative(said: dict[str, Any]) -> dict[str, Any]:
    return next(iter(objects(said.get("alternatives"))), {})


def _table(table: dict[str, Any]) -> Table:
    """A table. Missing counts are derived from its cells."""
    cells = [_cell(cell) for cell in objects(table.get("cells"))]
    rows = max(integer(either(table, "rowCount", "row_count")), 0)
    columns = max(integer(either(table, "columnCount", "column_count")), 0)
    return Table(
        rows=rows or max((cell["row"] + cell["row_span"] for cell in cells), default=0),
        columns=columns or max((cell["column"] + cell["column_span"] for cell in cells), default=0),
        polygon=_rectangle(_points(table)),
        cells=cells,
    )


def _cell(cell: dict[str, Any]) -> Cell:
    return Cell(
        row=max(integer(either(cell, "rowIndex", "row_index")), 0),
        column=max(integer(either(cell, "columnIndex", "column_index")), 0),
        row_span=max(integer(either(cell, "rowSpan", "row_span")), 1),
        column_span=max(integer(either(cell, "columnSpan", "column_span")), 1),
        text=text(cell.get("text")),
        polygon=_rectangle(_points(cell)),
    )


def _points(shape: dict[str, Any]) -> Polygon:
    box = mapping(either(shape, "boundingBox", "bounding_box"))
    try:
        # Half of the time of reading a page would be spent on its coordinates.
        return [[_COORDINATES[point["x"]], _COORDINATES[point["y"]]] for point in box["vertices"]]
    except (KeyError, TypeError):
        return [[integer(point.get("x")), integer(point.get("y"))] for point in objects(box.get("vertices"))]


def _text_polygon(shape: dict[str, Any]) -> Polygon:
    """The box of a block, line or word, clockwise from its first point.

    The service starts at the top left of the text and continues counter-clockwise (TL, BL, BR, TR), so the rest is
    reversed, unless it is clockwise already. A polygon that does not have four points becomes the rectangle around it.
    """
    points = _points(shape)
    if len(points) != 4:
        return _rectangle(points)
    first, second, third, fourth = points
    # The sign of the enclosed area, from its diagonals; y points down.
    clockwise = (third[0] - first[0]) * (fourth[1] - second[1]) > (fourth[0] - second[0]) * (third[1] - first[1])
    return points if clockwise else [first, fourth, third, second]


def _rectangle(points: Polygon) -> Polygon:
    """The upright rectangle around points in any order; all zeros if there are none."""
    if not points:
        return _NO_BOX
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _stacked(pages: list[RecognisedPage]) -> RecognisedPage:
    down = 0
    for page in pages:
        lines = [line for block in page["blocks"] for line in block["lines"]]
        words = [word for line in lines for word in line["words"]]
        cells = [cell for table in page["tables"] for cell in table["cells"]]
        for part in (*page["blocks"], *lines, *words, *page["tables"], *cells):
            if part["polygon"] is not _NO_BOX:
                for point in part["polygon"]:
                    point[1] += down
        down += page["height"]
    markdowns = [page["markdown"] for page in pages if page["markdown"] is not None]
    *upper, last = (page["text"] for page in pages)
    return RecognisedPage(
        width=max(page["width"] for page in pages),
        height=down,
        rotate=pages[0]["rotate"],
        text="".join(text.removesuffix("\n") + "\n" for text in upper) + last,
        blocks=[block for page in pages for block in page["blocks"]],
        tables=[table for page in pages for table in page["tables"]],
        entities=[entity for page in pages for entity in page["entities"]],
        markdown="\n\n".join(markdowns) if markdowns else None,
    )
