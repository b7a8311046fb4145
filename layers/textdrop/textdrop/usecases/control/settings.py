"""The stack's parameters that control needs for its answers."""

from __future__ import annotations

from dataclasses import dataclass

from textdrop.core import control, options, page_ranges
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.documents import Document
from textdrop.core.pause import Pause
from textdrop.ports import ControlPorts


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The same values as the functions that work with them."""

    languages: str
    model: str
    submits_per_second: float
    results_bucket: str
    results_prefix: str = ""
    outputs: str = ""
    pages: str = page_ranges.ALL
    max_pages: int = 5_000
    reuse: str = options.NO
    allowed_models: str = ""
    caps: Caps = NO_CAPS
    ocr_base_url: str = ""
    operation_base_url: str = ""


def shown(
    ports: ControlPorts, settings: ControlSettings, row: Document, paused: Pause, asked: str | None = None
) -> dict[str, object]:
    """The document as answers show it."""
    return control.document(
        row, paused, ports.prices, settings.caps, settings.results_bucket, settings.results_prefix, asked
    )
