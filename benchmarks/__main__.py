"""All figures: `make bench`, or some of them: `make bench ONLY="latency backlog"`.

Each benchmark prints what it measured beside what it should reach, and replaces its table in docs/performance.md. Ends
with 1 where one falls short.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from datetime import UTC, datetime

from benchmarks import figures
from local import servers

BENCHMARKS = (
    *("latency", "backlog", "asking", "long_document", "neighbours"),
    *("cost", "idle", "tick_rows", "growth"),
    *("imports", "tick_load", "memory", "rendering"),
)
"""Modules of this package with `measure(say) -> list[Figure]`, in the order in which they run."""

PAGE = servers.ROOT / "docs" / "performance.md"


def main() -> int:
    asked = os.environ.get("ONLY", "").replace(",", " ").split()
    if unknown := [name for name in asked if name not in BENCHMARKS]:
        print(f"there is no benchmark {' '.join(unknown)}; there are: {' '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    short: list[str] = []
    for name in BENCHMARKS:
        if asked and name not in asked:
            continue
        print(f"\n{name}", flush=True)
        began = time.monotonic()
        found = importlib.import_module(f"benchmarks.{name}").measure(_say)
        print("\n".join(figures.lines(found)), flush=True)
        on = f"{datetime.now(UTC):%Y-%m-%d}, {figures.machine()}, in {time.monotonic() - began:.0f} s"
        page = figures.kept(PAGE.read_text("utf-8"), name, figures.table(found, on))
        PAGE.write_text(page, encoding="utf-8")
        short += [f"{name}: {figure.name}" for figure in found if figure.reached is False]
    print("\n" + ("\n".join(["short of what should be reached:", *short]) if short else "every figure is reached"))
    return 1 if short else 0


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
