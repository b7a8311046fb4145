"""The upload's own metadata: what is not an option of ours is echoed in everything that is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textdrop.core.documents import Source
from textdrop.core.options import PREFIX

MAX_BYTES = 2_048
"""The most that names and values may have together, in UTF-8, so that rows and notices stay small."""


def with_metadata(source: Source, metadata: Mapping[str, str]) -> Source:
    """The source with the entries to echo, in order of their names as far as they fit, and how many do not."""
    others = sorted((name, value) for name, value in metadata.items() if not name.startswith(PREFIX))
    kept: list[tuple[str, str]] = []
    size = 0
    for name, value in others:
        size += len((name + value).encode("utf-8", "surrogatepass"))
        if size > MAX_BYTES:
            break
        kept.append((name, value))
    return replace(source, metadata=tuple(kept), metadata_omitted=len(others) - len(kept))
