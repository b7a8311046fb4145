"""The README tells the truth: its generated parts, names, links and commands."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from local import readme
from local.results_page.whole_files import result_file
from textdrop.core import results
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    Operation,
    OperationState,
    Options,
    Outcome,
    Problem,
    Source,
)
from textdrop.core.errors import Reason
from textdrop.core.pages import Block, Line, RecognisedPage, Word

TOP = Path(__file__).resolve().parents[2]
TEXT = (TOP / "README.md").read_text("utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip()
]
WAY = re.findall(r"^\d+\. `([\w.]+)`", TEXT.split("<!-- way -->")[1].split("<!-- end -->")[0], re.MULTILINE)
KNOWN_COMMANDS = ("make", "sam", "aws", ".", "python")


def test_generated_parts_are_up_to_date() -> None:
    assert readme.generated(TEXT) == TEXT, "run: .venv/bin/python -m local.readme"


WORD = Word(text="Договор", polygon=[[412, 318], [655, 318], [655, 362], [412, 362]])
LINE = Line(text="Договор", polygon=WORD["polygon"], words=[WORD])
BLOCK = Block(type="title", polygon=WORD["polygon"], languages=["ru"], lines=[LINE])
PAGE = RecognisedPage(
    width=1654,
    height=2339,
    rotate=0,
    text="Договор\n",
    blocks=[BLOCK],
    tables=[],
    entities=[],
    markdown=None,
)
SUCCEEDED = Document(
    id="9f86d081884c7d659a2feaa0c55ad015",
    source=Source(
        "textdrop-uploads",
        "contracts/scan.pdf",
        "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
        "b026324c6904b2a9cb4b88d6d61c81d1",
        183_204,
        event_at=1_773_480_413.0,
    ),
    state=DocumentState.DELIVERING,
    accepted_at=1_773_480_415.25,
    submit_passes=1,
    options=Options(("ru", "en"), "page", languages_from="metadata"),
    media_type="application/pdf",
    pages=1,
    outcome=Outcome.SUCCEEDED,
    pages_recognized=1,
    outcome_at=1_773_480_418.5,
)
OPERATION = Operation(
    SUCCEEDED.id,
    1,
    1,
    OperationState.RECOGNIZED,
    described=OperationDescription(
        "fd8o8hrp4k2m1n0b7c6d", "OCR async recognition", "2026-03-14T09:26:55Z", "aje1", "2026-03-14T09:26:58Z"
    ),
)
REFUSED = replace(
    SUCCEEDED,
    outcome=Outcome.FAILED,
    pages=0,
    pages_recognized=0,
    options=None,
    media_type="",
    problem=Problem(
        Reason.ENCRYPTED,
        "The PDF opens only with a password.",
        "Save it without the password and upload that.",
    ),
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result", result_file(SUCCEEDED, [OPERATION], [PAGE])),
        ("error", results.error_file(REFUSED, [])),
    ],
)
def test_examples_are_what_is_written(name: str, content: bytes) -> None:
    shown = TEXT.split(f"<!-- example: {name} -->\n```json\n")[1].split("```")[0]
    assert json.loads(shown) == json.loads(content), content.decode()


def test_the_way_has_at_most_ten_names() -> None:
    assert 1 <= len(WAY) <= 10


@pytest.mark.parametrize("name", WAY)
def test_the_way_names_functions_that_are_there(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(f"textdrop.{module}"), function))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_known(command: str) -> None:
    assert command.split()[0] in KNOWN_COMMANDS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)", " ".join(COMMANDS)))))
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    assert (TOP / link).exists()


def test_the_reasons_are_the_closed_list() -> None:
    table = TEXT.split("**Reasons**")[1].split("## Parameters")[0]
    named = set(re.findall(r"`([a-z_]+)`", table)) - {"skipped", "failed", "partial"}
    assert named == {str(reason) for reason in Reason}


def test_outputs_named_in_the_text_exist() -> None:
    template = (TOP / "template.yaml").read_text("utf-8")
    outputs = template.split("\nOutputs:\n")[1]
    for name in sorted(set(re.findall(r"<([A-Z]\w+)>", TEXT))):
        assert f"\n  {name}:\n" in f"\n{outputs}", name
