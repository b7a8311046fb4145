"""Hostile files, each opened by a process that stands for a function, beside honest ones: `make hostile`.

Each has to come to one outcome within 30 s of processor time and 60 % of the function's memory, as the template has
it; the honest ones have to come out as they do alone, and the process has to live. Those accepted ones that held the
most memory are then opened at once. Of each absurd result of the OCR service every output is made, or refused, within
20 s and 400 MiB. Exits 1 if one did not keep its bounds.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from hostile import image_files, pdf_files, result_pages
from hostile.measured import Measured, measured
from local.cloudformation import memory_mb
from unit.pagekit.making import encoded, scans
from unit.pagekit.outputs import drawing

MAX_SECONDS = 30.0
MEMORY_SHARE = 0.6
FUNCTIONS = {"open": "submit", "layer": "deliver"}
WORKERS = 2
MAX_OUTPUT_SECONDS = 20.0
MAX_OUTPUT_BYTES = 400 * 2**20
"""For reading a page's result and making one output of it. A real page takes a second and 80 MiB, most of it for
imports; functions have minutes and 1,024 MB, and hold a few pages at a time."""
_TOGETHER = 5
_WORST = 12

Alone = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Run:
    """A file, opened or made searchable, and what of it should not be."""

    name: str
    bytes: int
    measured: Measured
    outcomes: tuple[str, ...]
    wrong: tuple[str, ...]


def main() -> int:
    """Prints the tables; the exit code. ONLY, a regular expression, chooses files by their names."""
    only = re.compile(os.environ.get("ONLY", ""))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        honest = _honest(Path(folder))
        alone: Alone = {}
        _run("", "open", honest, honest, alone)
        _write_pages(honest, alone["open"])
        _run("", "layer", honest, honest, alone)
        paths = dict(_written(Path(folder), only, itertools.chain(pdf_files.files(), image_files.files())))
        stored = dict(_written(Path(folder), only, result_pages.files()))
        done = pool.map(lambda name: list(_runs(name, paths[name], honest, alone)), paths)
        runs = [run for of_file in done for run in of_file]
        runs += _together(runs, paths, honest, alone)
        made = list(itertools.product(stored.items(), result_pages.OUTPUTS))
        runs += pool.map(lambda each: _made(each[0][0], each[0][1], each[1]), made)
    for title, key in (("processor time", _seconds), ("memory", _peak_bytes)):
        print(f"The most {title}:")
        for run in sorted(runs, key=key, reverse=True)[:_WORST]:
            _print(run)
    wrong = [run for run in runs if run.wrong]
    print("Out of bounds:" if wrong else "None is out of bounds.")
    for run in wrong:
        _print(run)
    for said, count in Counter(
        re.sub(r" [0-9a-f]{12}\b|\b\d+ (?=[a-z])", "", outcome) for run in runs for outcome in run.outcomes
    ).most_common(30):
        print(f"  {count:4} {said}")
    print(f"{len(paths)} files, {len(stored)} results, {len(runs)} runs, {len(wrong)} out of bounds")
    return 1 if wrong or not runs else 0


def _together(runs: list[Run], paths: dict[str, Path], honest: list[Path], alone: Alone) -> Iterator[Run]:
    """Those accepted ones that held the most memory, opened at once: each has to come out as it did alone."""
    accepted = [run for run in runs if run.name.endswith(" open") and " pages: " in run.outcomes[0] and not run.wrong]
    most = sorted(accepted, key=_peak_bytes, reverse=True)[:_TOGETHER]
    if most:
        names = [run.name.removesuffix(" open") for run in most]
        run = _run(f"{' + '.join(names)} open", "open", [paths[name] for name in names], honest, alone)
        same = run.outcomes == tuple(run.outcomes[0] for run in most)
        yield run if same else replace(run, wrong=(*run.wrong, "they came out otherwise than alone"))


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


def _written(folder: Path, only: re.Pattern[str], files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Path]]:
    for name, content in files:
        if only.search(name):
            path = folder / f"{name.replace('/', '-')}.file"
            path.write_bytes(content)
            yield name, path


def _runs(name: str, path: Path, honest: list[Path], alone: Alone) -> Iterator[Run]:
    """Opened, and, if that comes to pages, made searchable."""
    for way in FUNCTIONS:
        run = _run(f"{name} {way}", way, [path], honest, alone)
        yield run
        if not _write_pages([path], run.outcomes):
            break


def _write_pages(files: list[Path], outcomes: Sequence[str]) -> bool:
    """Writes beside each file, for making it searchable, which pages opening it gave; whether there were any."""
    pages = [dict(re.findall(r"(\d+) (\w+) [0-9a-f]{12}", outcome)) for outcome in outcomes]
    for path, prepared in zip(files, pages, strict=True):
        path.with_suffix(".pages").write_text(json.dumps(prepared))
    return any(pages)


def _made(name: str, path: Path, output: str) -> Run:
    """One output of a stored result."""
    command = [sys.executable, "-m", "hostile.result_pages", output, str(path)]
    done = measured(command, max_bytes=2 * MAX_OUTPUT_BYTES, max_seconds=2 * MAX_OUTPUT_SECONDS)
    said = [json.loads(line)["outcomes"] for line in done.out.splitlines() if line.startswith('{"outcomes"')]
    [outcome] = said[0] if len(said) == 1 else [done.out.strip()[-80:] or "no outcome"]
    wrong = [done.ended] if done.ended else []
    if not wrong and (done.code or len(said) != 1 or outcome.startswith("raised")):
        wrong.append(f"the process ended with {done.code}, without an output or a refusal")
    if done.seconds > MAX_OUTPUT_SECONDS:
        wrong.append(f"more than {MAX_OUTPUT_SECONDS:g} s")
    if done.peak_bytes > MAX_OUTPUT_BYTES:
        wrong.append("more than the memory of an output")
    if done.left:
        wrong.append(f"{done.left} processes left")
    return Run(f"{name} {output}", path.stat().st_size, done, (outcome,), tuple(wrong))


def _run(name: str, way: str, hostile: list[Path], honest: list[Path], alone: Alone) -> Run:
    command = [sys.executable, "-m", "hostile.function", way, *map(str, hostile), "--", *map(str, honest)]
    function_bytes, max_seconds = memory_mb(FUNCTIONS[way]) * 2**20, len(hostile) * MAX_SECONDS
    done = measured(command, max_bytes=function_bytes, max_seconds=2 * max_seconds)
    said = [json.loads(line) for line in done.out.splitlines() if line.startswith('{"outcomes"')]
    wrong = []
    if done.ended:
        wrong.append(done.ended)
    elif done.code or len(said) != 1:
        wrong.append(f"the process ended with {done.code}, and {len(said)} outcomes")
    outcomes = said[0]["outcomes"] if said and not wrong else [done.out.strip()[-80:] or "no outcome"]
    if any(outcome.startswith("raised") for outcome in outcomes):
        wrong.append("no refusal")
    if said and any(said[0][when] != alone.setdefault(way, said[0]["beside"]) for when in ("beside", "after")):
        wrong.append("the honest files came out otherwise")
    if done.seconds > max_seconds:
        wrong.append(f"more than {max_seconds:g} s")
    if done.peak_bytes > MEMORY_SHARE * function_bytes:
        wrong.append(f"more than {MEMORY_SHARE:.0%} of the memory")
    if done.left:
        wrong.append(f"{done.left} processes left")
    return Run(name, sum(path.stat().st_size for path in hostile), done, tuple(outcomes), tuple(wrong))


def _print(run: Run) -> None:
    seconds, megabytes = run.measured.seconds, run.measured.peak_bytes / 2**20
    what = "; ".join((*run.wrong, *run.outcomes))
    print(f"  {run.name:48} {run.bytes / 1000:9,.0f} KB {seconds:6.1f} s {megabytes:6,.0f} MiB  {what}")


if __name__ == "__main__":
    sys.exit(main())
