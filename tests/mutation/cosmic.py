"""Writes cosmic-ray's mutants of the files named: a line of JSON each, `[file, operator, start, end, new text]`.

Run with the interpreter of .local/venv/mutation, which has cosmic-ray and nothing of ours: mutants are data.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parso
from cosmic_ray.operators.provider import OperatorProvider


def main(files: list[str]) -> int:
    """Writes the mutants of each file to the standard output."""
    for file in files:
        text = Path(file).read_text("utf-8")
        for mutant in mutants(text):
            print(json.dumps([file, *mutant]))
    return 0


def mutants(text: str) -> Iterator[tuple[str, int, int, str]]:
    """Every change that every core operator of cosmic-ray makes, but those operators that need to be told names."""
    tree = parso.parse(text)
    nodes = list(_nodes(tree))
    for name in OperatorProvider():
        operator = OperatorProvider()[name]
        if operator.arguments():
            continue
        for node in nodes:
            for occurrence, _ in enumerate(list(operator().mutation_positions(node))):
                yield (name, *_difference(text, _mutated(tree, node, operator(), occurrence)))


def _mutated(tree: Any, node: Any, operator: Any, occurrence: int) -> str:
    """The text with one mutation. Operators change the tree in place; afterwards it is as it was."""
    siblings = node.parent.children if node.parent else []
    kept_siblings = list(siblings)
    kept = [(below, list(getattr(below, "children", ())), getattr(below, "value", None)) for below in _nodes(node)]
    changed = operator.mutate(node, occurrence)
    if changed is not node:
        siblings[:] = [changed if child is node else child for child in siblings if changed or child is not node]
    code: str = tree.get_code()
    siblings[:] = kept_siblings
    for below, children, value in kept:
        if children:
            below.children = children
        if value is not None:
            below.value = value
    return code


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _difference(before: str, after: str) -> tuple[int, int, str]:
    """From where to where `before` was replaced, and by what."""
    start, most = 0, min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    same = 0
    while same < most - start and before[-1 - same] == after[-1 - same]:
        same += 1
    return start, len(before) - same, after[start : len(after) - same]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
