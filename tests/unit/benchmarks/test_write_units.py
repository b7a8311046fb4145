"""DynamoDB's write units of one document of one page, by the sizes of its rows: what caps and reuse add to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.billing import index_units, write_units
from benchmarks.cost import LEAST_A_DOCUMENT
from fakes.faults import Faults
from textdrop.adapters.aws import items
from textdrop.core.caps import Caps
from textdrop.core.options import NO, YES
from world import World

Item = Mapping[str, Any]
READS = ("read", "due", "known", "kept_since", "runs", "history")
PORTS = ("documents", "newest", "ledger", "quota", "reservations", "sent_pages")


class Metered(Faults):
    """Counts, for each call that writes, the units of the rows that it changed, by the kind of row. One that changes
    none is refused, and takes one. `largest` is the largest item's units."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.units: Counter[str] = Counter()
        self.largest = 0
        self._before: dict[tuple[str, str], Item] = {}

    def before(self, call: str) -> None:
        super().before(call)
        self._before = stored(self.world)

    def after(self, call: str) -> None:
        super().after(call)
        port, _, name = call.partition(".")
        if port not in PORTS or name.startswith(READS):
            return
        after = stored(self.world)
        changed = [key for key in {**self._before, **after} if self._before.get(key) != after.get(key)]
        in_transaction = port == "reservations"
        for key in changed:
            old, new = self._before.get(key), after.get(key)
            self.largest = max(self.largest, write_units(old, new))
            kind = key[0] if key[0] in (items.CAPS_PK, "quota") else key[1].partition("#")[0]
            self.units[kind] += write_units(old, new) * (2 if in_transaction else 1) + index_units(old, new)
        if not changed:
            self.units[f"refused {call}"] += 1


def stored(world: World) -> dict[tuple[str, str], Item]:
    """All items of the table but those of ticks, by key."""
    rows: list[Any] = [items.of_document(row) for row in world.documents.rows.values()]
    rows += [items.of_operation(row) for row in world.documents.operations.values()]
    rows += [items.of_run(row) for row in world.ledger.rows.values()]
    rows += [items.of_sent_page(row) for row in world.sent_pages.rows.values()]
    rows += [items.of_row(items.newest_key(key), row) for key, row in world.newest.rows.items()]
    rows.append(items.of_row(items.QUOTA_KEY, world.quota.row))
    for month in {day[:7] for day in world.reservations.days}:
        days = {day: pages for day, pages in world.reservations.days.items() if day[:7] == month}
        values = {"pages": sum(days.values()), **{items.day_attribute(day): pages for day, pages in days.items()}}
        row = {name: items.attribute(value) for name, value in values.items()}
        pk, sk = items.caps_key(month)
        rows.append({"pk": {"S": pk}, "sk": {"S": sk}, "schema": {"N": "1"}, **row})
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in rows}


def of_one_page(caps: Caps, *, reuse: bool, contents: Sequence[bytes] = (b"page",)) -> Counter[str]:
    """The units of the last of documents of one page, each from its upload to its end."""
    faults = Metered()
    world = faults.world = World(faults=faults)
    world.submit_settings = replace(world.submit_settings, caps=caps, reuse=YES if reuse else NO)
    world.poll_settings = replace(world.poll_settings, caps=caps)
    for number, content in enumerate(contents):
        faults.units.clear()
        world.upload(f"2026/11/invoices/scan-{number:04}.jpg", content)
        world.run()
    assert world.quiet()
    assert faults.largest == 1, "a row of more than a KB takes twice as many"
    return faults.units


@pytest.mark.parametrize(
    ("caps", "reuse", "more"),
    [
        (Caps(), False, {}),
        # The month's row, and the document's once more: the least that a transaction of both can take.
        (Caps(pages_per_day=100), False, {"caps": 2, "document": 2}),
        (Caps(pages_per_month=1_000), False, {"caps": 2, "document": 2}),
        (Caps(100, 1_000), False, {"caps": 2, "document": 2}),
        (Caps(), True, {"page": 1}),
        (Caps(100, 1_000), True, {"caps": 2, "document": 2, "page": 1}),
    ],
    ids=str,
)
def test_a_document_of_one_page_takes_the_least_and_caps_and_reuse_so_much_more(
    caps: Caps, reuse: bool, more: dict[str, int]
) -> None:
    units = of_one_page(caps, reuse=reuse)
    assert units == Counter({"document": 17, "operation": 5, "run": 2, "newest": 1, "quota": 1}) + Counter(more)


def test_the_benchmark_compares_with_the_least_of_a_stack_as_it_is_by_default() -> None:
    assert sum(of_one_page(Caps(), reuse=True).values()) == LEAST_A_DOCUMENT["DynamoDB write units"]


def test_a_page_that_is_reused_takes_no_slot_no_cap_and_no_row_of_its_own() -> None:
    units = of_one_page(Caps(100, 1_000), reuse=True, contents=[b"page", b"page"])
    assert units == Counter({"document": 17, "operation": 1, "run": 2, "newest": 1})
