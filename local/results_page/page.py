"""docs/results.md: the text that is written by hand, and the parts in it that are made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from local.results_page import examples, fields, reasons
from local.results_page.compact import compact
from textdrop.core import keys
from textdrop.core.documents import Outcome, Output

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
PAGE_BREAK_SHOWN = "␌"
KEY = "contracts/scan.pdf"

FILTERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "without text": (
        "Documents without text, and those some of whose pages have none",
        {"outcome": ["failed", "partial"]},
    ),
    "folder": ("Everything below one folder", {"prefix": [{"prefix": "contracts/"}]}),
    "top": ("What was uploaded at the top of the bucket", {"prefix": ["/"]}),
    "uploader": (
        "Files that whoever uploaded them can mend",
        {
            "outcome": ["failed"],
            "reason": [
                "damaged",
                "encrypted",
                "file_too_large",
                "image_too_large",
                "too_many_pages",
                "invalid_options",
            ],
        },
    ),
    "model": ("Results of some models", {"outcome": ["succeeded", "partial"], "model": ["page", "table"]}),
}
"""SNS filter policies over the message attributes: what each lets through, and the policy."""

BODY_FILTER = {"pages": {"total": [{"numeric": [">", 1]}]}}
"""A filter policy over the notice's body: documents of several pages."""

_ATTRIBUTES = {
    "outcome": "how the document ended",
    "reason": "why there is no text; absent when the outcome is `succeeded`",
    "model": "the recognition model; absent when the document ended before it could be sent",
    "prefix": "the upload's folder, up to and with the last `/`; `/` at the top of the bucket",
}


def generated(text: str) -> str:
    """The page with its generated parts made anew. Raises ValueError when a part is missing, twice or unknown."""
    named = re.findall(r"<!-- generated: ([^(]*) \(", text)
    if sorted(named) != sorted(PARTS):
        raise ValueError(f"docs/results.md must have each generated part once: {', '.join(sorted(PARTS))}")
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- generated: {name} \([^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(partial(_filled, make()), text)
    return text


def _filled(content: str, part: re.Match[str]) -> str:
    return f"{part[1]}{content}\n{part[2]}"


def _json(value: Any) -> str:
    return f"```json\n{compact(value)}\n```"


def _chosen(value: dict[str, Any], *names: str) -> str:
    return _json({name: value[name] for name in names})


def names() -> str:
    """The names in the results bucket."""
    rows = ["| name | content type | when the outcome is |", "| --- | --- | --- |"]
    own = {}
    for suffix in (*keys.SUFFIXES, keys.table(2, 1)):
        content_type = keys.CONTENT_TYPES.get(suffix, keys.CSV_CONTENT_TYPE)
        rows.append(f"| `{KEY}{suffix}` | `{content_type}` | {_when(suffix)} |")
        own[suffix] = f"| `{keys.own('<id>', suffix)}` | `{content_type}` | {_when(suffix)} |"
    when = "any, once the page is recognised: run 1, page 1, as the OCR service sent it"
    received = f"| `{keys.page('<id>', 1, 1)}` | `{keys.CONTENT_TYPES[keys.JSON]}` | {when} |"
    return "\n".join([*rows, *own.values(), received])


def _when(suffix: str) -> str:
    """The outcomes that have the file, and the output that it must be asked for by."""
    output = {suffix: output for output, suffix in keys.OF_OUTPUT.items()}.get(suffix)
    if suffix == keys.table(2, 1):
        output = Output.TABLES
    base = keys.TEXT if output else suffix
    outcomes = ", ".join(str(outcome) for outcome in Outcome if base in keys.suffixes(outcome))
    return f"{outcomes}, if `{output.value}` is asked for" if output else outcomes


def longest_key() -> str:
    """How long a key may be that can be published."""
    most = max(bytes_ for bytes_ in range(keys.MAX_KEY_BYTES + 1) if keys.can_be_published("x" * bytes_))
    return (
        f"A key over {most:,} bytes has no room for a suffix, and one that begins with `{keys.OWN_FOLDER}` would be in "
        "textdrop's own folder:\nsuch documents have their own files only, and the notice names those."
    )


def text() -> str:
    """A text file, with the form feeds to be seen."""
    return f"```text\n{examples.partial_text().replace(chr(12), PAGE_BREAK_SHOWN)}\n```"


def attributes() -> str:
    """The notice's message attributes, by the samples."""
    shown = {name: examples.attributes(document) for name, document in examples.NOTICES.items()}
    sent = {attribute for values in shown.values() for attribute in values}
    if sent != set(_ATTRIBUTES):
        raise ValueError(f"attributes are {', '.join(sorted(sent))}; told of are {', '.join(sorted(_ATTRIBUTES))}")
    rows = [
        f"| attribute | what it is | {' | '.join(document.source.key for document in examples.NOTICES.values())} |",
        "| --- | --- |" + " --- |" * len(shown),
    ]
    for attribute, what in _ATTRIBUTES.items():
        values = [f"`{given[attribute]}`" if attribute in given else "–" for given in shown.values()]
        rows.append(f"| `{attribute}` | {what} | {' | '.join(values)} |")
    return "\n".join(rows)


def filters() -> str:
    """Filter policies by example."""
    return "\n\n".join(f"{what}:\n\n{_json(policy)}" for what, policy in FILTERS.values())


PARTS: Mapping[str, Callable[[], str]] = {
    "names": names,
    "longest key": longest_key,
    "text": text,
    "result": lambda: _json(examples.succeeded()),
    "result fields": lambda: fields.table(fields.schema("result")),
    "partial": lambda: _chosen(examples.partial(), "outcome", "notes"),
    "failed page": lambda: _json(examples.partial()["pages"][1]),
    "blank page": lambda: _json(examples.partial()["pages"][2]),
    "rotated page": lambda: _chosen(examples.rotated(), "width", "height", "rotate", "text", "blocks"),
    "tables": lambda: _chosen(examples.with_table(), "text", "tables"),
    "entities": lambda: _chosen(examples.with_entities(), "text", "entities"),
    "markdown": lambda: _chosen(examples.with_markdown(), "text", "markdown"),
    "error": lambda: _json(examples.failed()),
    "skipped": lambda: _json(examples.skipped()),
    "error fields": lambda: fields.table(fields.schema("error")),
    "notice": lambda: _json(examples.notice(examples.PARTIAL)),
    "notice fields": lambda: fields.table(fields.schema("notice")),
    "attributes": attributes,
    "filters": filters,
    "body filter": lambda: _json(BODY_FILTER),
    "reasons": reasons.table,
    "shared parts": fields.parts,
}
"""The generated parts by name."""
