"""Reads template.yaml as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"


class CloudFormationLoader(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": x}, `!Sub x` as {"Fn::Sub": x} and so on, as CloudFormation does."""


def _intrinsic(loader: CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise ValueError(f"no intrinsic function takes a mapping: {node.start_mark}")


CloudFormationLoader.add_multi_constructor("!", _intrinsic)


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template's body; its intrinsic functions stay as they are."""
    # A safe loader, whose constructors make only dicts.
    body: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=CloudFormationLoader)
    return body


def functions() -> dict[str, dict[str, Any]]:
    """The properties of each function, by the name of its folder."""
    resources = load()["Resources"].values()
    made = [each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function"]
    return {Path(each["CodeUri"]).name: each for each in made}


def default(parameter: str) -> Any:
    """The default of this parameter."""
    return load()["Parameters"][parameter]["Default"]


def memory_mb(function: str) -> int:
    """The size of the function whose code is in this folder of `functions`."""
    return int(functions()[function]["MemorySize"])
