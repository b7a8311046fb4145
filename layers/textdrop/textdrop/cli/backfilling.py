"""backfill and estimate."""

from __future__ import annotations

from typing import Annotated

import typer

from textdrop.cli import parameters as take
from textdrop.cli import words
from textdrop.cli.progress import Progress
from textdrop.cli.shell import Shell
from textdrop.client.errors import TextdropClientError
from textdrop.client.models import Backfill, Options

Prefix = Annotated[
    str | None,
    typer.Argument(
        metavar="PREFIX", parser=take.key_start, help="What the keys begin with, such as scans/2019/; default: all."
    ),
]


def backfill(
    context: typer.Context,
    prefix: Prefix = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would read and cost.")] = False,
    cursor: Annotated[str | None, typer.Option("--from", metavar="CURSOR", help="Where it was interrupted.")] = None,
    yes: take.Yes = False,
) -> None:
    """Read what is in the bucket already.

    New uploads come first. The command can safely be repeated: what has been read, or is about to be, is not read
    again.
    """
    shell: Shell = context.obj
    shell.going_on = "Nothing was begun."
    would = _gone_through(shell, prefix, cursor, dry_run=True)
    if dry_run or not would.new:
        shell.say(words.estimated(would))
        shell.answer(would)
        return
    for line in words.estimated(would):
        shell.note(line)
    shell.confirm(f"Read {words.count(would.new, 'object')}, {words.pages_of(would)}, {words.price(would.cost)}?", yes)
    done = _gone_through(shell, prefix, cursor, dry_run=False)
    shell.say(f"{words.count(done.new, 'object')} taken, {done.known:,} already known. textdrop watch shows them.")
    shell.answer(done)


def estimate(
    context: typer.Context,
    prefix: Prefix = None,
    model: take.Model = None,
    languages: take.Languages = None,
    pages: take.Pages = None,
    reuse: take.Reuse = None,
) -> None:
    """Estimate the pages, price and time of a backfill.

    Some files are opened and some of their pages checked; nothing is written or paid for. With options the estimate is
    as if the uploads named them.
    """
    shell: Shell = context.obj
    options = take.options(model, languages, None, pages, reuse)
    found = _gone_through(shell, prefix, None, dry_run=True, options=options)
    shell.say(words.estimated(found))
    shell.answer(found)


def _gone_through(
    shell: Shell, prefix: str | None, cursor: str | None, *, dry_run: bool, options: Options | None = None
) -> Backfill:
    """All pages of the listing, added up. If it is interrupted, the command that continues it is printed."""
    found = Backfill()
    if not dry_run:  # an interrupted call may have begun some
        shell.going_on = f"To continue: {_again(shell, prefix, cursor)}"
    try:
        with Progress(shell.terminal()) as progress:
            for found in shell.textdrop.backfill(prefix, options=options, dry_run=dry_run, cursor=cursor):
                cursor = found.cursor
                progress.show(f"{words.count(found.listed, 'object')} seen, {found.new:,} new")
                shell.going_on = "Nothing was begun." if dry_run else f"To continue: {_again(shell, prefix, cursor)}"
    except TextdropClientError:
        if not dry_run:
            seen = words.count(found.listed, "object")
            shell.note(f"It was interrupted after {seen}. To continue: {_again(shell, prefix, cursor)}")
        raise
    return found


def _again(shell: Shell, prefix: str | None, cursor: str | None) -> str:
    """The command that continues there, with the same stack."""
    import shlex

    parts = ["textdrop", "backfill", *([prefix] if prefix else []), *(["--from", cursor] if cursor else [])]
    parts += shell.named()
    return shlex.join(parts)
