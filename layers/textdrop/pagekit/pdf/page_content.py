"""A page's operators: unpacked within bounds, and rewritten without its invisible text."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from pikepdf import Name

_UNPACKED_BYTES = 4 * 1024 * 1024
_FLATE = ("/FlateDecode", "/Fl")
_DRAWN = re.compile(rb"(/[^\s/\[\]<>(){}%]+)\s+Do\b")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


@dataclass(slots=True)
class Cleaning:
    """What to take out of a stream of operators to remove its unseen text.

    `unseen`: which of its operators that show text, counted from 0; `forms`: which of its operators `Do`, and what to
    take out of the form that each draws.
    """

    unseen: set[int] = field(default_factory=set)
    forms: dict[int, Cleaning] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.unseen or self.forms)


def unpacked(stream: pikepdf.Object) -> bytes | None:
    """What a stream of operators unpacks to; None if it cannot be unpacked or is too large, as a map's can be."""
    data = stream.read_raw_bytes()
    packing = stream.get("/Filter")
    if isinstance(packing, pikepdf.Array) and len(packing) == 1:
        packing = packing[0]
    if packing is None or (isinstance(packing, pikepdf.Array) and not len(packing)):
        return data if len(data) <= _UNPACKED_BYTES else None
    if packing in _FLATE and stream.get("/DecodeParms") is None:
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(data, _UNPACKED_BYTES)
        except zlib.error:
            return None
        return None if unpacker.unconsumed_tail else content
    try:
        content = stream.read_bytes()
    except pikepdf.PdfError:
        return None
    return content if len(content) <= _UNPACKED_BYTES else None


def content_streams(page: pikepdf.Object) -> list[pikepdf.Object]:
    """The page's streams of operators, in order."""
    contents = page.get("/Contents")
    parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return [part for part in parts if isinstance(part, pikepdf.Stream)]


def joined(streams: list[pikepdf.Object]) -> bytes | None:
    """All operators of a page; None as above. An operator may not reach over the end of a stream."""
    parts: list[bytes] = []
    for stream in streams:
        part = unpacked(stream)
        if part is None or sum(map(len, parts)) + len(part) > _UNPACKED_BYTES:
            return None
        parts.append(part)
    return b"\n".join(parts)


def drawn_names(operators: bytes) -> Iterator[str]:
    """The names of everything that is drawn, or seems to be."""
    for found in _DRAWN.finditer(operators):
        yield _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), found[1]).decode("utf-8", "replace")


def cleaned(
    document: pikepdf.Pdf, content: pikepdf.Object | pikepdf.Page, resources: pikepdf.Object | None, cleaning: Cleaning
) -> bytes:
    """The operators of `content` without the unseen text, packed.

    Forms that contain some of it stay as they are, as they may be drawn elsewhere too: new ones are put beside them.
    """
    kept: list[Any] = []
    shown = drawn = -1
    new_names: list[tuple[str, Cleaning, str]] = []
    for instruction in pikepdf.parse_content_stream(content):
        operator = str(instruction.operator)
        if operator in ("Tj", "TJ", "'", '"'):
            shown += 1
            if shown in cleaning.unseen:
                kept += _without_letters(instruction, operator)
                continue
        elif operator == "Do":
            drawn += 1
            if drawn in cleaning.forms:
                name, wanted = str(instruction.operands[0]), cleaning.forms[drawn]
                new = next((made for of, by, made in new_names if of == name and by == wanted), None)
                if new is None:
                    new = _cleaned_form(document, resources, name, wanted)
                    new_names.append((name, wanted, new))
                kept.append(([Name(new)], pikepdf.Operator("Do")))
                continue
        kept.append(instruction)
    return zlib.compress(pikepdf.unparse_content_stream(kept))


def _without_letters(instruction: Any, operator: str) -> list[Any]:
    """What else the operator does: the one-letter operators move to the next line before they show text."""
    if operator in ("Tj", "TJ"):
        return []
    moves: list[Any] = []
    if operator == '"' and len(instruction.operands) == 3:
        word_space, letter_space, _ = instruction.operands
        moves = [([word_space], pikepdf.Operator("Tw")), ([letter_space], pikepdf.Operator("Tc"))]
    return [*moves, ([], pikepdf.Operator("T*"))]


def _cleaned_form(document: pikepdf.Pdf, resources: Any, name: str, cleaning: Cleaning) -> str:
    """The name in the resources of a form like the named one, but without its unseen text."""
    drawings = resources["/XObject"]
    form = drawings[name]
    operators = cleaned(document, form, form.get("/Resources", resources), cleaning)
    new = document.make_stream(operators)
    for entry, value in form.items():
        if entry not in ("/Length", "/Filter", "/DecodeParms", "/F", "/FFilter", "/FDecodeParms"):
            new[entry] = value
    new.Filter = Name.FlateDecode
    new_name = free_name(drawings, new, f"{name}Seen")
    drawings[new_name] = new
    return new_name


def free_name(entries: pikepdf.Object | None, value: pikepdf.Object, wanted: str) -> str:
    """The name under which the value is in the dictionary or may be put there: the wanted one or, if something else has
    that, a similar one."""
    name, number = wanted, 1
    while entries is not None and name in entries and getattr(entries[name], "objgen", None) != value.objgen:
        name, number = f"{wanted}{number}", number + 1
    return name
