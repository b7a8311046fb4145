"""What a benchmark measured and what it should reach; and how it is printed."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
"""Takes a line of progress."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `value` and `beside` (the limit, or a baseline of the same run) are for people to read.

    `reached` is None if the figure is only shown.
    """

    name: str
    value: str
    beside: str = ""
    reached: bool | None = None


def within(name: str, value: float, limit: float, unit: str, digits: int = 3) -> Figure:
    """A figure that should be no more than `limit`."""
    return Figure(name, f"{value:,.{digits}f} {unit}", f"≤ {limit:,g} {unit}", value <= limit)


def at_least(name: str, value: float, limit: float, unit: str, digits: int = 3) -> Figure:
    """A figure that should be no less than `limit`."""
    return Figure(name, f"{value:,.{digits}f} {unit}", f"≥ {limit:,g} {unit}", value >= limit)


def table(figures: Sequence[Figure], measured_on: str) -> str:
    """For docs/performance.md."""
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [f"| {figure.name} | {figure.value} | {figure.beside} | {marks[figure.reached]} |" for figure in figures]
    head = ["| figure | measured | reach, or beside it | reached |", "| --- | --- | --- | --- |"]
    return "\n".join([f"Measured on {measured_on}.", "", *head, *rows])


def machine() -> str:
    """What these figures were measured on."""
    cores = [line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("processor")]
    return f"{len(cores)} shared {platform.machine()} cores, Python {platform.python_version()}"
