"""Peak memory of submit and poll in AWS's own Lambda runtime: `make bench ONLY=memory`.

VmHWM of the function's process, runtime and all, with the layers as built, against the local stack's AWS emulator and a
local OCR service over TLS that answers a full page of 300 words for each page; beside 60 % of the size that the
function is deployed with. Two loads: one batch of five JPEGs of just under 10 MB, all different; and one PDF of 1,000
scans and 300 MB, until everybody has been told: in submit the sending, in poll the asking for each page and the putting
together of all. The uploads bucket has no versions here: of a version the emulator gives the whole object whatever
range is asked for, which S3 does not. A tick that is out of time is followed by the next in the same process, as in a
warm function; so is a go of submit, by what poll hands out.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import scans
from benchmarks.deployed import STATE, Deployed, deployed, layers, message, peak_megabytes, upload
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
    scans.book(book, PAGES, scans.side_of(DOCUMENT_BYTES // PAGES))
    say(f"{IMAGES} images of {len(images[0]) / 1e6:.2f} MB, a PDF of {book.stat().st_size / 1e6:.0f} MB")
    found: list[Figure] = []
    try:
        loads: list[tuple[str, Iterable[bytes], Sequence[tuple[str, bytes | Path]]]] = [
            (f"{IMAGES} uploads of 10 MB", images, [(f"{number}.jpg", image) for number, image in enumerate(images)]),
            (f"a PDF of {PAGES:,} pages, {DOCUMENT_BYTES // 1_000_000} MB", _pages(book), [("book.pdf", book)]),
        ]
        for name, contents, uploads in loads:
            options = {"seconds": RECOGNITION_SECONDS, "submits_per_second": SUBMITS_PER_SECOND}
            with deployed(say) as stack, ocr_process(STATE, contents, options) as ocr:
                for function, peak in _peaks(stack, uploads, ocr.variables(), say).items():
                    most = SHARE * stack.memory_mb(function)
                    found.append(within(f"{name}: {function}", peak, round(most), "MB", 0))
    finally:
        book.unlink()
    return found


def _peaks(
    stack: Deployed, uploads: Sequence[tuple[str, bytes | Path]], ocr: Mapping[str, str], say: Say
) -> dict[str, float]:
    """The most that each function's process held until all uploads were told of."""
    bucket = stack.own_bucket(versioned=False)
    queue = stack.client("sqs").create_queue(QueueName=f"uploads-{uuid.uuid4().hex}")["QueueUrl"]
    variables = {
        **ocr,
        "TABLE_NAME": stack.own_table(),
        "UPLOADS_QUEUE_URL": queue,
        "SUBMITS_PER_SECOND": str(SUBMITS_PER_SECOND),
    }
    event = [upload(stack.client("s3"), bucket, key, content) for key, content in uploads]
    say("uploaded")
    with _started(stack, "submit", variables) as submit, _started(stack, "poll", variables) as poll:
        _submit(submit, event)
        say("submit's first go is over")
        ended = threading.Event()
        ticks = threading.Thread(target=_ticks, args=(poll, ended))
        ticks.start()
        try:
            _until_told(stack, queue, submit, len(uploads))
        finally:
            ended.set()
            ticks.join()
        return {name: peak_megabytes(it.process_id()) for name, it in (("submit", submit), ("poll", poll))}


@contextmanager
def _started(stack: Deployed, name: str, variables: Mapping[str, str]) -> Iterator[Function]:
    function = stack.start(name, layers(), variables)
    try:
        yield function
    finally:
        function.stop()


def _submit(submit: Function, messages: Sequence[Mapping[str, str]]) -> None:
    answer = submit.invoke({"Records": messages}).value
    if answer != {"batchItemFailures": []}:
        raise RuntimeError(f"submit's answer: {answer}")


def _ticks(poll: Function, ended: threading.Event) -> None:
    while not ended.wait(0.2):
        poll.invoke({})


def _until_told(stack: Deployed, queue: str, submit: Function, count: int) -> None:
    """Gives submit what poll hands out, until so many notices have come. RuntimeError for a bad one, or none."""
    sqs, notices, told = stack.client("sqs"), stack.env["NOTICES_QUEUE_URL"], 0
    limit = time.monotonic() + WAIT_SECONDS
    while told < count:
        if time.monotonic() > limit:
            raise RuntimeError(f"{told} of {count} notices within {WAIT_SECONDS:.0f} s")
        for body in _received(sqs, queue):
            _submit(submit, [message(body)])
        for body in _received(sqs, notices):
            outcome = json.loads(body)["outcome"]
            if outcome != "succeeded":
                raise RuntimeError(f"a document ended as {outcome}")
            told += 1
        time.sleep(0.5)


def _received(sqs: Any, queue: str) -> list[str]:
    """The bodies of messages, which are taken off the queue."""
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for one in found:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    return [one["Body"] for one in found]


def _image(number: int) -> bytes:
    """A JPEG of noise, unlike any other, of just under IMAGE_BYTES: as large as one page may be."""
    content = scans.jpeg(random.Random(number), "RGB", 2_000)
    side = int(2_000 * (IMAGE_BYTES / len(content)) ** 0.5)
    while len(content := scans.jpeg(random.Random(number), "RGB", side)) > IMAGE_BYTES:
        side -= 10
    return content


def _pages(book: Path) -> Iterator[bytes]:
    """The pages as submit cuts them out."""
    with book.open("rb") as file:
        document = open_document(file, FileLimits(max_pages=PAGES))
        for number in range(1, PAGES + 1):
            yield document.page(number)
        document.close()
