"""`make deploy` asks the first time and takes what was answered afterwards; no file of the project changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from template.cloudformation import ROOT


def test_the_first_deployment_asks_and_the_next_one_takes_what_was_answered(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    sam = tmp_path / "sam"  # what stands in for it keeps its arguments, and answers as --guided does
    sam.write_text('#!/bin/sh\necho "$@"\ncase "$*" in *--guided*) touch samconfig.toml; esac\n', encoding="utf-8")
    sam.chmod(0o700)
    command = ["make", "--old-file=build", "deploy", f"SAM={sam}"]
    environment = {"PATH": os.environ["PATH"]}  # not what a make that runs the tests passes on
    given = [
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert given == [
        "deploy --no-fail-on-empty-changeset --guided --stack-name textdrop\n",
        "deploy --no-fail-on-empty-changeset --confirm-changeset\n",
    ]


def test_what_deployments_leave_is_not_the_projects() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/samconfig.toml", "/dist/", "/.aws-sam/"} <= set(ignored)
