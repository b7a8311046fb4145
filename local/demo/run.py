"""One run: files are uploaded, each is followed until it is done, and its results are fetched and judged."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.accuracy import character_error_rate
from local.samples import Sample
from textdrop.client import Document, Textdrop, TextdropClientError

REFRESH_SECONDS = 1.0
STILL_SECONDS = 420.0
"""Longer than the longest backoff (300 s) and poll's schedule (60 s) together, so what is not stuck has advanced by
then."""
MOST_WRONG = 0.05
"""Share of a sample's characters that may be wrong for it to count as read."""
TEXT = ".txt"
ENDINGS = {"text": TEXT, "searchable-pdf": ".searchable.pdf", "markdown": ".md", "tables": ".tables.xlsx"}


class FilesNotUsable(Exception):
    """Something that was named cannot be uploaded; the message has a line for each."""


@dataclass(slots=True)
class Upload:
    """One file on its way, uploaded with its metadata. Times are in seconds of one monotonic clock.

    `document` is as last seen; None if it could not be uploaded because of `error`. Once it is done, `files` are the
    local copies of its results by their endings, and `notes` what to know about them.
    """

    name: str
    key: str
    path: Path
    metadata: Mapping[str, str] = field(default_factory=dict)
    document: Document | None = None
    error: TextdropClientError | None = None
    uploaded_at: float = 0.0
    advanced_at: float = 0.0
    seen_at: float = 0.0
    files: Mapping[str, Path] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def done(self) -> bool:
        """It has reached an outcome."""
        return self.document is not None and self.document.done

    def see(self, document: Document | None, now: float) -> None:
        """The document as it is now; None: nothing more is known about it."""
        before, self.seen_at = self.document, now
        if document is None:
            return
        if before is None or (before.state, before.pages) != (document.state, document.pages):
            self.advanced_at = now
        self.document = document


def check(paths: Sequence[Path]) -> None:
    """Raises FilesNotUsable, which names everything that is wrong."""
    problems = {path: _problem(path) for path in paths}
    wrong = [f"{path}: {problem}" for path, problem in problems.items() if problem]
    if wrong:
        raise FilesNotUsable("\n".join(wrong))


def _problem(path: Path) -> str:
    if path.is_dir():
        return f"is a folder; name the files in it, such as {path / '*'}"
    if not path.is_file():
        return "is not a regular file" if path.exists() else "there is no such file"
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


def put(textdrop: Textdrop, uploads: Sequence[Upload], clock: Callable[[], float] = time.monotonic) -> None:
    """Each file is in the bucket, or has an error."""
    for upload in uploads:
        try:
            document = textdrop.put(upload.path, upload.key, metadata=upload.metadata)
        except TextdropClientError as error:
            upload.error = error
        else:
            upload.uploaded_at = clock()
            upload.see(document, upload.uploaded_at)


def follow(
    textdrop: Textdrop,
    uploads: Sequence[Upload],
    show: Callable[[Sequence[Upload]], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Upload]:
    """Each upload as soon as it is done. `show` gets the others, at first and after each look. Ends when all are done,
    or none has advanced for STILL_SECONDS."""
    under_way = {upload.document.id: upload for upload in uploads if upload.document}
    show(list(under_way.values()))
    while under_way:
        known = {document.id: document for document in textdrop.status(list(under_way))[0]}
        now = clock()
        for id_, upload in list(under_way.items()):
            upload.see(known.get(id_), now)
            if upload.done:
                del under_way[id_]
                yield upload
        show(list(under_way.values()))
        if under_way and now - max(upload.advanced_at for upload in uploads) > STILL_SECONDS:
            return
        sleep(REFRESH_SECONDS if under_way else 0)


def fetch(textdrop: Textdrop, upload: Upload, folder: Path) -> None:
    """The document's results are in the folder, each named like the upload with an ending."""
    fetched = list(textdrop.get(f"{upload.key}.", folder))
    paths = [each.path for each in fetched if each.path]
    upload.files = {str(path.relative_to(folder)).removeprefix(upload.name): path for path in sorted(paths)}
    told = json.loads(upload.files[".ocr.json"].read_text("utf-8")) if ".ocr.json" in upload.files else {}
    upload.notes = [*told.get("notes", ()), *(f"{each.key}: {each.error}" for each in fetched if each.error)]


def judge(upload: Upload, sample: Sample | None) -> tuple[bool, str]:
    """Whether a document ended as it should, and a remark on that. A file of the user's own may have any outcome."""
    document = upload.document
    if document is None or not document.done:
        return False, ""
    if sample is None:
        return True, ""
    expected = replace(document, outcome=sample.outcome, reason=sample.reason).progress
    if document.progress != expected:
        return False, f"expected: {expected}"
    if sample.outcome != "succeeded":
        return True, "as expected"
    asked = ["text", *sample.metadata.get("ocr-outputs", "").split()]
    missing = [output for output in asked if ENDINGS[output] not in upload.files]
    if missing:
        return False, f"expected outputs: {', '.join(missing)}"
    rate = character_error_rate(sample.text, upload.files[TEXT].read_text("utf-8"))
    if rate > MOST_WRONG:
        return False, f"{rate:.1%} of characters wrong (expected: at most {MOST_WRONG:.0%})"
    return True, f"{rate:.1%} of characters wrong" if sample.text else "as expected"
