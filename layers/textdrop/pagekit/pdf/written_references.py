"""The references in the objects of a PDF as they stand in the file.

qpdf silently leaves out a reference if it knows no object of that number and generation, as a reference to nothing
means nothing (PDF 1.7, 7.3.10). But it also forgets objects whose number is over a third of the file's size in bytes,
and viewers ignore generations: such an object is in the file, and viewers show it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import BinaryIO

import pikepdf

from pagekit.kinds import PDF_HEADER_WITHIN_BYTES

_REFERENCE = re.compile(rb"(?<![\d.])(\d{1,10})[\x00\t\n\f\r ]+(\d{1,5})[\x00\t\n\f\r ]+R(?![A-Za-z])")
_END = re.compile(rb"endobj|stream")
_FIRST_BYTES = 1024
_MAX_BYTES = 1024 * 1024
_MAX_CONTAINERS = 8
_SIZE_BY_NUMBER = 3


class WrittenReferences:
    """What the objects of one document refer to.

    `file` is read where they are; `counts_all`: whatever is referred to should be there, as in a file that had to be
    mended.
    """

    def __init__(self, file: BinaryIO, size: int, document: pikepdf.Pdf, *, counts_all: bool) -> None:
        self._file = file
        self._counts_all = counts_all
        self._largest_number = size // _SIZE_BY_NUMBER
        self._table = document.get_xref_table()
        self._numbers: set[int] | None = None
        self._containers: OrderedDict[int, list[bytes]] = OrderedDict()
        file.seek(0)
        # Places count from the header, which rubbish may come before.
        self._start = max(file.read(PDF_HEADER_WITHIN_BYTES).find(b"%PDF-"), 0)

    def are_left_out(self, reference: tuple[int, int], document: pikepdf.Pdf) -> bool:
        """Whether qpdf leaves out something that this object refers to and that is in the file."""
        found = [(int(each[1]), int(each[2])) for each in _REFERENCE.finditer(self._text(reference, document))]
        if self._counts_all:
            return any(document.get_object(each) is None for each in found)
        return any(each not in self._table and self._is_there(each[0]) for each in found)

    def _is_there(self, number: int) -> bool:
        """Whether an object of this number exists, or may exist, though not for qpdf."""
        if self._numbers is None:
            self._numbers = {number for number, _ in self._table}
        return number > self._largest_number or number in self._numbers

    def _text(self, reference: tuple[int, int], document: pikepdf.Pdf) -> bytes:
        """The object up to its data, if it has data; empty if it is not where the table says."""
        entry = self._table.get(reference)
        if entry is None:
            return b""
        if entry.obj_stream_number is not None and entry.obj_stream_index is not None:
            return self._packed(entry.obj_stream_number, entry.obj_stream_index, document)
        length = _FIRST_BYTES
        while True:
            self._file.seek(self._start + (entry.offset or 0))
            text = self._file.read(length)
            end = _END.search(text)
            if end is not None or len(text) < length or length >= _MAX_BYTES:
                return text[: end.start()] if end is not None else text
            length *= 8

    def _packed(self, number: int, index: int, document: pikepdf.Pdf) -> bytes:
        if number not in self._containers:
            while len(self._containers) >= _MAX_CONTAINERS:
                self._containers.popitem(last=False)
            self._containers[number] = _objects_of(document.get_object(number, 0))
        self._containers.move_to_end(number)
        objects = self._containers[number]
        return objects[index] if index < len(objects) else b""


def _objects_of(container: pikepdf.Object) -> list[bytes]:
    """The objects in an object stream (PDF 1.7, 7.5.7), which qpdf has read already."""
    content = container.read_bytes()
    first, count = int(container["/First"]), int(container["/N"])
    places = [first + int(place) for place in content[:first].split()[1 : 2 * count : 2]]
    ends = [*places[1:], len(content)]
    return [content[start:end] for start, end in zip(places, ends, strict=True)]
