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
# Only so many last characters of a cut word are judged: words have fewer, and a page full of hyphens is one word.
_LONGEST_HEAD = 100
_NOT_HYPHEN_MINUS = re.compile("[\u2010\u2011]")
_CYRILLIC = re.compile("[\u0400-\u052f]")


def vocabulary(lines: Iterable[str]) -> frozenset[str]:
    """The words of a page as they stand within its lines, in lower case: rule 4 compares with them."""
    whole = (line.replace(SOFT_HYPHEN, "") for line in lines)
    return frozenset(_NOT_HYPHEN_MINUS.sub("-", word).casefold() for line in whole for word in _WORD.findall(line))


def ends_cut(line: str) -> bool:
    """Whether the line ends in a hyphen of any kind, so that its last word may continue in the next."""
    return line.endswith((*_HYPHENS, *_CUTS))


def joined(lines: Sequence[str], words: frozenset[str]) -> str:
    """The lines as one text; `words` is the page's vocabulary. Soft hyphens within it are gone."""
    parts: list[str] = []
    end = ""
    for line in filter(None, lines):
        if parts:
            joint = _joint(end, line, words)
            parts[-1] = parts[-1][:-1]
            parts.append(joint)
            end = end[:-1] + joint
        parts.append(line)
        end = (end + line)[-_LONGEST_HEAD - 1 :]
    return one_line("".join(parts).replace(SOFT_HYPHEN, ""))


def _joint(end: str, line: str, words: frozenset[str]) -> str:
    """What replaces the last character of `end`, in which the text ends so far, when the line follows."""
    if end.endswith(_CUTS) and line[0].isalpha() and end[-2:-1].isalpha():
        return ""
    if not end.endswith(_HYPHENS):
        return f"{end[-1]} "
    # The last word: a word turned round is one.
    head, tail = _WORD.match(end[-2::-1]), _WORD.match(line)
    if head is None or tail is None:
        return f"{end[-1]} "
    return end[-1] if _keeps_hyphen(head[0][::-1], tail[0], words) else ""


def _keeps_hyphen(head: str, tail: str, words: frozenset[str]) -> bool:
    """Whether the word is written with a hyphen: `head` stood before it at the line's end, `tail` begins the next
    line."""
    before = _NOT_HYPHEN_MINUS.sub("-", head).rpartition("-")[2]
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
