"""One history from its beginning to its end, with all its checks; and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simulation import cap_promises, coverage, promises
from simulation.chance import Chance
from simulation.history import History
from simulation.script import Author, Replay, Script


@dataclass(frozen=True)
class Broken:
    """A history in which a promise was broken. `what` begins with its number."""

    script: Script
    what: str

    @property
    def promise(self) -> str:
        """Which: to tell whether another history broke the same."""
        return self.what.partition(":")[0]


def by_chance(seed: int, counts: Counter[str] | None = None) -> Broken | None:
    """The history of a seed. None: every promise was kept; `counts` is added to."""
    author = Chance(seed)
    what = _broken(seed, author, counts)
    return None if what is None else Broken(author.script(), what)


def some(which: tuple[int, int]) -> tuple[Broken | None, Counter[str]]:
    """The histories of so many seeds from one on: the first that breaks a promise, and what those before it met."""
    first, number = which
    counts: Counter[str] = Counter()
    with coverage.counting(counts):
        for seed in range(first, first + number):
            broken = by_chance(seed, counts)
            if broken is not None:
                return broken, counts
    return None, counts


def again(script: Script, tell: Callable[[str], None] | None = None) -> Broken | None:
    """A history played again."""
    what = _broken(script.seed, Replay(script), None, tell)
    return None if what is None else Broken(script, what)


def _broken(
    seed: int, author: Author, counts: Counter[str] | None, tell: Callable[[str], None] | None = None
) -> str | None:
    history = History(seed, author, promises.watch, cap_promises.check_row, tell=tell)
    try:
        history.run()
        promises.check(history)
        paid, told = len(history.world.ocr.accepted), len(history.world.notices.published)
        history.repeat_everything()
        promises.check_again(history, paid, told)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, it should not have happened
        history.hub.abandon()
        said = str(error).splitlines()
        return said[0] if isinstance(error, AssertionError) and said else f"{type(error).__name__}: {error}"
    if counts is not None:
        counts.update(coverage.of(history))
    return None
