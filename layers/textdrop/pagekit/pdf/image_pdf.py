"""An image as a PDF of one page, with recognised text laid over it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable
from decimal import Decimal
from typing import BinaryIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf

from pagekit.errors import NotRenderable
from pagekit.limits import MediaType
from pagekit.outputs.rendered import Rendered
from pagekit.page import RecognisedPage
from pagekit.pdf.glyphless_font import GlyphlessFont
from pagekit.pdf.jpeg_picture import jpeg_picture
from pagekit.pdf.page_geometry import Box, pixels_to_page
from pagekit.pdf.picture import image_object
from pagekit.pdf.png_picture import png_picture
from pagekit.pdf.text_layer import text_layer

_OLDEST_VERSION = "1.5"
_FONT_NAME = "/Textdrop"
_MOST_BYTES = 100_000_000
_NO_SIZE = "The recognised text is not in the searchable PDF: the size of what was recognised is not known."


def image_pdf(
    source: BinaryIO, media_type: MediaType, pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO
) -> Rendered:
    """As searchable_pdf. The image's own pixels are in it, shown as EXIF says, and nothing else."""
    start = to.tell()
    source.seek(0, io.SEEK_SET)
    content = source.read(_MOST_BYTES)
    picture = jpeg_picture(content) if media_type == "image/jpeg" else png_picture(content)
    width, height = picture.page_size()
    warnings = []
    layered = 0
    with Pdf.new() as document:
        page = document.add_blank_page(page_size=(width, height))
        page.MediaBox = Array([0, 0, Decimal(f"{width:.3f}"), Decimal(f"{height:.3f}")])
        page.Resources = Dictionary(XObject=Dictionary(Picture=image_object(document, picture)))
        placement = " ".join(f"{number:.3f}" for number in picture.placement())
        operators = f"q {placement} cm /Picture Do Q\n".encode()
        for number, recognised in pages:
            if number > 1:
                raise NotRenderable("The image is one page, but text was recognised on several.")
            if recognised is None or not recognised["blocks"]:
                continue
            if recognised["width"] <= 0 or recognised["height"] <= 0:
                warnings.append(_NO_SIZE)
                continue
            font = GlyphlessFont(document)
            to_page = pixels_to_page(Box(0, 0, width, height), 0, recognised["width"], recognised["height"])
            layer, letters, _ = text_layer(recognised, to_page, font, _FONT_NAME, lambda x, y: False)
            if letters:
                font.written()
                page.Resources.Font = Dictionary({_FONT_NAME: font.object})
                operators += layer
                layered += 1
        page.Contents = document.make_stream(zlib.compress(operators), Filter=Name.FlateDecode)
        document.save(
            to,
            min_version=_OLDEST_VERSION,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            deterministic_id=True,
        )
    return Rendered(to.tell() - start, layered, (), tuple(warnings))
