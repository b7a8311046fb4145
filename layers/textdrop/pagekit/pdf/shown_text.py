"""The text that a PDF page has of its own: where it can be seen, and which of it is an unseen layer over a scan.

Operators are followed as far as they move text (PDF 1.7, 8.3 and 9.4), through the forms that the page draws. Letters
have the widths that fonts state. What a stamp or a form's field shows is not text of the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pikepdf

from pagekit.pdf.page_content import Cleaning, drawn_names, unpacked
from pagekit.pdf.page_geometry import IDENTITY, Matrix
from pagekit.pdf.stated_widths import LettersOfFont, letters_of, number

INVISIBLE = 3
_CLIPPING_ONLY = 7
MOVING = "q Q cm Do BT ET Tf Tm Td TD T* TL Tc Tw Tz Ts Tr Tj TJ ' \" gs"
_PLACING = frozenset({"BT", "ET", "Tm", "Td", "TD", "T*", "'", '"'})

_Content = pikepdf.Object | pikepdf.Page

_MAX_DEPTH = 12
_MAX_DRAWN = 2_000
# Letters reach from a little below the base line to the size above it.
_BELOW, _ABOVE = -0.25, 0.95


class TextTooLong(Exception):
    """The page's operators are too many to inspect."""


SeenText = tuple[tuple[float, float], ...]
"""Some visible letters: the corners of what they cover, in the space of the page."""


@dataclass(slots=True)
class _State:
    """The part of the graphics state that moves text."""

    matrix: Matrix
    font: LettersOfFont | None = None
    size: float = 0.0
    mode: int = 0
    letter_space: float = 0.0
    word_space: float = 0.0
    scale: float = 1.0
    leading: float = 0.0
    rise: float = 0.0


def text_of_page(
    page: pikepdf.Page, operators: bytes, resources: pikepdf.Object | None, fonts: dict[Any, LettersOfFont]
) -> tuple[list[SeenText], Cleaning]:
    """The text that can be seen on a page, and how its unseen text is taken out.

    `operators` are those of the page, unpacked; `fonts` is kept from page to page.
    Raises TextTooLong, and what pikepdf raises.
    """
    walk = _Walk(fonts)
    if not walk.may_show_text(operators, resources, 0):
        return [], Cleaning()
    return walk.seen, walk.follow(page, resources, _State(IDENTITY), 0)


class _Walk:
    def __init__(self, fonts: dict[Any, LettersOfFont]) -> None:
        self.seen: list[SeenText] = []
        self._fonts = fonts
        self._drawn = 0
        self._without_text: set[tuple[int, int]] = set()

    def may_show_text(self, operators: bytes, resources: pikepdf.Object | None, depth: int) -> bool:
        """Whether there is a text object in it, or in a form that it draws: a scan's page has none."""
        if b"BT" in operators:
            return True
        for name in drawn_names(operators) if depth < _MAX_DEPTH else ():
            form = _form(resources, name)
            if form is None or form.objgen in self._without_text:
                continue
            inner = unpacked(form)
            if inner is None:
                raise TextTooLong
            if self.may_show_text(inner, form.get("/Resources", resources), depth + 1):
                return True
            self._without_text.add(form.objgen)
        return False

    def follow(self, content: _Content, resources: pikepdf.Object | None, state: _State, depth: int) -> Cleaning:
        """Adds what the operators show to what is seen. Returns how their unseen text is taken out."""
        cleaning = Cleaning()
        saved: list[_State] = []
        text = line = IDENTITY
        shown = drawn = -1
        # Unseen text that determines the position of the text after it: it stays, so that nothing visible is moved.
        leading_up: list[int] = []
        for operands, operator in _instructions(content):
            name = str(operator)
            if name in _PLACING:
                leading_up = []
            match name, list(operands):
                case "q", _:
                    saved.append(replace(state))
                case "Q", _ if saved:
                    state = saved.pop()
                case "cm", [*numbers] if len(numbers) == 6:
                    state.matrix = state.matrix.after(_matrix(numbers))
                case "gs", [found]:
                    self._set_font_of_state(state, _entry(resources, "/ExtGState", found))
                case "BT", _:
                    text = line = IDENTITY
                case "Tf", [found, size]:
                    state.font, state.size = self._font(_entry(resources, "/Font", found)), number(size)
                case "Tm", [*numbers] if len(numbers) == 6:
                    text = line = _matrix(numbers)
                case (("Td" | "TD"), [x, y]):
                    if name == "TD":
                        state.leading = -number(y)
                    text = line = line.after(Matrix(1, 0, 0, 1, number(x), number(y)))
                case "T*", _:
                    text = line = line.after(Matrix(1, 0, 0, 1, 0, -state.leading))
                case "TL", [value]:
                    state.leading = number(value)
                case "Tc", [value]:
                    state.letter_space = number(value)
                case "Tw", [value]:
                    state.word_space = number(value)
                case "Tz", [value]:
                    state.scale = number(value) / 100
                case "Ts", [value]:
                    state.rise = number(value)
                case "Tr", [value]:
                    state.mode = int(number(value))
                case "Do", [found]:
                    drawn += 1
                    form = _form(resources, str(found))
                    if form is not None and depth < _MAX_DEPTH:
                        inner = self._follow_form(form, resources, state, depth)
                        if inner:
                            cleaning.forms[drawn] = inner
                case (("Tj" | "TJ" | "'" | '"'), [*_]):
                    shown += 1
                    if name in "'\"":
                        if name == '"' and len(operands) == 3:
                            state.word_space, state.letter_space = number(operands[0]), number(operands[1])
                        text = line = line.after(Matrix(1, 0, 0, 1, 0, -state.leading))
                    letters, advance = _advance(state, operands[-1] if operands else None)
                    if state.mode == INVISIBLE:
                        cleaning.unseen.add(shown)
                        leading_up.append(shown)
                    else:
                        cleaning.unseen.difference_update(leading_up)
                        if (
                            letters
                            and state.mode != _CLIPPING_ONLY
                            and state.font is not None
                            and state.font.names_characters
                        ):
                            self.seen.append(_corners(state, text, advance))
                    text = text.after(Matrix(1, 0, 0, 1, advance, 0))
        return cleaning

    def _follow_form(
        self, form: pikepdf.Object, resources: pikepdf.Object | None, state: _State, depth: int
    ) -> Cleaning:
        self._drawn += 1
        if self._drawn > _MAX_DRAWN or unpacked(form) is None:
            raise TextTooLong
        inside = replace(state)
        numbers = form.get("/Matrix")
        if isinstance(numbers, pikepdf.Array) and len(numbers) == 6:
            inside.matrix = inside.matrix.after(_matrix(numbers))
        return self.follow(form, form.get("/Resources", resources), inside, depth + 1)

    def _font(self, font: Any) -> LettersOfFont | None:
        if not isinstance(font, pikepdf.Dictionary):
            return None
        key = font.objgen
        if key == (0, 0):
            return letters_of(font)
        if key not in self._fonts:
            self._fonts[key] = letters_of(font)
        return self._fonts[key]

    def _set_font_of_state(self, state: _State, found: Any) -> None:
        font = found.get("/Font") if isinstance(found, pikepdf.Dictionary) else None
        if isinstance(font, pikepdf.Array) and len(font) == 2:
            state.font, state.size = self._font(font[0]), number(font[1])


def _instructions(content: _Content) -> Iterable[tuple[Any, Any]]:
    return pikepdf.parse_content_stream(content, MOVING)  # type: ignore[return-value]


def _advance(state: _State, shown: Any) -> tuple[int, float]:
    """How many letters are shown, not counting blanks, and how far the text advances."""
    letters, advance = 0, 0.0
    for part in shown if isinstance(shown, pikepdf.Array) else [shown]:
        if isinstance(part, pikepdf.String):
            if state.font is None:
                continue
            count, blanks, width = state.font.measured(bytes(part))
            letters += count - blanks
            advance += width * state.size + count * state.letter_space
            if state.font.code_bytes == 1:
                advance += blanks * state.word_space
        else:
            advance -= number(part) / 1000 * state.size
    return letters, advance * state.scale


def _corners(state: _State, text: Matrix, advance: float) -> SeenText:
    low, high = _BELOW * state.size + state.rise, _ABOVE * state.size + state.rise
    to_page = state.matrix.after(text)
    return tuple(to_page.applied(x, y) for x, y in ((0, low), (advance, low), (advance, high), (0, high)))


def _entry(resources: Any, kind: str, name: Any) -> Any:
    entries = resources.get(kind) if isinstance(resources, pikepdf.Dictionary) else None
    return entries.get(str(name)) if isinstance(entries, pikepdf.Dictionary) else None


def _form(resources: Any, name: str) -> Any:
    found = _entry(resources, "/XObject", name)
    return found if isinstance(found, pikepdf.Stream) and found.get("/Subtype") == "/Form" else None


def _matrix(numbers: Iterable[Any]) -> Matrix:
    return Matrix(*map(number, numbers))
