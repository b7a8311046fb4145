"""Whether text that a PDF gives for a page is text: real letters in what looks like words.

A font may give its letters as anything: as private codes, as those of another alphabet, or as nothing. Only Latin,
Cyrillic and Greek words are judged; a page in other letters is not readable here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

MIN_LETTERS = 100
"""A page with fewer has a number, a heading or a scanner's stamp, and perhaps all the rest in a picture."""

# Of all characters, as an icon of an odd font among them is no harm.
_MOST_UNKNOWN = 0.01
# Of all letters, as names of goods and lists of codes have odd words too.
_MOST_ODD = 0.06
_VOWELS_SHARE = (0.25, 0.6)
_MOST_SINGLE = 0.4
_LONGEST_WORD = 40

_LATIN = "A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ"
_CYRILLIC = "Ѐ-ԯ"
_GREEK = "Ͱ-Ͽἀ-῿"
_LETTERS = f"{_LATIN}{_CYRILLIC}{_GREEK}"
# Punctuation, currencies, numbers, arrows, mathematics and bullets.
_KNOWN = re.compile(f"[{_LETTERS}!-@\\[-`{{-~¡-©«-¹»-¿×÷\u0300-\u036f‐-‧‰-⁞⁰-₿℀-⋿■-◿✓-✘]")
_PART = re.compile(f"[{_LETTERS}\u0300-\u036f]+")
_ADDRESS = re.compile("://|^www\\.|@")
_CASES_MIXED = re.compile(f"[{_LETTERS}]*[a-zа-яё][A-ZА-ЯЁ]+[a-zа-яё]*")
_DIGITS_MIXED = re.compile(f"[{_LETTERS}]+[0-9]+[{_LETTERS}]|[0-9][{_LETTERS}]+[0-9]")
_MARKS_MIXED = re.compile(f"[{_LETTERS}][!-&*+<-?\\[-^`{{-~¡-©«-¹»-¿]+[{_LETTERS}]")
# Of a word's letters: "été" has two thirds, Cyrillic that is taken for a coding of Latin letters nothing else.
_OF_MISTAKEN_CYRILLIC = 0.7
_ACCENTED = re.compile("[À-ÖØ-öø-ɏ]")
_SCRIPTS = tuple(re.compile(f"[{script}]") for script in (_LATIN, _CYRILLIC, _GREEK))
_VOWELS = frozenset("aeiouyıæøœəаеиоуыэюяіїєөүұәѣαεηιουω")


def is_readable(words: Sequence[str]) -> bool:
    """Whether the words of a page are enough, and such as people write."""
    text = "".join(words)
    parts = _PART.findall(" ".join(words))
    letters = sum(map(len, parts))
    if letters < MIN_LETTERS or len(text) - len(_KNOWN.findall(text)) > _MOST_UNKNOWN * len(text):
        return False
    odd = sum(len(word) for word in words if _is_odd(word))
    single = sum(len(part) == 1 for part in parts)
    return (
        odd <= _MOST_ODD * letters
        and single <= _MOST_SINGLE * len(parts)
        and _VOWELS_SHARE[0] <= _vowels(parts) / letters <= _VOWELS_SHARE[1]
    )


def _is_odd(word: str) -> bool:
    """Whether it is nothing that people write, but for names of goods and the like."""
    if _ADDRESS.search(word):
        return False
    part = max(_PART.findall(word), key=len, default="")
    return bool(
        len(part) > _LONGEST_WORD
        or (len(part) > 2 and len(_ACCENTED.findall(part)) > _OF_MISTAKEN_CYRILLIC * len(part))
        or sum(bool(script.search(part)) for script in _SCRIPTS) > 1
        or _CASES_MIXED.search(word)
        or _DIGITS_MIXED.search(word)
        or _MARKS_MIXED.search(word)
    )


def _vowels(parts: Iterable[str]) -> int:
    without_accents = unicodedata.normalize("NFD", "".join(parts).casefold())
    return sum(letter in _VOWELS for letter in without_accents)
