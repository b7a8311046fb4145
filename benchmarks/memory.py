"""Peak memory of submit and poll on the local stack, beside 60 % of the size that they are deployed with.

VmHWM of the functions' processes, runtime and all. Two loads: five JPEGs of just under 10 MB, all different, and one
PDF of 300 scans and 90 MB. Of a version the emulator sends the whole object whatever range is asked for, which S3 does
not: so submit holds more here than it would there.
"""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from pathlib import Path

from benchmarks import scans, stage
from benchmarks.figures import Figure, Say, within
from local import cloudformation

SHARE = 0.6
IMAGES = 5
IMAGE_BYTES = 9_990_000
PAGES = 300
PAGE_BYTES = 300_000
WAIT_SECONDS = 400.0


def measure(say: Say) -> list[Figure]:
    """A figure for each load and function. RuntimeError when a document ends otherwise than well."""
    book = io.BytesIO()
    scans.book(book, PAGES, scans.side_of(PAGE_BYTES))
    loads = {
        f"{IMAGES} uploads of 10 MB": {f"{number}.jpg": _image(number) for number in range(IMAGES)},
        f"a PDF of {PAGES:,} pages, {PAGES * PAGE_BYTES // 1_000_000} MB": {"book.pdf": book.getvalue()},
    }
    found: list[Figure] = []
    with stage.standing(say, submits_per_second=40) as standing:
        for name, contents in loads.items():
            standing.end_functions()
            for function, peak in _peaks(standing, contents).items():
                limit = SHARE * cloudformation.memory_mb(function)
                found.append(within(f"{name}: {function}", peak, round(limit), "MB", 0))
            say(name)
    return found


def _peaks(standing: stage.Stage, contents: Mapping[str, bytes]) -> dict[str, float]:
    """The most that a process of each function held until all uploads were final, in MB of 2^20 bytes."""
    uploads = standing.upload_all(contents)
    notices = standing.notices.of([upload.key for upload in uploads], WAIT_SECONDS)
    if bad := {key: notice.body["reason"] for key, notice in notices.items() if notice.body["outcome"] != "succeeded"}:
        raise RuntimeError(f"documents that did not succeed: {bad}")
    peaks = dict.fromkeys(stage.FUNCTIONS, 0.0)
    for process, function in stage.function_processes().items():
        if function in peaks:
            status = Path(f"/proc/{process}/status").read_text("utf-8")
            peaks[function] = max(peaks[function], int(status.split("VmHWM:")[1].split()[0]) / 1024)
    return peaks


def _image(number: int) -> bytes:
    """A JPEG of noise, unlike any other, of just under IMAGE_BYTES: as large as one page may be."""
    content = scans.jpeg(random.Random(number), "RGB", 2_000)
    side = int(2_000 * (IMAGE_BYTES / len(content)) ** 0.5)
    while len(content := scans.jpeg(random.Random(number), "RGB", side)) > IMAGE_BYTES:
        side -= 10
    return content
