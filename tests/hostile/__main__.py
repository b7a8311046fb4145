"""Hostile files, each opened by a process that stands for a function, beside honest ones: `make hostile`.

Each has to come to one outcome within 30 s of processor time and 60 % of the function's memory, as the template has
it; the honest ones have to come out as they do alone, and the process has to live. Exits 1 if one did not.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hostile import image_files, pdf_files
from hostile.measured import Measured, measured
from local.cloudformation import memory_mb
from unit.pagekit.making import encoded, scans
from unit.pagekit.outputs import drawing

MAX_SECONDS = 30.0
MEMORY_SHARE = 0.6
FUNCTIONS = {"open": "submit", "layer": "render"}
WORKERS = 2
_WORST = 12


@dataclass(frozen=True, slots=True)
class Run:
    """A file, opened or made searchable, and what of it should not be."""

    name: str
    bytes: int
    measured: Measured
    outcome: str
    wrong: tuple[str, ...]


def main() -> int:
    """Prints the tables; the exit code. ONLY, a regular expression, chooses files by their names."""
    only = re.compile(os.environ.get("ONLY", ""))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        honest = _honest(Path(folder))
        alone = {way: _said(_run(way, honest[0], honest)) for way in FUNCTIONS}
        paths = dict(_written(Path(folder), only))
        done = pool.map(lambda name: list(_runs(name, paths[name], honest, alone)), paths)
        runs = [run for of_file in done for run in of_file]
    for title, key in (
        ("processor time", _seconds),
        ("memory", _peak_bytes),
    ):
        print(f"The most {title}:")
        for run in sorted(runs, key=key, reverse=True)[:_WORST]:
            _print(run)
    wrong = [run for run in runs if run.wrong]
    print("Out of bounds:" if wrong else "None is out of bounds.")
    for run in wrong:
        _print(run)
    for said, count in Counter(re.sub(r" [0-9a-f]{12}\b", "", run.outcome) for run in runs).most_common(30):
        print(f"  {count:4} {said}")
    print(f"{len({run.name.split(' ')[0] for run in runs})} files, {len(runs)} runs, {len(wrong)} out of bounds")
    return 1 if wrong or not runs else 0


def _seconds(run: Run) -> float:
    return run.measured.seconds


def _peak_bytes(run: Run) -> int:
    return run.measured.peak_bytes


def _honest(folder: Path) -> list[Path]:
    """A sound PDF of three pages, and a TIFF of two."""
    pages = [drawing.page_of([f"An honest page {number}", *drawing.ENGLISH])[0] for number in (1, 2, 3)]
    bilevel = [page.convert("1") for page in pages[:2]]
    tiff = encoded(bilevel[0], "TIFF", save_all=True, append_images=bilevel[1:], compression="group4")
    found = [folder / "honest.pdf", folder / "honest.tiff"]
    for path, content in zip(found, (scans(pages), tiff), strict=True):
        path.write_bytes(content)
    return found


def _written(folder: Path, only: re.Pattern[str]) -> Iterator[tuple[str, Path]]:
    for name, content in itertools.chain(pdf_files.files(), image_files.files()):
        if only.search(name):
            path = folder / name.replace("/", "-")
            path.write_bytes(content)
            yield name, path


def _runs(name: str, path: Path, honest: list[Path], alone: dict[str, dict[str, object]]) -> Iterator[Run]:
    """Opened, and, if that comes to pages, made searchable."""
    for way in FUNCTIONS:
        done = _run(way, path, honest)
        said = _said(done)
        outcome = str(
            said.get("outcome", done.ended or f"the process ended with {done.code}: {done.out.strip()[-80:]}")
        )
        wrong = [done.ended] if done.ended else []
        if not said:
            wrong.append("no outcome")
        elif outcome.startswith("raised"):
            wrong.append("no refusal")
        elif any(said[when] != alone[way]["beside"] for when in ("beside", "after")):
            wrong.append("the honest files came out otherwise")
        if done.seconds > MAX_SECONDS:
            wrong.append(f"more than {MAX_SECONDS:g} s")
        if done.peak_bytes > MEMORY_SHARE * memory_mb(FUNCTIONS[way]) * 2**20:
            wrong.append(f"more than {MEMORY_SHARE:.0%} of the memory")
        if done.left:
            wrong.append(f"{done.left} processes left")
        yield Run(f"{name} {way}", path.stat().st_size, done, outcome, tuple(wrong))
        if " pages: " not in outcome:
            break


def _run(way: str, path: Path, honest: list[Path]) -> Measured:
    command = [sys.executable, "-m", "hostile.function", way, str(path), *map(str, honest)]
    return measured(command, max_bytes=memory_mb(FUNCTIONS[way]) * 2**20, max_seconds=2 * MAX_SECONDS)


def _said(done: Measured) -> dict[str, object]:
    """What the process printed; nothing unless it ended by itself, with one outcome."""
    lines = [line for line in done.out.splitlines() if line.startswith('{"outcome"')]
    return dict(json.loads(lines[0])) if done.code == 0 and len(lines) == 1 else {}


def _print(run: Run) -> None:
    seconds, megabytes = run.measured.seconds, run.measured.peak_bytes / 2**20
    what = "; ".join((*run.wrong, run.outcome))
    print(f"  {run.name:48} {run.bytes / 1000:9,.0f} KB {seconds:6.1f} s {megabytes:6,.0f} MiB  {what}")


if __name__ == "__main__":
    sys.exit(main())
