"""What a backlog of 1,000 one-page images costs at AWS's list prices, and single uploads beside it.

Real handlers, use cases and adapters on AWS in this process and virtual time (`counted_application`), at the default
10 submits a second, recognitions lognormal (σ 0.4) around 3 s, seeded. The whole stretch is counted, from the uploads'
events to the last notice and the end of the tick: requests as they were sent, DynamoDB's units by its rules
(`billing`), log lines byte by byte, the event source's receives and deletes by the batch and its empty receives by the
time. No free tier. The uploader's own requests, storage and KMS (cents for a million) are left out, and the OCR
service's bill, which is larger.

The least beside each position is what the promises need, of one page, if nothing ever waited or collided:

- DynamoDB writes, an index entry's change being one more, two where its time moves: row made 2, pages known 1, intent
  1, id stored 2, document left to its guard 3, page final 2, page out of the set 1, outcome fixed 3, delivery taken 3,
  steps 1 + 1, final 2, newest of its key 1, slot 1: 24.
- DynamoDB reads: pause, quota, the operation when it is first asked for, the newest of its key after publishing: 4.
- S3 writes: the result, text and JSON, and both under the upload's name: 5; reads: HEAD and GET of the upload, the
  result once more: 3.
- SQS: the event, a fifth of a receive and of a delete. SNS: 1.
- Lambda: submit waits for nothing but the calls of a page, eight at a time; poll is one tick for as long as the backlog
  lasts.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import costs, prices
from benchmarks.counted_application import MEMORY_MB, Application, aws
from benchmarks.figures import Figure, Say, within

DOCUMENTS = 1_000
MOST_DOLLARS = 0.10
SUBMITS_PER_SECOND = 10.0
UPLOADS = 12
RECOGNITION_SECONDS = 3.0
SUBMIT_CALLS_SECONDS = 0.35
LEAST_A_DOCUMENT = {
    "DynamoDB write units": 24.0,
    "DynamoDB read units": 4.0,
    "S3 writes": 5.0,
    "S3 reads": 3.0,
    "SQS requests": 1.4,
    "SNS publishes": 1.0,
    "Lambda GB-s, submit": SUBMIT_CALLS_SECONDS / 5 * MEMORY_MB["submit"] / 1024,
    "Lambda GB-s, poll": MEMORY_MB["poll"] / 1024 / SUBMITS_PER_SECOND,
    "Lambda requests": 0.2,
}


def backlog(documents: int, say: Say) -> tuple[Mapping[str, float], Application]:
    """What all of them took, from the first event to the end of the tick."""
    application = Application(RECOGNITION_SECONDS)
    before = costs.mark(application)
    application.stack.start()
    for _ in range(documents):
        application.upload()
    for part in range(1, 11):
        enough = documents * part // 10
        application.run(lambda enough=enough: application.finished() >= enough)  # type: ignore[misc]
        say(f"{enough} of {documents} documents, {application.world.now - before.at:.0f} s on their clock")
    application.run(lambda: application.stack.polls.running == 0)
    return costs.between(before, costs.mark(application), len(application.log.metrics)), application


def single(recognition_seconds: float) -> float:
    """Dollars for one upload by itself on a warm stack that has learnt what recognitions take, which is exactly this;
    without metrics and idle receives, which it does not cause."""
    application = Application(recognition_seconds, sigma=0.0)
    for number in range(1, 1 + UPLOADS):
        before = costs.mark(application)
        application.upload()
        application.run(
            lambda number=number: application.finished() == number and application.stack.polls.running == 0  # type: ignore[misc]
        )
    after = costs.mark(application)
    return sum(costs.price(position) * (after.used[position] - before.used[position]) for position in before.used)


def measure(say: Say) -> list[Figure]:
    with aws():
        used, application = backlog(DOCUMENTS, say)
    found = [
        within(f"{DOCUMENTS:,} documents at list prices, {prices.REGION}", costs.dollars(used), MOST_DOLLARS, "$", 4)
    ]
    for position, amount in used.items():
        cost = costs.price(position) * amount
        least = LEAST_A_DOCUMENT.get(position)
        beside = (
            "" if least is None else f"least {least * DOCUMENTS:,.0f}, ${least * DOCUMENTS * costs.price(position):.4f}"
        )
        shown = f"{amount:,.4f}" if amount < 10 else f"{amount:,.0f}"
        found.append(Figure(f"of it {position}", f"{shown}, ${cost:.4f}", beside))
    counts = application.aws.counts
    for row in ("document", "operation", "quota", "tick", "newest"):
        units = (counts[f"dynamodb.write_unit {row}"] + counts[f"dynamodb.index_unit {row}"]) / DOCUMENTS
        refused = counts[f"refused {row}"] / DOCUMENTS
        found.append(Figure(f"write units a document, {row}", f"{units:.2f}", f"{refused:.2f} refused"))
    gigabytes = application.ocr.bytes_sent / prices.GIGABYTE
    sent = f"{gigabytes:.3f} GB, ${gigabytes * prices.of('transfer.out_gigabyte'):.4f}"
    found.append(Figure("data sent to the service, images of 200 KB", sent, "as base64, by its protocol"))
    for seconds in (3.0, 60.0):
        with aws():
            found.append(Figure(f"one upload by itself, {seconds:g} s", f"${single(seconds):.6f}"))
    return found
