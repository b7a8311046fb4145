"""JSON as people read it: what fits on a line stands on one."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 108


def compact(value: Any, indent: int = 0) -> str:
    """The value as JSON text; objects and arrays are broken only where they are too long for a line."""
    whole = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or indent + len(whole) <= WIDTH:
        return whole
    if isinstance(value, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {compact(item, indent + 2)}" for name, item in value.items()]
    else:
        parts = [compact(item, indent + 2) for item in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(" " * (indent + 2) + part for part in parts)
    return f"{opened}\n{inner}\n{' ' * indent}{closed}"
