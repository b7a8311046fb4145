"""Mutants: one change each of one module, small enough that a test should notice it.

Most are cosmic-ray's. It only puts one thing in another's place, so three kinds are added that leave something out: an
effect, a field of a row's next version, a part of a condition.
"""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers" / "textdrop" / "textdrop"
COSMIC_PYTHON = ROOT / ".local" / "venv" / "mutation" / "bin" / "python"
COSMIC = Path(__file__).with_name("cosmic.py")


@dataclass(frozen=True)
class Mutant:
    """Between `start` and `end` of its module's text stands `new` instead."""

    operator: str
    start: int
    end: int
    new: str

    def source(self, text: str) -> str:
        """The module's text with the change."""
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class Module:
    """A module that is mutated. `name` is its path within the package, as in `core/quota.py`."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @cached_property
    def line_starts(self) -> list[int]:
        """Where each line begins, and the text ends."""
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    @property
    def path(self) -> Path:
        """Its file."""
        return PACKAGE / self.name

    @property
    def digest(self) -> str:
        """What tells its text from any other."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def imported_as(self) -> str:
        """Its dotted name."""
        return "textdrop." + self.name.removesuffix(".py").replace("/", ".")

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where in the text a node begins and ends."""
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        lines = self.text.splitlines(keepends=True)

        def offset(line: int, column: int) -> int:
            return self.line_starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)

    def line(self, offset: int) -> int:
        """The number of the line that a place in the text is on."""
        return self.text.count("\n", 0, offset) + 1

    def shown(self, mutant: Mutant) -> tuple[str, str]:
        """The changed lines before and after, each as one line."""
        start = self.text.rfind("\n", 0, mutant.start) + 1
        end = self.text.find("\n", mutant.end)
        end = len(self.text) if end < 0 else end
        before = self.text[start:end]
        after = self.text[start : mutant.start] + mutant.new + self.text[mutant.end : end]
        return " ".join(before.split()), " ".join(after.split())

    def scope(self, mutant: Mutant) -> str:
        """The function or class that the change is in, with those around it; empty at the top of the module."""
        names = [
            node.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and node.lineno <= self.line(mutant.start) <= (node.end_lineno or 0)
        ]
        return ".".join(names)


def load(name: str) -> Module:
    """The module of this path within the package."""
    return Module(name, (PACKAGE / name).read_text("utf-8"))


def names() -> list[str]:
    """All modules that are mutated."""
    files = [*(PACKAGE / "core").glob("*.py"), *(PACKAGE / "usecases").glob("*.py")]
    return sorted(str(file.relative_to(PACKAGE)) for file in files if file.read_text("utf-8").strip())


def compiled(module: Module, text: str) -> CodeType:
    """The module's code if its text were this one. Raises SyntaxError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as of `is` with a number: a mutant may look odd
        code: CodeType = compile(text, str(module.path), "exec")
        return code


def of_cosmic_ray(modules: Sequence[Module]) -> dict[str, list[Mutant]]:
    """cosmic-ray's mutants of each module, by its name."""
    found: dict[str, list[Mutant]] = {module.name: [] for module in modules}
    by_path = {str(module.path): module.name for module in modules}
    done = subprocess.run([COSMIC_PYTHON, "-I", COSMIC, *by_path], stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        path, operator, start, end, new = json.loads(line)
        found[by_path[path]].append(Mutant(operator, start, end, new))
    return found


def omissions(module: Module) -> Iterator[Mutant]:
    """What a module does without: a statement that is there for its effect; a field that `replace` sets; one part of
    an `and` or `or`."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Assign(targets=[ast.Attribute()]):
                yield _without(module, "OmitStatement", *module.span(node), "pass")
            case ast.Assign(targets=[ast.Subscript()]):
                yield _without(module, "OmitStatement", *module.span(node), "pass")
            case ast.Call(func=ast.Name("replace")):
                for keyword in node.keywords:
                    yield _without(module, "OmitField", *_with_comma(module, *module.span(keyword)))
            case ast.BoolOp(values=values):
                spans = [_in_parentheses(module, *module.span(value)) for value in values]
                for i, (start, end) in enumerate(spans):
                    # With the word before it; the first with the one after it.
                    left_out = (start, spans[1][0]) if i == 0 else (spans[i - 1][1], end)
                    yield _without(module, "OmitCondition", *left_out)


def _without(module: Module, operator: str, start: int, end: int, instead: str = "") -> Mutant:
    """The lines stay as many: what comes after is where it was."""
    return Mutant(operator, start, end, instead + "\n" * module.text.count("\n", start, end))


def _in_parentheses(module: Module, start: int, end: int) -> tuple[int, int]:
    """The span of an expression with the parentheses around it."""
    while True:
        before, after = module.text[:start].rstrip(), module.text[end:].lstrip()
        # A name or bracket right before it makes it a call's.
        called = before[-2:-1].isalnum() or before[-2:-1] in {"_", ")", "]"}
        if not before.endswith("(") or not after.startswith(")") or called:
            return start, end
        start, end = len(before) - 1, end + module.text[end:].index(")") + 1


def _with_comma(module: Module, start: int, end: int) -> tuple[int, int]:
    """The span of an argument and the comma after it, if there is one; else with the one before it."""
    rest = module.text[end:]
    if rest.lstrip().startswith(","):
        return start, end + rest.index(",") + 1
    return module.text.rindex(",", 0, start), end
