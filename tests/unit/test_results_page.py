"""docs/results.md tells the truth: its generated parts are what the code makes, its examples agree with the schemas,
and what it says to do works."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.sns.utils import FilterPolicyMatcher

import schemas
from local.results_page import examples, page, reasons
from local.results_page.compact import compact
from textdrop.core import problems
from textdrop.core.documents import Outcome, Problem
from textdrop.core.errors import OcrUnavailable, Reason, Trace
from textdrop.core.options import MODELS
from world import World

TOP = Path(__file__).resolve().parents[2]
TEXT = page.PAGE.read_text("utf-8")
UPDATE = "run: PYTHONPATH=layers/textdrop .venv/bin/python -m local.results_page"


def test_generated_parts_are_up_to_date() -> None:
    assert page.generated(TEXT) == TEXT, UPDATE


def test_a_part_that_is_missing_or_unknown_is_noticed() -> None:
    for wrong in (TEXT.replace("generated: names (", "generated: name ("), TEXT + "<!-- generated: text (x) -->\n"):
        with pytest.raises(ValueError, match="each generated part once"):
            page.generated(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("textdrop.result/1", examples.succeeded()),
        ("textdrop.result/1", examples.partial()),
        ("textdrop.error/1", examples.failed()),
        ("textdrop.error/1", examples.skipped()),
        *(("textdrop.notice/1", examples.notice(document)) for document in examples.NOTICES.values()),
    ],
)
def test_the_examples_agree_with_the_schemas(name: str, value: Any) -> None:
    assert schemas.checked(json.dumps(value), name) == value


def test_the_examples_are_of_every_outcome() -> None:
    assert {str(document.outcome) for document in examples.NOTICES.values()} == {str(outcome) for outcome in Outcome}


def test_a_page_number_is_a_position_in_the_text() -> None:
    [expression] = re.findall(r"`(text\.split.*?)`", TEXT)
    shown = examples.partial()["pages"]
    text = examples.partial_text()
    assert [eval(expression, {"text": text, "number": one["number"]}) for one in shown] == [
        one["text"] for one in shown
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(value=JSON)
def test_compact_json_is_the_same_json(value: Any) -> None:
    assert json.loads(compact(value)) == value


def test_compact_json_breaks_only_what_is_too_long() -> None:
    assert compact({"a": [1, 2]}) == '{"a": [1, 2]}'
    long = "x" * 100
    assert compact({"a": [long, {}], "b": 1}) == f'{{\n  "a": [\n    "{long}",\n    {{}}\n  ],\n  "b": 1\n}}'


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_every_reason_and_every_problem_of_ours_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()

    def recording(name: str, make: Any) -> Any:
        def made(*arguments: Any) -> Problem:
            told.add(name)
            problem = make(*arguments)
            assert isinstance(problem, Problem)
            return problem

        return made

    functions = inspect.getmembers(problems, inspect.isfunction)
    ours = {name for name, made in functions if made.__module__ == problems.__name__ and not name.startswith("_")}
    for name in ours:
        monkeypatch.setattr(problems, name, recording(name, getattr(problems, name)))
    shown = set(re.findall(r"^\| `(\w+)`", reasons.table(), re.MULTILINE))
    assert shown == {str(reason) for reason in Reason}
    # That one says what the problems of the pages say.
    assert ours - told == {"no_page_has_text"}


def test_a_reason_that_nothing_brings_about_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "_refused", lambda: [problems.object_gone()])
    with pytest.raises(ValueError, match="no example for damaged, empty_file"):
        reasons.table()


def test_an_object_that_goes_while_its_pages_wait_is_skipped_too() -> None:
    world = World()
    document = world.upload("a.png", b"page")
    world.faults.fail("ocr.submit", OcrUnavailable("503", Trace(503, 14)))
    batch, world.queue = world.queue, []
    world.submit(batch)
    world.uploads.forget("a.png", document.source.version_id)
    world.run()
    [notice] = world.notices_of(document)
    assert (notice["outcome"], notice["reason"]) == ("skipped", "object_gone")


# --- filter policies --------------------------------------------------------------------------------------------------


def let_through(policy: dict[str, Any], scope: str = "MessageAttributes") -> set[str]:
    """Which of the examples' notices a subscription with this policy gets."""
    matcher = FilterPolicyMatcher(policy, scope)
    return {
        name
        for name, document in examples.NOTICES.items()
        if matcher.matches(
            {key: {"Type": "String", "Value": value} for key, value in examples.attributes(document).items()},
            json.dumps(examples.notice(document)),
        )
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("without text", {"partial", "failed"}),
        ("folder", {"succeeded", "partial", "failed"}),
        ("top", {"skipped"}),
        ("uploader", set()),
        ("model", {"succeeded", "partial"}),
    ],
)
def test_a_filter_policy_lets_through_what_it_says(name: str, expected: set[str]) -> None:
    assert let_through(page.FILTERS[name][1]) == expected


def test_the_filter_policies_name_what_there_is() -> None:
    known: dict[str, list[str]] = {"outcome": [*Outcome], "reason": [*Reason], "model": [*MODELS]}
    for _, policy in page.FILTERS.values():
        for attribute, values in policy.items():
            assert attribute == "prefix" or set(values) <= {str(one) for one in known[attribute]}


def test_the_policy_over_the_body_lets_through_documents_of_several_pages() -> None:
    assert let_through(page.BODY_FILTER, "MessageBody") == {"partial"}


def test_the_command_that_subscribes_carries_a_policy() -> None:
    [given_attributes] = re.findall(r"--attributes '(.*)'", TEXT)
    attributes = json.loads(given_attributes)
    assert let_through(json.loads(attributes["FilterPolicy"])) == {"succeeded", "partial", "failed"}
    assert attributes["RawMessageDelivery"] == "true"


def test_outputs_named_in_the_text_exist() -> None:
    outputs = (TOP / "template.yaml").read_text("utf-8").split("\nOutputs:\n")[1]
    named = set(re.findall(r"<([A-Z]\w+)>", TEXT))
    assert named
    for name in named:
        assert f"\n  {name}:\n" in f"\n{outputs}", name


# --- checking a file --------------------------------------------------------------------------------------------------

[CHECK] = re.findall(r"<!-- runs: check -->\n```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the schemas where the page says they are; it is the current one."""
    shutil.copytree(schemas.FOLDER, tmp_path / "docs" / "schemas")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "value"),
    [("result", examples.partial()), ("error", examples.failed()), ("notice", examples.notice(examples.PARTIAL))],
)
def test_the_lines_that_check_a_file_do(checkout: Path, kind: str, value: Any) -> None:
    assert len(CHECK.splitlines()) == 3
    lines = CHECK.replace("result-1.json", f"{kind}-1.json")
    file = checkout / "scan.pdf.ocr.json"
    file.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    exec(lines, {})
    del value["source"]["key"]
    file.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    with pytest.raises(jsonschema_rs.ValidationError, match='"key" is a required property'):
        exec(lines, {})


# --- links ------------------------------------------------------------------------------------------------------------


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(anchors) == len(headings), "two headings of one name have different anchors"
    links = set(re.findall(r"\]\(([^)]+)\)", TEXT))
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        else:
            assert (page.PAGE.parent / link).exists(), link
