"""Settles which script each word is in: engines mix up Latin and Cyrillic letters that look alike.

A word's own letters decide if one of them exists in only one script; a word of nothing but look-alikes follows its
line. The parts of a word with a hyphen are settled separately.
"""

import re
from collections.abc import Collection

LATIN_LOOK_ALIKES = "ABCEHKMOPTXYaceopxy"
CYRILLIC_LOOK_ALIKES = "АВСЕНКМОРТХУасеорху"
TO_CYRILLIC = str.maketrans(LATIN_LOOK_ALIKES, CYRILLIC_LOOK_ALIKES)
TO_LATIN = str.maketrans(CYRILLIC_LOOK_ALIKES, LATIN_LOOK_ALIKES)
LETTERS = re.compile(r"[^\W\d_]+")

WRITTEN_IN_CYRILLIC = frozenset(("ba", "be", "bg", "cv", "kk", "ky", "ru", "sah", "sr", "tg", "tt"))
"""Languages, ISO 639-1, among those that the service knows."""


def wants_cyrillic(languages: Collection[str]) -> bool:
    """Whether a page with these languages may have Cyrillic letters; "*", or none, means any language."""
    return not languages or "*" in languages or not WRITTEN_IN_CYRILLIC.isdisjoint(languages)


def is_cyrillic(character: str) -> bool:
    """Whether it is a letter of the Cyrillic block."""
    return "\u0400" <= character <= "\u04ff"


def is_latin(character: str) -> bool:
    """Whether it is a letter of the Latin alphabet or its accented forms."""
    return character.isalpha() and character < "\u0250"


def settle_line(words: list[str]) -> list[str]:
    """The words of a line, each run of letters in one script; a run that fits both scripts equally stays as it is."""
    text = "".join(words)
    line = _leaning(text) or sum(map(is_cyrillic, text)) - sum(map(is_latin, text))
    return [LETTERS.sub(lambda run: _settle(run[0], line), word) for word in words]


def languages(words: list[str]) -> tuple[str, ...]:
    """The languages of settled words, ISO 639-1: `ru` for Cyrillic, `en` for Latin, the one with more letters first."""
    letters = "".join(words)
    counts = {"ru": sum(map(is_cyrillic, letters)), "en": sum(map(is_latin, letters))}
    return tuple(sorted((code for code in counts if counts[code]), key=lambda code: -counts[code]))


def _leaning(text: str) -> int:
    """The number of letters that are surely Cyrillic, minus those that are surely Latin."""
    cyrillic = sum(is_cyrillic(letter) and letter not in CYRILLIC_LOOK_ALIKES for letter in text)
    latin = sum(is_latin(letter) and letter not in LATIN_LOOK_ALIKES for letter in text)
    return cyrillic - latin


def _settle(run: str, line: int) -> str:
    only_look_alikes = all(letter in LATIN_LOOK_ALIKES + CYRILLIC_LOOK_ALIKES for letter in run)
    leaning = line if only_look_alikes else _leaning(run)
    if leaning > 0:
        return run.translate(TO_CYRILLIC)
    if leaning < 0:
        return run.translate(TO_LATIN)
    return run
