"""What a benchmark measured, beside what it should reach; and how it is printed and kept."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
"""Takes a line of progress."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `value` and `beside` (the limit, or a baseline of the same run) are as people read them.

    `reached` is None for what is shown only.
    """

    name: str
    value: str
    beside: str = ""
    reached: bool | None = None


def within(name: str, value: float, most: float, unit: str, digits: int = 3) -> Figure:
    """A figure that should be no more than `most`."""
    return Figure(name, f"{value:,.{digits}f} {unit}", f"≤ {most:,g} {unit}", value <= most)


def at_least(name: str, value: float, least: float, unit: str, digits: int = 3) -> Figure:
    """A figure that should be no less than `least`."""
    return Figure(name, f"{value:,.{digits}f} {unit}", f"≥ {least:,g} {unit}", value >= least)


def lines(figures: Sequence[Figure]) -> list[str]:
    """For a terminal."""
    widest = max(len(figure.name) for figure in figures)
    marks = {True: "reached", False: "NOT REACHED", None: ""}
    return [
        f"  {figure.name:<{widest}}  {figure.value:>18}  {figure.beside:<24} {marks[figure.reached]}".rstrip()
        for figure in figures
    ]


def table(figures: Sequence[Figure], measured_on: str) -> str:
    """For the page of figures."""
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [f"| {figure.name} | {figure.value} | {figure.beside} | {marks[figure.reached]} |" for figure in figures]
    head = ["| figure | measured | reach, or beside it | reached |", "| --- | --- | --- | --- |"]
    return "\n".join([f"Measured on {measured_on}.", "", *head, *rows])


def machine() -> str:
    """What these figures were measured on, as far as it matters."""
    cores = [line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("processor")]
    return f"{len(cores)} shared {platform.machine()} cores, Python {platform.python_version()}"


def kept(page: str, name: str, section: str) -> str:
    """The page with this section instead of the one of that name. Raises KeyError if there is none."""
    mark = re.compile(rf"(<!-- measured: {re.escape(name)} [^>]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not mark.search(page):
        raise KeyError(f"the page has no section <!-- measured: {name} … -->")
    return mark.sub(lambda found: f"{found[1]}{section}{found[2]}", page)
