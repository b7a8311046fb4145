"""One run: files go in, a line tells each change until all are over, the results come to a local folder and are
judged."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.accuracy import character_error_rate
from local.demo import account as aws
from local.demo import view
from local.demo.account import Account
from local.samples import Sample

REFRESH_SECONDS = 1
MOST_WRONG = 0.05
"""Share of a sample's characters that may be wrong for it to count as read."""


class FilesNotUsable(Exception):
    """Something named is no file that can be uploaded; the message has a line for each."""


@dataclass(slots=True)
class Upload:
    """One file on its way, uploaded with its metadata. Times are in seconds of one monotonic clock.

    `told` is what its result or its error says, and `files` are the local copies by their endings, once it is over.
    """

    name: str
    key: str
    path: Path
    metadata: Mapping[str, str] = field(default_factory=dict)
    document: str = ""
    state: str = "waiting"
    uploaded_at: float = 0.0
    seconds: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """The outcome and the reason by their words, or how far it came."""
        words = [str(self.told[word]) for word in ("outcome", "reason") if self.told.get(word)]
        return ": ".join(words) or self.state


def check(paths: Sequence[Path]) -> None:
    """Raises FilesNotUsable, which tells of all that is wrong."""
    problems = {path: _problem(path) for path in paths}
    wrong = [f"{path}: {problem}" for path, problem in problems.items() if problem]
    if wrong:
        raise FilesNotUsable("\n".join(wrong))


def _problem(path: Path) -> str:
    if path.is_dir():
        return f"is a folder; name the files in it, such as {path / '*'}"
    if not path.is_file():
        return "is no regular file" if path.exists() else "there is no such file"
    return "" if os.access(path, os.R_OK) else "may not be read"


def names(paths: Sequence[Path]) -> list[str]:
    """A name in the bucket for each file: its own, with a number where another has it. S3's keys are UTF-8."""
    given: list[str] = []
    for path in paths:
        wanted = os.fsencode(path.name).decode("utf-8", "replace")
        name, number = wanted, 2
        while name in given:
            name, number = f"{number}-{wanted}", number + 1
        given.append(name)
    return given


def follow(account: Account, uploads: Sequence[Upload], limit_seconds: float, say: Callable[[str], None]) -> None:
    """Each upload is over when this returns, unless it could not be made or the time limit came first."""
    limit = time.monotonic() + limit_seconds
    for upload in uploads:
        try:
            version = aws.put(account, upload.path, upload.key, upload.metadata)
        except (OSError, ClientError, BotoCoreError) as error:
            upload.told = {"outcome": "not uploaded", "what": f"{type(error).__name__}: {error}"}
            continue
        upload.uploaded_at = time.monotonic()
        upload.document = aws.document_id(account.uploads_bucket, upload.key, version)
    under_way = {upload.document: upload for upload in uploads if upload.document}
    while under_way and time.monotonic() < limit:
        for document, state in aws.states(account, list(under_way)).items():
            upload = under_way[document]
            if state != upload.state:
                upload.state, upload.seconds = state, time.monotonic() - upload.uploaded_at
                say(view.line(upload.name, upload.seconds, state))
            if state == "final":
                del under_way[document]
        time.sleep(REFRESH_SECONDS)


def fetch(account: Account, upload: Upload, folder: Path) -> None:
    """The document's files are below the folder, each called like the upload with an ending."""
    own = f".textdrop/documents/{upload.document}/result"
    keys = aws.keys_below(account, account.results_bucket, own) if upload.document else []
    upload.files = {key.removeprefix(own): folder / (upload.name + key.removeprefix(own)) for key in keys}
    for ending, path in upload.files.items():
        aws.download(account, account.results_bucket, own + ending, path)
    for ending in (".ocr.json", ".error.json"):
        if ending in upload.files:
            upload.told = json.loads(upload.files[ending].read_text("utf-8"))


def judge(upload: Upload, text: str | None, sample: Sample | None) -> tuple[bool, str]:
    """Whether a document ended as it should, and a remark on that. The user's own (no sample) may have any outcome."""
    if not upload.files:
        return False, "" if upload.told else "the time is over"
    if sample is None:
        return True, ""
    expected = ": ".join(filter(None, (sample.outcome, sample.reason)))
    if upload.ending != expected:
        return False, f"expected: {expected}"
    if text is None:
        return True, "as expected"
    asked = sample.metadata.get("ocr-outputs", "").split()
    endings = {"searchable-pdf": ".searchable.pdf", "markdown": ".md", "tables": ".tables.xlsx"}
    missing = [output for output in asked if endings[output] not in upload.files]
    if missing:
        return False, f"expected outputs: {', '.join(missing)}"
    rate = character_error_rate(sample.text, text)
    if rate > MOST_WRONG:
        return False, f"{rate:.1%} of characters wrong (expected: at most {MOST_WRONG:.0%})"
    return True, f"{rate:.1%} of characters wrong" if sample.text else "as expected"
