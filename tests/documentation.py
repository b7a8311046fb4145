"""The Markdown files of the project, and the examples in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])


def command(page: str, name: str) -> str:
    """The shell commands that stand in that page behind `<!-- command: name -->`."""
    text = (TOP / page).read_text("utf-8")
    [shown] = re.findall(rf"<!-- command: {name} -->\n```sh\n(.*?)```", text, re.DOTALL)
    return str(shown)


def example(page: str, name: str) -> Any:
    """The JSON that stands in that page behind `<!-- example: name -->`."""
    text = (TOP / page).read_text("utf-8")
    [shown] = re.findall(rf"<!-- example: {name} -->\n```json\n(.*?)```", text, re.DOTALL)
    return json.loads(shown)
