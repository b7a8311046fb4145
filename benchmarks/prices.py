"""The list prices that figures are counted with."""

from __future__ import annotations

import tomllib
from pathlib import Path

_FILE = Path(__file__).parent / "prices.toml"
_ALL = tomllib.loads(_FILE.read_text("utf-8"))

REGION: str = _ALL["region"]
MONTH_HOURS = 730
GIGABYTE = 1e9


def of(name: str) -> float:
    """The price of `service.unit` in dollars."""
    service, unit = name.split(".")
    return float(_ALL[service][unit])
