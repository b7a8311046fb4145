"""What the demo prints, as lines. Text of documents and names of files are shown without what could move a terminal."""

import shlex
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TEXT_LINES, NOTES = 3, 3
NAME_WIDTH, LINE_WIDTH = 34, 100
INDENT = "    "
# Control and format characters (escape sequences, direction marks), surrogates, and what no font knows.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")


def printable(text: str) -> str:
    """One line of it that is safe to print: tabs and breaks are spaces, hidden characters are gone."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character) not in _HIDDEN)


def line(name: str, seconds: float, rest: str) -> str:
    """One document's line: name, seconds since it is in the bucket, and what there is to tell."""
    return f"  {printable(name):<{NAME_WIDTH}}  {seconds:>6.1f} s  {printable(rest)}"


def details(told: Mapping[str, Any], text: str | None, endings: Iterable[str]) -> list[str]:
    """Of one document: what was wrong and what to do, or the first lines of its text; the endings of its files, and
    what is missing in them."""
    lines = [printable(told[name]) for name in ("what", "advice") if told.get(name)]
    if text is not None:
        shown = [printable(each) for each in text.splitlines() if printable(each)][:TEXT_LINES]
        lines += [f"| {each}"[:LINE_WIDTH] for each in shown] or ["(no text: a blank page)"]
    if endings:
        lines.append(f"files: {' '.join(map(printable, endings))}")
    lines += [f"warning: {printable(note)}" for note in told.get("notes", ())[:NOTES]]
    return [INDENT + each for each in lines]


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
