"""DynamoDB's units and S3's tiers, as AWS documents them; the prices that they are counted with."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import costs, prices
from benchmarks.billing import index_units, read_units, s3_request, size, write_units

ROW: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"S": "document"}}
DUE = {**ROW, "due_kind": {"S": "ask"}, "due_at": {"N": "1700000000.25"}}
LATER = {**DUE, "due_at": {"N": "1700000009.25"}}
LARGE = {**ROW, "text": {"S": "x" * 1024}}


@pytest.mark.parametrize(
    ("value", "number_of_bytes"),
    [
        ({"S": "abc"}, 3),
        ({"S": "я"}, 2),
        ({"N": "1700000000.25"}, 7),
        ({"N": "0"}, 2),
        ({"N": "-1"}, 3),
        ({"NS": ["1", "22"]}, 4),
        ({"L": [{"S": "a"}]}, 5),
        ({"M": {"k": {"S": "a"}}}, 6),
        ({"NULL": True}, 1),
    ],
)
def test_an_item_has_the_size_of_its_names_and_values(value: Any, number_of_bytes: int) -> None:
    assert size({"name": value}) == 4 + number_of_bytes


def test_a_write_takes_a_unit_for_each_begun_kilobyte_of_the_larger_item() -> None:
    assert write_units(None, ROW) == write_units(ROW, ROW) == write_units(None, None) == 1
    assert write_units(None, LARGE) == write_units(LARGE, ROW) == 2


def test_an_index_entry_that_comes_goes_or_moves_is_written() -> None:
    assert index_units(None, ROW) == index_units(DUE, DUE) == 0
    assert index_units(ROW, DUE) == index_units(DUE, ROW) == 1
    assert index_units(DUE, LATER) == 2


def test_a_read_takes_a_unit_for_each_begun_four_kilobytes_and_half_if_it_may_be_old() -> None:
    assert read_units([], consistent=True) == 1
    assert read_units([LARGE] * 4, consistent=True) == 2
    assert read_units([LARGE] * 4, consistent=False) == 1


@pytest.mark.parametrize(
    ("method", "query", "price"),
    [
        ("PUT", "", "s3.write_request"),
        ("POST", "?delete", "s3.write_request"),
        ("GET", "?list-type=2&prefix=a", "s3.write_request"),
        ("GET", "?versionId=1", "s3.read_request"),
        ("HEAD", "", "s3.read_request"),
        ("DELETE", "", "s3.delete"),
    ],
)
def test_requests_to_s3_have_the_price_of_their_kind(method: str, query: str, price: str) -> None:
    assert s3_request(method, f"https://bucket.s3.amazonaws.com/key{query}") == price


def test_every_position_has_a_price() -> None:
    assert all(costs.price(position) > 0 for position in costs.UNITS)
    assert costs.dollars({"DynamoDB write units": 1e6}) == pytest.approx(0.625)
    assert costs.price("custom metric hours") == pytest.approx(0.30 / 730)
    assert prices.NOTED_ON >= "2024-11"
