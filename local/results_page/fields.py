"""The published schemas as tables: what each field is, in the schema's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
KINDS = ("result", "error", "notice")
HEAD = "| field | type | what it is |\n| --- | --- | --- |\n"
MOST_SHOWN = 20


def schema(kind: str) -> dict[str, Any]:
    """The published schema of the result, the error or the notice."""
    value = json.loads((SCHEMAS / f"{kind}-1.json").read_text("utf-8"))
    assert isinstance(value, dict)
    return value


def table(described: dict[str, Any]) -> str:
    """The fields of an object, with those of objects that stand right in it."""
    return HEAD + "\n".join(f"| `{name}` | {kind} | {what} |" for name, kind, what in _rows(described))


def parts() -> str:
    """All that the schemas name and share, each once: objects as tables, values with what they may be."""
    shared = {name: part for kind in KINDS for name, part in schema(kind)["$defs"].items()}
    shown = []
    for name in sorted(shared):
        part = shared[name]
        body = table(part) if part.get("type") == "object" else f"Type: {type_of({**part, 'description': ''})}."
        shown.append(f"### {name}\n\n{part['description']}\n\n{body}")
    return "\n\n".join(shown)


def _rows(described: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in described["properties"].items():
        yield path + name, type_of(field), field["description"]
        if "properties" in field:
            yield from _rows(field, f"{path}{name}.")


def type_of(field: dict[str, Any]) -> str:
    """What a field may hold, for people."""
    if "$ref" in field:
        return _link(field["$ref"])
    if "anyOf" in field:
        return " or ".join(type_of(choice) for choice in field["anyOf"])
    if "const" in field:
        return _value(field["const"])
    if "enum" in field:
        return _enumerated(field["enum"])
    if field["type"] == "array":
        return _array(field)
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join(types) + (f", {field['minimum']} or more" if "minimum" in field else "")


def _enumerated(values: list[Any]) -> str:
    return " ".join(map(_value, values)) if len(values) > MOST_SHOWN else ", ".join(map(_value, values))


def _array(field: dict[str, Any]) -> str:
    exactly = f"{field['minItems']} " if field.get("minItems") == field.get("maxItems") and "minItems" in field else ""
    items = type_of(field["items"])
    return f"array of {exactly}({items})" if items.startswith("array") else f"array of {exactly}{items}"


def _link(reference: str) -> str:
    name = reference.removeprefix("#/$defs/")
    return f"[{name}](#{name})"


def _value(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str) else json.dumps(value)
