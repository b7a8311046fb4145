"""A plugin of pytest that keeps the PDFs which pagekit's tests make and open: `pytest -p corpus.generated`."""

from __future__ import annotations

import io
import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import pagekit.opening
import pagekit.outputs.searchable_pdf
import pagekit.pdf.document
from pagekit.kinds import media_type

FOLDER = "KEEP_GENERATED_IN"
_MOST_OF_A_TEST = 20
_MOST_BYTES = 10_000_000

_kept: dict[str, list[bytes]] = defaultdict(list)


def pytest_configure() -> None:
    """Before any test module imports them by name."""
    for module, name in (
        (pagekit.opening, "open_document"),
        (pagekit.pdf.document, "PdfDocument"),
        (pagekit.outputs.searchable_pdf, "searchable_pdf"),
    ):
        setattr(module, name, _keeping(getattr(module, name)))


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """What hypothesis makes up is no file of a kind: nothing could be said of it."""
    items[:] = [item for item in items if not getattr(item.obj, "is_hypothesis_test", False)]


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    def keeps(file: BinaryIO, *others: Any, **named: Any) -> Any:
        if isinstance(file, io.BytesIO):
            _keep(file.getvalue())
        return function(file, *others, **named)

    return keeps


def _keep(content: bytes) -> None:
    _, _, test = os.environ.get("PYTEST_CURRENT_TEST", "").removesuffix(" (call)").partition("::")
    name = re.sub(r"\W+", "-", test).strip("-")[:80]
    kept = _kept[name]
    if (
        media_type(content) == "application/pdf"
        and content not in kept
        and len(kept) < _MOST_OF_A_TEST
        and len(content) < _MOST_BYTES
    ):
        kept.append(content)
        (Path(os.environ[FOLDER]) / f"{name}-{len(kept)}.pdf").write_bytes(content)
