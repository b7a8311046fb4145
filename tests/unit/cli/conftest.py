"""The command, on a stack in memory."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from textdrop.cli.app import app
from textdrop.cli.shell import Shell
from textdrop.client import Textdrop
from unit.client.conftest import Clock
from unit.client.fake_stack import FakeStack, fake_stack

Run = Callable[..., Result]


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    with fake_stack() as made:
        yield made


def runner(stack: Any) -> Run:
    """Runs lines of the command. `asks` says whether there is a terminal to ask on, `typed` what is typed there."""

    def run(line: str, *, asks: bool = False, typed: str = "", terminal: bool = False) -> Result:
        def connect(shell: Shell) -> Textdrop:
            clock = Clock()
            return Textdrop(shell.stack, shell.profile, shell.region, stack, sleep=clock.sleep, clock=clock)

        shell = Shell(connect=connect, asks=lambda: asks, terminal=lambda: terminal)
        [command, *arguments] = shlex.split(line)
        assert command == "textdrop"
        return CliRunner(env={"TEXTDROP_STACK": None, "TEXTDROP_LOCAL": None}).invoke(
            app, arguments, obj=shell, input=typed, prog_name="textdrop", catch_exceptions=False
        )

    return run


@pytest.fixture
def run(stack: FakeStack) -> Run:
    return runner(stack)
