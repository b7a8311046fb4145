"""Objects of a PDF as text, in the form in which qpdf writes them.

In that form a string has a backslash before each bracket in it or is hexadecimal, a name has each odd byte escaped (#),
and tokens are apart: so few patterns are enough. pikepdf's own dictionaries cannot be used for this: they take no names
that are not UTF-8, which are all the Russian ones that older programs wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pikepdf

Entries = dict[bytes, bytes]
"""Names with their slash, and values as text: "/Rotate" and "90", "/Contents" and "4 0 R"."""

NULL = b"null"

_STRING = rb"\([^\\()]*(?:\\.[^\\()]*)*\)|<[0-9a-fA-F]+>"
_REFERENCE = re.compile(rb"(\d+) (\d+) R")
_REFERENCE_OR_STRING = re.compile(_STRING + rb"|(?<![^ ])(\d+) (\d+) R(?![^ ])", re.DOTALL)
_STRUCTURE = re.compile(_STRING + rb"|<<|>>|\[|\]|(/[^\s/\[\]<>(){}%]*)", re.DOTALL)
_NAME = re.compile(rb"/([^\x00\t\n\x0c\r /\[\]<>(){}%]*)")
_ESCAPE = re.compile(rb"#([0-9a-fA-F]{2})")


def text_of(value: Any, *, resolved: bool = False) -> bytes:
    """The object as text: "5 0 R" if it is one that others refer to, unless it is to be resolved."""
    if isinstance(value, pikepdf.Object):
        return value.unparse(resolved=resolved)
    # What pikepdf gives as Python's own: numbers, truth values and null.
    return pikepdf.Array([value]).unparse().removeprefix(b"[").removesuffix(b"]").strip()


def entries_of(text: bytes) -> Entries:
    """The entries of a dictionary; none if it is no dictionary."""
    if not text.startswith(b"<<"):
        return {}
    entries: Entries = {}
    depth, name, start = 0, b"", 0
    for token in _STRUCTURE.finditer(text):
        if token[0] in (b"<<", b"["):
            depth += 1
        elif token[0] in (b">>", b"]"):
            depth -= 1
        if (depth == 1 and token[1] is not None) or depth == 0:
            value = text[start : token.start()].strip()
            if name and not value and depth:
                # The value is a name itself.
                entries[name], name, start = token[1], b"", token.end()
                continue
            if name:
                entries[name] = value
            name, start = token[1] or b"", token.end()
    return entries


def dictionary(entries: Entries, more: bytes = b"") -> bytes:
    """The text of a dictionary with these entries, and with some that are text already."""
    return b"<< %b %b >>" % (b" ".join(b"%b %b" % entry for entry in entries.items()), more)


def reference_in(value: bytes) -> tuple[int, int] | None:
    """Number and generation, if the value is a reference and nothing else."""
    found = _REFERENCE.fullmatch(value)
    return (int(found[1]), int(found[2])) if found else None


def renumbered(text: bytes, number_of: Callable[[tuple[int, int]], int]) -> bytes:
    """The text with other numbers in its references."""

    def replaced(found: re.Match[bytes]) -> bytes:
        return found[0] if found[1] is None else b"%d 0 R" % number_of((int(found[1]), int(found[2])))

    return _REFERENCE_OR_STRING.sub(replaced, text)


def names_in(content: bytes, among: set[bytes]) -> set[bytes]:
    """Those names, without slashes and escapes, that occur in operators, or seem to."""
    return {name for found in _NAME.finditer(content) if (name := plain_name(found[1])) in among}


def plain_name(name: bytes) -> bytes:
    """A name without its slash and escapes."""
    name = name.removeprefix(b"/")
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name) if b"#" in name else name
