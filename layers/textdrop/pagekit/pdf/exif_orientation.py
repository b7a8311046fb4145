"""How an image wants to be turned."""

from __future__ import annotations

from PIL import Image

_ORIENTATION = 0x0112


def exif_orientation(data: bytes) -> int:
    """The orientation (1 to 8) that EXIF data asks for; 1 where it asks for none or cannot be read."""
    exif = Image.Exif()
    try:
        exif.load(data)
        orientation = exif.get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - malformed data makes the library raise anything
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
