"""The examples of docs/client.md do what the page says."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

import textdrop.client
from documentation import TOP
from textdrop.client import Textdrop
from unit.client.conftest import Clock
from unit.client.fake_stack import UPLOADS, FakeStack

PAGE = (TOP / "docs" / "client.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- runs: ([^>]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(autouse=True)
def connected(stack: Any, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples run in a folder of their own, and connect to the stack in memory."""
    monkeypatch.chdir(tmp_path)
    connect = partial(Textdrop, session=stack, sleep=clock.sleep, clock=clock)
    monkeypatch.setattr(textdrop.client, "Textdrop", connect)


def printed(name: str) -> str:
    """What the example prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(EXAMPLES[name], {})
    return out.getvalue()


def test_there_are_six_and_no_others() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 6


def test_put_and_wait(stack: FakeStack, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    assert printed("put and wait") == "text of contracts/scan.pdf\n\n"
    stack.control.endings["contracts/scan.pdf"] = ("failed", "damaged")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF another")
    assert printed("put and wait").startswith("contracts/scan.pdf has no text (failed: damaged).")


def test_notices_into_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(EXAMPLES["notices into SQLite"].split("\n\n")[1].splitlines()) == 10  # as asked for
    names = ("notice-failed", "notice-partial", "held")
    failed, partly, held = ((TOP / "events" / f"{name}.json").read_text("utf-8") for name in names)
    enveloped = json.dumps({"Type": "Notification", "Message": partly})
    batches = [[failed, enveloped], [failed], [held], []]
    deleted: list[str] = []

    class Sqs:
        def receive_message(self, **given: Any) -> dict[str, Any]:
            assert given["WaitTimeSeconds"] == 20
            batch = batches.pop(0)
            named = [{"Body": body, "ReceiptHandle": f"{len(batches)}-{at}"} for at, body in enumerate(batch)]
            return {"Messages": named} if named else {}

        def delete_message(self, **given: Any) -> None:
            deleted.append(given["ReceiptHandle"])

    monkeypatch.setattr(boto3, "client", lambda service: {"sqs": Sqs()}[service])
    printed("notices into SQLite")
    with contextlib.closing(sqlite3.connect("notices.db")) as database:
        rows = database.execute("SELECT outcome, reason FROM notices ORDER BY outcome").fetchall()
    assert rows == [("failed", json.loads(failed)["reason"]), ("partial", json.loads(partly)["reason"])]
    assert deleted == ["3-0", "3-1", "2-0", "1-0"]


def test_list_failures(stack: FakeStack) -> None:
    stack.control.add("a.png")
    stack.control.add("b.png", "failed", "damaged", outcome_at="2999-01-01T00:00:00.000Z")
    stack.control.add("c.png", "failed", "damaged", outcome_at="2000-01-01T00:00:00.000Z")
    assert printed("list failures") == "b.png damaged 2 The OCR service failed to recognise the page.\n"


def test_retry(stack: FakeStack) -> None:
    for number in range(2):
        stack.control.add(f"{number}.png", "failed", "failed_in_ocr")
    assert printed("retry").splitlines()[1:] == ["0.png succeeded", "1.png succeeded"]
    for number in range(500):
        stack.control.add(f"more-{number}.png", "failed", "failed_in_ocr")
    assert printed("retry").startswith("500 documents, 1000 pages: Cost(amount='132.000'")
    assert {document["run"] for document in stack.control.documents.values()} == {1, 2}


def test_release(stack: FakeStack) -> None:
    for key in ("contracts/a.pdf", "other.pdf"):
        stack.control.hold(key, waiting_for="a person")
    assert printed("release").splitlines() == [
        "contracts/a.pdf waits for a person",
        "other.pdf waits for a person",
        "contracts/a.pdf succeeded",
    ]
    assert [each["state"] for each in stack.control.documents.values()] == ["final", "held"]
    stack.control.hold("contracts/b.pdf", hold={"period": "day", "pages": 100, "waits_for_a_person": True})
    printed("release")
    assert stack.control.documents[f"{2:032x}"]["state"] == "held"


def test_delete(stack: FakeStack, clock: Clock) -> None:
    given: Any = stack
    Textdrop(session=given, sleep=clock.sleep, clock=clock).put(b"%PDF", "contracts/scan.pdf").wait()
    assert printed("delete").splitlines() == [
        "the OCR service's own copy expires: 2026-12-02 12:00:00+00:00",
        "removed: {'objects': 4, 'rows': 3}",
    ]
    assert "Versions" not in stack.s3.list_object_versions(Bucket=UPLOADS)
