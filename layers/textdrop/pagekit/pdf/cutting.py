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
from collections import ChainMap, deque
from collections.abc import Iterable, Iterator
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
    Resource,
    dictionary,
    entries_of,
    named_in,
    names_in,
    plain_name,
    reference_in,
    references_in,
    renumbered,
    text_of,
)

_INHERITED = (b"/MediaBox", b"/CropBox", b"/Rotate")
_OF_A_PAGE = (b"/Contents", b"/Group", b"/UserUnit", b"/BleedBox", b"/TrimBox", b"/ArtBox")
# All of its resources that can be seen. Procedure sets only told printers what to load.
_RESOURCES = (b"/XObject", b"/Font", b"/Pattern", b"/Shading", b"/ExtGState", b"/ColorSpace", b"/Properties")
# What is used in place of something else, not by its own name.
_STAND_INS = tuple((b"/ColorSpace", name) for name in (b"DefaultGray", b"DefaultRGB", b"DefaultCMYK"))
# Links to other pages and files, what is attached, and its place in the document's structure.
_NOT_OF_AN_ANNOTATION = frozenset(
    {
        *(b"/P", b"/Parent", b"/Kids", b"/T", b"/A", b"/AA", b"/PA", b"/Dest", b"/Popup", b"/IRT", b"/FS"),
        *(b"/Sound", b"/Movie", b"/StructParent"),
    }
)
# The appearance of such annotations is kept; as their own kind they show nothing without what is left out.
_SHOWN_AS_STAMPS = frozenset({b"/FileAttachment", b"/Sound", b"/Movie", b"/Screen", b"/RichMedia"})
# What a field of a form passes on to its parts, if they have none of their own.
_OF_A_FIELD = (b"/FT", b"/V", b"/DA", b"/Q", b"/Ff", b"/MaxLen", b"/Opt", b"/I")
_OF_A_FORM = (b"/NeedAppearances", b"/DA", b"/DR", b"/Q")
# Private data of programs, which can hold whole documents, copies in other qualities, places in the structure.
_NOT_OF_A_STREAM = frozenset(
    {
        *(b"/Length", b"/Metadata", b"/PieceInfo", b"/Alternates", b"/OPI"),
        *(b"/StructParent", b"/StructParents"),
    }
)
_PACKING = frozenset({b"/Filter", b"/DecodeParms"})
_OTHER_PAGES = (b"/Page", b"/Pages", b"/Catalog")
_FLATE = (b"/FlateDecode", b"[ /FlateDecode ]")

_MAX_PARTS = 50_000
_MAX_FIELD_DEPTH = 20
_MAX_FIELDS = 2_000
_UNPACKED_BYTES = 32 * 1024 * 1024
# LZW packs up to 2,500 times, and qpdf has no limit for it.
_LZW_BYTES = 16 * 1024
_TABLE_ENTRY_BYTES = 20
# Forms can draw one another without end: only so much of a page's operators is read; each stream and name adds some.
_MAX_READ_BYTES = _UNPACKED_BYTES
_READING_BYTES = 2 * 1024
_NAME_BYTES = 256

_CATALOG, _PAGES, _PAGE = 1, 2, 3


_Operators = tuple[Any, bytes]
"""Operators, or a stream of them; and, as text, the resources of their own that they draw from, null if they have
none."""

_Listed = dict[Resource, tuple[bytes, bytes]]
"""The content of a dictionary of resources: each name as it is written, and the value."""


class PageTooLarge(Exception):
    """The page is larger than a page may be."""


class Fault(Enum):
    """Why a page that could be cut is not sound."""

    BROKEN_DATA = 1  # some of its data is broken; the cut page shows what is left of it
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
    """The page cut out; the same bytes each time. `above` are the nodes over it, from the root down.

    Raises Refusal (`damaged`), PageTooLarge, or what pikepdf raises.
    """
    cut = _Cut(document, soundness, number, max_bytes)
    form = cut.add_page(page, above)
    cut.add_all_it_refers_to()
    cut.add_catalog(form)
    cut.add_all_it_refers_to()
    return CutPage(cut.written_file(), frozenset(cut.faults))


@dataclass(slots=True)
class _Cut:
    """The parts of the new file, by their new numbers."""

    document: pikepdf.Pdf
    soundness: Soundness
    number: int
    max_bytes: int
    faults: set[Fault] = field(default_factory=set)
    parts: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    _size: int = 0
    _read_bytes: int = 0
    _last: int = _PAGE
    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)
    _lists: dict[bytes, _Listed] = field(default_factory=dict)
    _of_page: _Listed = field(default_factory=dict)

    def add_page(self, page: pikepdf.Object, above: list[pikepdf.Object]) -> bytes:
        """Returns the catalog's entry for a form with the page's fields; empty if it has none."""
        entries = _chosen(entries_of(text_of(page, resolved=True)), _OF_A_PAGE)
        entries |= {name: value for name in _INHERITED if (value := _inherited(page, above, name)) != NULL}
        for node in (page, *above):
            self._compare(node.objgen)
        # Programs that rewrite a file move these values to an object of their own, or back.
        entries = {name: self._resolved(value) for name, value in entries.items()}
        annotations, fields, operators = self._add_annotations(page.get("/Annots"))
        resources = _inherited(page, above, b"/Resources")
        self._of_page = self._listed(resources)
        entries[b"/Resources"] = self._needed(resources, [*_contents(page), *operators])
        self._add(
            _PAGE,
            entries,
            b"/Type /Page /Parent %d 0 R%b" % (_PAGES, b" /Annots [ %b ]" % annotations if annotations else b""),
        )
        self._add(_PAGES, {}, b"/Type /Pages /Count 1 /Kids [ %d 0 R ]" % _PAGE)
        form = self.document.Root.get("/AcroForm")
        if not fields or not isinstance(form, pikepdf.Dictionary):
            return b""
        form_entries = _chosen(entries_of(text_of(form, resolved=True)), _OF_A_FORM)
        if b"/DR" in form_entries:
            operators.append((self._string(form_entries.get(b"/DA", NULL)), NULL))
            form_entries[b"/DR"] = self._needed(form_entries[b"/DR"], operators)
        return b"/AcroForm " + self._dictionary(form_entries, b"/Fields [ %b ]" % fields)

    def add_all_it_refers_to(self) -> None:
        while self._waiting:
            reference = self._waiting.popleft()
            number, found = self._numbers[reference], self.document.get_object(reference)
            self._compare(reference)
            if isinstance(found, pikepdf.Stream):
                self._add_stream(number, found)
            else:
                text = text_of(found, resolved=True)
                entries = entries_of(text) if isinstance(found, pikepdf.Dictionary) else {}
                if entries.get(b"/Type") in _OTHER_PAGES:
                    text = NULL
                elif entries.get(b"/Subtype") == b"/Type3" and b"/Resources" in entries:
                    needed = self._needed(entries[b"/Resources"], self._procedures(entries, NULL), may_be_shared=True)
                    text = dictionary({**entries, b"/Resources": needed})
                self._keep(number, renumbered(text, self._number_of))

    def add_catalog(self, form: bytes) -> None:
        """Last, when it is known which layers the page is on."""
        self._add(_CATALOG, self._layers(), b"/Type /Catalog /Pages %d 0 R %b" % (_PAGES, form))

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
        # Converted line ends make text a little shorter, as decryption does with all data: nothing is lost by either.
        exact = entries.get(b"/Subtype") == b"/Image" and not self.document.is_encrypted
        if not self.soundness.is_whole(stream, data, stated_bytes=_stated_bytes(stream) if exact else 0):
            self.faults.add(Fault.BROKEN_DATA)
        if b"/Resources" in entries:
            entries[b"/Resources"] = self._needed(entries[b"/Resources"], [(stream, NULL)], may_be_shared=True)
        # Some programs say how empty data is packed, and some do not.
        left_out = _NOT_OF_A_STREAM if data else _NOT_OF_A_STREAM | _PACKING
        entries = {name: value for name, value in entries.items() if name not in left_out}
        text = self._dictionary(entries, b"/Length %d" % len(data))
        self._keep(number, text, b"\nstream\n", data, b"\nendstream")

    def _data(self, stream: pikepdf.Object) -> bytes:
        """The stream's data as it is. It may be a gigabyte, and qpdf reads it at once, so its size is checked
        before."""
        if _stated_bytes(stream) > self.max_bytes:
            raise PageTooLarge
        return stream.read_raw_bytes()

    def _unpacked(self, stream: pikepdf.Object) -> bytes | None:
        """What a stream of operators unpacks to; None if it cannot be unpacked or is too large."""
        entries = _stream_entries(stream)
        packing = entries.get(b"/Filter", b"")
        data = self._data(stream)
        if packing in _FLATE and b"/DecodeParms" not in entries:
            # qpdf itself unpacks less than this.
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

    def _add_annotations(self, annotations: Any) -> tuple[bytes, bytes, list[_Operators]]:
        """References to all annotations, and to those of them that are fields of a form; and what draws
        annotations, with the resources of the page or of the form if it lacks them."""
        all_of_them: list[bytes] = []
        fields: list[bytes] = []
        operators: list[_Operators] = []
        styles: set[bytes] = set()
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
            operators += self._looks(kept.get(b"/AP", NULL))
            styles.add(kept.get(b"/DA", NULL))
        return b" ".join(all_of_them), b" ".join(fields), [*operators, *((self._string(each), NULL) for each in styles)]

    def _looks(self, appearances: bytes) -> list[_Operators]:
        """What an annotation looks like, in each of its states."""
        values = list(self._entries(appearances).values())
        values += [value for each in values for value in self._entries(each).values()]
        looks = [look for look in map(self._found, values) if isinstance(look, pikepdf.Stream)]
        return [(look, _stream_entries(look).get(b"/Resources", NULL)) for look in looks]

    def _of_listed_field(self, widget: tuple[int, int]) -> Entries:
        """What a field passes on to a part that does not name its field, but is listed among the field's own parts."""
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
        """What the catalog must say so that hidden layers stay hidden; only those layers that the page is on."""
        layers = self._entries(text_of(self.document.Root.get("/OCProperties")))
        groups = self._reached(layers.get(b"/OCGs", NULL))
        if not groups:
            return {}
        shown = self._entries(layers.get(b"/D", NULL))
        kept: Entries = {name: self._resolved(shown[name]) for name in (b"/BaseState", b"/Intent") if name in shown}
        kept |= {name: found for name in (b"/ON", b"/OFF") if (found := self._reached(shown.get(name, NULL)))}
        usages = [self._usage(each) for each in _some(_below(self.document.Root, "/OCProperties", "/D", "/AS"))]
        if any(usages):
            kept[b"/AS"] = b"[ %b ]" % b" ".join(filter(None, usages))
        return {b"/OCProperties": dictionary({b"/OCGs": groups, b"/D": dictionary(kept)})}

    def _usage(self, usage: Any) -> bytes:
        """When viewers should switch the page's layers on their own; empty if this is about other layers."""
        entries = entries_of(text_of(usage, resolved=True))
        groups = self._reached(entries.get(b"/OCGs", NULL))
        return dictionary({**_chosen(entries, (b"/Event", b"/Category")), b"/OCGs": groups}) if groups else b""

    def _reached(self, value: bytes) -> bytes:
        """Those references in an array that are to parts of the page, in the order of the parts; empty if none is."""
        found = {each for each in references_in(self._resolved(value)) if each in self._numbers}
        listed = sorted(found, key=self._numbers.__getitem__)
        return b"[ %b ]" % b" ".join(b"%d %d R" % each for each in listed) if listed else b""

    def _needed(self, resources: bytes, contents: Iterable[_Operators], *, may_be_shared: bool = False) -> bytes:
        """The resources without those that neither the content nor anything that it draws names; unchanged if that is
        unknown and they `may_be_shared` in the objects in which they are."""
        listed = self._listed(resources)
        named = self._named(contents, listed)
        if named is None and may_be_shared:
            # Written out in each of a thousand forms, the names of all would be a million.
            return resources
        kinds: dict[bytes, Entries] = {}
        for kind, plain in sorted(listed if named is None else named & listed.keys()):
            name, value = listed[kind, plain]
            kinds.setdefault(kind, {})[name] = value
        if lacking := {kind for kind, _ in (named or set()) - listed.keys()}:
            # Some viewers look in the page only if there is no dictionary of the kind, be it empty.
            kinds |= {kind: {} for kind in sorted(lacking & self._entries(resources).keys()) if kind not in kinds}
        return dictionary({kind: dictionary(found) for kind, found in kinds.items()})

    def _listed(self, resources: bytes) -> _Listed:
        """The content of a dictionary of resources; thousands of forms may share one."""
        if resources not in self._lists:
            entries = self._entries(resources)
            self._lists[resources] = {
                (kind, plain_name(name)): (name, value)
                for kind in _RESOURCES
                if kind in entries
                for name, value in self._entries(entries[kind]).items()
            }
        return self._lists[resources]

    def _named(self, contents: Iterable[_Operators], listed: _Listed) -> set[Resource] | None:
        """Which of the resources, or else of the page's, the content and everything that it draws name; None if
        unknown.

        A name that a form's own resources lack is taken from the page's, though PDF 1.7, 8.10.1, says that it should
        not; a form without resources of its own also takes names from where it is drawn.
        """
        named = {each for each in _STAND_INS if each in listed}
        waiting = deque(contents)
        read: set[tuple[Any, bytes]] = set()
        drawn: set[tuple[bytes, bytes]] = set()
        while waiting:
            part, resources = waiting.popleft()
            key = (part if isinstance(part, bytes) else part.objgen, resources)
            if key in read:
                continue
            read.add(key)
            operators = self._read(part)
            if operators is None:
                return None
            own = self._listed(resources)
            found = named_in(operators, ChainMap(own, listed, self._of_page))
            self._read_bytes += _NAME_BYTES * len(found)
            lacking = found - own.keys()
            named |= lacking
            values = {own[each][1] for each in found & own.keys()}
            values |= {some[each][1] for some in (listed, self._of_page) for each in lacking & some.keys()}
            for value in values:
                if (value, resources) not in drawn:
                    drawn.add((value, resources))
                    waiting += self._drawn_by(value, resources)
        return None if self._read_bytes > _MAX_READ_BYTES else named

    def _drawn_by(self, value: bytes, around: bytes) -> Iterator[_Operators]:
        """What a resource draws, and the colour spaces that it names; `around` are the resources of what names it."""
        self._read_bytes += _READING_BYTES
        entries = self._described(value)
        coloured = entries if b"/ColorSpace" in entries else self._described(entries.get(b"/Shading", NULL))
        colours = self._resolved(coloured.get(b"/ColorSpace", NULL) if entries else value)
        if names := names_in(colours):
            yield b" ".join(b"%b cs" % name for name in names), around
        state = self._entries(entries.get(b"/ExtGState", NULL))
        masks = [self._entries(each.get(b"/SMask", NULL)).get(b"/G", NULL) for each in (entries, state)]
        for each in (value, *masks):
            form = self._found(each)
            if isinstance(form, pikepdf.Stream) and form.get("/Subtype") != "/Image":
                yield form, _stream_entries(form).get(b"/Resources", around)
        if entries.get(b"/Subtype") == b"/Type3":
            yield from self._procedures(entries, entries.get(b"/Resources", around))

    def _read(self, part: Any) -> bytes | None:
        """Operators; None if they cannot be unpacked, or if too much was read for the page."""
        if self._read_bytes > _MAX_READ_BYTES:
            return None
        operators = part if isinstance(part, bytes) else self._unpacked(part)
        self._read_bytes += _READING_BYTES + (_UNPACKED_BYTES if operators is None else len(operators))
        return operators

    def _procedures(self, font: Entries, resources: bytes) -> Iterator[_Operators]:
        """What draws the letters of a font."""
        for value in dict.fromkeys(self._entries(font.get(b"/CharProcs", NULL)).values()):
            self._read_bytes += _READING_BYTES
            if self._read_bytes > _MAX_READ_BYTES:
                return
            procedure = self._found(value)
            if isinstance(procedure, pikepdf.Stream):
                yield procedure, resources

    def _described(self, value: bytes) -> Entries:
        """The entries of a dictionary or a stream, which may be a reference to it."""
        found = self._found(value)
        return _stream_entries(found) if isinstance(found, pikepdf.Stream) else self._entries(value)

    def _entries(self, value: bytes) -> Entries:
        """The entries of a dictionary, which may be a reference to it."""
        return entries_of(self._resolved(value))

    def _resolved(self, value: bytes) -> bytes:
        """What a reference refers to, if that is not a stream; any other value unchanged."""
        reference = reference_in(value)
        if reference is None:
            return value
        self._compare(reference)
        return text_of(self.document.get_object(reference), resolved=True)

    def _found(self, value: bytes) -> Any:
        """What a reference refers to; None if the value is not a reference, or refers to nothing."""
        reference = reference_in(value)
        return None if reference is None else self.document.get_object(reference)

    def _string(self, value: bytes) -> bytes:
        """A string's bytes; empty if it is not a string."""
        resolved = self._resolved(value)
        return bytes(pikepdf.Object.parse(resolved)) if resolved.startswith((b"(", b"<")) else b""

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
        """Notes whether the object refers to something that qpdf leaves out."""
        if self.soundness.refers_to_what_is_left_out(reference, self.document):
            self.faults.add(Fault.LEFT_OUT)


def _inherited(page: pikepdf.Object, above: Iterable[pikepdf.Object], name: bytes) -> bytes:
    """The page's own attribute, or that of the nearest node above it that has one; null if none has."""
    for node in (page, *reversed(list(above))):
        value = node.get(name.decode())
        if value is not None:
            return text_of(value)
    return NULL


def _contents(page: pikepdf.Object) -> list[_Operators]:
    contents = page.get("/Contents")
    parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return [(part, NULL) for part in parts if isinstance(part, pikepdf.Stream)]


def _stream_entries(stream: pikepdf.Object) -> Entries:
    return entries_of(stream.stream_dict.unparse(resolved=True))


def _of_its_field(widget: pikepdf.Object) -> Entries:
    """What a field passes on to its parts."""
    given: Entries = {}
    above = widget.get("/Parent")
    for _ in range(_MAX_FIELD_DEPTH):
        if not isinstance(above, pikepdf.Dictionary):
            break
        given = {**_chosen(entries_of(text_of(above, resolved=True)), _OF_A_FIELD), **given}
        above = above.get("/Parent")
    return given


def _below(value: Any, *names: str) -> Any:
    """The value at this path of names through nested dictionaries; None if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, pikepdf.Dictionary) else None
    return value


def _some(listed: Any) -> list[Any]:
    """The items of an array, up to a number; none if it is not an array."""
    return list(listed)[:_MAX_FIELDS] if isinstance(listed, pikepdf.Array) else []


def _chosen(entries: Entries, names: Iterable[bytes]) -> Entries:
    return {name: entries[name] for name in names if name in entries}


def _stated_bytes(stream: pikepdf.Object) -> int:
    """How long the stream says it is; 0 if it does not say."""
    length = stream.get("/Length")
    return length if isinstance(length, int) else 0
