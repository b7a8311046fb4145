"""How often each page is asked for, and how long its result lies ready before it is fetched.

The real use cases on the in-memory fakes and virtual time; recognitions are lognormal (σ 0.4) around the median named,
seeded; what calls take is left out. Asks count status and result together. The first documents, by which the tick
learns how long recognitions take, are not counted.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.figures import Figure, Say, within
from benchmarks.virtual_application import Application

ASKS_MOST = {3.0: 2.5, 60.0: 5.0}
SHARE_MOST = 0.1
LEAST_SECONDS = 0.3
LEARNING = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Of the documents counted: the mean of asks a page, delays and recognitions in seconds."""

    asks: float
    delays: list[float]
    recognition_seconds: float


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


def _asked(application: Application, first: int, end: int) -> Asked:
    ocr = application.ocr
    return Asked(
        statistics.mean(ocr.asks(number) for number in range(first, end)),
        [ocr.delays[number] for number in range(first, end)],
        statistics.mean(ocr.taken[first:end]),
    )


def measure(say: Say) -> list[Figure]:
    found: list[Figure] = []
    for seconds in (3.0, 60.0):
        running = round(10 * seconds)
        cases = {
            "1 running": lambda seconds=seconds: alone(seconds),
            f"{running} running": lambda seconds=seconds: steadily(seconds, 10.0, 1_500),
        }
        if seconds == 3.0:
            cases["600 running, at 200 submits/s"] = lambda seconds=seconds: steadily(seconds, 200.0, 600)
        for name, run in cases.items():
            asked = run()
            mean, median = statistics.mean(asked.delays), statistics.median(asked.delays)
            say(f"{seconds:g} s, {name}: {asked.asks:.2f} asks, {mean:.3f} s")
            title = f"{seconds:g} s, {name}"
            if "submits/s" in name:
                found.append(Figure(f"{title}: delay, mean", f"{mean:.2f} s", "the service's 50 reads/s"))
                continue
            found.append(within(f"{title}: asks a page", asked.asks, ASKS_MOST[seconds], "asks", 2))
            most = max(SHARE_MOST * asked.recognition_seconds, LEAST_SECONDS)
            found.append(within(f"{title}: delay, mean", mean, round(most, 3), "s", 2))
            found.append(Figure(f"{title}: delay, median", f"{median:.2f} s", f"mean {mean:.2f} s"))
    return found
