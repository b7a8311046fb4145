"""The operators that put a page's recognised text, unseen, where it stands in the picture."""

from __future__ import annotations

from collections.abc import Callable

from textdrop.core.pages import RecognisedPage
from textdrop.rendering.glyphless_font import ADVANCE, EM, GlyphlessFont
from textdrop.rendering.page_geometry import Matrix
from textdrop.rendering.text_lines import PlacedLine, Stretch, placed_lines

_INVISIBLE = 3
_LEAST_SCALE, _MOST_SCALE = 0.1, 100_000.0


def text_layer(
    page: RecognisedPage,
    to_page: Matrix,
    font: GlyphlessFont,
    font_name: str,
    is_left_out: Callable[[float, float], bool],
) -> tuple[bytes, int, int]:
    """The operators, empty if there is nothing to say, and the numbers of letters that stand in them and on the page.

    `to_page` leads from the page's pixels to the space of the page; words for whose centre, in pixels, `is_left_out`
    is true are left out.
    """
    operators: list[str] = []
    letters = letters_in_all = 0
    for line in placed_lines(page):
        letters_in_all += sum(len(stretch.text) for stretch in line.stretches)
        kept = tuple(stretch for stretch in line.stretches if not is_left_out(*stretch.centre))
        if kept:
            letters += sum(len(stretch.text) for stretch in kept)
            operators += _line(line, kept, font, font_name)
    if not letters:
        return b"", 0, letters_in_all
    matrix = " ".join(f"{number:.8g}" for number in to_page)
    opening = f"q\n{matrix} cm\nBT\n{_INVISIBLE} Tr\n0 Tc 0 Tw 0 Ts"
    return "\n".join([opening, *operators, "ET\nQ\n"]).encode(), letters, letters_in_all


def _line(line: PlacedLine, stretches: tuple[Stretch, ...], font: GlyphlessFont, font_name: str) -> list[str]:
    """The line's words, one behind the other; between them blanks that are as wide as the gap."""
    operators = [f"{font_name} {_number(line.height)} Tf"]
    place: float | None = None
    for index, stretch in enumerate(stretches):
        if place is None or abs(stretch.start - place) > 0.01:
            x, y = line.x + line.dx * stretch.start, line.y + line.dy * stretch.start
            dx, dy = f"{line.dx:.5g}", f"{line.dy:.5g}"
            operators.append(f"{dx} {dy} {dy} {-line.dx:.5g} {_number(x)} {_number(y)} Tm")
        operators.append(_shown(stretch.text, stretch.end - stretch.start, line.height, font))
        place = stretch.end
        following = stretches[index + 1] if index + 1 < len(stretches) else None
        if following is not None and stretch.blank_after:
            if following.start > stretch.end:
                operators.append(_shown(" ", following.start - stretch.end, line.height, font))
                place = following.start
            else:
                operators.append(_shown(" ", line.height * ADVANCE / EM, line.height, font))
    return operators


def _shown(text: str, width: float, height: float, font: GlyphlessFont) -> str:
    codes = font.encoded(text)
    natural = len(codes) // 2 * height * ADVANCE / EM
    scale = min(max(100 * width / natural, _LEAST_SCALE), _MOST_SCALE)
    return f"{scale:.6g} Tz <{codes.hex().upper()}> Tj"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
