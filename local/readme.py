"""Writes the generated parts of README.md: `python -m local.readme`. A test checks that they are up to date."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

from local import cloudformation

TOP = Path(__file__).resolve().parent.parent


def parameters() -> str:
    """The template's parameters as a table."""
    rows = ["| parameter | default | what it is |", "| --- | --- | --- |"]
    for name, parameter in cloudformation.load()["Parameters"].items():
        default = parameter["Default"]
        shown = f"`{default}`" if default != "" else "empty"
        rows.append(f"| `{name}` | {shown} | {' '.join(parameter['Description'].split())} |")
    return "\n".join(rows)


def notice() -> str:
    """A notice, from the samples."""
    sample = json.loads((TOP / "events" / "notice-succeeded.json").read_text("utf-8"))
    return "```json\n" + json.dumps(sample, ensure_ascii=False, indent=2) + "\n```"


def generated(text: str) -> str:
    """README.md with its generated parts made anew."""
    for name, content in (("parameters", parameters()), ("notice", notice())):
        pattern = re.compile(rf"(<!-- generated: {name} [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text, replaced = pattern.subn(partial(_filled, content), text)
        if replaced != 1:
            raise ValueError(f"README.md has {replaced} generated parts named {name}; there must be one")
    return text


def _filled(content: str, part: re.Match[str]) -> str:
    return f"{part[1]}{content}\n{part[2]}"


def main() -> None:
    readme = TOP / "README.md"
    readme.write_text(generated(readme.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
