"""All figures: `make bench`, or some of them: `make bench ONLY="latency cost"`.

Each benchmark prints a table of what it measured and what it should reach, in the form of docs/performance.md. The exit
code is 1 if one falls short. With BESIDE, the path of another checkout, each is measured there first, with that
checkout's own benchmark.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import figures

BENCHMARKS = ("latency", "backlog", "cost", "idle", "memory", "imports", "rendering", "virtual_time", "control")
"""Modules of this package with `measure(say) -> list[Figure]`, in the order in which they run."""


def main() -> int:
    """Runs what ONLY names, or all. 0: every figure was reached, 1: some were not, 2: there is no such benchmark."""
    asked = os.environ.get("ONLY", "").replace(",", " ").split()
    if unknown := [name for name in asked if name not in BENCHMARKS]:
        print(f"there is no benchmark {' '.join(unknown)}; there are: {' '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    short: list[str] = []
    for name in asked or BENCHMARKS:
        if beside := os.environ.get("BESIDE"):
            subprocess.run(["make", "bench", f"ONLY={name}", "BESIDE="], cwd=beside, check=False)
        began = time.monotonic()
        found = importlib.import_module(f"benchmarks.{name}").measure(_say)
        on = f"{datetime.now(UTC):%Y-%m-%d}, {figures.machine()}, in {time.monotonic() - began:.0f} s"
        print(f"\n{name} of {Path.cwd().name}\n\n{figures.table(found, on)}", flush=True)
        short += [f"{name}: {figure.name}" for figure in found if figure.reached is False]
    print("\n" + ("\n".join(["short of what should be reached:", *short]) if short else "every figure is reached"))
    return 1 if short else 0


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
