"""A document as Markdown: CommonMark with GitHub's tables, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pagekit.outputs.flow import Passage, flow
from pagekit.outputs.furniture import Furniture
from pagekit.outputs.hyphens import joined
from pagekit.outputs.lists import Kind
from pagekit.outputs.markdown_text import escaped, escaped_block
from pagekit.outputs.page_bounds import bounded
from pagekit.outputs.plain_text import one_line
from pagekit.outputs.service_markdown import harmless
from pagekit.outputs.tables import Grid
from pagekit.page import RecognisedPage

_HEADINGS = {"title": "# ", "section_header": "## "}


def markdown(pages: Iterable[tuple[int, RecognisedPage | None]]) -> Iterator[str]:
    """The document in parts, one for each page as it comes; no page is kept.

    `pages` have their numbers in the file, in ascending order; a page that failed is None. Each page begins with a
    comment, `<!-- page 2 -->`; a page that failed says so under it. If the service gives Markdown, that is the page,
    made harmless; otherwise it is made from the page's blocks and tables. Text from a page is never taken for syntax,
    HTML or a link. Line ends are "\n". Raises NotRenderable at a page that is out of bounds.
    """
    furniture = Furniture()
    for place, (number, page) in enumerate(bounded(pages)):
        yield ("\n" if place else "") + _page(number, page, furniture) + "\n"


def _page(number: int, page: RecognisedPage | None, furniture: Furniture) -> str:
    mark = f"<!-- page {number} -->"
    if page is None:
        return f"{mark}\n\n**Page {number} could not be recognised.**"
    if page["markdown"] is not None:
        return f"{mark}\n\n{harmless(page['markdown'])}".rstrip()
    return mark + "".join(_written(flow(number, page, furniture)))


def _written(passages: Iterable[Passage | Grid]) -> Iterator[str]:
    """Each passage, with what stands between it and the one before it."""
    before: _List | None = None
    for passage in passages:
        if isinstance(passage, Grid):
            text, in_list = _table(passage), None
        else:
            in_list = _list_of(passage, before)
            text = _item(passage, in_list) if in_list else _paragraph(passage)
        if text:
            yield ("\n" if in_list and before and in_list.sign == before.sign else "\n\n") + text
            before = in_list


@dataclass(frozen=True, slots=True)
class _List:
    """The list of an item: what its items begin with, "-", or the "." or ")" after `number`."""

    sign: str
    number: int = 0


def _list_of(passage: Passage, before: _List | None) -> _List | None:
    """The list that a passage is an item of; None if it is not one.

    Markdown counts the items of a list itself, so a number that does not follow the one before it in the same list
    would be shown as another. It is then no item, but a paragraph that begins with that number.
    """
    marker = passage.marker
    if marker is None or marker.kind is not Kind.NUMBER:
        return _List("-") if passage.is_item else None
    found = _List(marker.text[-1], int(marker.text[:-1]))
    follows = before is None or before.sign != found.sign or before.number + 1 == found.number
    return found if follows else None


def _item(passage: Passage, in_list: _List) -> str:
    if in_list.sign != "-":
        return f"{in_list.number}{in_list.sign} {escaped_block(passage.text)}"
    if passage.marker is not None and passage.marker.kind is Kind.LETTER:
        return f"- {escaped_block(f'{passage.marker.text} {passage.text}')}"
    return f"- {escaped_block(passage.text)}" if passage.text else ""


def _paragraph(passage: Passage) -> str:
    if passage.kind in _HEADINGS:
        return _HEADINGS[passage.kind] + escaped(passage.text) if passage.text else ""
    if passage.kind == "caption":
        return f"*{escaped(passage.text)}*" if passage.text else ""
    number = f"{passage.marker.text} " if passage.marker else ""
    return escaped_block(number + passage.text)


def _table(grid: Grid) -> str:
    """A pipe table whose first row is the head, since it must have one; "" if no cell has text."""
    rows = [[_cell(text) for text in row] for row in grid.rows]
    if not any(map(any, rows)):
        return ""
    columns = max(map(len, rows))
    head, *others = rows
    head += [""] * (columns - len(head))
    return "\n".join([_row(head), _row(["---"] * columns), *map(_row, others)])


def _row(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _cell(text: str) -> str:
    return escaped(joined([one_line(line) for line in text.split("\n")], frozenset())) if text else ""
