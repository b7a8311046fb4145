"""What 1,000 one-page images cost at AWS's list prices, counted on a backlog; and one upload by itself.

A whole `backlog` at the default 10 a second is counted, from the uploads' events to the last notice and the end of the
tick: requests as they were sent, DynamoDB's units by its rules (`billing`), Lambda's time by this machine, log lines
byte by byte. Two things are calculated, not counted: the empty receives of both queues, five long polls of 20 s
each; and the data sent to the OCR service over the internet, in base64, as its protocol requires. No free tier. Left
out are the uploader's own requests, storage, KMS (cents for a million), and the OCR service's bill, which is larger.

The least beside each position is what the promises need for one page, if nothing ever waited or collided:

- DynamoDB writes (a changed index entry counts one more, or two if its time changes): row made 2, pages known 1, page
  claimed for reuse 1, intent 1, id stored 2, document left to its recheck 3, page final 2, page out of the set 1,
  outcome fixed 3, delivery taken 3, steps 1 + 1, the run's row in the ledger 2, final 2, newest of its key 1, slot 1:
  27. Caps, which are off by default, would be 4 more: the month and the document in a transaction.
- DynamoDB reads: pause, quota, who has the page's claim, the operation when it is first asked for, document and
  operations for the delivery, the newest of its key after publishing: 7.
- S3 writes: the result, text and JSON, and both under the upload's name: 5; reads: HEAD and GET of the upload, the
  result once more, HEAD of an error under the upload's name: 4.
- SQS: the event, a fifth of a receive and of a delete, and for the delivery half a send, receive and delete: five
  messages a second, for ten documents: 2.9. SNS: 1. Lambda: a fifth of submit and half of deliver: 0.7.
"""

from __future__ import annotations

from benchmarks import functions, prices, scans, used
from benchmarks.backlog import IMAGE_BYTES, RECOGNITION_SECONDS, run
from benchmarks.figures import Figure, Say, within

DOCUMENTS = 1_000
SUBMITS_PER_SECOND = 10
MAX_DOLLARS = 0.065
WARM_UPS = 5
WAIT_SECONDS = 90.0
RECEIVES_AN_HOUR = 2 * 15 * 60
LEAST_A_DOCUMENT = {
    "DynamoDB write units": 27.0,
    "DynamoDB read units": 7.0,
    "S3 writes": 5.0,
    "S3 reads": 4.0,
    "SQS requests": 2.9,
    "SNS publishes": 1.0,
    "Lambda requests": 0.7,
}


def measure(say: Say) -> list[Figure]:
    backlog = run(DOCUMENTS, SUBMITS_PER_SECOND, say)
    hours = backlog.seconds / 3600
    shown = {position: (amount, prices.DOLLARS[used.PRICES[position]]) for position, amount in backlog.amounts.items()}
    requests, price = shown["SQS requests"]
    shown["SQS requests"] = (requests + hours * RECEIVES_AN_HOUR, price)
    metric_hour = prices.DOLLARS["cloudwatch.metric_month"] / prices.MONTH_HOURS
    shown["custom metric hours"] = (backlog.metrics * max(1.0, hours), metric_hour)
    total = sum(amount * price for amount, price in shown.values())
    found = [within(f"{DOCUMENTS:,} documents at list prices, {prices.REGION}", total, MAX_DOLLARS, "$", 4)]
    for position, (amount, price) in shown.items():
        least = LEAST_A_DOCUMENT.get(position, 0.0) * DOCUMENTS
        beside = f"least {least:,.0f}, ${least * price:.4f}" if least else ""
        digits = 0 if amount >= 10 else 4
        found.append(Figure(f"of it {position}", f"{amount:,.{digits}f}, ${amount * price:.4f}", beside))
    for row in ("document", "operation", "page", "run", "quota", "tick", "newest"):
        written, refused = (backlog.units.get(f"{what} {row}", 0.0) / DOCUMENTS for what in ("write_unit", "refused"))
        found.append(Figure(f"write units a document, {row}", f"{written:.2f}", f"{refused:.2f} refused"))
    sent = DOCUMENTS * IMAGE_BYTES * 4 / 3 / prices.GIGABYTE
    beside = f"images of {IMAGE_BYTES // 1000} KB, not in the sum"
    found.append(Figure("data sent to the service", f"${sent * prices.DOLLARS['transfer.out_gigabyte']:.4f}", beside))
    found.append(Figure("one upload by itself, 3 s, without metrics", f"${_single(say):.6f}"))
    return found


def _single(say: Say) -> float:
    """Dollars for one upload on a warm stack that has learnt how long recognitions take."""
    with functions.deployed(RECOGNITION_SECONDS) as at, at.called():
        for number, content in enumerate(scans.images(1 + WARM_UPS, IMAGE_BYTES)):
            before = used.amounts(at)
            at.upload(f"{number}.jpg", content)
            at.until(lambda number=number: len(at.noticed_at) > number and at.is_quiet(), WAIT_SECONDS)  # type: ignore[misc]
        say("single uploads")
        return sum(used.dollars(before, used.amounts(at)).values())
