"""Running heads, feet and page numbers: what stands on every page alike is kept once.

Only what the service calls a header or a footer is compared. A page number alone is left out, as each page is marked
with its number. What an earlier page had with the same words is left out too; its first occurrence is kept, and so is
whatever differs. A number among the words only counts as the page's if it says so ("стр. 3", "3 of 10") or stands apart
at an end, so that "Invoice 123" and "Invoice 124" are both kept.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

_REMEMBERED = 10_000
_DASHES = r"[-–—−\s]*"
_PAGE_WORD = r"(?:page|pages|pg\.?|p\.|страница|стр\.?|с\.|лист|sheet)"
_COUNTED = re.compile(
    rf"(?<!\w){_PAGE_WORD}\s*\d{{1,5}}(?:\s*(?:of|из|/)\s*\d{{1,5}})?(?!\w)|(?<!\w)\d{{1,5}}\s+(?:of|из)\s+\d{{1,5}}(?!\w)",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"{_DASHES}(?:(\d{{1,5}})|[ivxlc]{{1,8}}){_DASHES}\.?", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s+[|•·–—-]\s+")
_NO_WORD = re.compile(r"[\W_]*\Z")


class Furniture:
    """Remembers what stood at the head and the foot of the pages so far; if there is very much, the latest."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def is_repeated(self, parts: Sequence[str], page: int) -> bool:
        """Whether a header or footer says nothing new; from now on it is known. `parts` are its separate texts, `page`
        the number of its page."""
        segments = [segment for part in parts for segment in _SEPARATOR.split(_COUNTED.sub("", part))]
        words = [segment for segment in segments if not _NO_WORD.match(segment) and not _is_number(segment, page)]
        if not words:
            return True
        key = blake2b("\n".join(words).casefold().encode(), digest_size=16).digest()
        if key in self._seen:
            self._seen.move_to_end(key)
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False


def _is_number(segment: str, page: int) -> bool:
    """Whether it is a page number: one of up to three digits, a Roman one, or any that this page has. Four digits may
    be a year."""
    found = _NUMBER.fullmatch(segment.strip())
    if found is None:
        return False
    return found[1] is None or len(found[1]) <= 3 or int(found[1]) == page
