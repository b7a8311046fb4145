"""One image at a time, from its upload to its notice, less its recognition: warm and cold.

*Less the recognition*: the time that this very operation took in the local OCR service, from its acceptance to the
moment from which its result could be read (lognormal around 3 s). What is left is the upload itself, the way to the
service, how late the result was asked for, and the delivery. It ends as the benchmark receives the notice from a queue;
the emulator looks into a queue that is waited for ten times a second, which is in the figures.

Warm: between two uploads lies a random wait of up to 4 s, so that some meet a running tick and others start one. Cold:
every process of the functions is ended before each upload, and finds its layers where they were built: the emulator
would unpack them for each, which Lambda does not.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import stage
from benchmarks.figures import Figure, Say, within

WARM_UPS = 6
REPEATS = 3
UPLOADS = 12
COLD_UPLOADS = 6
PAUSE_SECONDS = 4.0
WAIT_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Latency:
    """What one upload took, in seconds, in order; `recognition` is the service's own time."""

    sending: float
    recognition: float
    asking: float
    delivering: float

    @property
    def ours(self) -> float:
        """All but the recognition."""
        return self.sending + self.asking + self.delivering


def measure(say: Say) -> list[Figure]:
    """Median and 95th percentile warm, the worst cold."""
    chance = random.Random(stage.SEED)
    numbers = iter(range(1_000_000))

    def way(standing: stage.Stage) -> Latency:
        number = next(numbers)
        return one(standing, f"latency/{number}.png", stage.image(number))

    with stage.standing(say) as standing:
        for _ in range(WARM_UPS):
            way(standing)
        repeats: list[list[Latency]] = []
        for _ in range(REPEATS):
            repeats.append([])
            for _ in range(UPLOADS):
                time.sleep(PAUSE_SECONDS * chance.random())
                repeats[-1].append(way(standing))
            say(f"warm: {_spread([found.ours for found in repeats[-1]])}")
        standing.find_layers_where_built()
        cold: list[Latency] = []
        spent: list[dict[str, float]] = []
        for _ in range(COLD_UPLOADS):
            standing.end_functions()
            before = stage.cpu_seconds()
            cold.append(way(standing))
            after = stage.cpu_seconds()
            spent.append({part: after[part] - before[part] for part in after})
            say(f"cold: {cold[-1].sending:.3f} + {cold[-1].asking:.3f} + {cold[-1].delivering:.3f} s")
    warm = [found for repeat in repeats for found in repeat]
    return [*_warm_figures(warm, repeats), *_cold_figures(cold, spent)]


def one(standing: stage.Stage, key: str, content: bytes) -> Latency:
    """Uploads it and waits for its notice. Raises RuntimeError if it did not succeed."""
    standing.admin("reset", {})
    upload = standing.upload(key, content)
    notice = standing.notices.of([key], WAIT_SECONDS)[key]
    if notice.body["outcome"] != "succeeded":
        raise RuntimeError(f"{key} ended as {notice.body['outcome']}: {notice.body['reason']}")
    [recognition] = standing.recognitions()
    return Latency(
        sending=recognition.accepted_at - upload.began_at,
        recognition=recognition.seconds,
        asking=recognition.read_at - recognition.readable_at,
        delivering=notice.received_at - recognition.read_at,
    )


def _warm_figures(warm: Sequence[Latency], repeats: Sequence[Sequence[Latency]]) -> list[Figure]:
    ours = [way.ours for way in warm]
    medians = [statistics.median(way.ours for way in repeat) for repeat in repeats]

    def of(part: Callable[[Latency], float]) -> str:
        values = [part(way) for way in warm]
        return f"{statistics.median(values):.3f} · {stage.percentile(values, 0.95):.3f} s"

    return [
        within("warm: upload to notice less the recognition, median", statistics.median(ours), 0.5, "s"),
        within("warm: 95th percentile", stage.percentile(ours, 0.95), 1.5, "s"),
        Figure(
            f"warm: medians of {len(repeats)} repeats of {len(repeats[0])}",
            f"{min(medians):.3f}–{max(medians):.3f} s",
            f"least {min(ours):.3f}, most {max(ours):.3f} s",
        ),
        Figure("warm: from the upload to the acceptance, median · 95th", of(lambda way: way.sending)),
        Figure("warm: from readable to read, median · 95th", of(lambda way: way.asking)),
        Figure("warm: from read to the notice received, median · 95th", of(lambda way: way.delivering)),
        Figure("warm: the recognition itself, median · 95th", of(lambda way: way.recognition)),
    ]


def _cold_figures(cold: Sequence[Latency], spent: Sequence[Mapping[str, float]]) -> list[Figure]:
    ours = [way.ours for way in cold]
    medians = [statistics.median(parts[part] for parts in spent) for part in ("emulator", "submit", "poll")]
    return [
        within(f"all cold: upload to notice less the recognition, worst of {len(ours)}", max(ours), 4.0, "s"),
        Figure("all cold: median, least–most", _spread(ours)),
        Figure(
            "all cold: processor time an upload, emulator · submit · poll",
            " · ".join(f"{seconds:.2f}" for seconds in medians) + " s",
        ),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f}, {min(values):.3f}–{max(values):.3f} s"
