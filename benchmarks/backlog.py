"""A backlog of 500 images with a quota of 5 a second: how much of it is used, what is refused, what is paid for.

All images are uploaded before the first is taken. *Use of the quota*: accepted submits ÷ (rate × time from the first to
the last of them), by the OCR service's own clock and count. The default quota of 10 a second would need both cores of a
small machine: AWS in this process needs some 95 ms of processor time a document, the functions some 80."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import functions, scans, used
from benchmarks.figures import Figure, Say, at_least, within

DOCUMENTS = 500
SUBMITS_PER_SECOND = 5
IMAGE_BYTES = 200_000
RECOGNITION_SECONDS = 3.0
WAIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the OCR service and AWS counted, from the uploads' events to the last notice and the end of the tick.

    `amounts` by position (`used`), `units` as `billing` counts them, `processor` seconds by function.
    """

    accepted_at: Sequence[float]
    refused: int
    texts: int
    seconds: float
    amounts: Mapping[str, float]
    units: Mapping[str, float]
    metrics: int
    processor: Mapping[str, float]


def run(documents: int, rate: int, say: Say) -> Backlog:
    """Uploads that many images, and has them taken at `rate` a second until all are final."""
    with functions.deployed(RECOGNITION_SECONDS, rate) as at:
        for number, content in enumerate(scans.images(documents, IMAGE_BYTES)):
            at.upload(f"inbox/2026/scan-{number:05d}.jpg", content)
        say(f"{documents} uploads")
        began = time.monotonic()
        with at.called():
            for tenth in range(1, 11):
                at.until(lambda tenth=tenth: len(at.noticed_at) * 10 >= documents * tenth, WAIT_SECONDS)  # type: ignore[misc]
                say(f"{len(at.noticed_at)} notices after {time.monotonic() - began:.0f} s")
            at.until(at.is_quiet, WAIT_SECONDS)
            seconds = time.monotonic() - began
        return Backlog(
            accepted_at=sorted(operation["accepted_at"] for operation in at.application.ocr.operations()),
            refused=at.application.ocr.stats()["throttled"]["submit"],
            texts=sum(key.endswith(".jpg.txt") for key in at.application.results.keys()),  # noqa: SIM118 - no dict
            seconds=seconds,
            amounts=used.amounts(at),
            units=dict(at.aws.counts),
            metrics=len(used.metrics(at.log())),
            processor={name: function.processor_seconds() for name, function in at.by_name().items()},
        )


def measure(say: Say) -> list[Figure]:
    found = run(DOCUMENTS, SUBMITS_PER_SECOND, say)
    accepted = len(found.accepted_at)
    use = use_percent(found.accepted_at, SUBMITS_PER_SECOND)
    processor = (f"{name} {1000 * seconds / DOCUMENTS:.0f} ms" for name, seconds in found.processor.items())
    texts = Figure("documents with their text", f"{found.texts:,}", f"{DOCUMENTS:,}", found.texts == DOCUMENTS)
    return [
        at_least(f"use of the quota of {SUBMITS_PER_SECOND} a second", use, 97, "%", 1),
        within("refused for the quota", 100 * found.refused / (found.refused + accepted), 1, "%", 2),
        within("accepted submits a page", accepted / DOCUMENTS, 1.0, "", 3),
        texts,
        Figure("first event to the end", f"{found.seconds:.1f} s", f"{DOCUMENTS / SUBMITS_PER_SECOND:.0f} s of quota"),
        Figure("processor time a document", " · ".join(processor)),
    ]


def use_percent(accepted_at: Sequence[float], rate: float) -> float:
    """Acceptances after the first, as a share of those that the rate allows until the last."""
    return 100 * (len(accepted_at) - 1) / (rate * (accepted_at[-1] - accepted_at[0]))
