"""A backlog of 2,000 images, beside the quota: how much of it is used, and what is refused.

All are uploaded while the queue's event source is off, so that the whole backlog stands before the first is taken; the
functions' processes are warm. *Use of the quota*: accepted submits ÷ (rate × time from the first to the last of them),
by the OCR service's own clock and count. Three quotas: a token bucket of 10 and a sliding window of 10 a second as
deployed by default, and a token bucket of 50, for which SubmitConcurrency is raised to 20.

The processor time of each part of the local stack is shown: everything shares the same few cores, which Lambda,
DynamoDB and S3 do not, and the emulator is one process of Python, which has no more than one of them. So all is shown
on virtual time too (`benchmarks.virtual_backlog`), where a POST's way to the service differs by some tenth of a second
from one to the next: a sliding window cannot be used as far there. Beside it a plain baseline (`benchmarks.baseline`)
with 200 images.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import baseline, stage, virtual_backlog
from benchmarks.figures import Figure, Say, at_least, within

IMAGES = int(os.environ.get("IMAGES", "2000"))
PLAIN_IMAGES = 200
WARM_UPS = 60
RAISED, RAISED_CONCURRENCY = 50, 20
PARTS = 4
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
    def parts(self) -> list[float]:
        """The same of each quarter of the backlog: what the machine's noise does."""
        size = len(self.accepted_at) // PARTS
        return [use_percent(self.accepted_at[at : at + size], self.rate) for at in range(0, PARTS * size, size)]

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
            Figure(f"{name}: of its quarters, least–most", f"{min(self.parts):.1f}–{max(self.parts):.1f} %"),
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
    """The three quotas, and the baseline."""
    found: list[Figure] = []
    with stage.standing(say) as standing:
        found += run(standing, stage.SUBMITS_PER_SECOND, say).figures("bucket of 10", 97, 0)
        found += plain(standing, say)
    with stage.standing(say, quota_window="sliding") as standing:
        found += run(standing, stage.SUBMITS_PER_SECOND, say).figures("sliding window of 10", 85, 2)
    with stage.standing(say, submits_per_second=RAISED, submit_concurrency=RAISED_CONCURRENCY) as standing:
        found += run(standing, RAISED, say).figures(f"bucket of {RAISED}", 90, 0)
    return [*found, *on_virtual_time(say)]


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


def on_virtual_time(say: Say) -> list[Figure]:
    """Each quota again, where neither the machine nor the emulator is the limit."""
    found = []
    for name, rate, window, concurrency, least_use, most_throttled in (
        ("bucket of 10", 10, "bucket", 5, 97, 0),
        ("sliding window of 10", 10, "sliding", 5, None, 2),
        (f"bucket of {RAISED}, SubmitConcurrency {RAISED_CONCURRENCY}", RAISED, "bucket", RAISED_CONCURRENCY, 90, 0),
        (f"bucket of {RAISED}, SubmitConcurrency 5", RAISED, "bucket", 5, None, 0),
    ):
        passed = virtual_backlog.Backlog(IMAGES, rate, window, concurrency).pass_by()
        use = use_percent(passed.accepted_at, rate)
        refused = 100 * passed.throttled / (passed.throttled + len(passed.accepted_at))
        title = f"virtual time, {name}"
        say(f"{title}: {use:.1f} %")
        found += [
            Figure(f"{title}: use of the quota", f"{use:.1f} %")
            if least_use is None
            else at_least(f"{title}: use of the quota", use, least_use, "%", 1),
            within(f"{title}: refused for the quota", refused, most_throttled, "%", 2),
            within(f"{title}: accepted submits a page", len(passed.accepted_at) / IMAGES, 1.0, "", 3),
            Figure(f"{title}: first take to last notice", f"{passed.seconds:.1f} s", f"{IMAGES / rate:.0f} s"),
        ]
    return found


def plain(standing: stage.Stage, say: Say) -> list[Figure]:
    """The baseline's backlog: until nothing of it is left but what it gave up."""
    standing.admin("reset", {})
    with baseline.running(standing) as app:
        began = time.time()
        for number in range(PLAIN_IMAGES):
            app.upload(f"{number}.png", stage.image(800_000 + number))
        until = time.monotonic() + WAIT_SECONDS
        while app.waiting() or app.pending():
            if time.monotonic() > until:
                break
            time.sleep(1)
        seconds = max(app.texts.values(), default=began) - began
        lost = PLAIN_IMAGES - len(app.texts)
        given_up = app.given_up()
    stats = standing.admin("stats")
    accepted, asked = stats["submits"]["accepted"], stats["submits"]["asked"]
    say(f"baseline: {lost} without a text, {accepted} accepted")
    name = f"a plain baseline, {PLAIN_IMAGES} images"
    return [
        Figure(f"{name}: without a text", f"{lost}", "0"),
        Figure(f"{name}: messages given up", f"{given_up}", "0"),
        Figure(f"{name}: accepted submits a page", f"{accepted / PLAIN_IMAGES:.2f}", "1.00"),
        Figure(f"{name}: refused for the quota", f"{100 * stats['throttled']['submit'] / asked:.1f} %"),
        Figure(f"{name}: first event to last text", f"{seconds:.0f} s", f"{PLAIN_IMAGES / 10:.0f} s"),
    ]


def use_percent(accepted_at: Sequence[float], rate: float) -> float:
    """Acceptances after the first, of those that the rate allows until the last."""
    return 100 * (len(accepted_at) - 1) / (rate * (accepted_at[-1] - accepted_at[0]))
