"""Mutants that say nothing of the tests, left out by rule: each rule with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from mutation.mutants import Module, Mutant, compiled

RULES = {
    "does not compile": "No program could be run.",
    "annotations": "Types are checked by mypy, and never evaluated.",
    "type aliases": "As annotations.",
    "dataclass options": "`frozen` is checked by mypy, `slots` saves memory; neither changes what a promise is about.",
    "is and ==": "Only `None`, members of enumerations, numbers and strings are compared: for the first two both mean "
    "the same, and for the others `is` means what the interpreter happens to share.",
}
_SAME = {
    "ReplaceComparisonOperator_Is_Eq",
    "ReplaceComparisonOperator_Eq_Is",
    "ReplaceComparisonOperator_IsNot_NotEq",
    "ReplaceComparisonOperator_NotEq_IsNot",
}


def sorted_out(module: Module, mutants: Iterable[Mutant]) -> tuple[list[Mutant], dict[str, int]]:
    """The mutants that are worth a trial, by their places, and how many each rule left out."""
    left_out = dict.fromkeys(RULES, 0)
    kept: list[Mutant] = []
    annotations, aliases, options = _annotations(module), _aliases(module), _dataclass_options(module)
    for mutant in mutants:
        if mutant.operator in _SAME:
            rule = "is and =="
        elif _within(mutant, annotations):
            rule = "annotations"
        elif _within(mutant, aliases):
            rule = "type aliases"
        elif _within(mutant, options):
            rule = "dataclass options"
        elif not _compiles(module, mutant):
            rule = "does not compile"
        else:
            kept.append(mutant)
            continue
        left_out[rule] += 1
    return sorted(kept, key=lambda mutant: (mutant.start, mutant.end, mutant.operator, mutant.new)), left_out


def _within(mutant: Mutant, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= mutant.start and mutant.end <= end for start, end in spans)


def _compiles(module: Module, mutant: Mutant) -> bool:
    try:
        compiled(module, mutant.source(module.text))
    except (SyntaxError, ValueError):
        return False
    return True


def _annotations(module: Module) -> list[tuple[int, int]]:
    found: list[ast.expr | None] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.AnnAssign(annotation=annotation):
                found.append(annotation)
            case ast.arg(annotation=annotation):
                found.append(annotation)
            case ast.FunctionDef(returns=returns):
                found.append(returns)
    return [module.span(annotation) for annotation in found if annotation is not None]


def _aliases(module: Module) -> list[tuple[int, int]]:
    """`Name = This | That` at the top of the module."""
    return [
        module.span(node)
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr)
    ]


def _dataclass_options(module: Module) -> list[tuple[int, int]]:
    return [
        module.span(keyword)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "dataclass"
        for keyword in decorator.keywords
    ]
