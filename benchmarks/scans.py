"""Scans of noise: no two are alike, and none is smaller than asked for, because noise cannot be compressed."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pikepdf
from PIL import Image

A4_WIDTH, A4_HEIGHT = 595, 842
QUALITY = 95


def jpeg(noise: random.Random, mode: str, side: int) -> bytes:
    """A square picture with that many pixels a side, in this mode of Pillow's."""
    content = io.BytesIO()
    pixels = noise.randbytes(side * side * len(mode))
    Image.frombytes(mode, (side, side), pixels).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def images(count: int, size: int) -> Iterator[bytes]:
    """That many JPEGs of just under `size` bytes."""
    side = int(2_000 * (size / len(jpeg(random.Random(0), "RGB", 2_000))) ** 0.5)
    for number in range(count):
        while len(content := jpeg(random.Random(number), "RGB", side)) > size:
            side -= 1 + side // 500
        yield content


def book(pages: int, page_bytes: int) -> bytes:
    """A PDF of that many grey scans of about `page_bytes` each."""
    noise, written = random.Random(0), io.BytesIO()
    side = max(8, int(500 * (page_bytes / len(jpeg(noise, "L", 500))) ** 0.5))
    with pikepdf.new() as document:
        for _ in range(pages):
            scan = document.make_stream(jpeg(noise, "L", side))
            scan.Type, scan.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            scan.Width = scan.Height = side
            scan.ColorSpace, scan.BitsPerComponent = pikepdf.Name.DeviceGray, 8
            scan.Filter = pikepdf.Name.DCTDecode
            page = document.add_blank_page(page_size=(A4_WIDTH, A4_HEIGHT))
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=scan))
            page.Contents = document.make_stream(f"q {A4_WIDTH} 0 0 {A4_HEIGHT} 0 0 cm /Scan Do Q".encode())
        document.save(written)
    return written.getvalue()
