"""docs/operations.md tells the truth: its alarms, commands, rows and words are the code's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contract.moto_aws import REGION, make_table
from local import cloudformation
from textdrop.adapters.aws import items
from textdrop.adapters.aws.control_rows import DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Source,
)
from textdrop.core.identity import document_id
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause, why_paused

TOP = Path(__file__).resolve().parents[2]
TEXT = (TOP / "docs" / "operations.md").read_text("utf-8")
TEMPLATE = cloudformation.load()
CODE = "\n".join(path.read_text("utf-8") for path in (TOP / "layers/textdrop/textdrop").rglob("*.py"))

SOURCE = Source(
    "textdrop-uploads",
    "contracts/scan.pdf",
    "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
    "b026324c6904b2a9cb4b88d6d61c81d1",
    183_204,
    event_at=1_773_480_413.0,
    last_modified=1_773_480_413.0,
)
DOCUMENT = Document(
    id="9f86d081884c7d659a2feaa0c55ad015",
    source=SOURCE,
    state=DocumentState.RECOGNIZING,
    accepted_at=1_773_480_415.25,
    rev=3,
    holder="5f0c8a6e-3c1b-4d7e-9a52-0d2b7c1e4f90",
    due_kind=DueKind.RECHECK,
    due_at=1_773_481_317.5,
    submit_passes=1,
    options=Options(("ru", "en"), "page", languages_from="metadata"),
    media_type="application/pdf",
    pages=3,
    unfinished=frozenset({2}),
)
OPERATION = Operation(
    DOCUMENT.id,
    1,
    2,
    OperationState.RUNNING,
    holder_rev=2,
    client_request_id="0c5d4f0a-6a52-4c1e-8d6c-2b7a9c0e1f33",
    described=OperationDescription("fd8o8hrp4k2m1n0b7c6d", "OCR async recognition"),
    submitted_at=1_773_480_417.0,
    deadline_at=1_773_484_047.0,
    due_kind=DueKind.ASK,
    due_at=1_773_480_417.0,
)


def part(kind: str, name: str, language: str) -> str:
    return TEXT.split(f"<!-- {kind}: {name} -->\n```{language}\n")[1].split("```")[0]


# --- alarms -----------------------------------------------------------------------------------------------------------


def test_every_alarm_has_its_section_and_no_other() -> None:
    alarms = [name for name, body in TEMPLATE["Resources"].items() if body["Type"] == "AWS::CloudWatch::Alarm"]
    told = re.findall(r"^### (\w+)$", TEXT.split("## Alarms")[1].split("\n## ")[0], re.MULTILINE)
    assert sorted(told) == sorted(alarms)


def test_every_reason_of_a_pause_is_told() -> None:
    rows = TEXT.split("| why | what to do |")[1].split("\n\n")[0].splitlines()[2:]
    told = {word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == {
        *(str(exchange) for exchange in ("credentials_refused", "rejected", "not_sent", "unconfirmed")),
        BY_OPERATOR,
    }
    assert told - {BY_OPERATOR} <= {str(exchange) for exchange in Exchange}


@pytest.mark.parametrize("event", sorted(set(re.findall(r"`(\w+_(?:failed|died|forbidden|paused))`", TEXT))))
def test_events_of_the_log_are_those_of_the_code(event: str) -> None:
    assert f'"{event}"' in CODE


def test_every_state_is_told_of() -> None:
    table = TEXT.split("## Why a document waits")[1]
    assert {state for state in DocumentState if f"`{state}`" in table} == set(DocumentState)


@pytest.mark.parametrize("output", sorted(set(re.findall(r"<([A-Z]\w+)>", TEXT))))
def test_outputs_exist(output: str) -> None:
    assert output in TEMPLATE["Outputs"]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    assert (TOP / "docs" / link).exists()


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([^)]+)\)", TEXT))))
def test_anchors_lead_somewhere(anchor: str) -> None:
    assert anchor in [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_rows_are_as_they_are_stored() -> None:
    assert json.loads(part("example", "document", "json")) == items.of_document(DOCUMENT)
    assert json.loads(part("example", "operation", "json")) == items.of_operation(OPERATION)


def test_the_command_for_an_id_gives_the_documents() -> None:
    command = part("command", "id", "sh").replace("<UploadsBucketName>", SOURCE.bucket)
    done = subprocess.run(["sh", "-eu", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == document_id(SOURCE)


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.Session(region_name=REGION).client("dynamodb")


@pytest.fixture
def name(client: Any) -> str:
    table = f"table-{uuid.uuid4()}"
    make_table(client, table)
    return table


OPTIONS = {
    "--table-name": "TableName",
    "--index-name": "IndexName",
    "--update-expression": "UpdateExpression",
    "--key-condition-expression": "KeyConditionExpression",
}
JSON_OPTIONS = {"--key": "Key", "--expression-attribute-values": "ExpressionAttributeValues"}


def run(client: Any, table: str, command: str) -> Any:
    """The command as the shell and the aws command would have it, made with this client."""
    words = command.replace("<TableName>", table)
    shown = subprocess.run(
        ["sh", "-eu", "-c", f"aws() {{ printf '%s\\n' \"$@\"; }}\n{words}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown[0] == "dynamodb"
    given: dict[str, Any] = {}
    for option, value in zip(shown[2::2], shown[3::2], strict=True):
        if option == "--limit":
            given["Limit"] = int(value)
        elif option in JSON_OPTIONS:
            given[JSON_OPTIONS[option]] = json.loads(value)
        else:
            given[OPTIONS[option]] = value
    assert shlex.split(command)[:2] == ["aws", "dynamodb"]
    return getattr(client, shown[1].replace("-", "_"))(**given)


BEFORE = [
    None,
    Pause(rev=3, since=1.0, why="credentials_refused", probe_at=61.0),
    Pause(rev=9, failures=2, unavailable_since=5.0, unavailable_at=6.0),
]


@pytest.mark.parametrize("before", BEFORE, ids=["no row", "paused", "counting"])
def test_an_operator_pauses_and_resumes_by_the_commands(client: Any, name: str, before: Pause | None) -> None:
    row = DynamoVersionedRow(Table(client, name), items.PAUSE_KEY, Pause())
    if before is not None:
        client.put_item(TableName=name, Item=items.of_row(items.PAUSE_KEY, before))
    run(client, name, part("command", "pause", "sh"))
    paused = row.read()
    assert why_paused(paused) == BY_OPERATOR
    assert (paused.operator_since or 0) > 1_700_000_000
    assert not row.write(before or Pause(), Pause(rev=(before or Pause()).rev + 1)), "a worker's write of before"
    run(client, name, part("command", "resume", "sh"))
    resumed = row.read()
    assert why_paused(resumed) == (before.why if before else "")
    assert (resumed.operator_since, resumed.rev) == (None, (before.rev if before else 0) + 2)
    assert row.write(resumed, Pause(rev=resumed.rev + 1))


def test_the_oldest_comes_first(client: Any, name: str) -> None:
    documents = DynamoDocuments(Table(client, name))
    for number in (3, 1, 2):
        documents.create(
            Document(str(number), SOURCE, DocumentState.ACCEPTED, 1.0, due_kind=DueKind.SUBMIT, due_at=float(number))
        )
    found = run(client, name, part("command", "oldest", "sh"))["Items"]
    assert [item["pk"]["S"] for item in found] == ["1", "2", "3"]
