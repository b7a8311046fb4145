"""What the bytes of a PDF show, apart from what can be read in it: where it ends, and how it is encrypted."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

_END_BYTES = 64 * 1024
_MAX_END_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_LONGEST_OBJECT_START_BYTES = 64
_ENCRYPTION_DICTIONARY_BYTES = 64 * 1024
_OBJECT_START = re.compile(rb"\d\s+\d+\s+obj\b")
_END = re.compile(rb"startxref(?:\s+\d+)?(?:\s+%%EOF)?\s?\s?")
_ENCRYPT = re.compile(rb"/Encrypt\s*(?:(\d{1,10})\s+(\d{1,5})\s+R\b|<<)")
_FILTER_BUT_PASSWORD = re.compile(rb"/Filter\s*/(?!Standard\b|Crypt\b|\w*Decode\b)[A-Za-z]")


def end_of_pdf(file: BinaryIO) -> int | None:
    """Where the PDF ends, before up to some megabytes of rubbish; None if its end is missing.

    The last thing written, again with each later change, is "startxref" and a number.
    """
    size = file.seek(0, io.SEEK_END)
    length = _END_BYTES
    while True:
        start = max(size - length, 0)
        end = _read(file, start, length)
        place = end.rfind(b"startxref")
        if place >= 0:
            ending = _END.match(end, place)
            if ending is None or _OBJECT_START.search(end, place):
                return None
            return start + ending.end()
        if length >= min(size, _MAX_END_BYTES):
            return None
        length *= 8


def is_encrypted_without_password(file: BinaryIO) -> bool:
    """Whether a file that cannot be opened names a way of decrypting it other than a password.

    The dictionary that says so is never compressed (PDF 1.7, 7.5.7), so it can be searched in the bytes. It is named at
    the end of the file or, in one that is made for the web, at the beginning.
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


def _object_start(reference: tuple[int, int]) -> re.Pattern[bytes]:
    return re.compile(rb"\b0*%d\s+0*%d\s+obj\b" % reference)


def _end_of(file: BinaryIO, pattern: re.Pattern[bytes]) -> int | None:
    """Where the last match of a short pattern ends, in a file that may be large: the last one written counts."""
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
