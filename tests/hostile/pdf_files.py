"""Hostile PDFs, one by one: what is hostile in each, and its bytes."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable, Iterator

import pikepdf

from unit.pagekit.making import jpeg, pdf, resaved, stream

Files = Iterator[tuple[str, bytes]]
Objects = dict[int, bytes]

HUNDREDS_OF_MEGABYTES = 400_000_000
_PACKED = b"/Filter /FlateDecode "
_BAR = b"1 0 0 rg 0 0 9 9 re f "
_SHOW = b"q 100 0 0 100 0 0 cm /X Do Q\n"
_IS_X = b"/XObject << /X %d 0 R >>"
_FOLLOWED = b"<< /Kids [%d 0 R] /T (x) /Type /Pages /Count 1 >>"


@functools.cache
def bomb(unpacked_bytes: int, pattern: bytes = b"\0") -> bytes:
    """zlib data, of a thousandth of the size, that unpacks to a pattern repeated."""
    packer = zlib.compressobj(9)
    piece = pattern * (1_000_000 // len(pattern))
    return b"".join([*(packer.compress(piece) for _ in range(unpacked_bytes // len(piece))), packer.flush()])


def flate(data: bytes, entries: bytes = b"") -> bytes:
    return stream(zlib.compress(data, 9), _PACKED + entries)


def page(
    contents: bytes = _BAR,
    resources: bytes = b"",
    more: Objects | None = None,
    *,
    entries: bytes = b"",
    catalog: bytes = b"",
    trailer: bytes = b"",
) -> bytes:
    """A PDF of one page, object 3. `contents` are operators, packed here, or, with /Length in it, a whole stream."""
    dictionary = b"<< /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << %b >> %b >>" % (resources, entries)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: dictionary.replace(b"<< ", b"<< /Type /Page /Parent 2 0 R ", 1),
        4: contents if b"/Length" in contents else flate(contents),
    }
    return pdf({**objects, **(more or {})}, b"/Root 1 0 R " + trailer)


def chain(count: int, link: Callable[[int], bytes], last: bytes, first: int = 10) -> Objects:
    """Objects each of which is made with the number of the next."""
    return {**{number: link(number + 1) for number in range(first, first + count)}, first + count: last}


def picture(entries: bytes, data: bytes, size: tuple[int, int], packed: bytes = _PACKED) -> bytes:
    defaults = [b"/BitsPerComponent 8", b"/ColorSpace /DeviceGray"]
    missing = b" ".join(default for default in defaults if default.split()[0] + b" " not in entries)
    return stream(data, b"/Subtype /Image /Width %d /Height %d %b %b %b" % (*size, missing, packed, entries))


def form(operators: bytes, resources: bytes = b"", entries: bytes = b"") -> bytes:
    frame = b"/Subtype /Form /BBox [0 0 200 200] /Resources << %b >> %b"
    return flate(operators, frame % (resources, entries))


def forms(levels: int, times: int, entries: bytes = b"") -> Objects:
    """Forms from 10 on, each of which draws the next several times."""
    return chain(levels, lambda after: form(b"/X Do " * times, _IS_X % after, entries), form(_BAR))


def pattern(step: bytes, operators: bytes = _BAR, resources: bytes = b"") -> bytes:
    entries = b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep %b /YStep %b /Resources << %b >>"
    return flate(operators, entries % (step, step, resources))


def streams_that_unpack() -> Files:
    spaces = bomb(HUNDREDS_OF_MEGABYTES, b" ")
    yield "contents_of_400_mb", page(stream(spaces, _PACKED))
    packed_again = zlib.compress(spaces, 9)
    yield "contents_packed_twice", page(stream(packed_again, b"/Filter [/FlateDecode /FlateDecode]"))
    yield "contents_packed_1000_times", page(stream(b"x" * 99, b"/Filter [%b]" % (b"/ASCIIHexDecode " * 1000)))
    yield "contents_by_ascii85", page(stream(b"z" * 9_000_000 + b"~>", b"/Filter /ASCII85Decode"))
    yield "contents_by_run_length", page(stream(b"\x81 " * 4_000_000 + b"\x80", b"/Filter /RunLengthDecode"))
    lzw = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01"
    yield "contents_by_lzw", page(stream(lzw * 900_000, b"/Filter /LZWDecode"))
    shared = {5: flate(_BAR * 500)}
    yield "contents_in_100000_streams", page(b"", more=shared, entries=b"/Contents [%b]" % (b"5 0 R " * 100_000))
    predictor = _PACKED + b"/DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 >>"
    yield "contents_with_a_wide_predictor", page(stream(bomb(9_000_000), predictor))
    zeros = stream(bomb(HUNDREDS_OF_MEGABYTES), _PACKED)
    yield "metadata_of_400_mb", page(more={5: zeros}, catalog=b"/Metadata 5 0 R")
    yield "xfa_of_400_mb", page(more={5: zeros}, catalog=b"/AcroForm << /XFA 5 0 R >>")
    entities = b"".join(b'<!ENTITY a%d "%b">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12))
    growing = flate(b'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">%b]><xdp>&a11;</xdp>' % entities)
    yield "xfa_of_growing_entities", page(more={5: growing}, catalog=b"/AcroForm << /XFA [(template) 5 0 R] >>")
    parts = b"/AcroForm << /XFA [%b] >>" % (b"(template) 5 0 R " * 100_000)
    yield "xfa_of_100000_parts", page(more={5: flate(b"<a/>" * 10_000)}, catalog=parts)
    for count, held in ((1, zeros), (100_000, flate(b"x"))):
        names = b"".join(b"(%d) << /F (%d) /EF << /F 5 0 R >> >>" % (place, place) for place in range(count))
        yield (
            f"attachments_{count}",
            page(more={5: held}, catalog=b"/Names << /EmbeddedFiles << /Names [%b] >> >>" % names),
        )
    fonts = {
        "file_of_400_mb": b"/FontDescriptor << /FontName /X /Flags 4 /FontFile2 6 0 R >>",
        "map_of_400_mb": b"/ToUnicode 6 0 R",
        "under_itself": b"/Subtype /Type0 /Encoding /Identity-H /DescendantFonts [5 0 R]",
        "map_of_itself": b"/Subtype /Type0 /Encoding 6 0 R /DescendantFonts [<< /Subtype /CIDFontType2 >>]",
        "of_a_million_widths": b"/FirstChar 0 /LastChar 999999 /Widths [%b]" % (b"9 " * 900_000),
        "of_a_million_names": b"/Encoding << /Differences [0 %b] >>" % (b"/a " * 900_000),
        "of_wide_ranges": b"/Subtype /Type0 /DescendantFonts [<< /Subtype /CIDFontType2 /W [%b] >>]"
        % (b"0 65535 9 " * 200_000),
        "with_a_long_map": b"/ToUnicode 7 0 R",
    }
    maps = {6: zeros, 7: flate(b"1 beginbfrange <0000> <ffff> <0000> endbfrange " * 60_000)}
    for name, entries in fonts.items():
        held_font = b"<< /Type /Font /BaseFont /X %b %b >>" % (
            entries,
            b"" if b"/Subtype" in entries else b"/Subtype /TrueType",
        )
        maps[6] = flate(b"/X usecmap", b"/Type /CMap /CMapName /X /UseCMap 6 0 R") if "itself" in name else zeros
        yield f"font_{name}", page(b"BT /F 9 Tf (Ag) Tj ET", b"/Font << /F 5 0 R >>", {5: held_font, **maps})


def operators() -> Files:
    for name, one, count in (
        ("save_without_end", b"q ", 10_000_000),
        ("paths", b"0 0 m 99 99 l S ", 2_000_000),
        ("curves_without_end", b"1 2 3 4 5 6 c ", 3_000_000),
        ("clips", b"0 0 9 9 re W n ", 1_000_000),
        ("dashes", b"[.001] 0 d 0 0 m 9999 9999 l S ", 10_000),
        ("wide_fills", b"0 0 200 200 re 9 9 180 180 re f* ", 300_000),
        ("text", b"BT /F 9 Tf (some text) Tj ET ", 1_000_000),
        ("inline_images", b"BI /W 9 /H 9 /CS /G /BPC 8 ID " + b"x" * 81 + b" EI ", 200_000),
        ("inline_images_without_end", b"BI /W 9 /H 9 ID xx ", 200_000),
        ("marks", b"/P <</MCID 0>> BDC ", 1_000_000),
        ("open_strings", b"(", 5_000_000),
        ("open_lists", b"[", 5_000_000),
        ("open_dictionaries", b"<<", 3_000_000),
        ("digits", b"9", 9_000_000),
        ("numbers", b"0 ", 9_000_000),
        ("unknown_names", b"/N Do ", 1_000_000),
    ):
        yield f"operators_{name}", page(one * count)


def what_draws_itself() -> Files:
    ring = {10: form(_SHOW, _IS_X % 11), 11: form(_SHOW, _IS_X % 10)}
    group = b"/Group << /S /Transparency /I true /K true >>"
    for name, objects in (
        ("form_in_itself", {10: form(_SHOW, _IS_X % 10)}),
        ("forms_in_a_ring", ring),
        ("forms_10000_deep", forms(10_000, 1)),
        ("forms_doubling", forms(40, 2)),
        ("forms_tenfold", forms(12, 10)),
        ("groups_2000_deep", forms(2_000, 1, group)),
        ("groups_tenfold", forms(8, 10, group)),
    ):
        yield name, page(_SHOW, _IS_X % 10, objects)
    mask = {5: form(b"/G gs " + _BAR, b"/ExtGState << /G 6 0 R >>", group), 6: b"<< /SMask << /S /Alpha /G 5 0 R >> >>"}
    yield "mask_in_itself", page(b"/G gs " + _BAR, b"/ExtGState << /G 6 0 R >>", mask)
    paint = b"/Pattern cs /P scn 0 0 200 200 re f"
    inner = chain(20, lambda after: pattern(b"1", paint, b"/Pattern << /P %d 0 R >>" % after), pattern(b"1"))
    for name, objects in (
        ("pattern_in_itself", {10: pattern(b"9", paint, b"/Pattern << /P 10 0 R >>")}),
        ("pattern_with_tiny_steps", {10: pattern(b".0001")}),
        ("patterns_in_patterns", inner),
    ):
        yield name, page(paint, b"/Pattern << /P 10 0 R >>", objects)
    text = b"BT /F 9 Tf " + b"(AAAAAAAAAA) Tj " * 10 + b"ET"
    for name, glyph in (
        ("of_itself", b"9 0 d0 " + text),
        ("of_many_operators", b"9 0 d0 " + _BAR * 500_000),
        ("of_doubling_forms", b"9 0 d0 /X Do"),
    ):
        frame = (
            b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 /LastChar 65"
        )
        rest = b"/Widths [9] /Encoding << /Differences [65 /A] >> /CharProcs << /A 6 0 R >> /Resources 7 0 R >>"
        resources = b"<< /Font << /F 5 0 R >> /XObject << /X 10 0 R >> >>"
        objects = {5: frame + rest, 6: flate(glyph), 7: resources, **forms(30, 2)}
        yield f"glyph_{name}", page(text, b"/Font << /F 5 0 R >>", objects)
    yield "resources_of_themselves", page(b"/X Do", b"/XObject 3 0 R /Font 3 0 R /ExtGState 3 0 R")
    drawn = {6: form(b"/X Do", _IS_X % 10), **forms(30, 2)}
    appearance = b"<</Subtype/Square/Rect[0 0 9 9]/AP<</N 6 0 R>>>>"
    yield "annotations_of_doubling_forms", page(more=drawn, entries=b"/Annots [%b]" % (appearance * 100))
    plain = {5: b"[%b]" % (appearance * 200_000), 6: form(_BAR)}
    yield "annotations_200000", page(more=plain, entries=b"/Annots 5 0 R")
    numbers = range(10, 100_010)
    each = dict.fromkeys(numbers, b"<</Subtype/Text/Rect[0 0 9 9]>>")
    list_of = b"/Annots [%b]" % b" ".join(b"%d 0 R" % number for number in numbers)
    yield "annotations_of_100000_objects", page(more=each, entries=list_of)


def shadings_and_functions() -> Files:
    mesh = b"/ColorSpace /DeviceGray /BitsPerCoordinate 8 /BitsPerComponent 8 /BitsPerFlag 8 /Decode [0 200 0 200 0 1] "
    points = bomb(60_000_000, bytes(range(100)))
    by_function = b"<< /ShadingType 1 /ColorSpace /DeviceGray /Matrix [200 0 0 200 0 0] /Function 10 0 R >>"
    axial = b"<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 200 200] /Function 10 0 R >>"
    two = b"<< /FunctionType 3 /Domain [0 1] /Functions [%d 0 R %d 0 R] /Bounds [.5] /Encode [0 1 0 1] >>"
    frame = b"/Domain [0 1 0 1] /Range [0 1] "
    program, samples = b"/FunctionType 4 " + frame, b"/FunctionType 0 /Size [65535 65535] /BitsPerSample 32 " + frame
    for name, shading, functions in (
        ("of_many_triangles", stream(points, b"/ShadingType 4 " + mesh + _PACKED), {}),
        ("of_many_patches", stream(points, b"/ShadingType 7 " + mesh + _PACKED), {}),
        ("by_a_long_program", by_function, {10: stream(b"{ pop %b }" % (b"sin " * 200_000), program)}),
        ("by_nested_braces", by_function, {10: stream(b"{" * 500_000, program)}),
        ("by_huge_samples", by_function, {10: stream(bomb(9_000_000), samples + _PACKED)}),
        ("by_a_function_of_itself", axial, {10: two % (10, 10)}),
        ("by_doubling_functions", axial, chain(30, lambda after: two % (after, after), b"<< /FunctionType 2 /N 1 >>")),
    ):
        yield f"shading_{name}", page(b"/S sh", b"/Shading << /S 5 0 R >>", {5: shading, **functions})


def pictures() -> Files:
    few, many, zeros = b"x" * 100, bomb(9_000_000), bomb(HUNDREDS_OF_MEGABYTES)
    rgb, bits = b"/ColorSpace /DeviceRGB ", b"/BitsPerComponent 1 "
    wide = b"/DecodeParms << /Predictor 15 /Colors 2000000000 /Columns 2000000000 >>"
    fax = b"/BitsPerComponent 1 /DecodeParms << /K %d /Columns %d /Rows %d >>"
    jpeg_header = bytearray(jpeg())
    place = jpeg_header.index(b"\xff\xc0") + 5
    jpeg_header[place : place + 4] = b"\xff" * 4
    packed_jpeg = zlib.compress(zlib.compress(jpeg() + b"\xff" * 200_000_000))
    jpx = b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIHBBB", 41, 0, *[2**32 - 1] * 2, 0, 0, 1, 1, 0, 0, 1, 7, 1, 1)
    colours = b"/ColorSpace [/DeviceN [%b] /DeviceGray 6 0 R]" % (b"/C " * 10_000)
    for name, entries, data, size, packed in (
        ("of_400_megapixels", b"", zeros, (20_000, 20_000), _PACKED),
        ("of_65535_squared", bits, bomb(500_000_000), (65_535, 65_535), _PACKED),
        ("with_a_line_of_2_gigapixels", b"", many, (2**31 - 1, 1), _PACKED),
        ("of_negative_size", b"", few, (-1, -1), b""),
        ("that_masks_itself", b"/SMask 5 0 R", bomb(1_000_000), (1000, 1000), _PACKED),
        ("with_a_huge_mask", b"/SMask 7 0 R", few, (10, 10), b""),
        ("in_colours_of_themselves", b"/ColorSpace 8 0 R", few, (10, 10), b""),
        ("in_10000_colours", colours, many, (30, 30), _PACKED),
        ("with_a_profile_of_400_mb", b"/ColorSpace [/ICCBased 9 0 R]", few, (10, 10), b""),
        ("with_a_huge_predictor", wide, many, (10, 10), _PACKED),
        ("by_fax_of_2_gigapixels", fax % (-1, 2**31 - 1, 1), few * 20, (2**31 - 1, 1), b"/Filter /CCITTFaxDecode"),
        ("by_fax_of_65535_squared", fax % (-1, 65_535, 65_535), few * 20, (65_535, 65_535), b"/Filter /CCITTFaxDecode"),
        ("by_fax_without_rows", fax % (0, 60_000, 0), few * 20, (60_000, 60_000), b"/Filter /CCITTFaxDecode"),
        ("by_jpeg_of_65535_squared", rgb, bytes(jpeg_header), (65_535, 65_535), b"/Filter /DCTDecode"),
        ("by_jpeg_of_65535_within_60_by_40", rgb, bytes(jpeg_header), (60, 40), b"/Filter /DCTDecode"),
        ("by_jpeg_packed_twice", rgb, packed_jpeg, (60, 40), b"/Filter [/FlateDecode /FlateDecode /DCTDecode]"),
        ("by_jbig2_of_65535_squared", bits, _jbig2(65_535), (65_535, 65_535), b"/Filter /JBIG2Decode"),
        ("by_jbig2_of_4_gigapixels_squared", bits, _jbig2(2**32 - 1), (9, 9), b"/Filter /JBIG2Decode"),
        ("by_jpx_of_4_gigapixels_squared", b"", jpx, (9, 9), b"/Filter /JPXDecode"),
    ):
        more = {
            5: picture(entries, data, size, packed),
            6: b"<< /FunctionType 2 /Domain [0 1] /N 1 >>",
            7: picture(b"", zeros, (20_000, 20_000)),
            8: b"[/Indexed 8 0 R 255 (x)]",
            9: stream(zeros, b"/N 1 " + _PACKED),
        }
        yield f"picture_{name}", page(_SHOW, _IS_X % 5, more)
    yield "picture_10000_times", page(_SHOW * 10_000, _IS_X % 5, {5: picture(b"", many, (3000, 3000))})
    names = b"".join(b"/X%d %d 0 R " % (number, number) for number in range(10, 50))
    fifty_megapixels = dict.fromkeys(range(10, 50), picture(rgb, bomb(150_000_000), (7000, 7000)))
    show_all = b"".join(b"/X%d Do " % number for number in range(10, 50))
    yield "pictures_of_50_megapixels_40", page(show_all, b"/XObject << %b >>" % names, fifty_megapixels)


def _jbig2(side: int) -> bytes:
    """A page of that size and a generic region on it, by an arithmetic coder that has no data."""
    information = struct.pack(">IBBIIIIIBH", 0, 0x30, 1, 19, side, side, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB8b", side, side, 0, 0, 0, 0, 3, -1, -3, -1, 2, -2, -2, -2)
    return information + struct.pack(">IBBI", 1, 0x26, 1, len(region)) + region


def tables_of_objects() -> Files:
    for count in (2, 20):
        lists = b"100 0 [%b]" % (b"0 " * 2_000_000)
        streams = {10 + place: lists.replace(b"100", b"%d" % (100 + place), 1) for place in range(count)}
        yield f"object_streams_of_numbers_{count}", _with_object_streams(streams)
    yield "object_stream_of_400_mb", _with_object_streams({10: bomb(HUNDREDS_OF_MEGABYTES, b"0 ")}, is_packed=True)
    header = b" ".join(b"%d %d" % (number, 5 * number) for number in range(100, 200_100))
    many = header + b" " + b"<<>> " * 200_100
    yield "object_stream_of_many", _with_object_streams({10: many}, b"/N 200000 /First %d" % len(header))
    yield "object_stream_of_itself", _with_object_streams({10: b"10 0 <<>>"}, b"/N 1 /First 5 /Extends 10 0 R")
    yield "object_stream_of_2_billion", _with_object_streams({10: b"100 0 1"}, b"/N 2147483647 /First 6")
    yield "object_stream_with_a_negative_start", _with_object_streams({10: b"100 0 1"}, b"/N 1 /First -99999")
    sound = pdf()
    yield "xref_of_4_billion", sound.replace(b"xref\n0 6", b"xref\n0 4294967295")
    for name, entries, data in (
        ("of_2_billion", b"/W [1 8 8] /Size 2147483647 /Index [0 2147483647]", b"\0" * 170),
        ("of_400_mb", b"/W [1 2 1] /Size 100000000 " + _PACKED, bomb(HUNDREDS_OF_MEGABYTES)),
        ("of_no_width", b"/W [0 0 0] /Size 100000000", b""),
        ("before_itself", b"/W [1 2 1] /Size 9 /Prev 58", b"\0" * 36),
    ):
        body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        table = b"9 0 obj\n%b\nendobj\n" % stream(data, b"/Type /XRef /Root 1 0 R " + entries)
        yield f"xref_stream_{name}", body + table + b"startxref\n%d\n%%%%EOF\n" % len(body)
    last = int(sound.rpartition(b"startxref\n")[2].split()[0])
    for count, first in ((2, len(sound)), (30_000, last)):
        tables, before = bytearray(sound), first
        for _ in range(count):
            here = len(tables)
            tables += b"xref\n0 0\ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\n" % before
            before = here
        yield f"tables_{count}", bytes(tables + b"startxref\n%d\n%%%%EOF\n" % before)
    yield "size_of_2_billion", pdf(trailer=b"/Size 2147483647 /Root 1 0 R")
    for count in (6_000, 60_000):
        lengths = chain(count, lambda after: b"<< /Length %d 0 R >>\nstream\nx\nendstream" % after, b"1")
        yield (
            f"lengths_in_a_chain_of_{count}",
            page(b"<< /Length 10 0 R >>\nstream\n0 0 1 1 re f\nendstream", more=lengths),
        )
    yield "length_of_itself", page(b"<< /Length 4 0 R >>\nstream\nx\nendstream")
    references = chain(60_000, lambda after: b"%d 0 R" % after, b"0")
    yield "references_in_a_chain", page(more=references, entries=b"/Rotate 10 0 R")
    lost, numbers = sound.replace(b"xref", b"ferx"), range(1, 40_000)
    for name, content in (
        ("among_500000_objects", lost + b"7 0 obj\n1\nendobj\n" * 500_000),
        ("among_open_strings", b"%PDF-1.7\n" + b"".join(b"%d 0 obj (\n" % number for number in numbers)),
        ("among_open_streams", b"%PDF-1.7\n" + b"".join(b"%d 0 obj<</Length 9>>stream\n" % n for n in numbers)),
        ("among_trailers", lost + b"trailer<</Root 1 0 R/Prev 9>>\n" * 300_000),
        ("in_a_comment", b"%PDF-1.7\n%" + b"x" * 9_500_000),
        ("among_headers", b"%PDF-1.7\n" * 1_000_000),
    ):
        yield f"table_lost_{name}", content


def _with_object_streams(
    streams: dict[int, bytes], entries: bytes = b"/N 1 /First 6", *, is_packed: bool = False
) -> bytes:
    """A sound page, on whose catalog hangs what object streams hold: each one object, whose number is 90 more."""
    held = {
        number: stream(data if is_packed else zlib.compress(data, 9), b"/Type /ObjStm " + _PACKED + entries)
        for number, data in streams.items()
    }
    inside = {number + 90: number for number in streams}
    body = page(more=held, catalog=b"/PieceInfo [%b]" % b" ".join(b"%d 0 R" % number for number in inside))
    body = body[: body.rindex(b"xref\n0 ")]
    rows = {number: (2, place, 0) for number, place in inside.items()}
    for number in (1, 2, 3, 4, *streams):
        rows[number] = (1, body.index(b"\n%d 0 obj\n" % number) + 1, 0)
    rows[200] = (1, len(body), 0)
    table = b"".join(struct.pack(">BIH", *rows.get(number, (0, 0, 0))) for number in range(201))
    return body + b"200 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        flate(table, b"/Type /XRef /Size 201 /W [1 4 2] /Root 1 0 R"),
        len(body),
    )


def trees() -> Files:
    deep = chain(10_000, lambda after: _FOLLOWED % after, b"<< /Type /Page >>")
    doubling = chain(
        40, lambda after: b"<< /Type /Pages /Kids [%d 0 R %d 0 R] /Count 2 >>" % (after, after), b"<< /Type /Page >>"
    )
    for name, kids, count, more in (
        ("10000_deep", b"[10 0 R]", 1, deep),
        ("in_a_ring", b"[2 0 R]", 1, {}),
        ("doubling", b"[10 0 R 10 0 R]", 2, doubling),
        ("one_a_million_times", b"[%b]" % (b"3 0 R " * 1_000_000), 1_000_000, {}),
        ("without_kids", b"7", 2**31 - 1, {}),
        ("counted_negative", b"[3 0 R]", -(2**31), {}),
        ("counted_2_billion", b"[3 0 R]", 2**31 - 1, {}),
        ("that_are_their_parents", b"[3 0 R]", 1, {3: b"<< /Type /Page /Parent 3 0 R /Contents 3 0 R >>"}),
        ("that_are_the_catalog", b"[1 0 R]", 1, {1: b"<< /Type /Catalog /Pages 1 0 R /Kids [1 0 R] /Count 1 >>"}),
    ):
        yield f"pages_{name}", page(more={2: b"<< /Type /Pages /Kids %b /Count %d >>" % (kids, count), **more})
    ring = b"<< /Kids [5 0 R 5 0 R] /T (x) /First 5 0 R /Next 5 0 R /Parent 5 0 R >>"
    for name, catalog in (
        ("names", b"/Names << /EmbeddedFiles %d 0 R >>"),
        ("fields", b"/AcroForm << /Fields [%d 0 R] >>"),
        ("outlines", b"/Outlines %d 0 R"),
    ):
        yield f"{name}_in_a_ring", page(more={5: ring}, catalog=catalog % 5)
        yield f"{name}_10000_deep", page(more=deep, catalog=catalog % 10)
    fields = b"<< /T (x) /FT /Tx /V (y) /Rect [0 0 9 9] >> " * 100_000
    yield "fields_100000", page(catalog=b"/AcroForm << /Fields [%b] >>" % fields)
    layers = b"/OCProperties << /OCGs [%b] /D << >> >>" % (b"5 0 R " * 100_000)
    yield "layers_100000", page(more={5: b"<< /Type /OCG /Name (x) >>"}, catalog=layers)


def odd_values() -> Files:
    for name, entries in (
        ("box_of_a_billion_points", b"/MediaBox [0 0 1000000000 1000000000]"),
        ("box_of_1e38_points", b"/MediaBox [0 0 1e38 99999999999999999999999999999999999999]"),
        ("box_of_a_billion_by_1", b"/MediaBox [0 0 1000000000 1]"),
        ("box_of_nothing", b"/MediaBox [0 0 0.0000001 0.0000001]"),
        ("box_of_itself", b"/MediaBox [3 0 R 3 0 R 3 0 R 3 0 R]"),
        ("unit_of_a_billion", b"/UserUnit 1000000000"),
        ("turned_by_a_billion", b"/Rotate 999999999"),
    ):
        yield name, page().replace(b"/MediaBox [0 0 200 200]", entries)
    for name, value in (
        ("string_of_9_megabytes", b"(%b)" % (b"x" * 9_000_000)),
        ("string_of_nested_parentheses", b"(%b)" % (b"(" * 4_000_000)),
        ("list_of_4_million", b"[%b]" % (b"0 " * 4_000_000)),
        ("lists_nested", b"[" * 3_000_000),
        ("lists_nested_90_deep", b"[%b]" % ((b"[" * 90 + b"]" * 90) * 20_000)),
        ("dictionaries_nested", b"<</A" * 1_000_000),
        ("name_of_9_megabytes", b"<< /%b 1 >>" % (b"x" * 9_000_000)),
        ("names_700000", b"<< %b >>" % b" ".join(b"/N%d 0" % number for number in range(700_000))),
        ("number_of_9_million_digits", b"9" * 9_000_000),
    ):
        yield name, page(catalog=b"/PieceInfo " + value)
    keys = b"/Filter /Standard /O <%b> /U <%b> /P -4 " % (b"00" * 32, b"00" * 32)
    for name, entries in (
        ("by_version_99", keys + b"/V 99 /R 99"),
        ("with_a_huge_key", keys + b"/V 2 /R 3 /Length 2147483647"),
        ("with_a_negative_key", keys + b"/V 1 /R 2 /Length -8"),
        ("without_keys", b"/Filter /Standard /V 5 /R 6"),
        ("by_itself", b"/Filter 5 0 R /V 5 0 R /CF 5 0 R"),
    ):
        trailer = b"/ID [<00> <00>] /Encrypt 5 0 R"
        yield f"encrypted_{name}", page(more={5: b"<< %b >>" % entries}, trailer=trailer)
    spaces = page(stream(bomb(HUNDREDS_OF_MEGABYTES, b" "), _PACKED))
    yield "encrypted_bomb", resaved(spaces, encryption=pikepdf.Encryption(owner="o", user="", R=6))


KINDS = (
    streams_that_unpack,
    operators,
    what_draws_itself,
    shadings_and_functions,
    pictures,
    tables_of_objects,
    trees,
    odd_values,
)


def files() -> Files:
    for kind in KINDS:
        yield from kind()
