"""What the demo prints, as lines. Texts of documents and names of files are shown without characters that control a
terminal."""

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from local.demo.run import TEXT, Upload
from textdrop.client.models import UPLOADED

TEXT_LINES, NOTES = 3, 3
LINE_SECONDS, PATIENCE_SECONDS = 5.0, 10.0
NAME_WIDTH, LINE_WIDTH = 34, 100
INDENT = "    "
# Control and format characters (escape sequences, direction marks), surrogates, private-use and unassigned characters.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")


def printable(text: str) -> str:
    """The text as one line that is safe to print: tabs and breaks become spaces, hidden characters are dropped."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character) not in _HIDDEN)


def line(upload: Upload, rest: str) -> str:
    """One document's line: name, seconds since it was uploaded, and what there is to say."""
    seconds = upload.seen_at - upload.uploaded_at
    return f"  {printable(upload.name):<{NAME_WIDTH}}  {seconds:>6.1f} s  {printable(rest)}"


def words(upload: Upload) -> str:
    """How far an upload is that is not done, and what it waits for if it has not advanced for a while."""
    assert upload.document is not None
    progress, waits_for = upload.document.progress, upload.document.waiting_for
    if upload.document.state == UPLOADED:
        waits_for = "the submit function"
    if waits_for is None or upload.seen_at < upload.advanced_at + PATIENCE_SECONDS:
        return progress
    return f"{progress}; waits for {waits_for}"


def ended(upload: Upload, remark: str) -> list[str]:
    """How an upload ended: its line; what was wrong and what to do, or the first lines of its text; the endings of its
    files, and what they lack."""
    wrong = upload.error or upload.document
    ending = upload.document.progress if upload.document else "not uploaded"
    lines = [printable(each) for each in (wrong.what, wrong.advice) if each] if wrong else []
    if TEXT in upload.files:
        text = upload.files[TEXT].read_text("utf-8")
        shown = [printable(each) for each in text.splitlines() if printable(each)][:TEXT_LINES]
        lines += [f"| {each}"[:LINE_WIDTH] for each in shown] or ["(no text: a blank page)"]
    if upload.files:
        lines.append(f"files: {' '.join(map(printable, upload.files))}")
    lines += [f"warning: {printable(note)}" for note in upload.notes[:NOTES]]
    return [line(upload, ", ".join(filter(None, (ending, remark)))), *(INDENT + each for each in lines)]


class Screen:
    """Shows what is under way, within a `with` block: on a terminal a line for each file, updated in place below what
    is printed; elsewhere a line for each change, at most every LINE_SECONDS for each file."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_interactive else None
        self._said: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def show(self, uploads: Sequence[Upload]) -> None:
        """These are under way."""
        if self._live:
            lines = "\n".join(line(upload, words(upload)) for upload in uploads)
            self._live.update(Text(lines, no_wrap=True, overflow="ellipsis"), refresh=True)
            return
        for upload in uploads:
            told, now = words(upload), upload.seen_at
            before, at = self._said.get(upload.key, (UPLOADED, now - LINE_SECONDS))
            if told != before and now >= at + LINE_SECONDS:
                print(line(upload, told), flush=True)
                self._said[upload.key] = told, now

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live:
            self._live.stop()


def left(uploads: Sequence[Upload], bucket: str, folder: str, env_file: Path, stays: bool) -> list[str]:
    """What becomes of uploads that are not done at the end, and where their results appear: below the folder in the
    bucket."""
    told = [line(upload, words(upload)) for upload in uploads if upload.document and not upload.done]
    if not told:
        return []
    if not stays:
        return ["Not done, and lost, because the stack ends with the demo (run `make up` first to keep it):", *told]
    return [
        "Not done yet; the stack continues with them:",
        *told,
        f"Their results will appear below s3://{bucket}/{folder}. To wait for them, and to get them:",
        f"  . {shlex.quote(str(env_file))}",
        f"  textdrop wait --prefix {folder}",
        f"  textdrop get {folder} results",
    ]


def carry_on(example: Path, suffix: str, env_file: Path, running: bool) -> list[str]:
    """Commands for going on by hand, ready to be pasted into a shell.

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
