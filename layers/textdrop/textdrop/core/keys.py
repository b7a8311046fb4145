"""Names in the results bucket, below its prefix. They mirror the source bucket, and no two uploads share a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from textdrop.core.documents import Document, Outcome, Output, Shown
from textdrop.core.page_ranges import MAX_FILE_PAGES

OWN_FOLDER = ".textdrop/"
TEXT, JSON, ERROR = ".txt", ".ocr.json", ".error.json"
MARKDOWN, SEARCHABLE_PDF, WORKBOOK = ".md", ".searchable.pdf", ".tables.xlsx"
OF_OUTCOMES = (TEXT, JSON, ERROR)
"""The suffixes of the files that an outcome has, whatever the options."""

SUFFIXES = (*OF_OUTCOMES, MARKDOWN, SEARCHABLE_PDF, WORKBOOK)
"""No suffix is the end of another, or of a table's: `key + suffix` is different for every pair of key and suffix."""

TABLES = ".tables/"
"""What the suffixes of the tables' CSV files begin with; see `table`."""

OF_OUTPUT = {
    Output.MARKDOWN: MARKDOWN,
    Output.TABLES: WORKBOOK,
    Output.SEARCHABLE_PDF: SEARCHABLE_PDF,
}
"""The suffix of each output's file; tables have CSV files besides."""

CONTENT_TYPES = {
    TEXT: "text/plain; charset=utf-8",
    JSON: "application/json",
    ERROR: "application/json",
    MARKDOWN: "text/markdown; charset=utf-8",
    SEARCHABLE_PDF: "application/pdf",
    WORKBOOK: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CSV_CONTENT_TYPE = "text/csv; charset=utf-8"
MAX_KEY_BYTES = 1024
_TABLE = re.compile(r"\d{4,}-\d{2,}\.csv")
_SEGMENT = re.compile(rf"-(\d{{6}})-(\d{{6}}){re.escape(JSON)}$")


def folder(document_id: str) -> str:
    """What the names of all of a document's own files begin with."""
    return f"{OWN_FOLDER}documents/{document_id}/"


def own(document_id: str, run: int, suffix: str) -> str:
    """The run's own file: it stays, whatever is uploaded later under the same key, and whatever a retry brings."""
    return base(document_id, run) + suffix


def page(document_id: str, run: int, number: int) -> str:
    """The service's answer for one page, as received."""
    return f"{pages(document_id)}{run:04d}-{number:06d}.json"


def pages(document_id: str) -> str:
    """What the names of all stored pages begin with, whichever run paid for them."""
    return f"{folder(document_id)}pages/"


def segments(document_id: str, run: int) -> str:
    """What the names of all segments begin with, from which a long document's result is joined."""
    return f"{folder(document_id)}segments/{run:04d}-"


def segment(document_id: str, run: int, first: int, last: int, suffix: str) -> str:
    """The result of the pages from first to last, as a part of the whole; counted from 1 among the document's pages."""
    return f"{segments(document_id, run)}{first:06d}-{last:06d}{suffix}"


def segments_of(names: Iterable[str]) -> list[tuple[int, int]]:
    """First and last page of each segment among the names whose JSON is there (it is written after the text); from the
    first page on, without a gap."""
    segments: list[tuple[int, int]] = []
    found = (_SEGMENT.search(name) for name in names)
    for first, last in sorted((int(match[1]), int(match[2])) for match in found if match is not None):
        if first == (segments[-1][1] + 1 if segments else 1):
            segments.append((first, last))
    return segments


def table(page: int, number: int) -> str:
    """The suffix of one table's CSV file: the page and the table on it, both counted from 1."""
    return f"{TABLES}{page:04d}-{number:02d}.csv"


def tables_of(names: Iterable[str], base: str) -> tuple[str, ...]:
    """The suffixes of those names that are a table's file after `base`, which may have other files too."""
    start = base + TABLES
    return tuple(name[len(base) :] for name in names if name.startswith(start) and _TABLE.fullmatch(name[len(start) :]))


def base(document_id: str, run: int) -> str:
    """What a run's own files are called, before their suffixes."""
    return f"{folder(document_id)}result" + (f"-{run:04d}" if run > 1 else "")


def suffixes(outcome: Outcome) -> tuple[str, ...]:
    """The files that an outcome has, besides the outputs."""
    return (TEXT, JSON) if outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else (ERROR,)


def suffixes_of(ended: Document | Shown) -> tuple[str, ...]:
    """The files of a run with an outcome, without its tables' CSV files."""
    if ended.outcome is None:
        return ()
    rendered = (OF_OUTPUT[rendering.output] for rendering in ended.renderings if rendering.files)
    return (*suffixes(ended.outcome), *rendered)


def tables(ended: Document | Shown) -> int:
    """How many CSV files of tables the run has, besides the workbook with all of them."""
    found = (rendering.files - 1 for rendering in ended.renderings if rendering.output is Output.TABLES)
    return max(0, sum(found))


def can_be_published(key: str, results_prefix: str) -> bool:
    """Whether the upload's own name can carry the prefix and every suffix: it is short enough, and not in our own
    folder."""
    longest = max(len(suffix) for suffix in (*SUFFIXES, table(MAX_FILE_PAGES, 999)))
    size = len((results_prefix + key).encode("utf-8", "surrogatepass")) + longest
    return size <= MAX_KEY_BYTES and not key.startswith(OWN_FOLDER)


def prefix(key: str) -> str:
    """The folder of an upload, for filters: up to and including the last "/"; "/" at the top of the bucket."""
    return key[: key.rfind("/") + 1] or "/"


def files(document: Document, published: bool) -> dict[str, str]:
    """The files of a document with an outcome: suffix → key below the results' prefix; `TABLES` → what the keys of its
    tables' CSV files begin with, if there are any."""
    there = suffixes_of(document) + ((TABLES,) if tables(document) else ())
    return {
        suffix: document.source.key + suffix if published else own(document.id, document.run, suffix)
        for suffix in there
    }
