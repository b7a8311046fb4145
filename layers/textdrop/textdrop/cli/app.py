"""The command's parts put together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from textdrop.cli import backfilling, changing, doctor, files, following
from textdrop.cli.shell import INTERRUPTED, Shell, everywhere

COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("put", files.put, "textdrop put letter.pdf archive --to inbox --wait"),
    ("get", files.get, "textdrop get inbox/ results --only text"),
    ("status", following.status, "textdrop status inbox/letter.pdf --details"),
    ("list", following.list_, "textdrop list --outcome failed --since 2d"),
    ("summary", following.summary, "textdrop summary --since 2026-11-01"),
    ("watch", following.watch, "textdrop watch"),
    ("wait", following.wait, "textdrop wait --prefix inbox/ --timeout 600"),
    ("retry", changing.retry, "textdrop retry --outcome failed --reason failed_in_ocr --since 1d"),
    ("cancel", changing.cancel, "textdrop cancel --prefix inbox/wrong/"),
    ("release", changing.release, "textdrop release inbox/atlas.pdf"),
    ("delete", changing.delete, "textdrop delete inbox/letter.pdf --upload"),
    ("render", changing.render, "textdrop render inbox/letter.pdf --outputs searchable-pdf"),
    ("pause", changing.pause, "textdrop pause"),
    ("resume", changing.resume, "textdrop resume"),
    ("backfill", backfilling.backfill, "textdrop backfill scans/2019/"),
    ("estimate", backfilling.estimate, "textdrop estimate scans/"),
    ("doctor", doctor.doctor, "textdrop doctor"),
)
"""Each command, what does it, and an example."""

_USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]


class _Commands(TyperGroup):
    """With --json a wrong command line is reported as a JSON document too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["textdrop.json"] = "--json" in args
        with _told(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _told(ctx):
            return super().invoke(ctx)


@contextmanager
def _told(context: Any) -> Iterator[None]:
    try:
        yield
    except _USAGE_ERROR as wrong:
        shell = context.ensure_object(Shell)
        shell.json = context.meta["textdrop.json"]
        shell.failed("WrongUse", wrong.format_message(), "See --help.")  # type: ignore[attr-defined]  # click's
        raise


app = typer.Typer(
    name="textdrop",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich is imported only for bars
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example:\n\n\b\n  textdrop put letter.pdf --wait",
)


def _version(wanted: bool) -> None:
    if wanted:
        from textdrop import __version__

        print(f"textdrop {__version__}")
        raise typer.Exit


@everywhere
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Put files in, get their text: the command of a textdrop stack.

    Exit codes: 0 fine; 1 some documents failed, or were not accepted; 2 wrong use, no access, or no such stack.
    """
    context.ensure_object(Shell)


app.callback()(_root)
for _name, _function, _example in COMMANDS:
    app.command(_name, epilog=f"Example:\n\n\b\n  {_example}")(everywhere(_function))


def run() -> None:
    """Run the command; ends the process."""
    if isinstance(sys.stdout, TextIOWrapper):  # keys may have characters that stdout cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # A normal exit would wait for uploads that have begun, even for gigabytes.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
