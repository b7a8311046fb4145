"""One page of a PDF as a PDF of its own, with what the page needs to look as it does, and nothing else.

What leads from a page to the rest of the document stays behind: links, threads, the structure tree, a form field's
other places. What can be seen stays: annotations with what they look like, and layers, so that hidden ones stay hidden.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import pikepdf

from textdrop.adapters.files.drawings import TooLarge
from textdrop.adapters.files.qpdf import UNPACKED_BYTES

_KEPT = ("/Contents", "/Resources", "/Group")
_LARGEST_SIDE: Final = Decimal(14_400)
"""In units of a page: the most that PDF 1.7, annex C.2 allows."""
_SMALLEST_SIDE: Final = Decimal(3)
_DEFAULT_BOX: Final = (Decimal(0), Decimal(0), Decimal(612), Decimal(792))
"""What readers take when a page does not say how large it is."""

# All that an annotation's look is, or is made from where it brings none (PDF 1.7, 12.5). A link has no look but a
# frame, and a popup is the window of another annotation.
_LOOK = frozenset(
    {"/Subtype", "/Rect", "/F", "/AP", "/AS", "/OC", "/Border", "/BS", "/BE", "/C", "/CA", "/IC", "/Contents", "/DA"}
    | {"/DS", "/RC", "/Q", "/Name", "/QuadPoints", "/InkList", "/L", "/LE", "/LL", "/LLE", "/CL", "/RD", "/Vertices"}
    | {"/FT", "/Ff", "/V", "/MaxLen", "/MK", "/H", "/Opt", "/TI", "/I"}
)
_OTHER_PAGES = ("/Page", "/Pages")
_LONG_ARRAY = 1_000
_UNSEEN = ("/Link", "/Popup")
_FIELD = ("/FT", "/Ff", "/V", "/DA", "/Q", "/MaxLen", "/Opt")
_MAX_FIELD_DEPTH = 20
_LAYERS = ("/BaseState", "/ON", "/OFF", "/AS", "/Intent")


def alone(entries: Mapping[str, pikepdf.Object]) -> pikepdf.Dictionary:
    """A page with these entries that leads nowhere else. The document's own page stays as it is."""
    page = pikepdf.Dictionary(Type=pikepdf.Name.Page)
    for name in _KEPT:
        if name in entries:
            page[name] = entries[name]
    if isinstance(entries.get("/Contents"), pikepdf.Dictionary):
        del page["/Contents"]
    _set_boxes(page, entries)
    rotate = entries.get("/Rotate")
    if isinstance(rotate, int) and rotate % 360 in (90, 180, 270):
        page["/Rotate"] = rotate % 360
    annotations = entries.get("/Annots")
    if isinstance(annotations, pikepdf.Array):
        page["/Annots"] = pikepdf.Array(
            [
                _look(annotation)
                for annotation in annotations
                if isinstance(annotation, pikepdf.Dictionary) and annotation.get("/Subtype") not in _UNSEEN
            ]
        )
    return page


def cut(source: pikepdf.Pdf, page: pikepdf.Dictionary, max_bytes: int) -> bytes:
    """A PDF of this page, made by `alone`; the same bytes each time. Raises TooLarge at more than `max_bytes`."""
    _weigh(page, max_bytes)
    with pikepdf.new() as single:
        copied = single.make_indirect(_brought(page, single))
        single.pages.append(pikepdf.Page(copied))
        _bring_fields(source, single, copied)
        _bring_layers(source, single)
        content = _Capped(max_bytes)
        # What is packed stays as it is: unpacking it is where bombs go off.
        single.save(
            content,
            min_version="1.7",
            deterministic_id=True,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            fix_metadata_version=False,
        )
        return content.getvalue()


def _brought(value: pikepdf.Object, single: pikepdf.Pdf) -> pikepdf.Object:
    """The value in another document. pikepdf copies only what has a number, and giving it one reads the whole file."""
    if isinstance(value, pikepdf.Object) and value.is_indirect:
        return single.copy_foreign(value)
    if isinstance(value, pikepdf.Dictionary):
        return pikepdf.Dictionary({name: _brought(value[name], single) for name in value.keys()})  # noqa: SIM118
    if isinstance(value, pikepdf.Array):
        return pikepdf.Array([_brought(member, single) for member in value])
    return value


class _Capped(io.BytesIO):
    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def write(self, data: object) -> int:
        written = super().write(data)  # type: ignore[arg-type]  # any buffer, as in the base class
        if self.tell() > self._max_bytes:
            raise TooLarge
        return written


def _weigh(page: pikepdf.Dictionary, max_bytes: int) -> None:
    """TooLarge if it can be seen that a page with all that it needs is so, before that is read: copying and writing
    hold each stream in memory."""
    packed_bytes = 0
    seen: set[tuple[int, int]] = set()
    pending: list[object] = [page]
    while pending:
        value = pending.pop()
        if not isinstance(value, pikepdf.Object) or (value.is_indirect and value.objgen in seen):
            continue
        if value.is_indirect:
            seen.add(value.objgen)
        if isinstance(value, pikepdf.Array):
            # Long ones hold numbers, such as the widths of characters.
            pending.extend(value if len(value) <= _LONG_ARRAY else ())
        elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            length = value.get("/Length") if isinstance(value, pikepdf.Stream) else None
            if isinstance(length, int):
                packed_bytes += length if "/Filter" in value else 0
                if packed_bytes > max_bytes or length > UNPACKED_BYTES:
                    raise TooLarge
            if value is page or value.get("/Type") not in _OTHER_PAGES:
                pending.extend(value[name] for name in value.keys())  # noqa: SIM118 - not a mapping


def _look(annotation: pikepdf.Dictionary) -> pikepdf.Dictionary:
    look = pikepdf.Dictionary()
    for name in annotation.keys():  # noqa: SIM118 - not a mapping
        if name in _LOOK:
            look[name] = annotation[name]
    if annotation.get("/Subtype") == "/Widget":
        field = annotation.get("/Parent")
        for _ in range(_MAX_FIELD_DEPTH):
            if not isinstance(field, pikepdf.Dictionary):
                break
            for name in _FIELD:
                if name in field and name not in look:
                    look[name] = field[name]
            field = field.get("/Parent")
    # A signature's value leads to the whole document, and is not what is seen.
    if isinstance(look.get("/V"), pikepdf.Dictionary):
        del look["/V"]
    states = look.get("/AP")
    if isinstance(states, pikepdf.Dictionary) and "/N" in states:
        look["/AP"] = pikepdf.Dictionary(N=states["/N"])
    return look


def _bring_fields(source: pikepdf.Pdf, single: pikepdf.Pdf, page: pikepdf.Object) -> None:
    """The page's fields, as a form: readers that make a field's look themselves need the form's fonts."""
    annotations = page.get("/Annots")
    if not isinstance(annotations, pikepdf.Array):
        return
    fields = []
    for place in range(len(annotations)):
        if annotations[place].get("/Subtype") == "/Widget":
            annotations[place] = single.make_indirect(annotations[place])
            fields.append(annotations[place])
    form = source.Root.get("/AcroForm")
    if fields and isinstance(form, pikepdf.Dictionary):
        kept = pikepdf.Dictionary({name: form[name] for name in ("/DR", "/DA", "/NeedAppearances") if name in form})
        single.Root["/AcroForm"] = _brought(kept, single)
        single.Root["/AcroForm"]["/Fields"] = pikepdf.Array(fields)


def _bring_layers(source: pikepdf.Pdf, single: pikepdf.Pdf) -> None:
    """Which layers there are and which are shown, without their tree in the reader's side bar."""
    layers = source.Root.get("/OCProperties")
    if not isinstance(layers, pikepdf.Dictionary):
        return
    kept = pikepdf.Dictionary()
    if "/OCGs" in layers:
        kept["/OCGs"] = layers["/OCGs"]
    shown = layers.get("/D")
    if isinstance(shown, pikepdf.Dictionary):
        kept["/D"] = pikepdf.Dictionary({name: shown[name] for name in _LAYERS if name in shown})
    single.Root["/OCProperties"] = _brought(kept, single)


def _set_boxes(page: pikepdf.Dictionary, entries: Mapping[str, pikepdf.Object]) -> None:
    """The page's size, and the part of it that is shown, as they are; clamped where no page can be so."""
    left, bottom, right, top = _box(entries.get("/MediaBox")) or _DEFAULT_BOX
    # Text begins at the top left.
    media = (left, max(bottom, top - _LARGEST_SIDE), min(right, left + _LARGEST_SIDE), top)
    page["/MediaBox"] = pikepdf.Array(media)
    shown = _box(entries.get("/CropBox"))
    if shown is not None:
        within = (
            max(shown[0], media[0]),
            max(shown[1], media[1]),
            min(shown[2], media[2]),
            min(shown[3], media[3]),
        )
        if _is_large_enough(within):
            page["/CropBox"] = pikepdf.Array(within)
    unit = _number(entries.get("/UserUnit"))
    longest = max(media[2] - media[0], media[3] - media[1])
    if unit is not None and unit > 0 and unit * longest <= _LARGEST_SIDE:
        page["/UserUnit"] = unit


def _box(value: object) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
    """The box with its corners in order; None if it is none."""
    corners = [_number(corner) for corner in value] if isinstance(value, pikepdf.Array) else []
    numbers = [corner for corner in corners if corner is not None]
    if len(corners) != 4 or len(numbers) != 4:
        return None
    (left, right), (bottom, top) = sorted(numbers[::2]), sorted(numbers[1::2])
    box = (left, bottom, right, top)
    return box if _is_large_enough(box) else None


def _is_large_enough(box: tuple[Decimal, ...]) -> bool:
    return box[2] - box[0] >= _SMALLEST_SIDE and box[3] - box[1] >= _SMALLEST_SIDE


def _number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None
