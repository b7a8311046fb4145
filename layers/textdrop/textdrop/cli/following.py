"""status, list, summary, watch and wait."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from textdrop.cli import parameters as take
from textdrop.cli import words
from textdrop.cli.progress import Progress
from textdrop.cli.shell import FINE, NOT_DONE, SOME_FAILED, Shell, WrongUse
from textdrop.client.errors import ControlRefused, WaitTimedOut
from textdrop.client.models import HELD, Document, Summary

REFRESH_SECONDS = 5.0
_SAMPLE = 100
_SHOWN = 10
_READ_ON = "Reading continues; textdrop wait shows it."


def status(
    context: typer.Context,
    documents: Annotated[
        list[str],
        typer.Argument(metavar="DOCUMENT", help=take.NAMED),
    ],
    details: Annotated[bool, typer.Option("--details", help="Also show the pages' states, timeline and runs.")] = False,
) -> None:
    """Show how far documents are, or what became of them."""
    shell: Shell = context.obj
    found: list[Document] = []
    missing: list[str] = []
    if details:
        for each in documents:
            try:
                found.append(shell.textdrop.document(each, details=True))
            except ControlRefused as error:
                if error.code != "not_found":
                    raise
                missing.append(each)
    else:
        found, missing = map(list, shell.textdrop.status(documents))
    for document in found:
        shell.say(words.told(document))
    for asked in missing:
        shell.note(f"textdrop: There is no document known as {asked}.")
    shell.answer({"documents": found, "missing": missing})
    raise typer.Exit(NOT_DONE if missing else FINE)


def list_(
    context: typer.Context,
    outcome: take.OutcomeOrActive = None,
    reason: take.Reason = None,
    prefix: take.Prefix = None,
    since: take.Since = None,
    until: take.Until = None,
    limit: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How many to list at most.")] = 100,
) -> None:
    """List documents that have ended, or those in flight.

    The newest come first. --outcome active lists what is in flight, --outcome held what a cap has no room for.
    """
    shell: Shell = context.obj
    documents = shell.textdrop.list(outcome, reason, prefix, since, until)
    found: list[Document] = []
    for document in islice(documents, limit):
        found.append(document)
        shell.say(words.row(document))
    more = next(documents, None) is not None
    if more:
        shell.note(f"There are more: --limit {10 * limit}")
    elif not found:
        shell.note("None.")
    shell.answer({"documents": found, "more": more})


def summary(context: typer.Context, since: take.Since = None, until: take.Until = None) -> None:
    """Sum up outcomes, pages, cost, and what is in flight.

    For whole days in UTC: the last 30, unless --since says otherwise.
    """
    shell: Shell = context.obj
    found = shell.textdrop.summary(since, until)
    shell.say(words.summed(found))
    shell.answer(found)


def watch(
    context: typer.Context,
    forever: Annotated[bool, typer.Option("--forever", help="Continue when nothing is in flight.")] = False,
) -> None:
    """Show progress and speed until nothing is in flight.

    Documents that are held over a cap are counted, but not waited for.
    """
    shell: Shell = context.obj
    shell.going_on = "Reading continues; textdrop summary shows it."
    submits_per_second = shell.textdrop.check().submits_per_second
    start = time.monotonic()
    before: Summary | None = None
    with Progress(shell.terminal()) as progress:
        while True:
            # Sums are for whole days, so what had ended before is subtracted.
            found: Summary = shell.textdrop.summary(since=datetime.now(UTC) if before is None else before.since)
            before = before or found
            ended = _since(before, found)
            # The summary counts what is being deleted as in flight, for a quarter of an hour; the list leaves it out.
            listed = list(islice(shell.textdrop.list("active"), _SAMPLE)) if found.active.documents else []
            flying = [document for document in listed if document.state != HELD]  # these are listed last
            if not flying and not forever:
                break
            left = _left(flying, found, submits_per_second)
            progress.show(_watched(found, ended, time.monotonic() - start, left), sum(ended.values()))
            shell.textdrop.sleep(REFRESH_SECONDS)
    documents = words.count(sum(ended.values()), "document")
    but = f" but {words.count(found.active.held, 'held document')}" if found.active.held else ""
    shell.say(f"Nothing is in flight{but}. {documents} ended in {words.duration(time.monotonic() - start)}.")
    shell.say(f"  {outcome}: {number:,}" for outcome, number in ended.items())
    shell.answer({"ended": ended, "summary": found})


def _since(before: Summary, now: Summary) -> dict[str, int]:
    """How many more documents have ended than before, by outcome. A retry subtracts one from its former outcome."""
    more = {outcome: number - before.documents.get(outcome, 0) for outcome, number in now.documents.items()}
    return {outcome: number for outcome, number in more.items() if number > 0}


def _watched(found: Summary, since: Mapping[str, int], seconds: float, left_seconds: float | None) -> str:
    ended = sum(since.values())
    parts = [words.in_flight(found)]
    failed = sum(since.get(outcome, 0) for outcome in words.FAILED)
    if ended:
        parts.append(f"{ended:,} ended" + (f", {failed:,} of them without all of their text" if failed else ""))
        parts.append(f"{60 * ended / max(seconds, 1):.1f} a minute")
    if found.pause.why:
        parts.append(f"paused: {found.pause.why}")
    elif left_seconds:
        parts.append(f"about {words.duration(left_seconds)} left by the quota")
    return " | ".join(parts)


def _left(flying: Sequence[Document], found: Summary, submits_per_second: float | None) -> float | None:
    """Seconds that the pages in flight take at the quota, estimated from some of the documents in flight."""
    known = [document.pages for document in flying if document.pages.total]
    if not submits_per_second or not known:
        return None
    pages = sum(pages.total - pages.finished for pages in known) / len(known)
    return float(pages * found.active.documents / submits_per_second)


def wait(
    context: typer.Context,
    documents: take.Documents = None,
    prefix: take.Prefix = None,
    timeout: take.Timeout = None,
) -> None:
    """Wait until documents are done.

    With --prefix: all that are in flight below it when this begins. The exit code is 1 if one failed in whole or part,
    or was cancelled. Held documents are waited for only with --timeout.
    """
    shell: Shell = context.obj
    if bool(documents) == (prefix is not None):
        raise WrongUse("Either documents or a --prefix has to be named.", "Name one of the two.")
    shell.going_on = _READ_ON
    chosen: Sequence[Any] = documents or list(shell.textdrop.list("active", prefix=prefix))
    found, failed = wait_for(shell, chosen, timeout) if chosen else ([], [])
    if not chosen:
        shell.say("Nothing is in flight there.")
    shell.answer({"documents": found})
    raise typer.Exit(SOME_FAILED if failed else FINE)


def wait_for(
    shell: Shell, chosen: Sequence[Any], timeout: float | None = None
) -> tuple[list[Document], list[Document]]:
    """The documents when all are done (without a `timeout`: done or held), printed one by one; and those that failed in
    whole or part, or are held."""
    shell.going_on = _READ_ON
    told: set[str] = set()
    with Progress(shell.terminal()) as progress:

        def look(documents: Sequence[Document]) -> None:
            progress.show(*words.far(documents))
            for document in documents:
                if document.done and document.id not in told:
                    told.add(document.id)
                    shell.say(words.row(document))

        try:
            found = list(shell.textdrop.wait(chosen, timeout, look))
        except WaitTimedOut as error:
            for document in error.waiting[:_SHOWN]:
                waits = f"; waits for {document.waiting_for}" if document.waiting_for else ""
                shell.note(f"{document.key}: {document.progress}{waits}")
            raise
    failed = [document for document in found if document.outcome in words.FAILED]
    for document in failed:
        shell.note(f"{document.key}: {document.what or document.progress} {document.advice or ''}".rstrip())
    held = [document for document in found if document.state == HELD]
    for document in held:
        shell.note(f"{document.key}: held. It waits for {document.waiting_for}.")
    if held:
        shell.note("Held documents are read in their turn; textdrop release reads them now, whatever the caps.")
    shell.say(f"{words.count(len(found), 'document')}: {words.outcomes(found)}.")
    return found, failed + held
