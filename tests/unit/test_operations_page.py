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
import jmespath  # type: ignore[import-untyped]
import pytest
from moto import mock_aws

from contract.moto_aws import REGION, make_table
from documentation import command, example
from local import cloudformation
from textdrop.adapters.aws import items
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.core import requests
from textdrop.core.documents import Document, DocumentState, DueKind, Source
from textdrop.core.identity import document_id
from textdrop.core.pause import BY_OPERATOR, Exchange

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


def test_requests_to_the_control_function_are_those_that_it_takes() -> None:
    section = TEXT.split("### Without the command")[1].split("\n## ")[0]
    shown = [json.loads(text) for text in re.findall(r"`(\{.*?\})`", section)]
    shown += [json.loads(text) for text in re.findall(r"echo '(.*)' >", command("docs/operations.md", "ask control"))]
    assert len(shown) == section.count('"command"') > 10
    for request in shown:
        requests.parse(request)


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
    script = f"aws() {{ printf '%s\\0' \"$@\"; }}\n{shown.replace('<TableName>', table)}"
    words = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True).stdout.split("\0")[
        :-1
    ]
    assert (shown.split()[0], words[0]) == ("aws", "dynamodb")
    given: dict[str, Any] = {}
    for option, value in zip(words[2::2], words[3::2], strict=True):
        name = option.removeprefix("--").title().replace("-", "")
        is_text = name.endswith(("Name", "Expression"))
        given[name] = value if is_text else json.loads(value)
    return getattr(client, words[1].replace("-", "_"))(**given)


def test_the_index_that_a_table_lacks_is_added_as_the_template_has_it_and_deleted(client: Any) -> None:
    table = TEMPLATE["Resources"]["Table"]["Properties"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    defined = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    of_history = [key["AttributeName"] for key in indexes["history"]["KeySchema"]]
    client.create_table(
        TableName="left",
        BillingMode=table["BillingMode"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=[indexes["due"]],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in defined.items() if name not in of_history
        ],
    )
    run(client, "left", command("docs/operations.md", "add the index"))
    made = client.describe_table(TableName="left")["Table"]
    [added] = [index for index in made["GlobalSecondaryIndexes"] if index["IndexName"] == "history"]
    assert {name: added[name] for name in indexes["history"]} == indexes["history"]
    types = {each["AttributeName"]: each["AttributeType"] for each in made["AttributeDefinitions"]}
    assert {name: types[name] for name in of_history} == {name: defined[name] for name in of_history}
    shown = command("docs/operations.md", "is the index there")
    [query] = re.findall(r'--query "(.*)"', shown)
    assert jmespath.search(query, {"Table": made}) == ["ACTIVE"]
    assert shown.split()[:3] == ["aws", "dynamodb", "describe-table"]
    run(client, "left", command("docs/operations.md", "delete the index"))
    left = client.describe_table(TableName="left")["Table"]["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in left] == ["due"]


def test_the_oldest_comes_first(client: Any, name: str) -> None:
    documents = DynamoDocuments(Table(client, name))
    for number in (3, 1, 2):
        row = Document(str(number), Source("uploads", "a"), DocumentState.ACCEPTED, 1.0, due_kind=DueKind.SUBMIT)
        documents.create(replace(row, due_at=float(number)))
    found = run(client, name, command("docs/operations.md", "oldest"))["Items"]
    assert [item["pk"]["S"] for item in found] == ["1", "2", "3"]
