"""template.yaml as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local import cloudformation

ROOT = Path(__file__).resolve().parent.parent.parent


class Template:
    """The parts of template.yaml, and look-ups in them."""

    def __init__(self, path: Path) -> None:
        self.body = cloudformation.load(path)
        self.parameters: dict[str, Any] = self.body["Parameters"]
        self.resources: dict[str, Any] = self.body["Resources"]
        self.outputs: dict[str, Any] = self.body["Outputs"]
        self.function_globals: dict[str, Any] = self.body["Globals"]["Function"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by its name; at least one."""
        found = {name: body.get("Properties", {}) for name, body in self.resources.items() if body["Type"] == kind}
        assert found, f"no {kind} in the template"
        return found

    def functions(self) -> dict[str, dict[str, Any]]:
        """The functions' properties by their names."""
        return self.of_type("AWS::Serverless::Function")
