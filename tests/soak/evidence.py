"""All that a run has left behind, gathered when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soak.uploads import Upload
from textdrop.core.documents import Document, Operation


@dataclass(frozen=True, slots=True)
class Put:
    """An upload as it was made: which document it is to be."""

    upload: Upload
    document: str


@dataclass(slots=True)
class Evidence:
    """What there is when nothing is to be done any more.

    `puts` are in the order they were made. `files` are the objects of the results bucket but for the pages as received,
    `notices` the bodies as they came, repeats too, `ocr` what the OCR service counted. `logs` are by function,
    `emulator_log` is what the emulator wrote itself. `accepted_again` and `notices_again` are what sending every event
    once more led to.
    """

    puts: list[Put]
    documents: dict[str, Document]
    operations: dict[str, list[Operation]]
    due: int
    dead_letters: int
    files: dict[str, bytes]
    notices: list[str]
    ocr: dict[str, Any]
    logs: dict[str, list[str]]
    emulator_log: str
    private: list[str]
    accepted_again: int = 0
    notices_again: int = 0

    @property
    def wanted(self) -> set[str]:
        """The ids of all documents that there are to be."""
        return {put.document for put in self.puts}


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind, and what it met: how long its parts took, with faults and without, how many documents
    were final after the first, events sent again, killed processes by function, AWS calls as the proxy counts them."""

    evidence: Evidence
    seconds: tuple[float, float]
    final_with_faults: int
    repeats: int
    killed: Mapping[str, int]
    aws: Mapping[str, int]
