"""What 1,000 one-page images cost at AWS's list prices, counted on a backlog; and one upload by itself.

The functions are at work in AWS's own Lambda runtime (`functions`) at the default 10 submits a second, recognitions
around 3 s. The whole stretch is counted, from the uploads' events to the last notice and the end of the tick: requests
as they were sent, DynamoDB's units by its rules (`billing`), Lambda's time by this machine, log lines byte by byte.
Stated, not counted: the empty receives of an idle queue, five long polls of 20 s; what is sent to the OCR service over
the internet, as base64, which its protocol asks for. No free tier. Left out are the uploader's own requests, storage,
KMS (cents for a million), and the OCR service's bill, which is larger.

The least beside each position is what the promises need, of one page, if nothing ever waited or collided:

- DynamoDB writes, an index entry's change being one more, two where its time moves: row made 2, pages known 1, intent
  1, id stored 2, document left to its recheck 3, page final 2, page out of the set 1, outcome fixed 3, delivery taken
  3, steps 1 + 1, final 2, newest of its key 1, slot 1: 24.
- DynamoDB reads: pause, quota, the operation when it is first asked for, the newest of its key after publishing: 4.
- S3 writes: the result, text and JSON, and both under the upload's name: 5; reads: HEAD and GET of the upload, the
  result once more: 3.
- SQS: the event, a fifth of a receive and of a delete. SNS: 1.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping

from benchmarks import functions, prices, scans
from benchmarks.figures import Figure, Say, within
from benchmarks.functions import Functions
from local import cloudformation

DOCUMENTS = int(os.environ.get("DOCUMENTS", "1000"))
MAX_DOLLARS = 0.10
RECOGNITION_SECONDS = 3.0
WARM_UPS = 5
IMAGE_BYTES = 200_000
WAIT_SECONDS = 600.0
REPORT_BYTES = 350
"""Lambda's own lines of an invocation: START, END and REPORT."""
LINE_BYTES = 26
"""CloudWatch Logs counts so many for each event besides its text."""
RECEIVES_AN_HOUR = 15 * 60
PRICES = {
    "DynamoDB write units": "dynamodb.write_unit",
    "DynamoDB read units": "dynamodb.read_unit",
    "S3 writes": "s3.write_request",
    "S3 reads": "s3.read_request",
    "SQS requests": "sqs.request",
    "SNS publishes": "sns.publish",
    "Lambda GB-s, submit": "lambda.gigabyte_second",
    "Lambda GB-s, poll": "lambda.gigabyte_second",
    "Lambda requests": "lambda.request",
    "log GB": "cloudwatch.log_gigabyte",
}
"""Positions, in their units, and which price each has."""
LEAST_A_DOCUMENT = {
    "DynamoDB write units": 24.0,
    "DynamoDB read units": 4.0,
    "S3 writes": 5.0,
    "S3 reads": 3.0,
    "SQS requests": 1.4,
    "SNS publishes": 1.0,
    "Lambda requests": 0.2,
}


def used(at: Functions) -> dict[str, float]:
    """What has been used of each position up to now."""
    calls = at.submit.calls + at.poll.calls
    logged = sum(len(line.encode()) + LINE_BYTES for line in at.log()) + calls * REPORT_BYTES
    return {
        **{position: at.aws.counts[price] for position, price in PRICES.items()},
        "Lambda GB-s, submit": at.submit.seconds * cloudformation.memory_mb("submit") / 1024,
        "Lambda GB-s, poll": at.poll.seconds * cloudformation.memory_mb("poll") / 1024,
        "Lambda requests": calls,
        "log GB": logged / prices.GIGABYTE,
    }


def dollars(amounts: Mapping[str, float]) -> float:
    """All of it at list prices."""
    return sum(prices.of(PRICES[position]) * amount for position, amount in amounts.items())


def metrics(log: Iterable[str]) -> set[str]:
    """The names of the custom metrics that these lines publish."""
    published = [json.loads(line)["_aws"]["CloudWatchMetrics"] for line in log if '"_aws"' in line]
    return {metric["Name"] for directives in published for each in directives for metric in each["Metrics"]}


def measure(say: Say) -> list[Figure]:
    backlog, hours, published, units = _backlog(say)
    backlog["SQS requests"] += hours * RECEIVES_AN_HOUR
    shown = {position: (amount, prices.of(PRICES[position])) for position, amount in backlog.items()}
    shown["custom metric hours"] = (published * max(1.0, hours), prices.of("cloudwatch.metric_month") / prices.MONTH_HOURS)
    total = sum(amount * price for amount, price in shown.values())
    found = [within(f"{DOCUMENTS:,} documents at list prices, {prices.REGION}", total, MAX_DOLLARS, "$", 4)]
    for position, (amount, price) in shown.items():
        least = LEAST_A_DOCUMENT.get(position, 0.0) * DOCUMENTS
        beside = f"least {least:,.0f}, ${least * price:.4f}" if least else ""
        digits = 0 if amount >= 10 else 4
        found.append(Figure(f"of it {position}", f"{amount:,.{digits}f}, ${amount * price:.4f}", beside))
    for row in ("document", "operation", "quota", "tick", "newest"):
        written, refused = (units[f"{what} {row}"] / DOCUMENTS for what in ("write_unit", "refused"))
        found.append(Figure(f"write units a document, {row}", f"{written:.2f}", f"{refused:.2f} refused"))
    sent = DOCUMENTS * IMAGE_BYTES * 4 / 3 / prices.GIGABYTE
    beside = f"images of {IMAGE_BYTES // 1000} KB, not in the sum"
    found.append(Figure("data sent to the service", f"${sent * prices.of('transfer.out_gigabyte'):.4f}", beside))
    found.append(Figure("one upload by itself, 3 s, without metrics", f"${_single(say):.6f}"))
    return found


def _backlog(say: Say) -> tuple[dict[str, float], float, int, Mapping[str, float]]:
    """What all took, for how many hours, how many custom metrics were published, and the raw counts."""
    with functions.deployed(RECOGNITION_SECONDS) as at:
        for number, content in enumerate(scans.images(DOCUMENTS, IMAGE_BYTES)):
            at.upload(f"inbox/2026/scan-{number:05d}.jpg", content)
        say(f"{DOCUMENTS} uploads")
        began = time.monotonic()
        with at.called():
            for tenth in range(1, 11):
                at.until(lambda tenth=tenth: at.finished() * 10 >= DOCUMENTS * tenth, WAIT_SECONDS)  # type: ignore[misc]
                say(f"{at.finished()} notices after {time.monotonic() - began:.0f} s")
            at.until(lambda: at.poll.running == 0, WAIT_SECONDS)
            hours = (time.monotonic() - began) / 3600
            return used(at), hours, len(metrics(at.log())), at.aws.counts


def _single(say: Say) -> float:
    """Dollars for one upload on a stack that is warm, and has learnt how long recognitions take."""
    with functions.deployed(RECOGNITION_SECONDS) as at, at.called():
        for number, content in enumerate(scans.images(1 + WARM_UPS, IMAGE_BYTES)):
            before = used(at)
            at.upload(f"{number}.jpg", content)
            at.until(lambda number=number: at.finished() > number and at.poll.running == 0, WAIT_SECONDS)  # type: ignore[misc]
        say("single uploads")
        after = used(at)
        return dollars({position: after[position] - before[position] for position in after})
