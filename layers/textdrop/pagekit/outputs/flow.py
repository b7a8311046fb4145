"""What stands on a page, in reading order: headings, paragraphs, list items, tables, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

from pagekit.outputs.furniture import Furniture
from pagekit.outputs.hyphens import ends_cut, joined, vocabulary
from pagekit.outputs.lists import Marker
from pagekit.outputs.paragraphs import Paragraph, TextLine, goes_on, paragraphs
from pagekit.outputs.plain_text import one_line
from pagekit.outputs.reading_frame import Box, box_reader
from pagekit.outputs.table_lines import TableLines
from pagekit.outputs.tables import Grid, grid
from pagekit.page import Block, Line, Polygon, RecognisedPage

_WHOLE = frozenset(["title", "section_header", "caption"])
_FURNITURE = frozenset(["header", "footer"])
_RUNNING = frozenset(["text", "list", "unknown"])
# Two words of a header that are further apart than this many heights of the line do not belong together.
_APART = 2
_TELLING_LINES = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of its own. `kind` is the type of its block. `is_item`: it is an item of a list, which began with `marker`
    if that was recognised; the marker is not in `text`."""

    kind: str
    text: str
    is_item: bool
    marker: Marker | None


def flow(number: int, page: RecognisedPage, furniture: Furniture) -> list[Passage | Grid]:
    """The page's passages and tables: headers first, then the text with its tables, footnotes, footers.

    Texts of a table's cells are only in the table, though they stand in the page's blocks too. A paragraph that the end
    of a column cuts in two is one. Headers and footers that `furniture` has already are left out.
    """
    box_of = box_reader(page)
    has_lines = any(block["lines"] for block in page["blocks"])
    blocks = [_Lines.of(block, box_of) for block in (page["blocks"] if has_lines else _blocks_of_text(page["text"]))]
    columns = _columns(block.lines for block in blocks if block.kind in _RUNNING)
    order: dict[str, list[_Piece | Grid]] = {"header": [], "body": [], "footnote": [], "footer": []}
    last: _Piece | None = None
    for piece in _with_tables(blocks, page, box_of):
        if isinstance(piece, Grid):
            last = None
            order["body"].append(piece)
        elif piece.kind in _FURNITURE:
            if not furniture.is_repeated(piece.apart(), number):
                order[piece.kind].append(_Piece.of(piece, columns))
        else:
            made = _Piece.of(piece, columns)
            if piece.kind in _RUNNING and last is not None and made.goes_on_from(last):
                last.paragraphs[-1].lines += made.paragraphs.pop(0).lines
                last.is_full = made.is_full
            order["footnote" if piece.kind == "footnote" else "body"].append(made)
            if piece.kind != "footnote" and made.paragraphs:
                last = made if piece.kind in _RUNNING else None
    texts = [line.text for block in blocks for line in block.lines]
    words = vocabulary(texts) if any(map(ends_cut, texts)) else frozenset[str]()
    return [passage for pieces in order.values() for piece in pieces for passage in _passages(piece, words)]


def _passages(piece: _Piece | Grid, words: frozenset[str]) -> Iterator[Passage | Grid]:
    if isinstance(piece, Grid):
        yield piece
        return
    for paragraph in piece.paragraphs:
        is_item = paragraph.marker is not None or piece.kind == "list"
        yield Passage(piece.kind, joined(paragraph.lines, words), is_item, paragraph.marker)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a block that stand below each other, with nothing in between. `words` are the texts and boxes of each
    line's words, if it is a header or footer, where their distance matters."""

    kind: str
    lines: list[TextLine]
    words: list[list[tuple[str, Box]]]

    @classmethod
    def of(cls, block: Block, box_of: Callable[[Polygon], Box]) -> _Lines:
        made = cls(block["type"], [], [])
        for line in block["lines"]:
            text = one_line(line["text"]) or one_line(" ".join(word["text"] for word in line["words"]))
            if text:
                first = box_of(line["words"][0]["polygon"]) if line["words"] else None
                made.lines.append(TextLine(text, box_of(line["polygon"]), first.right - first.left if first else 0))
                words = line["words"] if made.kind in _FURNITURE else []
                made.words.append([(one_line(word["text"]), box_of(word["polygon"])) for word in words])
        return made

    def apart(self) -> list[str]:
        """The separate texts: each line, cut wherever the space between two words is wide."""
        parts: list[str] = []
        for line, words in zip(self.lines, self.words, strict=True):
            if " ".join(text for text, _ in words) != line.text:
                parts.append(line.text)
                continue
            together: list[str] = []
            right = 0
            for text, box in words:
                if together and box.left - right > _APART * line.box.height:
                    parts.append(" ".join(together))
                    together = []
                together.append(text)
                right = box.right
            parts.append(" ".join(together))
        return parts


@dataclass(slots=True)
class _Piece:
    """Paragraphs of one kind. `is_full`: the last line reaches the edge, as a line in mid-paragraph does."""

    kind: str
    paragraphs: list[Paragraph]
    is_full: bool

    @classmethod
    def of(cls, part: _Lines, columns: list[tuple[int, int]]) -> _Piece:
        lines = part.lines
        if part.kind in _WHOLE:
            return cls(part.kind, [Paragraph([line.text for line in lines])] if lines else [], False)
        last, edge = lines[-1].box, max(line.box.right for line in lines)
        is_full = len(lines) > 1 and last.is_known and edge - last.right < 3 * last.height
        edge = _right_edge(columns, lines) if part.kind in _RUNNING else 0
        return cls(part.kind, paragraphs(lines, listed=part.kind == "list", column_edge=edge), is_full)

    def goes_on_from(self, last: _Piece) -> bool:
        """Whether its first paragraph is the rest of `last`'s last one."""
        if self.kind != last.kind or not (self.paragraphs and last.paragraphs) or self.paragraphs[0].marker:
            return False
        before, after = last.paragraphs[-1].lines, self.paragraphs[0].lines
        return bool(before and after) and (last.is_full or ends_cut(before[-1])) and goes_on(before[-1], after[0])


def _columns(blocks: Iterable[Sequence[TextLine]]) -> list[tuple[int, int]]:
    """Left and right edges of the page's columns, ordered by the right ones, as the blocks of several lines show
    them."""
    known = ([line.box for line in lines if line.box.is_known] for lines in blocks)
    telling = [boxes for boxes in known if len(boxes) >= _TELLING_LINES]
    edges = ((min(box.left for box in boxes), max(box.right for box in boxes)) for boxes in telling)
    return sorted(edges, key=lambda edge: edge[1])


def _right_edge(columns: Iterable[tuple[int, int]], lines: Sequence[TextLine]) -> int:
    """How far the lines of a block may reach if it is too short to show this: where most blocks end that begin as far
    to the left; 0 if there are none. Most, as a block across the page may begin there too."""
    boxes = [line.box for line in lines if line.box.is_known]
    if not boxes:
        return 0
    left, near = min(box.left for box in boxes), 2 * max(box.height for box in boxes)
    edges = [right for other, right in columns if abs(other - left) <= near]
    return median_low(edges) if edges else 0


def _with_tables(
    blocks: list[_Lines], page: RecognisedPage, box_of: Callable[[Polygon], Box]
) -> Iterator[_Lines | Grid]:
    """The blocks' lines that belong to no table, in order, and each table where its first line stood. A table with no
    line in the blocks stands before the first block that begins below its top."""
    tables = [(TableLines(table, box_of), grid(table)) for table in page["tables"]]
    waiting = [found for found in tables if not found[1].is_empty]
    placed: list[TableLines] = []
    pieces: list[tuple[_Lines | Grid, int]] = []
    for block in blocks:
        part = _Lines(block.kind, [], [])
        for line, words in zip(block.lines, block.words, strict=True):
            found = next((found for found in waiting if found[0].have(line)), None)
            if found is None:
                part.lines.append(line)
                part.words.append(words)
                continue
            if found[0] not in placed:
                placed.append(found[0])
                if part.lines:
                    pieces.append((part, part.lines[0].box.top))
                    part = _Lines(block.kind, [], [])
                pieces.append((found[1], found[0].box.top))
        if part.lines:
            pieces.append((part, part.lines[0].box.top))
    for lines, laid_out in waiting:
        if lines not in placed:
            top = lines.box.top
            below = (at for at, (_, other) in enumerate(pieces) if other >= top) if lines.box.is_known else iter(())
            pieces.insert(next(below, len(pieces)), (laid_out, top))
    return (piece for piece, _ in pieces)


def _blocks_of_text(text: str) -> list[Block]:
    """The text of a page without blocks, as blocks without positions; an empty line begins a block."""
    blocks: list[Block] = []
    lines: list[Line] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append({"text": line, "polygon": [], "words": []})
        elif lines:
            blocks.append({"type": "text", "polygon": [], "languages": [], "lines": lines})
            lines = []
    return blocks
