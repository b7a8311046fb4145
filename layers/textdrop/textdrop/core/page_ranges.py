"""Which pages of a file are recognised: `all`; numbers and ranges such as `1-3,7` and `5-` (to the end); or
`without-text`, those without text of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pagekit.errors import Reason, Refusal
from textdrop.core.errors import InvalidOptions

ALL = "all"
WITHOUT_TEXT = "without-text"
"""All pages are recognised; those with usable text of their own by that text."""

MAX_FILE_PAGES = 99_999
"""The most pages that a file may have if some are chosen: names in the results bucket have room for so many digits."""

_NO_END = 10**9
_RANGE = re.compile(r"([1-9][0-9]{0,8})(-([1-9][0-9]{0,8})?)?")

Span = tuple[int, int]


def canonical(words: Sequence[str]) -> str:
    """The pages that the words name together: ascending ranges with gaps between them, `all`, or `without-text`.

    Raises InvalidOptions.
    """
    if tuple(words) == (WITHOUT_TEXT,):
        return WITHOUT_TEXT
    wrong = [f'"{word[:40]}"' for word in words if _span(word) is None]
    if wrong or not words:
        raise InvalidOptions(
            f"Not a page or a range of pages: {', '.join(wrong[:5])}." if wrong else "No page is named.",
            f'Allowed for ocr-pages: "{ALL}" or "{WITHOUT_TEXT}" alone, or numbers and ranges such as 1-3,7 or 5- '
            "(from page 5 to the end).",
        )
    merged: list[Span] = []
    for first, last in sorted(_spans(words)):
        if merged and first <= merged[-1][1] + 1:
            before = merged.pop()
            merged.append((before[0], max(before[1], last)))
        else:
            merged.append((first, last))
    return ",".join(_written(first, last) for first, last in merged)


def chosen(pages: str, file_pages: int, max_pages: int) -> frozenset[int]:
    """The numbers of the pages to send, of a file with so many; `pages` are canonical. What is past the end is cut off.

    Raises InvalidOptions if the file has none of them, and Refusal (`too_many_pages`).
    """
    words = [ALL] if pages == WITHOUT_TEXT else pages.split(",")
    spans = [(first, min(last, file_pages)) for first, last in _spans(words) if first <= file_pages]
    count = sum(last - first + 1 for first, last in spans)
    if count == 0:
        has = "1 page" if file_pages == 1 else f"{file_pages:,} pages"
        raise InvalidOptions(
            f"The file has {has}, and ocr-pages names none of them.",
            f'Retry the document with "{ALL}" or with pages that the file has: textdrop retry --pages {ALL}.',
        )
    if count > max_pages:
        raise Refusal(
            Reason.TOO_MANY_PAGES,
            f"{count:,} pages of the file are named; the most is {max_pages:,}.",
            "Retry the document with fewer (textdrop retry --pages); for the others upload it under another name.",
        )
    return frozenset(number for first, last in spans for number in range(first, last + 1))


def _spans(words: Iterable[str]) -> list[Span]:
    return [span for span in map(_span, words) if span is not None]


def _span(word: str) -> Span | None:
    """First and last page of a number or a range; None if it is neither."""
    found = _RANGE.fullmatch("1-" if word == ALL else word)
    if found is None:
        return None
    first = int(found[1])
    last = first if found[2] is None else int(found[3] or _NO_END)
    return (first, last) if first <= last else None


def _written(first: int, last: int) -> str:
    if last == _NO_END:
        return ALL if first == 1 else f"{first}-"
    return str(first) if first == last else f"{first}-{last}"
