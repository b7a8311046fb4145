"""Peak memory of submit and poll in AWS's own Lambda runtime: `make bench ONLY=memory`.

VmHWM of the function's process, runtime and all, with the layers as built, against the local stack's AWS emulator and a
local OCR service over TLS that answers a full page of 300 words for each page; beside 60 % of the size that the function
is deployed with. Two loads: one batch of five JPEGs of just under 10 MB, all different; and one PDF of 1,000 scans and
300 MB, until everybody has been told, which is submit's sending and, in poll, asking for each page and assembling all of
them. The uploads bucket has no versions here: of a version the emulator gives the whole object whatever range is asked
for, which S3 does not. A tick that is out of time is followed by the next in the same process, as in a warm function;
so is a go of submit, by what poll hands out.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

from benchmarks.deployed import STATE, Deployed, deployed, layers, peak_megabytes
from benchmarks.figures import Figure, Say, within
from benchmarks.ocr_process import ocr_process
from local.lambda_runtime import Function
from textdrop.adapters.files.document import open_document
from textdrop.core.files import FileLimits

SHARE = 0.6
IMAGES = 5
IMAGE_BYTES = 9_990_000
PAGES = 1_000
DOCUMENT_BYTES = 300_000_000
RECOGNITION_SECONDS = 3.0
SUBMITS_PER_SECOND = 40
WAIT_SECONDS = 500.0


def measure(say: Say) -> list[Figure]:
    """A figure for each load and function. RuntimeError when a document ends otherwise than well."""
    folder = STATE / "memory"
    folder.mkdir(parents=True, exist_ok=True)
    images = [_image(number) for number in range(IMAGES)]
    book = folder / "book.pdf"
    _book(book)
    say(f"{IMAGES} images of {len(images[0]) / 1e6:.2f} MB, a PDF of {book.stat().st_size / 1e6:.0f} MB")
    found: list[Figure] = []
    try:
        for name, contents, uploads in (
            (f"{IMAGES} uploads of 10 MB", images, [(f"{number}.jpg", image) for number, image in enumerate(images)]),
            (f"a PDF of {PAGES:,} pages, {DOCUMENT_BYTES // 1_000_000} MB", _pages(book), [("book.pdf", book)]),
        ):
            options = {"seconds": RECOGNITION_SECONDS, "submits_per_second": SUBMITS_PER_SECOND}
            with deployed(say) as stack, ocr_process(STATE, contents, options) as ocr:
                variables = {**ocr.variables(), "SUBMITS_PER_SECOND": str(SUBMITS_PER_SECOND)}
                for function, peak in _peaks(stack, uploads, variables, say).items():
                    most = SHARE * stack.memory_mb(function)
                    found.append(within(f"{name}: {function}", peak, round(most), "MB", 0))
    finally:
        book.unlink()
    return found


def _peaks(
    stack: Deployed, uploads: Sequence[tuple[str, bytes | Path]], variables: dict[str, str], say: Say
) -> dict[str, float]:
    """The most that each function's process held until all uploads were told of."""
    bucket = _bucket(stack)
    event = {"Records": [_message(stack.client("s3"), bucket, key, content) for key, content in uploads]}
    say("uploaded")
    with _started(stack, "submit", variables) as submit, _started(stack, "poll", variables) as poll:
        answer = submit.invoke(event).value
        if answer != {"batchItemFailures": []}:
            raise RuntimeError(f"submit's answer: {answer}")
        say("submit's first go is over")
        ended = threading.Event()
        ticks = threading.Thread(target=_ticks, args=(poll, ended))
        ticks.start()
        try:
            _until_told(stack, submit, len(uploads))
            say("all told")
        finally:
            ended.set()
            ticks.join()
        return {name: peak_megabytes(it.process_id()) for name, it in (("submit", submit), ("poll", poll))}


@contextmanager
def _started(stack: Deployed, name: str, variables: dict[str, str]) -> Iterator[Function]:
    function = stack.start(name, layers(), variables)
    try:
        yield function
    finally:
        function.stop()


def _ticks(poll: Function, ended: threading.Event) -> None:
    while not ended.is_set():
        poll.invoke({})
        ended.wait(0.2)
