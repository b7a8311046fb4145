"""What one tick takes of DynamoDB with 100,000 rows in the table, beside 1,000, when the same 100 pages are due.

The real function and adapters on AWS in this process and virtual time (`counted_application`), the processor's time
left out, so that both runs can differ by nothing but the rows. A hundred pages have been sent and are ready; the tick
asks for each, delivers its document and ends. The other rows are those of finished documents: the document, its
operation, the newest of its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from benchmarks.counted_application import TABLE, Application, aws
from benchmarks.figures import Figure, Say, within
from contract.moto_aws import REGION

DUE = 100
FEW, MANY = 1_000, 100_000
MOST_RATIO = 1.1
SHOWN = {
    "requests": ("dynamodb.request",),
    "read units": ("dynamodb.read_unit",),
    "write units": ("dynamodb.write_unit", "dynamodb.index_unit"),
}


def one_tick(rows: int, say: Say) -> Counter[str]:
    """The counts of a tick that meets a hundred ready pages in a table of so many rows."""
    application = Application(recognition_seconds=1.0, processor=False)
    application.upload()
    application.run(lambda: application.finished() == 1 and application.stack.polls.running == 0)
    _fill(rows - 2 * DUE)
    say(f"{rows:,} rows are there")
    application.wakes = False
    for _ in range(DUE):
        application.upload()
    application.run(lambda: application.aws.counts["PutItem operation"] >= 3 + 2 * DUE)
    application.run(lambda: application.stack.submits.running == 0)
    before = Counter(application.aws.counts)
    application.stack.invoke_poll()
    application.run(lambda: application.finished() == 1 + DUE and application.stack.polls.running == 0)
    application.aws.counts.subtract(before)
    return application.aws.counts


def _fill(rows: int) -> None:
    """Rows as the one finished document has them, of other documents."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(TABLE)
    stored = [item.to_json()["Attributes"] for by_sort in list(table.items.values()) for item in by_sort.values()]
    finished = [item for item in stored if item["sk"]["S"].partition("#")[0] in ("document", "operation", "newest")]
    if any("due_at" in item for item in finished):
        raise RuntimeError("a finished document is due")
    before = set(table.items)
    for number in range(rows):
        item = finished[number % len(finished)]
        mark = f"{number // len(finished):08d}"
        table.put_item({**item, "pk": {"S": item["pk"]["S"][: -len(mark)] + mark}})
    others = set(table.items) - before

    def all_items() -> Iterator[Any]:
        """What is asked for an index: rows that have no due time are not in it, and would only be gone through."""
        for partition, by_sort in table.items.items():
            if partition not in others:
                yield from by_sort.values()

    table.all_items = all_items  # type: ignore[method-assign,assignment]  # it is only gone through


def measure(say: Say) -> list[Figure]:
    counts = {}
    for rows in (FEW, MANY):
        with aws():
            counts[rows] = one_tick(rows, say)
    found = []
    for name, parts in SHOWN.items():
        few, many = (sum(counts[rows][part] for part in parts) for rows in (FEW, MANY))
        found.append(within(f"{name} of a tick, {MANY:,} rows ÷ {FEW:,}", many / few, MOST_RATIO, "×", 3))
        found.append(Figure(f"{name} of a tick, {MANY:,} rows", f"{many:,.1f}", f"{few:,.1f} with {FEW:,}"))
    return found
