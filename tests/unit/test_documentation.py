"""The documentation is true: links, names, commands, lists and examples."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from moto.events.models import EventPattern
from moto.sns.utils import FilterPolicyMatcher

import schemas
from documentation import PAGES, SHELLS, TOP, command, commands, example
from local import cloudformation
from textdrop import __version__
from textdrop.core import prices
from textdrop.core.documents import Outcome
from textdrop.core.errors import Reason
from textdrop.core.ledger import as_cost
from textdrop.core.options import MODELS
from textdrop.core.prices import Prices

NOT_RUN = {
    "yc iam key create --service-account-name <name> --output key.json": "it takes an account of Yandex Cloud",
    'pip install ".[cli]"': "the test of docs/command.md runs it there",
    "pip install jsonschema-rs": "make setup has installed it, in the version that is tested",
}
"""Commands that no test runs, and why."""

PARAMETERS = (TOP / "docs" / "parameters.md").read_text("utf-8")
RESULTS = (TOP / "docs" / "results.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = link.partition("#")
        if ":" in file:
            continue
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, link


def test_outputs_of_the_stack_and_make_targets_that_are_named_exist() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    outputs = set(re.findall(r"<([A-Z][A-Za-z]+)>", text))
    assert outputs
    assert outputs <= cloudformation.load()["Outputs"].keys()
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert targets
    assert targets <= set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_there_is_one_version_number() -> None:
    assert tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["version"] == __version__


def test_the_parameters_are_the_templates() -> None:
    parameters = cloudformation.load()["Parameters"]
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (?:`(.*?)`|empty) \|", PARAMETERS, re.MULTILINE)
    assert dict(rows) == {name: str(each["Default"]) for name, each in parameters.items()}


def test_the_functions_to_read_are_there() -> None:
    text = (TOP / "CONTRIBUTING.md").read_text("utf-8")
    way = re.findall(r"`((?:core|usecases)\.[\w.]+)`", text.split("<!-- way -->")[1].split("<!-- end -->")[0])
    assert way
    for name in way:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(f"textdrop.{module}"), function))


def test_the_reasons_are_the_closed_list() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:skipped|failed|cancelled) \|", RESULTS.split("## Reasons")[1], re.MULTILINE)
    assert set(rows) == {str(reason) for reason in Reason}


def test_examples_agree_with_their_schemas() -> None:
    for name in ("result", "error", "notice", "held"):
        schemas.checked(json.dumps(example("docs/results.md", name)), f"textdrop.{name}/1")
    schema = schemas.SCHEMAS["textdrop.result/1"]
    for name in ("failed page", "blank page"):
        page = {"$defs": schema["$defs"], "$ref": "#/$defs/page"}
        jsonschema_rs.validate(page, example("docs/results.md", name), validate_formats=True)


@pytest.mark.parametrize("name", ["result", "error", "notice"])
def test_examples_cost_what_was_recognised(name: str) -> None:
    """All that failed in them the service failed to recognise, which it does not bill."""
    value = example("docs/results.md", name)
    pages = value["pages"]
    paid = pages["recognized"] if name == "notice" else sum(page["status"] == "recognized" for page in pages)
    cost = as_cost(prices.cost(Prices(), "page", paid), Prices())
    assert (value["billing"]["pages_paid"], value["billing"]["cost"]) == (paid, cost)


def test_filter_policies_are_policies_over_what_there_is() -> None:
    section = RESULTS.split("### Attributes and filter policies")[1].split("\n### ")[0]
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    assert len(policies) > 3
    known: dict[str, set[str]] = {"outcome": set(Outcome), "reason": set(Reason), "model": set(MODELS)}
    notice = json.dumps(example("docs/results.md", "notice"))
    for policy in policies:
        FilterPolicyMatcher(policy, "MessageBody").matches({}, notice)  # raises for what SNS does not know
        for attribute, values in policy.items():
            is_free = attribute in ("prefix", "pages", "metadata") or values == [{"exists": True}]
            assert is_free or set(values) <= known[attribute]


def test_that_a_document_is_held_passes_no_policy_that_asks_for_an_outcome() -> None:
    section = RESULTS.split("### Attributes and filter policies")[1].split("\n### ")[0]
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    held, ended = (
        {name: {"Type": "String", "Value": value} for name, value in attributes.items()}
        for attributes in ({"held": "true", "prefix": "contracts/"}, {"outcome": "failed", "prefix": "contracts/"})
    )
    asked = [policy for policy in policies if "outcome" in policy]
    assert len(asked) > 3
    for policy in asked:
        assert not FilterPolicyMatcher(policy, None).matches(held, "{}")
    asks = FilterPolicyMatcher(example("docs/results.md", "held filter"), None)
    assert (asks.matches(held, "{}"), asks.matches(ended, "{}")) == (True, False)


def test_the_rule_on_a_bus_takes_what_it_says_and_nothing_else() -> None:
    rule = EventPattern.load(json.dumps(example("docs/results.md", "rule")))
    event: Any = json.loads((TOP / "events" / "eventbridge-notice.json").read_text("utf-8"))
    assert rule.matches_event(event)
    detail = event["detail"]
    elsewhere = {**detail["source"], "key": "scans/blurred.jpg"}
    others: list[Any] = [
        {**event, "detail": {**detail, **other}} for other in ({"outcome": "succeeded"}, {"source": elsewhere})
    ]
    others += [{**event, field: "another"} for field in ("source", "detail-type")]
    assert [rule.matches_event(other) for other in others] == [False] * 4


def test_the_lifecycle_of_a_bucket_of_ones_own_is_that_of_the_stacks() -> None:
    template = cloudformation.load()
    stacks: dict[str, object] = {}
    for rule in template["Resources"]["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        stacks |= {kind: value for kind, value in rule.items() if kind != "Id"}
    days = template["Parameters"]["NoncurrentDays"]["Default"]
    # The API has this one within another, and asks for a filter.
    stacks |= {"Expiration": {"ExpiredObjectDeleteMarker": stacks.pop("ExpiredObjectDeleteMarker")}}
    stacks |= {"NoncurrentVersionExpiration": {"NoncurrentDays": days}}
    [shown] = example("docs/results.md", "lifecycle")["Rules"]
    assert {kind: value for kind, value in shown.items() if kind not in ("ID", "Filter")} == stacks


def test_the_lines_that_check_a_file_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [lines] = re.findall(r"<!-- runs: check -->\n```python\n(.*?)```", RESULTS, re.DOTALL)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "schemas").symlink_to(schemas.FOLDER)
    monkeypatch.chdir(tmp_path)
    value = example("docs/results.md", "result")
    file = tmp_path / "scan.pdf.ocr.json"
    file.write_text(json.dumps(value), "utf-8")
    exec(lines, {})
    del value["source"]["key"]
    file.write_text(json.dumps(value), "utf-8")
    with pytest.raises(jsonschema_rs.ValidationError, match='"key" is a required property'):
        exec(lines, {})


# --- commands ---------------------------------------------------------------------------------------------------------


def test_every_block_of_commands_has_a_name_and_a_test_that_runs_it() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    blocks = [(page, name) for page, name, _ in commands()]
    assert len(blocks) == len(re.findall(rf"^ *```(?:{SHELLS})", text, re.MULTILINE))
    tests = "\n".join(path.read_text("utf-8") for path in (TOP / "tests").rglob("test_*.py"))
    run = set(re.findall(r"""\bcommand\(["']([^"']+)["'], ["']([^"']+)["']\)""", tests))
    assert sorted(blocks) == sorted(run), "each once"


def test_commands_stand_in_blocks() -> None:
    text = "\n".join(re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL) for page in PAGES)
    programs = r"aws|sam|yc|curl|date|docker|git|pip|pre-commit|python3?|sh|(?:[A-Z_]+=\S+ )*\.venv/bin/\w+"
    assert set(re.findall(rf"`((?:{programs}) [^`]+)`", text)) == NOT_RUN.keys()


def run_in(folder: Path, script: str) -> str:
    """What the commands print. make only says what it would run: its targets take from minutes to hours."""
    environment = {"PATH": os.environ["PATH"], "MAKEFLAGS": "n"}
    shell = ["sh", "-eu", "-c", script]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_knows_what_it_is_to_make() -> None:
    assert "-m local.demo -- " in run_in(TOP, command("README.md", "try"))
    assert "-m pytest" in run_in(TOP, command("README.md", "try"))
    text = re.sub(r"```.*?```", "", "\n".join(page.read_text("utf-8") for page in PAGES), flags=re.DOTALL)
    named = set(re.findall(r"`(make [^`]+)`", text))
    assert len(named) > 10
    known = set(re.findall(r"\b[A-Z]+\b", (TOP / "Makefile").read_text("utf-8")))
    for shown in named:
        assert run_in(TOP, shown.replace("<seed>", "7").replace("<commit>", "HEAD"))
        assert set(re.findall(r"\b([A-Z]+)=", shown)) <= known


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's files elsewhere, with the environment that this test runs in."""
    for entry in TOP.iterdir():
        if entry.name not in ("docs", "tests", ".venv", ".git", ".local"):
            (tmp_path / entry.name).symlink_to(entry)
    shutil.copytree(TOP / "tests" / "unit" / "core", tmp_path / "tests" / "unit" / "core")
    shutil.copytree(TOP / "docs", tmp_path / "docs")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def test_the_page_of_states_is_written_by_its_command(checkout: Path) -> None:
    page = checkout / "docs" / "states.md"
    right = page.read_text("utf-8")
    page.write_text(re.sub(r"^\|.*\n", "", right, flags=re.MULTILINE), "utf-8")
    run_in(checkout, command("CONTRIBUTING.md", "states page"))
    assert page.read_text("utf-8") == right


def test_the_commands_for_contributors_test_what_they_say(checkout: Path) -> None:
    assert re.search(r"^\.+ +\[100%\]$", run_in(checkout, command("CONTRIBUTING.md", "test")), re.MULTILINE)
