"""What a page draws: whether all of it is there, and leaving out what it does not draw.

Some programs give all pages of a document the pictures of all pages, by a dictionary of resources that they share. Such
a dictionary is cut down, before any of the pictures is read, to the names that the page's operators mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pikepdf

from textdrop.adapters.files.images import is_whole_jpeg
from textdrop.adapters.files.qpdf import UNPACKED_BYTES, damaged

# In the operators of a page: "/Name Do". A name with an escape (#) in it, which is rare, is left out.
_DRAWN = re.compile(rb"(/[^\s/\[\]<>(){}%#]+)\s+Do\b")
_NAME = re.compile(rb"/[^\s\0/\[\]<>(){}%]+")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_CUT_DOWN = frozenset({"/XObject", "/Font", "/Pattern", "/Shading", "/ColorSpace", "/ExtGState"})
# Used without being mentioned (PDF 1.7, 8.6.5.6).
_UNNAMED = frozenset({"/DefaultGray", "/DefaultRGB", "/DefaultCMYK"})
# qpdf sets no limit to what LZW unpacks to; 12 bits unpack to 3,838 bytes at most.
_LZW = frozenset({"/LZWDecode", "/LZW"})
_MAX_LZW_BYTES = UNPACKED_BYTES // 2600


class TooLarge(Exception):
    """The page is larger than a page may be, as far as has been seen."""


class _Unreadable(Exception):
    """Operators that cannot be unpacked, or unpack to too much."""


@dataclass(slots=True)
class Drawings:
    """Looks at what the pages of one open document draw. What was found whole is not read again for the next page."""

    encrypted: bool
    max_bytes: int
    _whole: set[tuple[int, int]] = field(default_factory=set)

    def are_whole(self, page: pikepdf.Dictionary, most_names: int) -> bool:
        """Whether the page's content, and all that it and its annotations may draw, have their data.

        Resources with more than `most_names` pictures and forms are cut down first, the page's and each form's. Raises
        TooLarge, and Refusal (`damaged`) for a JPEG that is cut off.
        """
        whole = all(self._has_data(part) for part in contents(page))
        holders: list[pikepdf.Object] = [page]
        seen: set[tuple[int, int]] = set()
        for appearance in _appearances(page):
            whole &= self._has_data(appearance)
            holders.append(appearance)
        while holders:
            for drawing in self._drawings(holders.pop(), most_names):
                if isinstance(drawing, pikepdf.Stream) and drawing.objgen in seen:
                    continue
                if not self._has_data(drawing):
                    whole = False
                    continue
                seen.add(drawing.objgen)
                holders.append(drawing)
        return whole

    def _drawings(self, holder: pikepdf.Object, most_names: int) -> Iterator[pikepdf.Object]:
        """The pictures and forms in the resources of a page or form."""
        resources = holder.get("/Resources")
        if not isinstance(resources, pikepdf.Dictionary):
            return
        drawings = resources.get("/XObject")
        if isinstance(drawings, pikepdf.Dictionary) and len(drawings) > most_names:
            _cut_down(holder, resources, drawings)
            drawings = holder["/Resources"].get("/XObject")
        if isinstance(drawings, pikepdf.Dictionary):
            for name in drawings.keys():  # noqa: SIM118 - not a mapping
                yield drawings[name]

    def _has_data(self, part: pikepdf.Object) -> bool:
        """Whether it is a stream that is not empty unless it says so; a picture must be as long as it says."""
        if not isinstance(part, pikepdf.Stream):
            return False
        if part.objgen in self._whole:
            return True
        length = part.get("/Length")
        least = length if isinstance(length, int) else 0
        if least > (self.max_bytes if "/Filter" in part else UNPACKED_BYTES):
            raise TooLarge
        # Changed line ends make text a little shorter, and decryption makes all data so: nothing is lost by either.
        if self.encrypted or part.get("/Subtype") != "/Image":
            least = min(least, 1)
        data = part.read_raw_bytes()
        if len(data) < least:
            return False
        if part.get("/Filter") == "/DCTDecode" and not is_whole_jpeg(data):
            raise damaged("The PDF holds a JPEG image that is cut off: the end of it is missing.")
        self._whole.add(part.objgen)
        return True


def draws_what_is_lost(page: pikepdf.Dictionary) -> bool:
    """Whether the page has no content, or draws a picture or form that is not in its resources."""
    parts = contents(page)
    try:
        drawn = set(_DRAWN.findall(_operators(parts)))
    except _Unreadable:
        raise damaged("The PDF is damaged, and too large when unpacked to be mended.") from None
    resources = page.get("/Resources")
    drawings = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    there = drawings.keys() if isinstance(drawings, pikepdf.Dictionary) else set()
    has_content = any(isinstance(part, pikepdf.Stream) for part in parts)
    return not has_content or any(name.decode("latin-1") not in there for name in drawn)


def contents(page: pikepdf.Object) -> list[pikepdf.Object]:
    """The streams that the page's operators are in, as far as they are there."""
    found = page.get("/Contents")
    if found is None:
        return []
    return list(found) if isinstance(found, pikepdf.Array) else [found]


def _appearances(page: pikepdf.Dictionary) -> Iterator[pikepdf.Object]:
    """What the page's annotations look like, in each of their states."""
    for annotation in page.get("/Annots", []):
        states = annotation.get("/AP")
        look = states.get("/N") if isinstance(states, pikepdf.Dictionary) else None
        if isinstance(look, pikepdf.Stream):
            yield look
        elif isinstance(look, pikepdf.Dictionary):
            yield from (look[state] for state in look.keys() if isinstance(look[state], pikepdf.Stream))  # noqa: SIM118


def _cut_down(holder: pikepdf.Object, resources: pikepdf.Dictionary, drawings: pikepdf.Dictionary) -> None:
    """Replaces the resources of a page or form by those of a name that its operators mention.

    The others are not even looked at: listing the names of a dictionary makes qpdf read all that they stand for.
    """
    try:
        names = _names([holder] if isinstance(holder, pikepdf.Stream) else contents(holder))
        looked_at: set[str] = set()
        while pending := [name for name in names - looked_at if name in drawings]:
            looked_at.update(pending)
            # A form without resources of its own uses the page's (PDF 1.7, 7.8.3).
            for form in (drawings[name] for name in pending):
                if isinstance(form, pikepdf.Stream) and form.get("/Subtype") == "/Form" and "/Resources" not in form:
                    names |= _names([form])
    except _Unreadable:
        return
    left = pikepdf.Dictionary()
    for category in resources.keys():  # noqa: SIM118 - not a mapping
        members = resources[category]
        if category in _CUT_DOWN and isinstance(members, pikepdf.Dictionary):
            members = pikepdf.Dictionary({name: members[name] for name in names | _UNNAMED if name in members})
        left[category] = members
    holder["/Resources"] = left


def _names(parts: list[pikepdf.Object]) -> set[str]:
    """Each name in the operators, whatever it is used for."""
    found = {_ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), name) for name in _NAME.findall(_operators(parts))}
    try:
        return {name.decode("ascii") for name in found}
    except UnicodeDecodeError:
        # Names are bytes, and pikepdf's are text.
        raise _Unreadable from None


def _operators(parts: list[pikepdf.Object]) -> bytes:
    """The operators in these streams, each stream taken once."""
    operators: list[bytes] = []
    left_bytes = UNPACKED_BYTES
    for part in {part.objgen: part for part in parts if isinstance(part, pikepdf.Stream)}.values():
        filters = part.get("/Filter")
        names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
        try:
            if _LZW.intersection(names) and (len(names) > 1 or len(part.read_raw_bytes()) > _MAX_LZW_BYTES):
                raise _Unreadable
            operators.append(part.read_bytes())
        except pikepdf.PdfError:
            raise _Unreadable from None
        left_bytes -= len(operators[-1])
        if left_bytes < 0:
            raise _Unreadable
    # A name may not go on from one stream to the next (PDF 1.7, 7.8.2).
    return b"\n".join(operators)
