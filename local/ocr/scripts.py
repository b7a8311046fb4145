"""Settles, word by word, which script a word is in: engines mix up Latin and Cyrillic letters that look alike.

A word's own letters decide where any of them exists in one script alone; a word of look-alikes only follows its line.
"""

LATIN_LOOK_ALIKES = "ABCEHKMOPTXYaceopxy"
CYRILLIC_LOOK_ALIKES = "АВСЕНКМОРТХУасеорху"
TO_CYRILLIC = str.maketrans(LATIN_LOOK_ALIKES, CYRILLIC_LOOK_ALIKES)
TO_LATIN = str.maketrans(CYRILLIC_LOOK_ALIKES, LATIN_LOOK_ALIKES)


def is_cyrillic(character: str) -> bool:
    """Whether it is a letter of the Cyrillic block."""
    return "\u0400" <= character <= "\u04ff"


def is_latin(character: str) -> bool:
    """Whether it is a letter of the Latin alphabet or its accented forms."""
    return character.isalpha() and character < "\u0250"


def settle_line(words: list[str]) -> list[str]:
    """The words of a line, each with its look-alikes in one script; a word as sure of both scripts stays as it is."""
    leaning = [_leaning(word) for word in words]
    line = sum(leaning) or sum(_apparent(word) for word in words)
    return [_settle(word, own, line) for word, own in zip(words, leaning, strict=True)]


def languages(words: list[str]) -> tuple[str, ...]:
    """The languages of settled words, ISO 639-1: `ru` for Cyrillic, `en` for Latin, the one of more letters first."""
    letters = "".join(words)
    counts = {"ru": sum(map(is_cyrillic, letters)), "en": sum(map(is_latin, letters))}
    return tuple(sorted((code for code in counts if counts[code]), key=lambda code: -counts[code]))


def _leaning(word: str) -> int:
    """Letters that are surely Cyrillic, less those that are surely Latin."""
    cyrillic = sum(is_cyrillic(letter) and letter not in CYRILLIC_LOOK_ALIKES for letter in word)
    latin = sum(is_latin(letter) and letter not in LATIN_LOOK_ALIKES for letter in word)
    return cyrillic - latin


def _apparent(word: str) -> int:
    return sum(map(is_cyrillic, word)) - sum(map(is_latin, word))


def _settle(word: str, own: int, line: int) -> str:
    decisive = own or (line if _only_look_alikes(word) else 0)
    if decisive > 0:
        return word.translate(TO_CYRILLIC)
    if decisive < 0:
        return word.translate(TO_LATIN)
    return word


def _only_look_alikes(word: str) -> bool:
    """No letter tells: neither sure letters that cancel each other out, nor any at all."""
    return all(letter in LATIN_LOOK_ALIKES + CYRILLIC_LOOK_ALIKES for letter in word if letter.isalpha())
