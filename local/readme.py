"""Writes the generated parts of README.md: `python -m local.readme`. A test checks that they are up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parent.parent


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (!Ref, !Sub, …) as plain data: here only the parameters matter."""


def _short_form(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise TypeError(type(node).__name__)


_TemplateLoader.add_multi_constructor("!", _short_form)


def parameters() -> str:
    """The template's parameters as a table."""
    template = yaml.load((TOP / "template.yaml").read_text("utf-8"), _TemplateLoader)  # noqa: S506 - a safe loader's child
    rows = ["| parameter | default | what it is |", "| --- | --- | --- |"]
    for name, parameter in template["Parameters"].items():
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
        text, replaced = pattern.subn(lambda match, content=content: match[1] + content + "\n" + match[2], text)
        if replaced != 1:
            raise ValueError(f"README.md has {replaced} generated parts named {name}; there must be one")
    return text


def main() -> None:
    readme = TOP / "README.md"
    readme.write_text(generated(readme.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
