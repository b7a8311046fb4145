"""The Markdown files of the project, and the examples in them."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]
SHELLS = "sh|shell|bash|console"
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])


def example(page: str, name: str) -> Any:
    """The JSON that stands in that page behind `<!-- example: name -->`."""
    text = (TOP / page).read_text("utf-8")
    [shown] = re.findall(rf"<!-- example: {name} -->\n```json\n(.*?)```", text, re.DOTALL)
    return json.loads(shown)


def commands() -> list[tuple[str, str, str]]:
    """The blocks of shell commands: the page, the name in `<!-- command: name -->` before it ("": none), the block."""
    block = re.compile(
        rf"(?:^ *<!-- command: ([^>\n]+) -->\n)?^ *```(?:{SHELLS})\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
    )
    return [
        (str(page.relative_to(TOP)), found[1] or "", textwrap.dedent(found[2]))
        for page in PAGES
        for found in block.finditer(page.read_text("utf-8"))
    ]


def command(page: str, name: str) -> str:
    """The commands that stand in that page under this name. A test that calls this is to run them."""
    [shown] = [block for at, named, block in commands() if (at, named) == (page, name)]
    return shown
