"""Histories in great number: `make simulate HISTORIES=100000 SEED=1 WORKERS=2`.

Prints what they reached; fails if of 100,000 a rule came less than 1,000 times, or some call never met one of the
mishaps that each call is to meet. At the first that breaks a promise it prints its seed, and the shortest history that
breaks it too.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from simulation import coverage
from simulation.shrink import shrunk
from simulation.trial import Broken, again, some

CHUNK = 250
RULE_LEAST = 1_000
RULE_HISTORIES = 100_000
PROGRESS_SECONDS = 10.0


def main() -> int:
    """0: every promise was kept in every history, and, of 100,000, all was met that there is to meet."""
    histories = int(os.environ.get("HISTORIES") or "10000")
    seed = int(os.environ.get("SEED") or "1")
    workers = int(os.environ.get("WORKERS") or "1")
    counts: Counter[str] = Counter()
    began = reported_at = time.monotonic()
    for broken, found in _chunks(seed, histories, workers):
        if broken is not None:
            tell(broken)
            return 1
        counts.update(found)
        if time.monotonic() > reported_at + PROGRESS_SECONDS:
            reported_at = time.monotonic()
            done = counts["histories"]
            _say(f"{done:,} of {histories:,} histories, {done / (reported_at - began):.0f}/s")
    seconds = time.monotonic() - began
    print("\n".join(coverage.report(counts)))
    missed = _missed(counts)
    print(
        f"\n{histories:,} histories from seed {seed}, {workers} at a time: "
        f"{histories / seconds:.0f} a second, {seconds:.0f} s"
    )
    print("every promise was kept")
    return 1 if missed and histories >= RULE_HISTORIES else 0


def tell(broken: Broken) -> None:
    """Prints the failing seed, and the shortest history that fails alike, line by line."""
    seed = broken.script.seed
    print(f"\nseed {seed} breaks {broken.what}\nagain: make simulate SEED={seed} HISTORIES=1\n")
    print("the shortest history that breaks the same promise (seconds, act, what happened):\n")
    short = shrunk(broken)
    last = again(short.script, print)
    print(f"\n{last.what if last else 'it breaks only with its first history before it'}")


def _missed(counts: Counter[str]) -> list[str]:
    """Prints what came too seldom, or never, though it can come; and what cannot. What came too seldom."""
    print("\ncannot come")
    for name, why in {**coverage.UNREACHABLE, **coverage.UNCALLED}.items():
        print(f"  {name}: {why}")
    rare = [rule for rule in coverage.rare_rules(counts, RULE_LEAST) if rule not in coverage.UNREACHABLE]
    rules = [f"{counts[f'rule {rule}']:>10,}  {rule}" for rule in rare]
    calls = [f"{'never':>10}  {missed}" for missed in coverage.unmet(counts)]
    print(f"\nrules decided less than {RULE_LEAST:,} times, and mishaps that a call never met")
    print("\n".join(f"  {line}" for line in rules + calls) or f"  {'none':>10}")
    return rules + calls


def _chunks(seed: int, histories: int, workers: int) -> Iterator[tuple[Broken | None, Counter[str]]]:
    ranges = [(first, min(CHUNK, seed + histories - first)) for first in range(seed, seed + histories, CHUNK)]
    if workers == 1:
        yield from map(some, ranges)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(some, ranges)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
