"""Arguments and options that several commands take, with their help."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from textdrop.cli.shell import WrongUse
from textdrop.cli.words import point_in_time
from textdrop.client.models import Options


def _time(text: str) -> datetime:
    try:
        return point_in_time(text)
    except (ValueError, OverflowError):
        message = f'"{text}" is not a time: write 2h, 3d, 2026-11-01 or 2026-11-01T12:30:00Z.'
        raise typer.BadParameter(message) from None


def key_start(text: str) -> str:
    """What keys begin with. An s3:// address is refused: no key begins with one, so it would match nothing."""
    if text.startswith("s3://"):
        below = text.removeprefix("s3://").partition("/")[2] or "inbox/"
        raise typer.BadParameter(f"Name only what follows the bucket, such as {below}")
    return text


def _folder(text: str) -> str:
    if text.startswith("/"):
        raise typer.BadParameter(f'A folder of the bucket does not begin with "/": {text.lstrip("/") or "inbox"}')
    return key_start(text)


NAMED = "Ids, keys such as contracts/scan.pdf, or s3:// addresses."
_SINCE = "2h, 3d, 2026-11-01, or a full time; UTC if it names no zone."
Documents = Annotated[
    list[str] | None,
    typer.Argument(metavar="DOCUMENT", help=NAMED),
]
Outcome = Annotated[
    str | None, typer.Option(metavar="OUTCOME", help="succeeded, partial, failed, skipped or cancelled.")
]
OutcomeOrActive = Annotated[
    str | None,
    typer.Option(
        metavar="OUTCOME",
        help="succeeded, partial, failed, skipped or cancelled; active: in flight; or held: over a cap.",
    ),
]
Reason = Annotated[str | None, typer.Option(metavar="REASON", help="A reason, such as failed_in_ocr.")]
Prefix = Annotated[
    str | None,
    typer.Option(metavar="PREFIX", parser=key_start, help="What the keys begin with, such as contracts/."),
]
To = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", parser=_folder, help="The folder of the bucket to put them in."),
]
Since = Annotated[datetime | None, typer.Option(help=_SINCE, parser=_time, metavar="TIME")]
Until = Annotated[datetime | None, typer.Option(help="The end; written like --since.", parser=_time, metavar="TIME")]
Model = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Recognition model, such as page, table or handwritten.")
]
Languages = Annotated[str | None, typer.Option(metavar="LANGUAGES", help='Such as "ru en", or "*" to detect them.')]
Outputs = Annotated[
    str | None, typer.Option(metavar="OUTPUTS", help="searchable-pdf, markdown, tables, several of them, or none.")
]
Pages = Annotated[
    str | None,
    typer.Option(
        metavar="PAGES",
        help='"all", numbers and ranges such as 1-3,7, or "without-text": only those without text of their own.',
    ),
]
Reuse = Annotated[
    bool | None,
    typer.Option(
        "--reuse/--no-reuse", help="Use results of pages that were read before, in any document, or pay for them again."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until all are done.")]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="Wait no longer than this.")]


def waits(wait: bool, timeout: float | None) -> bool:
    """Whether to wait. Raises WrongUse if there is a time to wait but no --wait."""
    if timeout is not None and not wait:
        raise WrongUse("--timeout has no effect without --wait.", "Add --wait.")
    return wait


def options(
    model: str | None, languages: str | None, outputs: str | None, pages: str | None, reuse: bool | None
) -> Options | None:
    """The options that were given; None if none was."""
    given = Options(languages=languages, model=model, outputs=outputs, pages=pages, reuse=reuse)
    return given if given.given() else None
