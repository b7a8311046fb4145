"""One image at a time, from its upload to its notice, without its recognition: warm and cold.

*Without the recognition*: the time that this operation took in the local OCR service, from its acceptance until its
result could be read, is subtracted. What is left is the way to the service, the delay until the result was asked for,
and the delivery. Events, invocations and notices arrive at once here; each request of the functions takes as long as
within a region of AWS (`billing`).

Warm: between two uploads there is a random wait of up to 4 s, so that some meet a running tick and others start one.
Cold: every process of the functions is ended before each upload."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import functions, scans
from benchmarks.figures import Figure, Say, within
from benchmarks.functions import Functions

WARM_UPS = 6
UPLOADS = 36
COLD_UPLOADS = 6
PAUSE_SECONDS = 4.0
IMAGE_BYTES = 50_000
RECOGNITION_SECONDS = 3.0
WAIT_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Latency:
    """The parts of one upload's time in seconds, in order, without the service's own time."""

    sending: float
    asking: float
    delivering: float

    @property
    def whole(self) -> float:
        """From the upload to the notice, without the recognition."""
        return self.sending + self.asking + self.delivering


def measure(say: Say) -> list[Figure]:
    """Median and 95th percentile warm, the worst cold."""
    chance = random.Random(functions.SEED)
    contents = scans.images(WARM_UPS + UPLOADS + COLD_UPLOADS, IMAGE_BYTES)
    with functions.deployed(RECOGNITION_SECONDS) as at, at.called():
        for _ in range(WARM_UPS):
            _one(at, next(contents))
        warm, cold = [], []
        for _ in range(UPLOADS):
            time.sleep(PAUSE_SECONDS * chance.random())
            warm.append(_one(at, next(contents)))
        say(f"{UPLOADS} warm")
        for content in contents:
            at.until(at.is_quiet, WAIT_SECONDS)
            for function in at.by_name().values():
                function.end()
            cold.append(_one(at, content))
        say(f"{COLD_UPLOADS} cold")
    whole = [each.whole for each in warm]
    return [
        within("warm: upload to notice less the recognition, median", statistics.median(whole), 1.0, "s"),
        within("warm: 95th percentile", statistics.quantiles(whole, n=20, method="inclusive")[-1], 2.0, "s"),
        Figure("warm: from the upload to the acceptance", _spread([each.sending for each in warm])),
        Figure("warm: from readable to read", _spread([each.asking for each in warm])),
        Figure("warm: from read to the notice", _spread([each.delivering for each in warm])),
        within(f"all cold: worst of {COLD_UPLOADS}", max(each.whole for each in cold), 4.0, "s"),
        Figure("all cold", _spread([each.whole for each in cold])),
    ]


def _one(at: Functions, content: bytes) -> Latency:
    """Uploads it and waits for its notice. RuntimeError if it did not succeed."""
    number = len(at.noticed_at)
    began_at = time.time()
    at.upload(f"{number}.jpg", content)
    at.until(lambda: len(at.noticed_at) > number, WAIT_SECONDS)
    if f"{number}.jpg.txt" not in at.application.results.keys():  # noqa: SIM118 - no dict
        raise RuntimeError(f"upload {number} failed")
    operation = at.application.ocr.operations()[-1]
    return Latency(
        sending=operation["accepted_at"] - began_at,
        asking=operation["read_at"] - operation["readable_at"],
        delivering=at.noticed_at[number] - operation["read_at"],
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} s, {min(values):.3f} to {max(values):.3f}"
