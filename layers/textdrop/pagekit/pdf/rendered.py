"""What became of a searchable PDF that was written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """`layered`: how many pages got a layer of text; `own_text`: the numbers of those whose own text says what was
    recognised, and which were left as they are. `warnings` are sentences for the document's owner."""

    layered: int
    own_text: tuple[int, ...]
    warnings: tuple[str, ...]
