"""The operators that put a page's recognised text, invisible, where it stands in the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pagekit.page import RecognisedPage
from pagekit.pdf.glyphless_font import EM, USUAL_WIDTH, GlyphlessFont
from pagekit.pdf.page_geometry import Matrix
from pagekit.pdf.text_lines import PlacedLine, Stretch, placed_lines

_INVISIBLE = 3
# The rest of a line's size is in its matrix. So pdfium sees that a slanted line is slanted, and does not take its end
# and the beginning of the next line, which are at the same height, for one line; and it separates lines of the smallest
# print.
_SIZE = 2
_MIN_WIDTH = 0.01
_CODE = 4
"""Hexadecimal digits of the code of a letter."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A searchable PDF that was written. `layered`: how many pages got a layer of text; `own_text`: the numbers of
    those whose own text says what was recognised, and which were left as they are. `warnings` are sentences for the
    document's owner."""

    layered: int
    own_text: tuple[int, ...]
    warnings: tuple[str, ...]


def text_layer(
    page: RecognisedPage,
    to_page: Matrix,
    font: GlyphlessFont,
    font_name: str,
    is_left_out: Callable[[float, float], bool],
) -> tuple[bytes, int, int]:
    """The operators, empty if there is no text, and the numbers of letters in them and on the page.

    `to_page` leads from the page's pixels to the space of the page. Words for whose centre, in pixels, `is_left_out` is
    true are left out.
    """
    operators: list[str] = []
    letters = letters_in_all = 0
    for line in placed_lines(page):
        letters_in_all += sum(len(stretch.text) for stretch in line.stretches)
        kept = [stretch for stretch in line.stretches if not is_left_out(*stretch.centre)]
        letters += sum(len(stretch.text) for stretch in kept)
        runs = list(_runs(kept))
        for run in runs:
            operators.append(_string(line, run, font, is_last=run is runs[-1]))
    if not letters:
        return b"", 0, letters_in_all
    matrix = " ".join(f"{number:.8g}" for number in to_page)
    opening = f"q\n{matrix} cm\nBT\n{_INVISIBLE} Tr\n0 Tc 0 Tw 0 Ts\n{font_name} {_SIZE} Tf"
    return "\n".join([opening, *operators, "ET\nQ\n"]).encode(), letters, letters_in_all


def _runs(stretches: list[Stretch]) -> Iterator[list[Stretch]]:
    """The words, divided where one begins before the end of the one before; each is followed by a blank or by the
    next."""
    run: list[Stretch] = []
    for stretch in stretches:
        if run and stretch.start < run[-1].end:
            yield run
            run = []
        run.append(stretch)
    if run:
        yield run


def _string(line: PlacedLine, run: list[Stretch], font: GlyphlessFont, *, is_last: bool) -> str:
    """The words as one string. Letters and blanks are as wide as needed, so that each word begins where it should."""
    letters = sum(len(stretch.text) for stretch in run)
    runs_down = abs(line.dy) > abs(line.dx)
    # Pixels for a thousandth of the size: on average, letters of the line are as wide as usual.
    unit = max(sum(stretch.end - stretch.start for stretch in run) / letters, _MIN_WIDTH) / USUAL_WIDTH
    pieces: list[str] = []
    place = run[0].start / unit
    for stretch, following in zip(run, [*run[1:], None], strict=True):
        codes, width = font.encoded(stretch.text, stretch.end / unit - place)
        place += width
        pieces.append(codes)
        if following is not None and stretch.end < following.start:
            blank, width = font.encoded(" ", following.start / unit - place)
            left = round(following.start / unit - place - width)
            pieces.append(blank + (f">{-left}<" if left else ""))
            place += width + left
    if not is_last or (runs_down and letters == 1):
        pieces.append(font.encoded(" ", USUAL_WIDTH)[0])
    string = "".join(pieces)
    if runs_down:
        # pdfium sorts strings that begin at the same height from left to right, which would reverse lines that run down
        # the page. So their first letters are separate strings, and no two in a row begin so.
        string = f"{string[:_CODE]}>] TJ [<{string[_CODE:]}"
    scale = line.height / _SIZE
    across, down, up = f"{line.dx * scale:.6g}", f"{line.dy * scale:.6g}", f"{-line.dx * scale:.6g}"
    x, y = line.x + line.dx * run[0].start, line.y + line.dy * run[0].start
    return (
        f"{across} {down} {down} {up} {_number(x)} {_number(y)} Tm "
        f"{100 * unit * EM / line.height:.6g} Tz [<{string}>] TJ"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
