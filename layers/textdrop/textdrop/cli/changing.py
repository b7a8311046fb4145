"""retry, cancel, release, delete, render, pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, NoReturn

import typer

from textdrop.cli import parameters as take
from textdrop.cli import words
from textdrop.cli.following import wait_for
from textdrop.cli.progress import Progress
from textdrop.cli.shell import FINE, NOT_DONE, SOME_FAILED, Shell, WrongUse
from textdrop.client.models import Changes, Pause

_CHOOSE = "Name documents, or choose them by options."


def retry(
    context: typer.Context,
    documents: take.Documents = None,
    outcome: take.Outcome = None,
    reason: take.Reason = None,
    prefix: take.Prefix = None,
    since: take.Since = None,
    until: take.Until = None,
    model: take.Model = None,
    languages: take.Languages = None,
    outputs: take.Outputs = None,
    pages: take.Pages = None,
    reuse: take.Reuse = None,
    yes: take.Yes = False,
    wait: take.Wait = False,
    timeout: take.Timeout = None,
) -> None:
    """Read documents again, paying only for pages without a result.

    Name documents, or choose them with --outcome, --reason, --prefix, --since and --until; without --outcome those that
    failed. Documents that have succeeded are read again only with another --model, --languages, --outputs or --pages.
    """
    shell: Shell = context.obj
    wait = take.waits(wait, timeout)
    filters = {"outcome": outcome, "reason": reason, "prefix": prefix, "since": since, "until": until}
    chosen = _chosen(documents, filters)
    if chosen is None and outcome is None:
        filters["outcome"] = "failed"
    reading = take.options(model, languages, outputs, pages, reuse)
    would = _would(shell, partial(shell.textdrop.retry, chosen, **filters, options=reading))
    if would.documents:
        shell.confirm(f"Read again {words.changed(would)}?", yes)
    done = _done(shell, would, partial(shell.textdrop.retry, options=reading))
    _tell(shell, done, "Being read again")
    _answer(shell, done, wait, timeout)


def cancel(
    context: typer.Context,
    documents: take.Documents = None,
    prefix: take.Prefix = None,
    yes: take.Yes = False,
) -> None:
    """Stop reading documents.

    No more of their pages are sent. Those that the OCR service already has are paid for, and kept for a retry.
    """
    shell: Shell = context.obj
    chosen = _chosen(documents, {"prefix": prefix})
    would = _would(shell, partial(shell.textdrop.cancel, chosen, prefix=prefix))
    if would.documents:
        left = sum(each.pages.total - each.pages.finished for each in would.documents)
        shell.confirm(f"Cancel {words.changed(would)}, with {words.count(left, 'page')} not read yet?", yes)
    done = _done(shell, would, shell.textdrop.cancel)
    _tell(shell, done, "Cancelled")
    _answer(shell, done)


def release(
    context: typer.Context,
    documents: take.Documents = None,
    prefix: take.Prefix = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would read and cost.")] = False,
    yes: take.Yes = False,
    wait: take.Wait = False,
    timeout: take.Timeout = None,
) -> None:
    """Read held documents now, whatever the caps.

    Documents are held when the day's or the month's cap of pages has no room for theirs. They are read without
    this command once the next day or month (UTC) has room; those that are larger than a whole cap wait for it.
    """
    shell: Shell = context.obj
    wait = take.waits(wait, timeout)
    chosen = _chosen(documents, {"prefix": prefix, "all": all_})
    if prefix and all_:
        raise WrongUse("--all cannot be combined with --prefix.", "Use one or the other.")
    prefix = prefix if chosen is not None else prefix or ""
    would = _would(shell, partial(shell.textdrop.release, chosen, prefix=prefix))
    if dry_run:
        _tell(shell, would, "Would be read whatever the caps")
        _answer(shell, would)
    if would.documents:
        shell.confirm(f"Read {words.changed(would)}, whatever the caps?", yes)
    done = _done(shell, would, shell.textdrop.release)
    _tell(shell, done, "Being read whatever the caps")
    _answer(shell, done, wait, timeout)


def delete(
    context: typer.Context,
    documents: take.Documents = None,
    prefix: take.Prefix = None,
    outcome: take.Outcome = None,
    since: take.Since = None,
    until: take.Until = None,
    upload: Annotated[
        bool, typer.Option("--upload", help="The uploaded file too, with your own AWS permissions.")
    ] = False,
    yes: take.Yes = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the last sweep, some 16 minutes.")] = False,
    timeout: take.Timeout = None,
) -> None:
    """Remove results and everything else that is kept of documents.

    Name documents, or choose them with --prefix or --outcome, and by time with --since and --until. The uploaded files
    stay, unless you add --upload.
    """
    shell: Shell = context.obj
    wait = take.waits(wait, timeout)
    filters = {"prefix": prefix, "outcome": outcome, "since": since, "until": until}
    chosen = _chosen(documents, filters)
    would = _would(shell, partial(shell.textdrop.delete, chosen, **filters))
    if would.documents:
        uploads = "rows, results and the uploaded files" if upload else "rows and results, not the uploaded files"
        shell.confirm(f"Remove {words.changed(would)}: {uploads}? This cannot be undone.", yes)
    done = _done(shell, would, partial(shell.textdrop.delete, upload=upload))
    _tell(shell, done, "Being removed")
    kept = [each.ocr_result_kept_until for each in done.documents if each.ocr_result_kept_until]
    if kept:
        shell.say(f"The OCR service's own copies expire by {words.moment(max(kept))}.")
    code = _code(done)
    if wait and done.documents:
        found, _ = wait_for(shell, done.documents, timeout)
        done = replace(done, documents=tuple(found))
    elif done.documents:
        shell.say("A last sweep follows after about 16 minutes; textdrop status then says deleted.")
    shell.answer(done)
    raise typer.Exit(code)


def render(
    context: typer.Context,
    documents: Annotated[list[str], typer.Argument(metavar="DOCUMENT", help=take.NAMED)],
    outputs: take.Outputs = None,
    wait: take.Wait = False,
    timeout: take.Timeout = None,
) -> None:
    """Make outputs again, or other outputs, free of charge.

    They are made from the pages that have been read.
    """
    shell: Shell = context.obj
    wait = take.waits(wait, timeout)
    done = shell.textdrop.render(documents, outputs)
    _tell(shell, done, "Being written again")
    _answer(shell, done, wait, timeout)


def pause(context: typer.Context) -> None:
    """Send nothing to the OCR service until resumed.

    Uploads wait; nothing is lost.
    """
    _paused(context.obj, context.obj.textdrop.pause())


def resume(context: typer.Context) -> None:
    """Continue sending after a pause."""
    _paused(context.obj, context.obj.textdrop.resume())


def _paused(shell: Shell, pause: Pause) -> None:
    shell.say(f"Paused: {pause.why}, since {words.moment(pause.since)}" if pause.why else "Not paused.")
    shell.answer({"pause": pause})


def _chosen(documents: Sequence[str] | None, filters: Mapping[str, object]) -> Sequence[str] | None:
    """The references, or None if the filters choose. Raises WrongUse if there are neither, or both."""
    if documents and any(filters.values()):
        raise WrongUse("Documents are named, and also chosen by options.", "Use one or the other.")
    if not documents and not any(filters.values()):
        raise WrongUse("No documents are named.", _CHOOSE)
    return documents or None


def _would(shell: Shell, change: Callable[..., Changes]) -> Changes:
    """What the change would be. The count so far is shown."""
    with Progress(shell.terminal()) as progress:

        def look(found: Changes) -> None:
            if found.documents:
                progress.show(words.changed(found))

        return change(dry_run=True, progress=look)


def _done(shell: Shell, would: Changes, change: Callable[..., Changes]) -> Changes:
    """What came of changing the documents that a dry run has found. It changes no others, as only these were agreed
    to."""
    if not would.documents:
        return replace(would, dry_run=False)
    shell.going_on = "What is done stays done; the same command continues with the rest."
    with Progress(shell.terminal()) as progress:
        total = len(would.documents)
        done = change(would.documents, progress=lambda all_: progress.show(words.changed(all_), total=total))
    return replace(done, unchanged=(*would.unchanged, *done.unchanged))


def _answer(shell: Shell, done: Changes, wait: bool = False, timeout: float | None = None) -> NoReturn:
    """Waits for the documents if that was asked for, prints the answer and exits."""
    code = _code(done)
    if wait and done.documents:
        found, failed = wait_for(shell, done.documents, timeout)
        done = replace(done, documents=tuple(found))
        code = max(code, SOME_FAILED) if failed else code
    shell.answer(done)
    raise typer.Exit(code)


def _code(done: Changes) -> int:
    """The exit code: whether some documents are not known, or some were left as they are."""
    if any(each.document is None for each in done.unchanged):
        return NOT_DONE
    return SOME_FAILED if done.unchanged else FINE


def _tell(shell: Shell, done: Changes, title: str) -> None:
    for each in done.unchanged:
        shell.note(f"left as it is: {each.asked}: {each.why}")
    for document in done.documents if len(done.documents) <= 20 else ():
        shell.say(f"  {document.key}")
    shell.say(f"{title}: {words.changed(done)}." if done.documents else "Nothing to do.")
