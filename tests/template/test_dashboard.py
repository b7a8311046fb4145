"""The dashboard: a body that CloudWatch takes, whatever the stack is called, on metrics and lines that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest

from template.cloudformation import Template
from template.drill import STACK, Drill, Metric, cap_pages
from textdrop.core import states
from textdrop.core.documents import DocumentState
from textdrop.core.errors import OcrAnswerLost, OcrThrottled, Trace
from textdrop.core.observations import Backfilled
from textdrop.core.policy import Policy

REGION = "eu-central-1"
MAX_FREE_METRICS = 50
"""Of a dashboard that is among the first three of an account (CloudWatch's price list)."""

# ---- Of the CloudWatch API reference, "Dashboard Body Structure and Syntax": what is used here of it, and no more.

TEXT = {"type": "string", "minLength": 1}
AXIS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "min": {"type": "number"},
        "max": {"type": "number"},
        "label": TEXT,
        "showUnits": {"type": "boolean"},
    },
}
ANNOTATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value"],
    "properties": {"value": {"type": "number"}, "label": TEXT},
}
RENDERING = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"},
        "expression": TEXT,
        "label": TEXT,
        "stat": {"type": "string", "pattern": "^(SampleCount|Average|Sum|Minimum|Maximum|p[0-9]{1,2}(\\.[0-9]+)?)$"},
        "period": {"type": "integer", "multipleOf": 60, "minimum": 60},
        "visible": {"type": "boolean"},
        "yAxis": {"enum": ["left", "right"]},
    },
}
METRIC = {
    "anyOf": [
        {"type": "array", "prefixItems": [{**RENDERING, "required": ["expression"]}], "maxItems": 1, "minItems": 1},
        {  # namespace, name, a dimension and its value, and how it is shown
            "type": "array",
            "prefixItems": [TEXT, TEXT, TEXT, TEXT, {**RENDERING, "not": {"required": ["expression"]}}],
            "minItems": 4,
            "maxItems": 5,
        },
    ]
}
PROPERTIES = {
    "alarm": {
        "required": ["alarms"],
        "properties": {
            "title": TEXT,
            "alarms": {"type": "array", "minItems": 1, "maxItems": 100, "items": TEXT, "uniqueItems": True},
        },
    },
    "log": {
        "required": ["region", "query"],
        "properties": {
            "title": TEXT,
            "region": TEXT,
            "query": TEXT,
            "view": {"enum": ["table", "timeSeries", "bar", "pie"]},
        },
    },
    "metric": {
        "required": ["region", "metrics"],
        "properties": {
            "title": TEXT,
            "region": TEXT,
            "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]},
            "stacked": {"type": "boolean"},
            "stat": RENDERING["properties"]["stat"],  # type: ignore[index]  # the object above
            "period": RENDERING["properties"]["period"],  # type: ignore[index]
            "metrics": {"type": "array", "minItems": 1, "maxItems": 500, "items": METRIC},
            "yAxis": {"type": "object", "additionalProperties": False, "properties": {"left": AXIS, "right": AXIS}},
            "annotations": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"horizontal": {"type": "array", "items": ANNOTATION}},
            },
        },
    },
}
WIDGETS = [
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "x", "y", "width", "height", "properties"],
        "properties": {
            "type": {"const": kind},
            "x": {"type": "integer", "minimum": 0, "maximum": 23},
            "y": {"type": "integer", "minimum": 0},
            "width": {"type": "integer", "minimum": 1, "maximum": 24},
            "height": {"type": "integer", "minimum": 1, "maximum": 1000},
            "properties": {"type": "object", "additionalProperties": False, **properties},
        },
    }
    for kind, properties in PROPERTIES.items()
]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["widgets"],
    "properties": {
        "periodOverride": {"enum": ["auto", "inherit"]},
        "widgets": {"type": "array", "minItems": 1, "maxItems": 500, "items": {"anyOf": WIDGETS}},
    },
}


def body(
    template: Template, stack: str = STACK, region: str = REGION, submits: str = "10", *, has_caps: bool = True
) -> dict[str, Any]:
    """What CloudFormation gives CloudWatch, where queues are called as in the template."""
    groups = template.of_type("AWS::Logs::LogGroup")

    def value(found: re.Match[str]) -> str:
        match found[1].split("."):
            case ["AWS::StackName"]:
                return stack
            case ["AWS::Region"]:
                return region
            case ["SubmitsPerSecond"]:
                return submits
            case [group] if group in groups:
                return str(groups[group]["LogGroupName"]["Fn::Sub"]).replace("${AWS::StackName}", stack)
            case [queue, "QueueName"] if template.resources[queue]["Type"] == "AWS::SQS::Queue":
                return queue
            case [alarm, "Arn"] if template.resources[alarm]["Type"] == "AWS::CloudWatch::Alarm":
                return f"arn:aws:cloudwatch:{region}:123456789012:alarm:{stack}-{alarm}"
        raise ValueError(f"no value for {found[0]}")

    [dashboard] = template.of_type("AWS::CloudWatch::Dashboard").values()
    text, parts = dashboard["DashboardBody"]["Fn::Sub"]
    for name, chosen in parts.items():
        condition, with_caps, otherwise = chosen["Fn::If"]
        assert (condition, otherwise) == ("HasCaps", "")
        text = text.replace(f"${{{name}}}", with_caps["Fn::Sub"] if has_caps else otherwise)
    parsed: dict[str, Any] = json.loads(re.sub(r"\$\{([^}]+)\}", value, text))
    return parsed


def widgets(template: Template, kind: str, *, has_caps: bool = True) -> Iterator[dict[str, Any]]:
    """The properties of each widget of a kind."""
    for widget in body(template, has_caps=has_caps)["widgets"]:
        if widget["type"] == kind:
            yield widget["properties"]


def metrics(template: Template) -> set[Metric]:
    """Those that the widgets are on."""
    on = [metric for properties in widgets(template, "metric") for metric in properties["metrics"] if len(metric) > 1]
    assert len(on) <= MAX_FREE_METRICS
    return {(metric[0], metric[1], frozenset({(metric[2], metric[3])})) for metric in on}


@pytest.mark.parametrize(
    ("stack", "region", "submits", "has_caps"),
    [
        ("textdrop", "eu-central-1", "10", False),
        ("a" + "-Z9" * 42, "us-gov-west-1", "1000", True),
        ("t", "ap-southeast-7", "1", True),
    ],
)
def test_the_body_is_json_that_cloudwatch_takes_whatever_the_stack_is_called(
    template: Template, stack: str, region: str, submits: str, has_caps: bool
) -> None:
    made = body(template, stack, region, submits, has_caps=has_caps)
    jsonschema_rs.validator_for(SCHEMA).validate(made)
    assert {widget["properties"].get("region", region) for widget in made["widgets"]} == {region}


def test_dashboards_of_one_name_in_two_regions_are_two_and_there_need_be_none(template: Template) -> None:
    """A dashboard's name is one of the whole account."""
    [dashboard] = [each for each in template.resources.values() if each["Type"] == "AWS::CloudWatch::Dashboard"]
    assert dashboard["Condition"] == "HasDashboard"
    assert dashboard["Properties"]["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}


def test_widgets_stand_beside_each_other(template: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in body(template)["widgets"]:
        columns, rows = (
            range(widget["x"], widget["x"] + widget["width"]),
            range(widget["y"], widget["y"] + widget["height"]),
        )
        places = {(column, row) for column in columns for row in rows}
        assert columns.stop <= 24
        assert not taken & places
        taken |= places


@pytest.mark.parametrize("has_caps", [True, False])
def test_it_shows_every_alarm_that_is_made(template: Template, has_caps: bool) -> None:
    [alarms] = widgets(template, "alarm", has_caps=has_caps)
    shown = {arn.rpartition("-")[2] for arn in alarms["alarms"]}
    made_if = {name: template.resources[name].get("Condition") for name in template.of_type("AWS::CloudWatch::Alarm")}
    assert set(made_if.values()) == {None, "HasCaps"}
    assert shown == {name for name, condition in made_if.items() if has_caps or condition is None}


def test_of_caps_it_shows_something_only_where_there_are_any(template: Template) -> None:
    def titles(*, has_caps: bool) -> list[str]:
        return [properties["title"] for properties in widgets(template, "metric", has_caps=has_caps)]

    assert titles(has_caps=True) == [*titles(has_caps=False), "Caps"]


def test_expressions_are_on_metrics_of_their_own_widget(template: Template) -> None:
    for properties in widgets(template, "metric"):
        shown = [metric[-1] for metric in properties["metrics"] if isinstance(metric[-1], dict)]
        ids = [rendering["id"] for rendering in shown if "id" in rendering]
        assert len(ids) == len(set(ids))
        used = {name for rendering in shown for name in re.findall(r"\bm\d+\b", rendering.get("expression", ""))}
        hidden = {rendering["id"] for rendering in shown if not rendering.get("visible", True)}
        assert used == hidden, "what is hidden is there for an expression"


def test_lines_that_are_called_as_an_alarm_are_at_its_threshold(template: Template) -> None:
    lines = [line for each in widgets(template, "metric") for line in each.get("annotations", {}).get("horizontal", [])]
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    at = {line["label"]: line["value"] for line in lines if line["label"] in alarms}
    assert at == {name: alarms[name]["Threshold"] for name in ("OldestDueAlarm", "CapNearlyUsedAlarm")}


# ---- What there really is


def throttled(call: str) -> Callable[[Drill], None]:
    def begin(drill: Drill) -> None:
        drill.troubles.fail(call, OcrThrottled("429", Trace(status=429)))

    return begin


def lost_answer(drill: Drill) -> None:
    drill.troubles.fail("ocr.submit", OcrAnswerLost("lost"), when="after")


def undelivered(drill: Drill) -> None:
    drill.delivers = False


def backfill(drill: Drill) -> None:
    upload, now = drill.world.upload_unheard("old.png", b"old"), drill.world.clock.now()
    found = states.decide_document(None, Backfilled(upload.id, upload.source), now, Policy()).row
    assert found is not None
    assert drill.world.documents.create(found)


def used_cap(drill: Drill) -> None:
    cap_pages(drill, 1)


@pytest.fixture(scope="module")
def drilled(template: Template) -> Iterator[Drill]:
    """A stack that was at work for a while, with all that the dashboard tells of."""
    with pytest.MonkeyPatch.context() as patch:
        drill = Drill(template, patch)
        for trouble in (throttled("ocr.submit"), throttled("ocr.result"), lost_answer, backfill, used_cap, undelivered):
            trouble(drill)
            for _ in range(3):
                drill.minute()
        drill.delivers = True
        cap_pages(drill, 0)
        drill.world.upload("empty.png", b"")
        for _ in range(20):
            drill.minute()
        yield drill


def test_every_widget_is_on_a_metric_that_is_emitted_under_that_name_and_those_dimensions(
    template: Template, drilled: Drill
) -> None:
    assert metrics(template) - drilled.values.keys() == set()


def test_the_table_of_outcomes_has_every_document_once(template: Template, drilled: Drill) -> None:
    [table] = widgets(template, "log")
    source, chosen, counted, order = table["query"].split(" | ")
    [group] = re.fullmatch(r"SOURCE '(.+)'", source).groups()  # type: ignore[union-attr]  # None fails as well
    lines = [json.loads(line) for at, logged in drilled.logged if at == group for line in logged.splitlines() if line]
    [(field, value)] = re.findall(r"^filter (\w+) = '(\w+)'$", chosen)
    rows = [line for line in lines if line.get(field) == value]
    documents = drilled.world.documents.rows.values()
    final = [document for document in documents if document.state is DocumentState.FINAL]
    assert len(rows) == len(final) > 20
    assert counted == "stats count(*) as documents by outcome, reason"
    assert order == "sort documents desc"
    shown = {(row["outcome"], row.get("reason")) for row in rows}
    assert shown == {(str(each.outcome), each.problem and str(each.problem.reason)) for each in final}
    assert len(shown) > 1
