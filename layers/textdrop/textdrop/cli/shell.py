"""What every command uses: the options that all have, the connection, printing and asking."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from textdrop.client.errors import ControlRefused, TextdropClientError, WaitTimedOut

FINE, SOME_FAILED, NOT_DONE, INTERRUPTED = 0, 1, 2, 130


def _connect(shell: Shell) -> Any:
    from textdrop.client import Textdrop

    return Textdrop(shell.stack, shell.profile, shell.region)


@dataclass
class Shell:
    """What the options have chosen, and how to reach the stack and the person. Tests replace `connect`, `asks`,
    `terminal`."""

    stack: str = "textdrop"
    profile: str | None = None
    region: str | None = None
    local: bool = False
    json: bool = False
    connect: Callable[[Shell], Any] = _connect
    asks: Callable[[], bool] = field(default=lambda: sys.stdin.isatty())
    terminal: Callable[[], bool] = field(default=lambda: sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    going_on: str = ""
    """What to say if the command is interrupted: what continues without it, and how to continue it; "" if it changes
    nothing."""

    @cached_property
    def textdrop(self) -> Any:
        """The connection."""
        if self.local:
            os.environ.update(local_settings(Path.cwd()))
            for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
                os.environ.pop(name, None)
            self.profile, self.region = None, None
        return self.connect(self)

    def say(self, lines: str | Iterable[str]) -> None:
        """Print the lines on stdout, unless the answer is JSON."""
        if not self.json:
            for line in [lines] if isinstance(lines, str) else lines:
                print(_printable(line), flush=True)

    def note(self, line: str) -> None:
        """Print a line on stderr."""
        print(_printable(line), file=sys.stderr, flush=True)

    def answer(self, value: Any) -> None:
        """Print the one JSON document, if JSON was asked for."""
        if self.json:
            from textdrop.client.reading import written

            text = json.dumps(written(value), ensure_ascii=False, indent=2)
            try:
                text.encode(sys.stdout.encoding)
            except UnicodeEncodeError:  # a file's name that is not UTF-8, or a terminal that is not
                text = json.dumps(written(value), indent=2)
            print(text, flush=True)

    def failed(self, kind: str, what: str, advice: str = "") -> None:
        """Print the error as the one JSON document, if JSON was asked for."""
        self.answer({"error": {"kind": kind, "what": what, "advice": advice}})

    def named(self) -> list[str]:
        """The options that name this stack, for a command that is to be repeated."""
        stack = ["--stack", self.stack] if self.stack != "textdrop" else []
        return [*stack, *self.session_named(), *(["--local"] if self.local else [])]

    def session_named(self) -> list[str]:
        """Those of these options that the aws command has too."""
        given = {"--profile": self.profile, "--region": self.region}
        return [part for option, value in given.items() if value for part in (option, value)]

    def confirm(self, question: str, yes: bool) -> None:
        """Returns if the person agrees; otherwise the command ends."""
        if yes:
            return
        if not self.asks():
            raise WrongUse(f"This asks first: {question} There is no terminal to ask on.", "Add --yes if you mean it.")
        code = SOME_FAILED
        try:
            if typer.confirm(_printable(question), err=True):
                return
        except typer.Abort as abort:  # Ctrl-C, or the end of what is typed
            self.note("")
            code = INTERRUPTED if isinstance(abort.__context__, KeyboardInterrupt) else SOME_FAILED
        self.note("Nothing was done.")
        self.failed("NotAgreed", "Nothing was done.")
        raise typer.Exit(code)


def _printable(line: str) -> str:
    """The line, with characters escaped that control a terminal or that it cannot show: keys may have any
    characters."""
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() or each == "\xa0" else ascii(each)[1:-1] for each in line)


class WrongUse(TextdropClientError):
    """The command cannot be carried out as it was given."""


NOT_LOCAL = "Start it with make up, or leave out --local."


def local_settings(folder: Path) -> dict[str, str]:
    """The variables of the local stack whose .local/env is in the folder, or in the checkout that this is part of.

    Raises WrongUse.
    """
    checkout = Path(__file__).resolve().parents[4]
    for place in (folder, checkout):
        path = place / ".local" / "env"
        if path.is_file():
            break
    else:
        raise WrongUse(f"There is no local stack in {folder}.", NOT_LOCAL)
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, is_set, value = line.removeprefix("export ").partition("=")
        if line.startswith("export ") and is_set and value.startswith("'") and value.endswith("'") and name != "PATH":
            settings[name] = value[1:-1].replace("'\\''", "'")
    hosts = [*filter(None, [os.environ.get("NO_PROXY", "")]), "127.0.0.1", "localhost"]
    return settings | {"NO_PROXY": ",".join(dict.fromkeys(hosts))}


EVERYWHERE: Mapping[str, tuple[Any, Any]] = {
    "stack": (
        str,
        typer.Option("--stack", metavar="NAME", envvar="TEXTDROP_STACK", help="The stack's name; default: textdrop."),
    ),
    "profile": (str, typer.Option("--profile", metavar="NAME", help="A profile of your AWS settings.")),
    "region": (str, typer.Option("--region", metavar="REGION", help="The stack's AWS region.")),
    "local": (bool, typer.Option("--local", envvar="TEXTDROP_LOCAL", help="The local stack of a checkout (make up).")),
    "json": (bool, typer.Option("--json", help="Print one JSON document.")),
}
"""The options that are accepted before and after the command's name, and which of Shell's fields they set."""


def everywhere(function: Callable[..., None]) -> Callable[..., None]:
    """The command, with the options that every command has (they are stored in its Shell) and with errors as exit
    codes."""
    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    own = [each.replace(annotation=hints[each.name]) for each in signature.parameters.values()]
    added = [
        inspect.Parameter(f"every_{name}", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, (kind, option) in EVERYWHERE.items()
        for annotation in [Annotated[kind | None, option]]
    ]

    @wraps(function)
    def wrapped(*positional: Any, **given: Any) -> None:
        context: typer.Context = given.get("context") or positional[0]
        shell = context.ensure_object(Shell)
        for name in EVERYWHERE:
            value = given.pop(f"every_{name}")
            if value is not None:
                setattr(shell, name, value)
        try:
            function(*positional, **given)
        except TextdropClientError as error:
            raise typer.Exit(_told(shell, error)) from None
        except KeyboardInterrupt:
            shell.note("")
            shell.note(f"Interrupted. {shell.going_on}".rstrip())
            shell.failed("Interrupted", "Interrupted.", shell.going_on)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # as of `textdrop list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if shell.going_on:
                shell.note(f"The output is no longer read. {shell.going_on}")
                raise typer.Exit(SOME_FAILED) from None

    wrapped.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in [*own, *added]}
    return wrapped


def _told(shell: Shell, error: TextdropClientError) -> int:
    """Prints the error, and gives the exit code."""
    shell.note(f"textdrop: {error.what}")
    if error.advice:
        shell.note(f"          {error.advice}")
    shell.failed(error.code if isinstance(error, ControlRefused) else type(error).__name__, error.what, error.advice)
    return SOME_FAILED if isinstance(error, WaitTimedOut) else NOT_DONE
