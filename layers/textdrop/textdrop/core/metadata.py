"""What an upload's own metadata, which is no option of ours, becomes: an echo in whatever is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textdrop.core.documents import Source
from textdrop.core.options import PREFIX

MAX_BYTES = 2_048
"""The most of names and values together, in UTF-8: rows and notices stay small."""


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
