"""Plants small mistakes in the core and the use cases, one at a time, and sees that a test notices: `make mutation`.

ONLY=core/quota.py takes one module (or several, with spaces); AGAIN=1 only the mutants that the last run has not
killed, if the module is as it was; WORKERS=2 tries two at a time. Ends with 1 when a mutant survives that has no reason
in survivors.toml.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

from mutation import last, mutants, noise, page, reach, survivors, trial
from mutation.mutants import Module, Mutant
from mutation.running import Order, Result, results
from mutation.survivors import Change
from mutation.trial import Collected

PROGRESS_SECONDS = 10.0


def main() -> int:
    """0: whatever survived has a reason."""
    every = mutants.names()
    chosen = (os.environ.get("ONLY") or "").split() or every
    unknown = sorted(set(chosen) - set(every))
    if unknown:
        print(f"mutation: no module {', '.join(unknown)}; there are {', '.join(every)}", file=sys.stderr)
        return 2
    again = bool(os.environ.get("AGAIN"))
    workers = int(os.environ.get("WORKERS") or "1")
    modules = [mutants.load(name) for name in chosen]
    _say("writing the mutants")
    planted = mutants.of_cosmic_ray(modules)
    _say("finding out which test reaches what (kept for the next time)")
    try:
        reached = reach.measured()
    except reach.TestsFail as failure:
        print(f"mutation: without any mutant this fails already: {failure}", file=sys.stderr)
        return 1
    survived: set[Change] = set()

    def try_all(collected: Collected) -> None:
        for module in modules:
            some, left_out = noise.sorted_out(module, [*planted[module.name], *mutants.omissions(module)])
            survived.update(_tried(module, some, left_out, reached, collected, workers, again))

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that trials under way are ended too
    trial.with_tests_collected(try_all)
    return tell(survived, chosen)


def tell(survived: set[Change], modules: Sequence[str]) -> int:
    """Prints the survivors without a reason, and the reasons without a survivor; the exit code."""
    known = survivors.load()
    text = page.PAGE.read_text("utf-8")
    page.PAGE.write_text(page.generated(text, page.load(), known), "utf-8")
    for change in survivors.outlived(survived, known, modules):
        print(f"killed by now, its reason can go: {_told(change)}")
    missing = survivors.unexplained(survived, known)
    for change in missing:
        print(f"survived without a reason: {_told(change)}")
    if missing:
        print(f"{len(missing)} survivors without a reason: write a test, or the reason into {survivors.FILE.name}")
    return 1 if missing else 0


def _told(change: Change) -> str:
    place = f"{change.module}, in {change.scope}" if change.scope else change.module
    return f"{place}\n    {change.line}\n    {change.becomes}"


def _tried(
    module: Module,
    some: list[Mutant],
    left_out: dict[str, int],
    reached: reach.Reach,
    collected: Collected,
    workers: int,
    again: bool,
) -> set[Change]:
    """Tries a module's mutants, keeps the figures, and returns which survived."""
    kept = last.results(module)
    order = Order(module, reached, last.killers(module))
    known = {mutant: kept[mutant] for mutant in some if again and mutant in kept and kept[mutant].killer is not None}
    todo = [mutant for mutant in some if mutant not in known]
    done: list[Result] = []
    began = told_at = time.monotonic()
    try:
        for result in results(module, todo, reached, order, collected, workers):
            done.append(result)
            if time.monotonic() > told_at + PROGRESS_SECONDS:
                told_at = time.monotonic()
                _say(f"{module.name}: {len(done)} of {len(todo)}")
    finally:
        every = [*known.values(), *done]
        last.keep(module, every)
    page.keep(module, page.figures_of(module, every, left_out))
    alive = [result for result in every if result.killer is None]
    killed = len(every) - len(alive)
    cpu_seconds = sum(result.cpu_seconds for result in done)
    _say(
        f"{module.name}: {killed} of {len(every)} killed, {page.percent(len(every), killed)}; {len(done)} tried in "
        f"{time.monotonic() - began:.0f} s, {cpu_seconds / max(len(done), 1):.2f} s of processor time each"
    )
    return {Change(module.name, module.scope(result.mutant), *module.shown(result.mutant)) for result in alive}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
