"""One page of a PDF as a file of its own, and whether it is whole.

The page and what it refers to are written as they are, nothing is unpacked and packed again, and nothing more than it
needs: inherited attributes become its own, of the pictures, forms, fonts and patterns in its resources those are taken
whose names occur in its content (many programs give all pages one dictionary with the pictures of all), annotations
lose their links and keep their looks, and hidden layers stay hidden. An encrypted document's page comes out decrypted.

It is written here and not by qpdf, which follows references by recursion: a chain of them overruns the stack.

While a page is cut, each of its parts is judged (`soundness.py`). A page that is not sound is
drawn.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pikepdf

from pagekit.pdf.qpdf import damaged
from pagekit.pdf.soundness import Soundness
from pagekit.pdf.syntax import (
    NULL,
    Entries,
    dictionary,
    entries_of,
    names_in,
    plain_name,
    reference_in,
    renumbered,
    text_of,
)

_INHERITED = (b"/Resources", b"/MediaBox", b"/CropBox", b"/Rotate")
_OF_A_PAGE = (b"/Contents", b"/Group", b"/UserUnit", b"/BleedBox", b"/TrimBox", b"/ArtBox")
# What may be left out where its name does not occur. Colour spaces may not: some stand in for others by their names.
_BY_NAME = (b"/XObject", b"/Font", b"/Pattern", b"/Shading", b"/ExtGState")
# What draws with the resources of the page or form that it is used in, if it has none of its own.
_DRAWING = (b"/XObject", b"/Font", b"/Pattern")
# Links to other pages and files, and what is attached.
_NOT_OF_AN_ANNOTATION = frozenset(
    {
        *(b"/P", b"/Parent", b"/Kids", b"/T", b"/A", b"/AA", b"/PA", b"/Dest", b"/Popup", b"/IRT", b"/FS"),
        *(b"/Sound", b"/Movie"),
    }
)
# What such annotations show is kept; as what they are they show nothing without what is left out.
_SHOWN_AS_STAMPS = frozenset({b"/FileAttachment", b"/Sound", b"/Movie", b"/Screen", b"/RichMedia"})
# What a field of a form gives to its parts, if they have none of their own.
_OF_A_FIELD = (b"/FT", b"/V", b"/DA", b"/Q", b"/Ff", b"/MaxLen", b"/Opt", b"/I")
_OF_A_FORM = (b"/NeedAppearances", b"/DA", b"/DR", b"/Q")
_OF_LAYERS = (b"/BaseState", b"/ON", b"/OFF", b"/AS", b"/Intent")
# Private data of programs, which can hold whole documents, and copies in other qualities.
_NOT_OF_A_STREAM = frozenset({b"/Length", b"/Metadata", b"/PieceInfo", b"/Alternates", b"/OPI"})
_OTHER_PAGES = (b"/Page", b"/Pages", b"/Catalog")
_FLATE = (b"/FlateDecode", b"[ /FlateDecode ]")

_MAX_PARTS = 50_000
_MAX_FIELD_DEPTH = 20
_MAX_FIELDS = 2_000
_UNPACKED_BYTES = 32 * 1024 * 1024
# LZW packs up to 2,500 times, and qpdf has no limit for it.
_LZW_BYTES = 16 * 1024
_TABLE_ENTRY_BYTES = 20

_CATALOG, _PAGES, _PAGE = 1, 2, 3


class PageTooLarge(Exception):
    """The page by itself is larger than it may be."""


class Fault(Enum):
    """Why a page that could be cut is not sound."""

    BROKEN_DATA = 1  # some of its data is broken; the page that was cut shows what is left of it
    LEFT_OUT = 2  # something is in the file that qpdf does not see
    MENDED = 3  # qpdf had to guess what an object of it is, or where


@dataclass(frozen=True, slots=True)
class CutPage:
    """A PDF of one page alone, and why it is not sound, if it is not."""

    content: bytes
    faults: frozenset[Fault]


def cut_page(
    document: pikepdf.Pdf,
    soundness: Soundness,
    number: int,
    page: pikepdf.Object,
    above: list[pikepdf.Object],
    *,
    max_bytes: int,
) -> CutPage:
    """The page cut out; the same bytes each time. `above` are the nodes over it, from the root on.

    Raises Refusal (`damaged`), PageTooLarge, or what pikepdf raises.
    """
    cut = _Cut(document, soundness, number, max_bytes)
    cut.add_page(page, above)
    cut.add_all_it_refers_to()
    return CutPage(cut.written_file(), frozenset(cut.faults))


@dataclass(slots=True)
class _Cut:
    """The parts of the file that is made, by their new numbers."""

    document: pikepdf.Pdf
    soundness: Soundness
    number: int
    max_bytes: int
    faults: set[Fault] = field(default_factory=set)
    parts: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    _size: int = 0
    _last: int = _PAGE
    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)

    def add_page(self, page: pikepdf.Object, above: list[pikepdf.Object]) -> None:
        entries = _chosen(entries_of(text_of(page, resolved=True)), _OF_A_PAGE)
        entries |= {name: value for name in _INHERITED if (value := _inherited(page, above, name)) != NULL}
        contents = _contents(page)
        for node in (page, *above):
            self._compare(node.objgen)
        if b"/Resources" in entries:
            entries[b"/Resources"] = self._needed(entries[b"/Resources"], contents)
        annotations, fields = self._add_annotations(page.get("/Annots"))
        self._add(
            _PAGE,
            entries,
            b"/Type /Page /Parent %d 0 R%b" % (_PAGES, b" /Annots [ %b ]" % annotations if annotations else b""),
        )
        self._add(_PAGES, {}, b"/Type /Pages /Count 1 /Kids [ %d 0 R ]" % _PAGE)
        more = b"/Type /Catalog /Pages %d 0 R" % _PAGES
        form = self.document.Root.get("/AcroForm")
        if fields and isinstance(form, pikepdf.Dictionary):
            form_entries = _chosen(entries_of(text_of(form, resolved=True)), _OF_A_FORM)
            more += b" /AcroForm " + self._dictionary(form_entries, b"/Fields [ %b ]" % fields)
        self._add(_CATALOG, self._layers(), more)

    def add_all_it_refers_to(self) -> None:
        while self._waiting:
            reference = self._waiting.popleft()
            number, found = self._numbers[reference], self.document.get_object(reference)
            self._compare(reference)
            if isinstance(found, pikepdf.Stream):
                self._add_stream(number, found)
            else:
                text = text_of(found, resolved=True)
                is_page = isinstance(found, pikepdf.Dictionary) and entries_of(text).get(b"/Type") in _OTHER_PAGES
                self._keep(number, NULL if is_page else renumbered(text, self._number_of))

    def written_file(self) -> bytes:
        pieces = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"]
        place = len(pieces[0])
        table = b"xref\n0 %d\n0000000000 65535 f \n" % (self._last + 1)
        for number in range(1, self._last + 1):
            table += b"%010d 00000 n \n" % place
            part = (b"%d 0 obj\n" % number, *self.parts[number], b"\nendobj\n")
            place += sum(map(len, part))
            pieces += part
        trailer = b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (self._last + 1, _CATALOG, place)
        if place + len(table) + len(trailer) > self.max_bytes:
            raise PageTooLarge
        return b"".join([*pieces, table, trailer])

    def _add_stream(self, number: int, stream: pikepdf.Object) -> None:
        entries = _stream_entries(stream)
        data = self._data(stream)
        # Changed line ends make text a little shorter, and decryption makes all data so: nothing is lost by either.
        exact = entries.get(b"/Subtype") == b"/Image" and not self.document.is_encrypted
        if not self.soundness.is_whole(stream, data, stated_bytes=_stated_bytes(stream) if exact else 0):
            self.faults.add(Fault.BROKEN_DATA)
        if entries.get(b"/Subtype") == b"/Form" and b"/Resources" in entries:
            entries[b"/Resources"] = self._needed(entries[b"/Resources"], [stream])
        entries = {name: value for name, value in entries.items() if name not in _NOT_OF_A_STREAM}
        text = self._dictionary(entries, b"/Length %d" % len(data))
        self._keep(number, text, b"\nstream\n", data, b"\nendstream")

    def _data(self, stream: pikepdf.Object) -> bytes:
        """The stream's data as it is. It may be a gigabyte, and qpdf reads it at once: so that is found out before."""
        if _stated_bytes(stream) > self.max_bytes:
            raise PageTooLarge
        return stream.read_raw_bytes()

    def _unpacked(self, stream: pikepdf.Object) -> bytes | None:
        """What a stream of operators unpacks to; None if it cannot be unpacked or is too large."""
        entries = _stream_entries(stream)
        packing = entries.get(b"/Filter", b"")
        data = self._data(stream)
        if packing in _FLATE and b"/DecodeParms" not in entries:
            # qpdf unpacks less, for the sake of its own needs.
            unpacker = zlib.decompressobj()
            with suppress(zlib.error):
                unpacked = unpacker.decompress(data, _UNPACKED_BYTES)
                return None if unpacker.unconsumed_tail else unpacked
        if b"LZW" in packing and len(data) > _LZW_BYTES:
            return None
        try:
            return stream.read_bytes()
        except pikepdf.PdfError:
            return None

    def _add_annotations(self, annotations: Any) -> tuple[bytes, bytes]:
        """References to all annotations, and to those of them that are fields of a form."""
        all_of_them: list[bytes] = []
        fields: list[bytes] = []
        for annotation in annotations if isinstance(annotations, pikepdf.Array) else []:
            entries = entries_of(text_of(annotation, resolved=True))
            if not entries:
                continue
            self._compare(annotation.objgen)
            kept = {name: value for name, value in entries.items() if name not in _NOT_OF_AN_ANNOTATION}
            if entries.get(b"/Subtype") in _SHOWN_AS_STAMPS and b"/AP" in entries:
                kept[b"/Subtype"] = b"/Stamp"
            number = self._new_number()
            all_of_them.append(b"%d 0 R" % number)
            if entries.get(b"/Subtype") == b"/Widget":
                fields.append(b"%d 0 R" % number)
                # Every field must have a name; what it is does not show.
                given = _of_its_field(annotation)
                if b"/FT" not in given and b"/FT" not in kept:
                    given = self._of_listed_field(annotation.objgen)
                kept = {**given, **kept, b"/T": b"(%d)" % number}
            self._add(number, kept, b"/P %d 0 R" % _PAGE)
        return b" ".join(all_of_them), b" ".join(fields)

    def _of_listed_field(self, widget: tuple[int, int]) -> Entries:
        """What a field gives to a part that does not say whose it is, but is among the field's own."""
        form = self.document.Root.get("/AcroForm")
        listed = form.get("/Fields") if isinstance(form, pikepdf.Dictionary) else None
        waiting: list[tuple[Any, Entries]] = [(field, {}) for field in _some(listed)]
        for _ in range(_MAX_FIELDS):
            if not waiting:
                break
            field, given = waiting.pop()
            if not isinstance(field, pikepdf.Dictionary):
                continue
            if field.objgen == widget:
                return given
            given = {**given, **_chosen(entries_of(text_of(field, resolved=True)), _OF_A_FIELD)}
            waiting += [(part, given) for part in _some(field.get("/Kids"))]
        return {}

    def _layers(self) -> Entries:
        """What the catalog must say for hidden layers to stay hidden."""
        layers = self._entries(text_of(self.document.Root.get("/OCProperties")))
        if not layers:
            return {}
        shown = dictionary(_chosen(self._entries(layers.get(b"/D", NULL)), _OF_LAYERS))
        return {b"/OCProperties": dictionary({b"/OCGs": layers.get(b"/OCGs", b"[ ]"), b"/D": shown})}

    def _needed(self, resources: bytes, contents: list[Any]) -> bytes:
        """The resources without those whose names do not occur in the content."""
        entries = self._entries(resources)
        kinds = {kind: self._entries(entries[kind]) for kind in _BY_NAME if kind in entries}
        if sum(map(len, kinds.values())) > 1:
            names = self._names(contents, kinds)
            if names is not None:
                kinds = {
                    kind: {name: value for name, value in found.items() if plain_name(name) in names}
                    for kind, found in kinds.items()
                }
                entries |= {kind: dictionary(found) for kind, found in kinds.items()}
        return dictionary(entries)

    def _names(self, contents: list[Any], kinds: dict[bytes, Entries]) -> set[bytes] | None:
        """Which of the names occur in the content and in what draws with the same resources; None if it is unknown."""
        names: set[bytes] = set()
        all_names = {plain_name(name) for found in kinds.values() for name in found}
        unused = [(plain_name(name), value) for kind in _DRAWING for name, value in kinds.get(kind, {}).items()]
        # Each with the names that it has of its own, beside these resources.
        waiting: list[tuple[Any, set[bytes]]] = [(part, set()) for part in contents]
        while waiting:
            for part, own_names in waiting:
                operators = self._unpacked(part) if isinstance(part, pikepdf.Stream) else b""
                if operators is None:
                    return None
                names |= names_in(operators, all_names) - own_names
            used = [self._found(value) for name, value in unused if name in names]
            unused = [(name, value) for name, value in unused if name not in names]
            if any(_is_drawn_by_procedures(font) for font in used):
                return None
            # What lacks a name in resources of its own, or has none, draws with those that it stands in; some viewers
            # look there in any case.
            waiting = [(drawing, self._own_names(drawing)) for drawing in used if _has_operators(drawing)]
        return names

    def _own_names(self, drawing: pikepdf.Object) -> set[bytes]:
        """The names in the resources that a form or pattern has of its own."""
        own = self._entries(_stream_entries(drawing).get(b"/Resources", NULL))
        return {plain_name(name) for kind in _BY_NAME if kind in own for name in self._entries(own[kind])}

    def _entries(self, value: bytes) -> Entries:
        """The entries of a dictionary, which may be a reference to it."""
        reference = reference_in(value)
        if reference is None:
            return entries_of(value)
        self._compare(reference)
        return entries_of(text_of(self.document.get_object(reference), resolved=True))

    def _found(self, value: bytes) -> Any:
        """What a reference refers to; None if the value is none, or refers to nothing."""
        reference = reference_in(value)
        return None if reference is None else self.document.get_object(reference)

    def _add(self, number: int, entries: Entries, more: bytes) -> None:
        self._keep(number, self._dictionary(entries, more))

    def _dictionary(self, entries: Entries, more: bytes) -> bytes:
        """The dictionary with the new numbers; `more` has them already."""
        return renumbered(dictionary(entries), self._number_of).removesuffix(b">>") + more + b" >>"

    def _keep(self, number: int, *pieces: bytes) -> None:
        self.parts[number] = pieces
        self._size += _TABLE_ENTRY_BYTES + sum(map(len, pieces))
        if self._size > self.max_bytes:
            raise PageTooLarge

    def _number_of(self, reference: tuple[int, int]) -> int:
        if reference not in self._numbers:
            self._numbers[reference] = self._new_number()
            self._waiting.append(reference)
        return self._numbers[reference]

    def _new_number(self) -> int:
        self._last += 1
        if self._last > _MAX_PARTS:
            raise damaged(f"Page {self.number:,} of the PDF is made of more than {_MAX_PARTS:,} parts.")
        return self._last

    def _compare(self, reference: tuple[int, int]) -> None:
        """Notices what the object refers to and qpdf leaves out."""
        if self.soundness.refers_to_what_is_left_out(reference, self.document):
            self.faults.add(Fault.LEFT_OUT)


def _inherited(page: pikepdf.Object, above: Iterable[pikepdf.Object], name: bytes) -> bytes:
    """The page's own attribute, or that of the nearest node above it that has one; null if none has."""
    for node in (page, *reversed(list(above))):
        value = node.get(name.decode())
        if value is not None:
            return text_of(value)
    return NULL


def _contents(page: pikepdf.Object) -> list[Any]:
    contents = page.get("/Contents")
    if contents is None:
        return []
    return list(contents) if isinstance(contents, pikepdf.Array) else [contents]


def _stream_entries(stream: pikepdf.Object) -> Entries:
    return entries_of(stream.stream_dict.unparse(resolved=True))


def _has_operators(drawing: Any) -> bool:
    """Whether it is a form or a pattern, and no picture."""
    return isinstance(drawing, pikepdf.Stream) and drawing.get("/Subtype") != "/Image"


def _is_drawn_by_procedures(font: Any) -> bool:
    """Whether it is a font whose letters are drawn with the resources of the page or form it is on."""
    return isinstance(font, pikepdf.Dictionary) and font.get("/Subtype") == "/Type3" and font.get("/Resources") is None


def _of_its_field(widget: pikepdf.Object) -> Entries:
    """What a field gives to its parts."""
    given: Entries = {}
    above = widget.get("/Parent")
    for _ in range(_MAX_FIELD_DEPTH):
        if not isinstance(above, pikepdf.Dictionary):
            break
        given = {**_chosen(entries_of(text_of(above, resolved=True)), _OF_A_FIELD), **given}
        above = above.get("/Parent")
    return given


def _some(listed: Any) -> list[Any]:
    """What is in an array, up to a number; nothing if it is none."""
    return list(listed)[:_MAX_FIELDS] if isinstance(listed, pikepdf.Array) else []


def _chosen(entries: Entries, names: Iterable[bytes]) -> Entries:
    return {name: entries[name] for name in names if name in entries}


def _stated_bytes(stream: pikepdf.Object) -> int:
    """How long the stream says it is; 0 if it does not say."""
    length = stream.get("/Length")
    return length if isinstance(length, int) else 0
