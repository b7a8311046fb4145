"""What one tick takes of DynamoDB with many rows in the table, beside few, when the same pages are ready.

The real function (`functions`). The pages have been sent and are ready; the tick asks for each, delivers its document
and ends. The other rows are those of finished documents: the document, its operation, the newest of its key.
"""

from __future__ import annotations

import time

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from benchmarks import functions, scans
from benchmarks.figures import Figure, Say
from contract.moto_aws import REGION

READY = 20
FEW, MANY = 1_000, 20_000
MAX_RATIO = 1.1
WAIT_SECONDS = 300.0
RECOGNITION_SECONDS = 1.0
ALL_RECOGNISED_SECONDS = 5.0
COUNTED = {"requests": "dynamodb.request", "read units": "dynamodb.read_unit", "write units": "dynamodb.write_unit"}


def measure(say: Say) -> list[Figure]:
    few, many = (_one_tick(rows, say) for rows in (FEW, MANY))
    found = []
    for name, count in COUNTED.items():
        ratio = many[count] / few[count]
        beside = f"≤ {MAX_RATIO:g} × ({many[count]:,g} and {few[count]:,g})"
        title = f"{name} of a tick, {MANY:,} rows ÷ {FEW:,}"
        found.append(Figure(title, f"{ratio:.3f} ×", beside, ratio <= MAX_RATIO))
    return found


def _one_tick(rows: int, say: Say) -> dict[str, float]:
    """What the tick took that met so many rows, and READY pages to deliver."""
    first, *others = scans.images(1 + READY, 20_000)
    with functions.deployed(RECOGNITION_SECONDS) as at:
        at.upload("first.jpg", first)
        with at.called():
            at.until(lambda: len(at.noticed_at) == 1 and at.poll.running == 0, WAIT_SECONDS)
            _fill(rows)
            say(f"{rows:,} rows")
            at.wakes = False
            for number, content in enumerate(others):
                at.upload(f"{number}.jpg", content)
            at.until(lambda: at.application.ocr.stats()["submits"]["accepted"] == 1 + READY, WAIT_SECONDS)
            time.sleep(ALL_RECOGNISED_SECONDS)
            before = dict(at.aws.counts)
            at.poll.invoke({})
            if len(at.noticed_at) != 1 + READY:
                raise RuntimeError(f"the tick left {1 + READY - len(at.noticed_at)} documents")
            return {count: at.aws.counts[count] - before[count] for count in COUNTED.values()}


def _fill(rows: int) -> None:
    """Rows as the one finished document has them, of other documents."""
    [table] = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables.values()
    stored = [item.to_json()["Attributes"] for by_sort in list(table.items.values()) for item in by_sort.values()]
    finished = [item for item in stored if item["sk"]["S"].partition("#")[0] in ("document", "operation", "newest")]
    if any("due_at" in item for item in finished):
        raise RuntimeError("a finished document is due")
    for number in range(rows):
        item = finished[number % len(finished)]
        ending = f"{number:08d}"
        table.put_item({**item, "pk": {"S": item["pk"]["S"][: -len(ending)] + ending}})
