"""Words that a line end cut in two are put together again; words that have a hyphen of their own keep it.

The rule, the first that fits (docs/decisions/0013):

1. a soft hyphen, or "¬" as OCR engines write it: joined;
2. no letter or digit before the hyphen, or nothing after it that is one: no cut word, a space stands between;
3. what goes on is no lower-case letter, or what stands before has a digit, is one letter or has a capital other than
   its first, or the two are of different scripts: the hyphen stays (Нью-Йорк, COVID-19, e-mail, web-сайт);
4. the page has the word elsewhere, with its hyphen or in one: as there;
5. a word that is written with a hyphen: it stays (что-нибудь, из-за, научно-технический, well-known);
6. joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pagekit.outputs.hyphenated_words import is_hyphenated
from pagekit.outputs.plain_text import SOFT_HYPHEN, one_line

_HYPHENS = ("-", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}")
_CUTS = (SOFT_HYPHEN, "\N{NOT SIGN}")
_WORD = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)*")
_HEAD = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)*\Z")
_LAST_PART = re.compile(r"[^\W_]+\Z")
_NOT_HYPHEN_MINUS = re.compile("[\u2010\u2011]")
_CYRILLIC = re.compile("[\u0400-\u052f]")


def vocabulary(lines: Iterable[str]) -> frozenset[str]:
    """The words of a page as they stand within its lines, in lower case: what rule 4 compares with."""
    whole = (line.replace(SOFT_HYPHEN, "") for line in lines)
    return frozenset(_NOT_HYPHEN_MINUS.sub("-", word).casefold() for line in whole for word in _WORD.findall(line))


def ends_cut(line: str) -> bool:
    """Whether the line ends in a hyphen of any kind, so that its last word may go on in the next."""
    return line.endswith((*_HYPHENS, *_CUTS))


def joined(lines: Sequence[str], words: frozenset[str]) -> str:
    """The lines as one text; `words` is the page's vocabulary. Soft hyphens within it are gone."""
    text = ""
    for line in lines:
        text = _appended(text, line, words) if text else line
    return one_line(text.replace(SOFT_HYPHEN, ""))


def _appended(text: str, line: str, words: frozenset[str]) -> str:
    if not line:
        return text
    if text.endswith(_CUTS) and line[0].isalpha() and text[-2:-1].isalpha():
        return text[:-1] + line
    if not text.endswith(_HYPHENS):
        return f"{text} {line}"
    head, tail = _HEAD.search(text[:-1]), _WORD.match(line)
    if head is None or tail is None:
        return f"{text} {line}"
    return (text if _keeps_hyphen(head[0], tail[0], words) else text[:-1]) + line


def _keeps_hyphen(head: str, tail: str, words: frozenset[str]) -> bool:
    """Whether the word is written with a hyphen: `head` stood before it at the line's end, `tail` begins the next."""
    last = _LAST_PART.search(head)
    before = last[0] if last else head
    if not tail[0].islower() or len(before) == 1 or len(tail) == 1:
        return True
    if any(letter.isdigit() or letter.isupper() for letter in before[1:]) or before[0].isdigit():
        return True
    if bool(_CYRILLIC.match(before[-1])) != bool(_CYRILLIC.match(tail[0])):
        return True
    head, tail = (_NOT_HYPHEN_MINUS.sub("-", part).casefold() for part in (head, tail))
    if f"{head}-{tail}" in words:
        return True
    if head + tail in words:
        return False
    return is_hyphenated(head, tail)
