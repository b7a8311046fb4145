"""What a deployment into the local stack is made of: its parameters, and what tells that something has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import cloudformation, deployment, servers


def test_every_parameter_is_named_so_that_a_default_that_changed_reaches_a_stack_that_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deployment.defaults().keys() == cloudformation.load()["Parameters"].keys()
    parameters = {"A": {"Default": "ru en"}, "B": {"Default": 5000}, "C": {"Default": ""}}
    monkeypatch.setattr(cloudformation, "load", lambda: {"Parameters": parameters})
    assert deployment.defaults() == {"A": "ru en", "B": "5000", "C": ""}


def test_sam_is_given_each_value_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What stands in for sam keeps its arguments.
    sam = tmp_path / "sam"
    sam.write_text(f'#!/bin/sh\nfor argument in "$@"; do echo "$argument"; done > \'{tmp_path}/given\'\n')
    sam.chmod(0o700)
    monkeypatch.setattr(deployment, "SAM", sam)
    deployment.deploy(tmp_path, tmp_path / "template.yaml", {"C": "", "A": "ru en", "B": "5000"}, {"PATH": "/bin"})
    given = (tmp_path / "given").read_text(encoding="utf-8").splitlines()
    # In quotes: else sam takes a value to its first space, and none for an empty one.
    assert given[given.index("--parameter-overrides") + 1 :] == ['A="ru en"', 'B="5000"', 'C=""']


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a few files."""
    for name in ("template.yaml", "layers/textdrop/textdrop/a.py", "functions/poll/handler.py", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    monkeypatch.setattr(deployment, "ROOT", tmp_path)
    monkeypatch.setattr(servers, "layer_python", lambda: "3.11")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "deploys"),
    [
        ("template.yaml", True),
        ("layers/textdrop/textdrop/a.py", True),
        ("layers/textdrop/textdrop/new.py", True),
        ("functions/poll/handler.py", True),
        ("functions/poll/__pycache__/handler.pyc", False),
        ("README.md", False),
    ],
)
def test_only_what_is_deployed_counts_as_a_change(sources: Path, name: str, deploys: bool) -> None:
    before = deployment.fingerprint({"A": "1"})
    assert deployment.fingerprint({"A": "1"}) == before
    assert deployment.fingerprint({"A": "2"}) != before
    (sources / name).parent.mkdir(exist_ok=True)
    (sources / name).write_text("y", encoding="utf-8")
    assert (deployment.fingerprint({"A": "1"}) != before) is deploys
