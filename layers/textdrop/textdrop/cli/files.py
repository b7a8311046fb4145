"""put and get."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textdrop.cli import parameters as take
from textdrop.cli.following import wait_for
from textdrop.cli.progress import Progress
from textdrop.cli.shell import FINE, SOME_FAILED, Shell, WrongUse
from textdrop.cli.words import count, size
from textdrop.client.downloads import KINDS, Fetched
from textdrop.client.errors import NoAccess, StackNotFound
from textdrop.client.uploads import Put


def put(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders.")],
    to: take.To = None,
    model: take.Model = None,
    languages: take.Languages = None,
    outputs: take.Outputs = None,
    pages: take.Pages = None,
    reuse: take.Reuse = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Comes back in results and notices; may be repeated.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Upload even what is already there, and pay for it.")] = False,
    wait: take.Wait = False,
    timeout: take.Timeout = None,
) -> None:
    """Upload files and folders to be read.

    A folder keeps its name and its tree. What is already in the bucket, unchanged, is not uploaded again.
    """
    shell: Shell = context.obj
    wait = take.waits(wait, timeout)
    entries = [each.partition("=") for each in metadata or []]
    if any(not name or not is_set for name, is_set, _ in entries):
        raise WrongUse("--metadata takes NAME=VALUE.", "For example --metadata case=7-114.")
    done: list[Put] = []
    shell.going_on = "What is uploaded will be read; the same command uploads the rest."
    with Progress(shell.terminal()) as progress:
        for each in shell.textdrop.put_tree(
            paths,
            to,
            options=take.options(model, languages, outputs, pages, reuse),
            metadata={name: value for name, _, value in entries},
            again=again,
        ):
            if isinstance(each.error, (NoAccess, StackNotFound)):
                raise each.error
            done.append(each)
            progress.show(f"{len(done):,} of {count(each.of, 'file')}", len(done), each.of)
            if each.error:
                shell.note(f"not uploaded: {each.path}: {each.error}")
            else:
                shell.say(f"{'there already' if each.there_already else 'uploaded'}  {each.key}")
    refused = [each for each in done if each.error]
    documents = [each.document for each in done if each.document]
    code = SOME_FAILED if refused else FINE
    if not done:
        shell.note("There are no files.")
    shell.say(f"{count(len(documents), 'file')} in the bucket" + (f", {len(refused):,} not" if refused else "") + ".")
    if wait and documents:
        _, unknown = shell.textdrop.status([each.document for each in done if each.document and each.there_already])
        for each in done:
            if each.document and each.document.id in unknown:
                before = "If it was there before the stack, only textdrop backfill reads it."
                shell.note(f"{each.key} is in the bucket, but not received yet. {before}")
        documents, failed = wait_for(shell, documents, timeout)
        code = SOME_FAILED if failed else code
    files = [
        {"path": str(each.path), "key": each.key, "there_already": each.there_already}
        | {"document": each.document.id if each.document else None, "error": each.error.what if each.error else None}
        for each in done
    ]
    shell.answer({"files": files, **({"documents": documents} if wait else {})})
    raise typer.Exit(code)


def get(
    context: typer.Context,
    prefix: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX",
            parser=take.key_start,
            help='What the uploads\' keys begin with, such as contracts/; "" for all.',
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to fetch into; it is created.")],
    only: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help=f"{', '.join(KINDS)}; may be repeated.")
    ] = None,
) -> None:
    """Fetch results as a tree of files.

    A file's path is the part of its key after the prefix's last "/". What is already there, unchanged, is not fetched
    again.
    """
    shell: Shell = context.obj
    unknown = [kind for kind in only or [] if kind not in KINDS]
    if unknown:
        raise WrongUse(f"There is no kind of file {', '.join(unknown)}.", f"--only takes {', '.join(KINDS)}.")
    fetched: list[Fetched] = []
    refused: list[Fetched] = []
    shell.going_on = "The same command fetches the rest."
    with Progress(shell.terminal()) as progress:
        for each in shell.textdrop.get(prefix, folder, only or []):
            (refused if each.error else fetched).append(each)
            if each.error:
                shell.note(f"not fetched: {each.key!r}: {each.error}")
            progress.show(f"{count(len(fetched), 'file')} in {folder}", len(fetched))
    if not fetched and not refused:
        shell.note(f'There are no such results yet of uploads whose keys begin with "{prefix}".')
    there = sum(each.there_already for each in fetched)
    new = sum(each.size for each in fetched if not each.there_already)
    shell.say(
        f"{count(len(fetched) - there, 'file')} fetched ({size(new)}), {there:,} there already"
        + (f", {len(refused):,} not fetched" if refused else "")
        + f": {folder}"
    )
    files = [
        {"key": each.key, "path": str(each.path) if each.path else None, "there_already": each.there_already}
        | {"error": each.error}
        for each in [*fetched, *refused]
    ]
    shell.answer({"files": files})
    raise typer.Exit(SOME_FAILED if refused else FINE)
