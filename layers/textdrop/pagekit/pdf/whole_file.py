"""What the bytes of a PDF show, beside what can be read in it: whether its end is there, and what it should hold."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

from pagekit.pdf.qpdf import damaged

MAX_OBJECTS = 200_000
"""Mending takes some 25 µs an object, and each takes at least 60 bytes of an honest file."""

_END_BYTES = 64 * 1024
_MAX_END_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_LONGEST_OBJECT_START_BYTES = 64
_ENCRYPTION_DICTIONARY_BYTES = 64 * 1024
_OBJECT_START = re.compile(rb"\d\s+\d+\s+obj\b")
_COUNT = re.compile(rb"/Count\s+(\d{1,10})\b")
_ENCRYPT = re.compile(rb"/Encrypt\s*(?:(\d{1,10})\s+(\d{1,5})\s+R\b|<<)")
_FILTER_BUT_PASSWORD = re.compile(rb"/Filter\s*/(?!Standard\b|Crypt\b|\w*Decode\b)[A-Za-z]")


def is_cut_off(file: BinaryIO) -> bool:
    """Whether the end is missing: the last thing written, again with each later change, is "startxref".

    Rubbish behind it does not matter, up to some megabytes.
    """
    size = file.seek(0, io.SEEK_END)
    length = _END_BYTES
    while True:
        end = _read(file, max(size - length, 0), length)
        found = end.rfind(b"startxref")
        if found >= 0:
            return _OBJECT_START.search(end, found) is not None
        if length >= min(size, _MAX_END_BYTES):
            return True
        length *= 8


def check_objects(content: bytes) -> None:
    """Refusal (`damaged`) if there are more objects than mending can bear."""
    if content.count(b" obj") > MAX_OBJECTS:
        raise damaged(f"The PDF has more than {MAX_OBJECTS:,} objects, which no document of its size needs.")


def is_encrypted_without_password(file: BinaryIO) -> bool:
    """Whether a file that cannot be opened names another way of decrypting it than a password.

    The dictionary that says so is never compressed (PDF 1.7, 7.5.7), so it can be looked for in the bytes; it is named
    at the end of the file or, in one that is made for the web, at the beginning.
    """
    size = file.seek(0, io.SEEK_END)
    places = [0, max(size - _PIECE_BYTES, _PIECE_BYTES)]
    named = [(place, found) for place in places for found in _ENCRYPT.finditer(_read(file, place, _PIECE_BYTES))]
    if not named:
        return False
    place, encrypt = named[-1]
    start: int | None = place + encrypt.end()
    if encrypt[1] is not None:
        start = _end_of(file, _object_start((int(encrypt[1]), int(encrypt[2]))))
    if start is None:
        return False
    dictionary = _read(file, start, _ENCRYPTION_DICTIONARY_BYTES).partition(b"endobj")[0]
    return _FILTER_BUT_PASSWORD.search(dictionary) is not None


def stated_pages(file: BinaryIO, root: tuple[int, int]) -> int:
    """How many pages the root of the page tree says there are, as it was written; -1 if it does not say or is packed.

    For qpdf writes another number into it when it leaves out pages.
    """
    start = _end_of(file, _object_start(root))
    text = b"" if start is None else _read(file, start, _PIECE_BYTES).partition(b"endobj")[0]
    found = _COUNT.search(text)
    return int(found[1]) if found else -1


def _object_start(reference: tuple[int, int]) -> re.Pattern[bytes]:
    return re.compile(rb"\b0*%d\s+0*%d\s+obj\b" % reference)


def _end_of(file: BinaryIO, pattern: re.Pattern[bytes]) -> int | None:
    """Where the last match of a short pattern ends, in a file that may be large: the last one written is the one."""
    place = file.seek(0, io.SEEK_END)
    while place > 0:
        place = max(place - _PIECE_BYTES, 0)
        found = list(pattern.finditer(_read(file, place, _PIECE_BYTES + _LONGEST_OBJECT_START_BYTES)))
        if found:
            return place + found[-1].end()
    return None


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)
