"""What textdrop writes, held against the JSON Schemas that are published of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"
SCHEMAS: dict[str, dict[str, Any]] = {
    schema["properties"]["schema"]["const"]: schema
    for schema in (json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json")))
}
"""The published schemas, by what a file says in `schema`."""

_VALIDATORS = {
    name: jsonschema_rs.Draft202012Validator(schema, validate_formats=True) for name, schema in SCHEMAS.items()
}
_OWN_FILE = re.compile(r"\.textdrop/documents/[0-9a-f]{32}/result(?:-\d{4})?\.(?:ocr|(error))\.json")


def problems(value: Any, name: str) -> list[str]:
    """What in a value does not agree with the schema of that name."""
    return [f"{error.instance_path}: {error.message[:500]}" for error in _VALIDATORS[name].iter_errors(value)]


def checked(body: bytes | str, *names: str) -> dict[str, Any]:
    """The JSON object in `body`, which agrees with the schema that it names: one of `names`, if any are given.

    Otherwise the test fails, by an exception that no use case catches.
    """
    value = json.loads(body)
    name = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in (names or SCHEMAS):
        pytest.fail(f"schema {name!r}; expected was one of {', '.join(names or SCHEMAS)}")
    if not _VALIDATORS[name].is_valid(value):
        pytest.fail(f"{name} does not agree with its schema:\n" + "\n".join(problems(value, name)))
    assert isinstance(value, dict)
    return value


def check_file(key: str, body: bytes) -> None:
    """Checks the file that a document ends in, by its key in the results bucket. Files of other names may hold
    anything: the OCR service's own answers, text, and what the tests of a bucket put there."""
    own = _OWN_FILE.fullmatch(key)
    if own:
        checked(body, "textdrop.error/1" if own[1] else "textdrop.result/1")
