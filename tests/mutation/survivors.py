"""Mutants that are known to survive, each with the reason why that is right: survivors.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, order=True)
class Change:
    """A mutant as a reader sees it: in which module and function which line becomes what. Holds wherever the line
    moves."""

    module: str
    scope: str
    line: str
    becomes: str


@dataclass(frozen=True)
class Survivor:
    """Changes of one line that survive for one reason."""

    module: str
    scope: str
    line: str
    becomes: tuple[str, ...]
    why: str

    def changes(self) -> set[Change]:
        """Each by itself."""
        return {Change(self.module, self.scope, self.line, becomes) for becomes in self.becomes}


def load(file: Path = FILE) -> list[Survivor]:
    """Those that are known. Raises ValueError when a reason is missing."""
    found = []
    for entry in tomllib.loads(file.read_text("utf-8")).get("survivor", []):
        if not entry["why"].strip():
            raise ValueError(f"no reason: {entry['module']}: {entry['line']}")
        becomes = tuple(entry["becomes"])
        found.append(Survivor(entry["module"], entry["in"], entry["line"], becomes, entry["why"]))
    return found


def unexplained(survived: Iterable[Change], known: Iterable[Survivor]) -> list[Change]:
    """The survivors without a reason."""
    explained = {change for survivor in known for change in survivor.changes()}
    return sorted(set(survived) - explained)


def outlived(survived: Iterable[Change], known: Iterable[Survivor], modules: Iterable[str]) -> list[Change]:
    """The reasons without a survivor, of the modules that were looked at."""
    some = set(modules)
    explained = {change for survivor in known if survivor.module in some for change in survivor.changes()}
    return sorted(explained - set(survived))
