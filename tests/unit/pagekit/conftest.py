"""What all tests of pagekit share."""

from __future__ import annotations

import pytest

from pagekit.pdf import qpdf


@pytest.fixture(autouse=True)
def _processor_time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no time passes but what a test counts."""
    monkeypatch.setattr(qpdf, "cpu_clock", lambda: 0.0)
