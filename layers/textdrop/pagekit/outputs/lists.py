"""What a line of a list begins with: a bullet, a dash, a number, a letter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A line with a `BULLET` is always an item; the others are also found outside lists."""

    BULLET = "bullet"
    DASH = "dash"
    NUMBER = "number"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class Marker:
    """The marker as it stands ("•", "–", "3.", "а)"), and the text after it."""

    kind: Kind
    text: str
    rest: str


_FORMS = (
    (Kind.BULLET, re.compile(r"[•◦▪▫■●○‣⁃∙➢➤►▸❖◆◇]\s*")),
    (Kind.DASH, re.compile(r"[-–]\s+(?=\S)")),
    (Kind.NUMBER, re.compile(r"(?:0|[1-9][0-9]{0,2})[.)]\s+(?=\S)")),
    (Kind.LETTER, re.compile(r"(?:\((?:[^\W\d_]|\d{1,2}|[ivx]{2,4})\)|(?:[^\W\d_]|[ivx]{2,4})\))\s+(?=\S)")),
)
# In a block that the service calls a list these are bullets too; elsewhere they are footnotes, dialogue, decimals.
_LISTED = re.compile(r"[*·—]\s+(?=\S)")


def marker(line: str, *, listed: bool) -> Marker | None:
    """The marker that the line begins with; `listed`: the service says that it is a line of a list."""
    for kind, form in _FORMS:
        found = form.match(line)
        if found:
            return Marker(kind, found[0].strip(), line[found.end() :])
    found = _LISTED.match(line) if listed else None
    return Marker(Kind.BULLET, found[0].strip(), line[found.end() :]) if found else None
