"""docs/operations.md is true: its alarms, commands, rows and words are the code's."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contract.moto_aws import REGION, make_table
from documentation import command, example
from local import cloudformation
from textdrop.adapters.aws import items
from textdrop.adapters.aws.control_rows import DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.core.documents import Document, DocumentState, DueKind, Source
from textdrop.core.identity import document_id
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause, why_paused

TOP = Path(__file__).resolve().parents[2]
TEXT = (TOP / "docs" / "operations.md").read_text("utf-8")
TEMPLATE = cloudformation.load()
CODE = "\n".join(path.read_text("utf-8") for path in (TOP / "layers/textdrop/textdrop").rglob("*.py"))


# --- what is named ----------------------------------------------------------------------------------------------------


def test_every_alarm_has_its_section_and_no_other() -> None:
    alarms = [name for name, body in TEMPLATE["Resources"].items() if body["Type"] == "AWS::CloudWatch::Alarm"]
    sections = re.findall(r"^### (\w+)$", TEXT.split("## Alarms")[1].split("\n## ")[0], re.MULTILINE)
    assert sorted(sections) == sorted(alarms)


def test_reasons_of_a_pause_events_and_states_are_those_of_the_code() -> None:
    rows = TEXT.split("| why | what to do |")[1].split("\n\n")[0].splitlines()[2:]
    pausing = set(Exchange) - {Exchange.ACCEPTED, Exchange.UNAVAILABLE, Exchange.THROTTLED}
    assert {word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])} == {*pausing, BY_OPERATOR}
    events = set(re.findall(r"`(\w+_(?:failed|died|forbidden|paused))`", TEXT))
    assert events
    assert [event for event in events if f'"{event}"' not in CODE] == []
    table = TEXT.split("## Why a document waits")[1]
    assert [state for state in DocumentState if f"`{state}`" not in table] == []


def test_the_rows_are_as_they_are_stored_and_the_command_for_an_id_gives_the_documents() -> None:
    stored, page = (example("docs/operations.md", name) for name in ("document", "operation"))
    document, operation = items.to_document(stored), items.to_operation(page)
    assert items.of_document(document) == stored
    assert items.of_operation(operation) == page
    assert (operation.document_id, operation.run) == (document.id, document.run)
    script = command("docs/operations.md", "id").replace("<UploadsBucketName>", document.source.bucket)
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == document_id(document.source)


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


def run(client: Any, table: str, shown: str) -> Any:
    """The command as the shell and the aws command would have it, made with this client."""
    script = f"aws() {{ printf '%s\\n' \"$@\"; }}\n{shown.replace('<TableName>', table)}"
    words = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert (shown.split()[0], words[0]) == ("aws", "dynamodb")
    given: dict[str, Any] = {}
    for option, value in zip(words[2::2], words[3::2], strict=True):
        name = option.removeprefix("--").title().replace("-", "")
        is_text = name.endswith(("Name", "Expression"))
        given[name] = value if is_text else json.loads(value)
    return getattr(client, words[1].replace("-", "_"))(**given)


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
    run(client, name, command("docs/operations.md", "pause"))
    paused = row.read()
    assert why_paused(paused) == BY_OPERATOR
    assert (paused.operator_since or 0) > 1_700_000_000
    assert not row.write(before or Pause(), Pause(rev=(before or Pause()).rev + 1)), "a worker's write of before"
    run(client, name, command("docs/operations.md", "resume"))
    resumed = row.read()
    assert why_paused(resumed) == (before.why if before else "")
    assert (resumed.operator_since, resumed.rev) == (None, (before.rev if before else 0) + 2)
    assert row.write(resumed, Pause(rev=resumed.rev + 1))


def test_the_oldest_comes_first(client: Any, name: str) -> None:
    documents = DynamoDocuments(Table(client, name))
    for number in (3, 1, 2):
        row = Document(str(number), Source("uploads", "a"), DocumentState.ACCEPTED, 1.0, due_kind=DueKind.SUBMIT)
        documents.create(replace(row, due_at=float(number)))
    found = run(client, name, command("docs/operations.md", "oldest"))["Items"]
    assert [item["pk"]["S"] for item in found] == ["1", "2", "3"]
