"""Objects of a PDF as text, in the form in which qpdf writes them.

In that form a string is hexadecimal or has a backslash before each bracket in it, a name has each odd byte escaped (#),
and tokens are separated: so a few patterns suffice. pikepdf's own dictionaries cannot be used for this: they do not
accept names that are not UTF-8, as all the Russian ones that older programs wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import pikepdf

Entries = dict[bytes, bytes]
"""Names with their slash, and values as text: "/Rotate" and "90", "/Contents" and "4 0 R"."""

Resource = tuple[bytes, bytes]
"""The kind of a resource and its name, without slash and escapes: "/Font" and "F1"."""

NULL = b"null"

_PIECE_BYTES = 256 * 1024

_STRING = rb"\([^\\()]*(?:\\.[^\\()]*)*\)|<[0-9a-fA-F]+>"
_REFERENCE = re.compile(rb"(\d+) (\d+) R")
_REFERENCE_OR_STRING = re.compile(_STRING + rb"|(?<![^ ])(\d+) (\d+) R(?![^ ])", re.DOTALL)
_STRUCTURE = re.compile(_STRING + rb"|<<|>>|\[|\]|(/[^\s/\[\]<>(){}%]*)", re.DOTALL)
# A name in a page's content with what follows: the operator that it is for, or what shows that it is a tag.
_SPACE, _REGULAR = rb"[\x00\t\n\x0c\r ]", rb"[^\x00\t\n\x0c\r /\[\]<>(){}%]"
_NAME = re.compile(
    rb"/(%b*+)(?:%b*+(?:(?:[-+.\d]++%b++)?([A-Za-z]{2,3}(?!%b)|<<)|(?=(/)%b*+%b*+(?:BDC|DP))))?"
    % (_REGULAR, _SPACE, _SPACE, _REGULAR, _REGULAR, _SPACE)
)
_KINDS = (b"/XObject", b"/Font", b"/Pattern", b"/Shading", b"/ExtGState", b"/ColorSpace", b"/Properties")
_NAMED_BY: dict[bytes, tuple[bytes, ...]] = {
    b"Do": (b"/XObject",),
    b"Tf": (b"/Font",),
    b"gs": (b"/ExtGState",),
    b"sh": (b"/Shading",),
    **dict.fromkeys((b"cs", b"CS"), (b"/ColorSpace",)),
    **dict.fromkeys((b"scn", b"SCN"), (b"/Pattern",)),
    **dict.fromkeys((b"BDC", b"DP"), (b"/Properties",)),
    # Tags of marked content, and keys.
    **dict.fromkeys((b"BMC", b"MP", b"<<", b"/"), ()),
}
_ESCAPE = re.compile(rb"#([0-9a-fA-F]{2})")


def text_of(value: Any, *, resolved: bool = False) -> bytes:
    """The object as text: "5 0 R" if it is one that others refer to, unless it is to be resolved."""
    if isinstance(value, pikepdf.Object):
        return value.unparse(resolved=resolved)
    # What pikepdf gives as Python's own: numbers, truth values and null.
    return pikepdf.Array([value]).unparse().removeprefix(b"[").removesuffix(b"]").strip()


def entries_of(text: bytes) -> Entries:
    """The entries of a dictionary; none if it is not a dictionary."""
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


def references_in(text: bytes) -> list[tuple[int, int]]:
    """Number and generation of each reference in the text."""
    return [(int(found[1]), int(found[2])) for found in _REFERENCE_OR_STRING.finditer(text) if found[1]]


def renumbered(text: bytes, number_of: Callable[[tuple[int, int]], int]) -> bytes:
    """The text with other numbers in its references."""

    def replaced(found: re.Match[bytes]) -> bytes:
        return found[0] if found[1] is None else b"%d 0 R" % number_of((int(found[1]), int(found[2])))

    return _REFERENCE_OR_STRING.sub(replaced, text)


def names_in(text: bytes) -> list[bytes]:
    """Each name in the text, with its slash."""
    return [token[1] for token in _STRUCTURE.finditer(text) if token[1]]


def named_in(content: bytes, among: Collection[Resource]) -> set[Resource]:
    """The resources that occur in the operators, or seem to."""
    found: set[Resource] = set()
    start = 0
    while start < len(content):
        # In pieces that begin with names, as there may be millions.
        end = content.find(b"/", start + _PIECE_BYTES)
        end = len(content) if end < 0 else end
        for name, operator, tag in set(_NAME.findall(content, start, end)):
            kinds = _NAMED_BY.get(operator or tag, _KINDS)
            plain = plain_name(name)
            found.update(resource for kind in kinds if (resource := (kind, plain)) in among)
        start = end
    return found


def plain_name(name: bytes) -> bytes:
    """A name without its slash and escapes."""
    name = name.removeprefix(b"/")
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name) if b"#" in name else name
