"""template.yaml as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent


class CloudFormationLoader(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": x}, `!Sub x` as {"Fn::Sub": x} and so on, as CloudFormation does."""


def _intrinsic(loader: CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise AssertionError(f"no intrinsic function takes a mapping: {node.start_mark}")


CloudFormationLoader.add_multi_constructor("!", _intrinsic)


class Template:
    """The parts of template.yaml, and look-ups in them."""

    def __init__(self, path: Path) -> None:
        # A safe loader with constructors that make nothing but dicts.
        self.body: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=CloudFormationLoader)
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
