"""The README tells the truth: its generated parts, names, links and commands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from local import readme
from textdrop.core.errors import Reason

TOP = Path(__file__).resolve().parents[2]
TEXT = (TOP / "README.md").read_text("utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip()
]
WAY = re.findall(r"^\d+\. `([\w.]+)`", TEXT.split("<!-- way -->")[1].split("<!-- end -->")[0], re.MULTILINE)
KNOWN_COMMANDS = ("make", "sam", "aws", ".", "echo")


def test_generated_parts_are_up_to_date() -> None:
    assert readme.generated(TEXT) == TEXT, "run: .venv/bin/python -m local.readme"


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
