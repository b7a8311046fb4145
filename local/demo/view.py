"""What the demo prints, as lines. Text of documents and names of files are shown without what could move a terminal."""

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from local.demo.progress import Upload

TEXT_LINES = 3
WARNINGS = 3
INDENT = "    "
# Control and format characters (escape sequences, direction marks), surrogates, and what no font knows.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")


def printable(text: str) -> str:
    """One line of it that is safe to print: tabs and breaks are spaces, hidden characters are gone."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character) not in _HIDDEN)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters two, combining marks none."""
    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def cut(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits into so many columns together with an ellipsis."""
    if columns(text) <= limit:
        return text
    kept, used = "", 0
    for character in text:
        used += columns(character)
        if used > limit - 1:
            break
        kept += character
    return kept + "…"


def padded(text: str, width: int) -> str:
    """The text in exactly so many columns."""
    fitting = cut(text, width)
    return fitting + " " * (width - columns(fitting))


def name_width(uploads: Sequence[Upload], screen_columns: int) -> int:
    """Columns for names: the longest's, at most half of the screen."""
    return min(max((columns(printable(upload.name)) for upload in uploads), default=0), max(12, screen_columns // 2))


def ending_width(uploads: Sequence[Upload]) -> int:
    """Columns for endings: the longest's."""
    return max((columns(ending(upload)) for upload in uploads), default=0)


def ending_words(outcome: str, reason: str | None) -> str:
    """The outcome and the reason, if there is one, by their words."""
    return f"{outcome}: {reason}" if reason else outcome


def ending(upload: Upload) -> str:
    """The outcome and the reason by their words, or how far it came."""
    if upload.failure:
        return "not uploaded"
    return upload.state if upload.outcome is None else ending_words(upload.outcome, upload.reason)


def progress_line(upload: Upload, width: int, now: float) -> str:
    """One document's line while it is under way: name, seconds since it is in the bucket, state or ending."""
    seconds = "" if upload.uploaded_at is None else f"{(upload.ended_at or now) - upload.uploaded_at:.1f} s"
    return f"  {padded(printable(upload.name), width)}  {seconds:>8}  {printable(ending(upload))}"


def report(
    upload: Upload,
    text: str | None,
    endings: Sequence[str],
    remark: str,
    widths: tuple[int, int],
    screen_columns: int,
) -> list[str]:
    """How one document ended: a line of facts, what was wrong and what to do, or the first lines of its text, then the
    endings of its files and what is missing in them.

    `widths` are those of the names' and of the endings' columns.
    """
    name, how = padded(printable(upload.name), widths[0]), padded(printable(ending(upload)), widths[1])
    seconds = "" if upload.seconds is None else f"{upload.seconds:.1f} s"
    total = ((upload.notice or {}).get("pages") or {}).get("total")
    pages = f"{total} page{'' if total == 1 else 's'}, " if total and text is not None else ""
    lines = [f"{name}  {how}  {seconds:>7}  {pages}{remark}".rstrip(" ,")]
    told = [upload.failure] if upload.failure else [(upload.notice or {}).get(key) for key in ("what", "advice")]
    lines += [INDENT + printable(sentence) for sentence in told if sentence]
    if text is not None:
        room = screen_columns - len(INDENT) - 2
        lines += [f"{INDENT}| {cut(line, room)}" for line in first_lines(text)] or [f"{INDENT}(no text: a blank page)"]
    if endings:
        lines.append(INDENT + cut(f"files: {' '.join(map(printable, endings))}", screen_columns - len(INDENT)))
    lines += [f"{INDENT}warning: {printable(warning)}" for warning in upload.warnings[:WARNINGS]]
    if len(upload.warnings) > WARNINGS:
        lines.append(f"{INDENT}and {len(upload.warnings) - WARNINGS} more warnings in its notice")
    return lines


def first_lines(text: str) -> list[str]:
    """The first lines that have something to show."""
    shown = (printable(line) for line in text.splitlines())
    return [line for line in shown if line][:TEXT_LINES]


def carry_on(example: Path, suffix: str, env_file: Path, running: bool) -> list[str]:
    """Commands that go on from here by hand, each as it can be pasted into a shell.

    They upload the example, whose result will be its name with the suffix.
    """
    result = shlex.quote(example.name + suffix)
    return [
        *([] if running else ["make up"]),
        f". {shlex.quote(str(env_file))}",
        f"aws s3 cp {shlex.quote(str(example))} \"s3://$UPLOADS_BUCKET/\" --metadata ocr-languages='ru en'",
        f'aws s3api wait object-exists --bucket "$RESULTS_BUCKET" --key {result}',
        f'aws s3 cp "s3://$RESULTS_BUCKET/"{result} -',
        'aws sqs receive-message --queue-url "$NOTICES_QUEUE_URL" --wait-time-seconds 20',
        "make down",
    ]
