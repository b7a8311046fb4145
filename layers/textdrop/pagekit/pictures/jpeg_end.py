"""A JPEG without an end marker: whether its picture is whole nevertheless, as some phones write it.

The decoder shows it: if what follows the data changes nothing in the picture, nothing of the picture was missing. It is
decoded with different noise in place of the end. A row, or a part of one, that is missing is filled with the noise. If
only a single bit is missing half of all noise would give the same, but not both noise and its inverse.
"""

from __future__ import annotations

import hashlib
import io
import random

from PIL import Image

from pagekit.images import damaged, has_all_scans

_END = b"\xff\xd9"
_RESTART_MARKERS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
_NOISE_BYTES = 64
# What fills up a file that was truncated: blocks of zeros or ones. Data does not end so, and its last byte does not
# matter.
_FILLING = b"\0\xff"
_MIN_FILLING_BYTES = 4


def with_end(content: bytes, shrink: int) -> bytes:
    """The JPEG with an end marker. `shrink`: the part of its pixels, 1 to 8, for which there is memory to decode them.

    Raises Refusal (`damaged`) if any of the picture is missing.
    """
    data = content.rstrip(_FILLING)
    if len(content) - len(data) < _MIN_FILLING_BYTES:
        data = content[:-1] if content.endswith(b"\xff") else content
    if has_all_scans(data):
        picture = _picture(data + _noise(1), shrink)
        others = (_noise(1, inverse=True), _noise(2), _noise(2, inverse=True))
        if all(_picture(data + noise, shrink) == picture for noise in others):
            return data + _END
    raise damaged("The JPEG image is cut off: its end is missing.")


def _noise(seed: int, *, inverse: bool = False) -> bytes:
    """Meaningless coded data, with every restart marker, so that the decoder continues at whichever it expects."""
    chance = random.Random(seed)
    flipped = 0xFF if inverse else 0
    parts = (
        bytes(chance.randrange(1, 255) ^ flipped for _ in range(_NOISE_BYTES)) + marker
        for marker in _RESTART_MARKERS * 2
    )
    return b"".join(parts) + _END


def _picture(content: bytes, shrink: int) -> bytes:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if shrink > 1:
                image.draft(None, (image.width // shrink, image.height // shrink))
            image.load()
            hashed = hashlib.sha256()
            for top in range(0, image.height, 64):
                hashed.update(image.crop((0, top, image.width, min(top + 64, image.height))).tobytes())
            return hashed.digest()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
        raise damaged("The JPEG image is damaged: it cannot be decoded.") from None
