"""A backlog of 2,000 images against the default quota: how much of it is used, and what is refused.

All are uploaded while the queue's event source is off, so that the whole backlog stands before the first is taken; the
functions' processes are warm. *Use of the quota*: accepted submits ÷ (rate × time from the first to the last of them),
by the OCR service's own clock and count. Everything shares the same few cores, so the processor time of each part of
the local stack is shown; the emulator is one process of Python, which has no more than one of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import stage
from benchmarks.figures import Figure, Say, at_least, within

IMAGES = int(os.environ.get("IMAGES", "2000"))
WARM_UPS = 60
TEXTS_READ = 50
WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Run:
    """What the OCR service counted, and what became of the uploads."""

    images: int
    rate: int
    accepted_at: Sequence[float]
    throttled: int
    succeeded: int
    right_texts: bool
    seconds: float
    cores: dict[str, float]

    @property
    def use(self) -> float:
        """Of the quota, in percent."""
        return use_percent(self.accepted_at, self.rate)

    @property
    def throttled_percent(self) -> float:
        """Refused submits, of all."""
        return 100 * self.throttled / (self.throttled + len(self.accepted_at))

    def figures(self, name: str, least_use: float, most_throttled: float) -> list[Figure]:
        """This run's rows."""
        cores = " · ".join(f"{part} {share:.2f}" for part, share in self.cores.items())
        complete = self.succeeded == self.images and self.right_texts
        each = self.seconds / self.images
        return [
            at_least(f"{name}: use of the quota", self.use, least_use, "%", 1),
            within(f"{name}: refused for the quota", self.throttled_percent, most_throttled, "%", 2),
            within(f"{name}: accepted submits a page", len(self.accepted_at) / self.images, 1.0, "", 3),
            Figure(f"{name}: succeeded, with the right text", f"{self.succeeded:,}", f"{self.images:,}", complete),
            Figure(f"{name}: first take to last notice", f"{self.seconds:.1f} s", f"{self.images / self.rate:.0f} s"),
            Figure(f"{name}: cores busy", cores, f"{os.cpu_count()} there are"),
            Figure(
                f"{name}: processor time an image, emulator · submit · poll",
                " · ".join(f"{1000 * self.cores[part] * each:.0f}" for part in ("emulator", "submit", "poll")) + " ms",
                f"emulator, one core: {1 / (self.cores['emulator'] * each):.0f} images a second at most",
            ),
        ]


def measure(say: Say) -> list[Figure]:
    """The default quota, a token bucket of 10 a second."""
    with stage.standing(say) as standing:
        return run(standing, stage.SUBMITS_PER_SECOND, say).figures("bucket of 10", 97, 0)


def run(standing: stage.Stage, rate: int, say: Say) -> Run:
    """Uploads all, lets them be taken, waits for all notices."""
    warm = standing.upload_all({f"warm/{number}.png": stage.image(900_000 + number) for number in range(WARM_UPS)})
    standing.notices.of([upload.key for upload in warm], WAIT_SECONDS)
    standing.until_idle()
    standing.admin("reset", {})
    standing.take_uploads(False)
    uploads = standing.upload_all({f"backlog/{number}.png": stage.image(number) for number in range(IMAGES)})
    before, began = stage.cpu_seconds(), time.time()
    standing.take_uploads(True)
    notices = standing.notices.of([upload.key for upload in uploads], WAIT_SECONDS, say)
    seconds = max(notice.received_at for notice in notices.values()) - began
    after = stage.cpu_seconds()
    stats = standing.admin("stats")
    read = uploads[:: max(1, len(uploads) // TEXTS_READ)]
    found = Run(
        images=len(uploads),
        rate=rate,
        accepted_at=standing.accepted_at(),
        throttled=stats["throttled"]["submit"],
        succeeded=sum(notice.body["outcome"] == "succeeded" for notice in notices.values()),
        right_texts=all(standing.has_its_text(upload) for upload in read),
        seconds=seconds,
        cores={part: (after[part] - before[part]) / seconds for part in after},
    )
    say(f"{found.use:.1f} % of {rate} a second, {found.throttled} refused")
    return found


def use_percent(accepted_at: Sequence[float], rate: float) -> float:
    """Acceptances after the first, of those that the rate allows until the last."""
    return 100 * (len(accepted_at) - 1) / (rate * (accepted_at[-1] - accepted_at[0]))
