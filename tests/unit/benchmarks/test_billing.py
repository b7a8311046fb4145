"""DynamoDB's units and S3's tiers, as AWS documents them; what an idle stack has is read from the template."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import idle
from benchmarks.billing import index_units, read_units, s3_request, size, write_units
from local import cloudformation

ROW: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"S": "document"}}
DUE = {**ROW, "due_kind": {"S": "ask"}, "due_at": {"N": "1700000000.25"}}
LATER = {**DUE, "due_at": {"N": "1700000009.25"}}
LARGE = {**ROW, "text": {"S": "x" * 1024}}


@pytest.mark.parametrize(
    ("value", "number_of_bytes"),
    [
        ({"S": "я"}, 2),
        ({"N": "1700000000.25"}, 7),
        ({"N": "-1"}, 3),
        ({"NS": ["1", "22"]}, 4),
        ({"L": [{"S": "a"}]}, 5),
        ({"M": {"k": {"S": "a"}}}, 6),
        ({"NULL": True}, 1),
    ],
)
def test_an_item_has_the_size_of_its_names_and_values(value: Any, number_of_bytes: int) -> None:
    assert size({"name": value}) == 4 + number_of_bytes


def test_units_of_dynamodb() -> None:
    assert write_units(None, ROW) == write_units(None, None) == 1
    assert write_units(None, LARGE) == write_units(LARGE, ROW) == 2
    assert [index_units(ROW, ROW), index_units(ROW, DUE), index_units(DUE, ROW), index_units(DUE, LATER)] == [
        0,
        1,
        1,
        2,
    ]
    run = {**ROW, "history": {"S": "2026-11#failed"}, "ended_at": {"N": "1.5"}, "key": {"S": "x" * 1024}}
    forgotten = {name: value for name, value in run.items() if name != "key"}
    later = {**run, "ended_at": {"N": "2.5"}}
    assert [
        index_units(None, run),
        index_units(run, run),
        index_units(run, forgotten),
        index_units(None, forgotten),
        index_units(run, later),
    ] == [2, 0, 2, 1, 4]
    assert [read_units([], True), read_units([LARGE] * 4, True), read_units([LARGE] * 4, False)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("method", "query", "price"),
    [
        ("PUT", "", "s3.write_request"),
        ("GET", "?list-type=2&prefix=a", "s3.write_request"),
        ("GET", "?versionId=1", "s3.read_request"),
        ("GET", "?versions&prefix=a", "s3.write_request"),
        ("HEAD", "", "s3.read_request"),
        ("DELETE", "", "s3.delete"),
    ],
)
def test_requests_to_s3_have_the_price_of_their_kind(method: str, query: str, price: str) -> None:
    assert s3_request(method, f"/bucket/key{query}") == price


def test_an_idle_stack_is_priced_by_its_template() -> None:
    template = cloudformation.load()
    alarms = [
        row
        for row in template["Resources"].values()
        if row["Type"] == "AWS::CloudWatch::Alarm" and row.get("Condition") != "HasCaps"
    ]
    assert idle.month(template) == pytest.approx(
        {"alarms": 0.10 * len(alarms), "secret": 0.40, "queues' receives": 3 * 5 * 3 * 60 * 730 * 0.4e-6}
    )
    assert idle.runs_a_month(template, "PollFunction") == 730 * 60
    template["Resources"]["Another"] = {"Type": "AWS::EC2::NatGateway"}
    with pytest.raises(ValueError, match="NatGateway"):
        idle.month(template)
