"""What a reader of the Markdown sees: rendered by a CommonMark library that lets HTML and every link through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, TypeVar

from hypothesis import example
from markdown_it import MarkdownIt

from pagekit.outputs.markdown import markdown
from pagekit.page import RecognisedPage

Test = TypeVar("Test", bound=Callable[..., None])
_BLOCKS = frozenset(["p", "li", "ul", "ol", "h1", "h2", "tr", "td", "th", "table", "thead", "tbody", "br", "pre"])


@dataclass
class Shown:
    """The text, its parts on lines; the elements and their attributes; comments."""

    text: str = ""
    elements: set[str] = field(default_factory=set)
    attributes: set[tuple[str, str | None]] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [" ".join(line.split()) for line in self.text.split("\n") if line.strip()]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.shown = Shown()
        self._numbers: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shown.elements.add(tag)
        self.shown.attributes.update(attrs)
        if tag in _BLOCKS:
            self.shown.text += "\n"
        if tag == "ol":
            self._numbers.append(int(dict(attrs).get("start") or 1))
        elif tag == "ul":
            self._numbers.append(None)
        elif tag == "li" and self._numbers and self._numbers[-1] is not None:
            self.shown.text += f"{self._numbers[-1]}. "
            self._numbers[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.shown.text += "\n"
        if tag in ("ol", "ul"):
            self._numbers.pop()

    def handle_data(self, data: str) -> None:
        self.shown.text += data

    def handle_comment(self, data: str) -> None:
        self.shown.comments.append(data.strip())


def body(*pages: RecognisedPage | None) -> str:
    """The Markdown of the pages without the mark of the first."""
    whole = "".join(markdown(enumerate(pages, 1)))
    return whole.removeprefix("<!-- page 1 -->\n").strip("\n")


def shown(text: str) -> Shown:
    library = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    library.validateLink = lambda url: True  # type: ignore[method-assign]
    reader = _Reader()
    reader.feed(library.render(text))
    reader.close()
    return reader.shown


def examples(*cases: Any) -> Callable[[Test], Test]:
    """A property's test that is tried with each of these first."""
    return lambda test: functools.reduce(lambda decorated, case: example(case)(decorated), cases, test)
