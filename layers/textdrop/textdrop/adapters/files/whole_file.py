"""What the bytes of a PDF tell, beside what can be read in it: whether its end is there, and what it should hold."""

from __future__ import annotations

import re
from collections import deque

from textdrop.adapters.files.qpdf import damaged

MAX_OBJECTS = 200_000
"""Mending takes some 25 µs an object, and each takes at least 60 bytes of an honest file."""

_MAX_LISTED = 200_000
_ENCRYPTION_DICTIONARY_BYTES = 64 * 1024
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_REFERENCE = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+R\b")
_OBJECT_START = re.compile(rb"\d\s+\d+\s+obj\b")
_ENCRYPT = re.compile(rb"/Encrypt\s*(?:(\d{1,10})\s+(\d{1,5})\s+R\b|<<)")
_FILTER_BUT_PASSWORD = re.compile(rb"/Filter\s*/(?!Standard\b|Crypt\b|\w*Decode\b)[A-Za-z]")


def is_cut_off(content: bytes | bytearray) -> bool:
    """Whether the end is missing: the last thing written, again with each later change, is "startxref".

    `content` is the file, or the end of it that holds the last "startxref".
    """
    end = content.rfind(b"startxref")
    return end < 0 or _OBJECT_START.search(content, end) is not None


def check_objects(content: bytes | bytearray) -> None:
    """Refusal (`damaged`) if there are more objects than mending can bear."""
    if content.count(b" obj") > MAX_OBJECTS:
        raise damaged(f"The PDF has more than {MAX_OBJECTS:,} objects, which no document of its size needs.")


def listed_pages(content: bytes | bytearray) -> set[tuple[int, int]]:
    """The objects that the file names as pages or lists of pages, also those that mending dropped from the lists."""
    listed: set[tuple[int, int]] = set()
    for kids in _KIDS.finditer(content):
        for reference in _REFERENCE.finditer(content, *kids.span(1)):
            listed.add((int(reference[1]), int(reference[2])))
            if len(listed) > _MAX_LISTED:
                raise damaged("The PDF is damaged: its list of pages has no end.")
    return listed


def is_encrypted_without_password(content: bytes | bytearray) -> bool:
    """Whether a file that cannot be opened names another way of decrypting it than a password.

    The dictionary that says so is never compressed (PDF 1.7, 7.5.7), so it can be looked for in the bytes.
    """
    encrypt = next(iter(deque(_ENCRYPT.finditer(content), maxlen=1)), None)
    if encrypt is None:
        return False
    start = encrypt.end()
    if encrypt[1] is not None:
        found = re.search(rb"\b0*%d\s+%d\s+obj\b" % (int(encrypt[1]), int(encrypt[2])), content)
        if found is None:
            return False
        start = found.end()
    dictionary = content[start : start + _ENCRYPTION_DICTIONARY_BYTES].partition(b"endobj")[0]
    return _FILTER_BUT_PASSWORD.search(dictionary) is not None
