"""How often each page is asked for, and how long its result lies ready before it is fetched.

The real use cases on the in-memory fakes and virtual time; recognitions are lognormal (σ 0.4) around the median named,
seeded; what calls take is left out. Asks count status and result together. The first documents, by which the tick
learns how long recognitions take, are not counted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.ask_plans import best_plans, least_asks, least_delay
from benchmarks.fast_fakes import SIGMA
from benchmarks.figures import Figure, Say, within
from benchmarks.virtual_application import Application
from textdrop import bootstrap

ASKS_MOST = {3.0: 2.5, 60.0: 5.0}
SHARE_MOST = 0.1
MIN_SECONDS = 0.3
LEARNING = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Of the documents counted: the mean of asks a page, delays and recognitions in seconds."""

    asks: float
    delays: list[float]
    recognition_seconds: float
    ready_at: list[float]


def alone(recognition_seconds: float, documents: int = 400) -> Asked:
    """One document after another."""
    application = Application(recognition_seconds=recognition_seconds)
    for number in range(LEARNING + documents):
        application.upload()
        application.run(number + 1)
    return _asked(application, LEARNING, LEARNING + documents)


def steadily(recognition_seconds: float, per_second: float, documents: int) -> Asked:
    """Uploads at that rate; those are counted that came when as many ran as ever will."""
    application = Application(recognition_seconds=recognition_seconds, submits_per_second=per_second)
    first = LEARNING + round(3 * per_second * recognition_seconds)
    application.upload_at(per_second, first + 2 * documents)
    application.run(first + 2 * documents)
    return _asked(application, first, first + documents)


def at_once(recognition_seconds: float, documents: int) -> Asked:
    """So many that begin within a few seconds, on a stack that has learnt: more than the result quota lets through."""
    application = Application(recognition_seconds=recognition_seconds, submits_per_second=200.0)
    for number in range(LEARNING):
        application.upload()
        application.run(number + 1)
    application.upload_at(200.0, documents)
    application.run(LEARNING + documents)
    return _asked(application, LEARNING, LEARNING + documents)


def _asked(application: Application, first: int, end: int) -> Asked:
    ocr = application.ocr
    return Asked(
        statistics.mean(ocr.asks(number) for number in range(first, end)),
        [ocr.delays[number] for number in range(first, end)],
        statistics.mean(ocr.taken[first:end]),
        [accepted.ready_at for accepted in ocr.accepted[first:end]],
    )


def _least_delay(ready_at: list[float]) -> float:
    """The mean delay if each result were read as soon as it is ready and the quota of reads has room."""
    read_at, delays = 0.0, []
    for ready in sorted(ready_at):
        read_at = max(ready, read_at + 1.0 / bootstrap.ASKS_PER_SECOND)
        delays.append(read_at - ready)
    return statistics.mean(delays)


def measure(say: Say) -> list[Figure]:
    found: list[Figure] = []
    for seconds in (3.0, 60.0):
        running = round(10 * seconds)
        cases: dict[str, Callable[[], Asked]] = {
            "1 running": partial(alone, seconds),
            f"{running} running": partial(steadily, seconds, 10.0, 1_500),
        }
        if seconds == 3.0:
            cases["600 running at once, 200 submits/s"] = partial(at_once, seconds, 600)
        for name, run in cases.items():
            asked = run()
            mean, median = statistics.mean(asked.delays), statistics.median(asked.delays)
            say(f"{seconds:g} s, {name}: {asked.asks:.2f} asks, {mean:.3f} s")
            title = f"{seconds:g} s, {name}"
            if "at once" in name:
                found.append(Figure(f"{title}: asks a page", f"{asked.asks:.2f} asks"))
                least = _least_delay(asked.ready_at)
                found.append(Figure(f"{title}: delay, mean", f"{mean:.2f} s", f"quota of reads alone {least:.1f} s"))
                continue
            found.append(within(f"{title}: asks a page", asked.asks, ASKS_MOST[seconds], "asks", 2))
            most = max(SHARE_MOST * asked.recognition_seconds, MIN_SECONDS)
            found.append(within(f"{title}: delay, mean", mean, round(most, 3), "s", 2))
            found.append(Figure(f"{title}: delay, median", f"{median:.2f} s", f"mean {mean:.2f} s"))
    plans = best_plans(SIGMA)
    asks = least_asks(plans, SHARE_MOST)
    found.append(Figure("fewest asks of any plan, mean delay of a tenth of the median", f"{asks:.2f} asks"))
    delay = 3.0 * least_delay(plans, ASKS_MOST[3.0])
    found.append(Figure("least mean delay of any plan, 3 s, 2.5 asks", f"{delay:.2f} s"))
    return found
