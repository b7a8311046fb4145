"""Peak memory of submit, poll and deliver in AWS's own Lambda runtime, compared with 60 % of each one's memory size.

VmHWM of the function's processes, including the runtime. Two loads: five JPEGs of just under 10 MB, all different, and
one PDF of 1,000 scans and 300 MB, each page with 300 words."""

from __future__ import annotations

import os
from collections.abc import Mapping

from benchmarks import functions, scans
from benchmarks.figures import Figure, Say, within
from local import cloudformation

SHARE = 0.6
IMAGES = 5
IMAGE_BYTES = 9_990_000
PAGES = int(os.environ.get("PAGES", "1000"))
PAGE_BYTES = 300_000
RECOGNITION_SECONDS = 3.0
SUBMITS_PER_SECOND = 40
WAIT_SECONDS = 500.0


def measure(say: Say) -> list[Figure]:
    """A figure for each load and function. RuntimeError when a document ends without its text."""
    images = {f"{number}.jpg": image for number, image in enumerate(scans.images(IMAGES, IMAGE_BYTES))}
    book = {"book.pdf": scans.book(PAGES, PAGE_BYTES)}
    found: list[Figure] = []
    for name, uploads in (
        (f"{IMAGES} uploads of 10 MB", images),
        (f"a PDF of {PAGES:,} pages, {PAGES * PAGE_BYTES // 1_000_000} MB", book),
    ):
        for function, peak in _peaks(uploads).items():
            max_megabytes = round(SHARE * cloudformation.memory_mb(function))
            found.append(within(f"{name}: {function}", peak, max_megabytes, "MB", 0))
        say(name)
    return found


def _peaks(uploads: Mapping[str, bytes]) -> dict[str, float]:
    """The most memory that a process of each function held until all uploads were final, in MB of 2^20 bytes."""
    with functions.deployed(RECOGNITION_SECONDS, SUBMITS_PER_SECOND) as at:
        for key, content in uploads.items():
            at.upload(key, content)
        with at.called():
            at.until(lambda: len(at.noticed_at) == len(uploads) and at.is_quiet(), WAIT_SECONDS)
        if missing := {f"{key}.txt" for key in uploads} - set(at.application.results.keys()):
            raise RuntimeError(f"no {missing}")
        return {name: function.peak_megabytes() for name, function in at.by_name().items()}
