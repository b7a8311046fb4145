"""template.yaml as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local import cloudformation

ROOT = Path(__file__).resolve().parent.parent.parent
DAY_SECONDS = 24 * 3600
SOURCE_BUCKET = {"Fn::If": ["MakeUploadsBucket", {"Ref": "UploadsBucket"}, {"Ref": "SourceBucketName"}]}
OTHERWISE = {"OnArm64": frozenset({"OnX8664"})}
"""What holds if a condition does not: of the two processors it is one."""
TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
NOTHING = {"Ref": "AWS::NoValue"}
RESULTS_BUCKET = {"Fn::If": ["MakeResultsBucket", {"Ref": "ResultsBucket"}, {"Ref": "ResultsBucketName"}]}
RESULTS_PREFIX = {"Fn::If": ["ResultsAtTop", "", {"Ref": "ResultsPrefix"}]}


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


def short(value: Any) -> str:
    """A reference as the template writes it, without its tag; both values of a choice."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::If": [_, one, other]}:
            return f"{short(one)} or {short(other)}"
        case {"Fn::Sub": [text, names]}:
            for name, named in names.items():
                text = text.replace(f"${{{name}}}", f"<{short(named)}>")
            return str(text)
        case {"Fn::Sub": text} | {"Ref": text}:
            return str(text)
    return str(value)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def events(template: Template, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each event source of a kind: its function's properties and its own."""
    for function in template.functions().values():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield function, event["Properties"]


def either(condition: str, value: Any, otherwise: Any) -> dict[str, Any]:
    """A choice, as the template has it."""
    return {"Fn::If": [condition, value, otherwise]}


def part(actual: Any, like: Any) -> Any:
    """Of the actual value what the other speaks of."""
    if not isinstance(actual, dict) or not isinstance(like, dict):
        return actual
    return {name: part(actual.get(name), value) for name, value in like.items()}


def references(value: Any, branch: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """What is referred to, and the conditions that hold there."""
    match value:
        case {"Fn::If": [condition, one, other]}:
            yield from references(one, branch | {condition})
            yield from references(other, branch | OTHERWISE.get(condition, frozenset()))
        case {"Ref": str(referred)} | {"Fn::GetAtt": [str(referred), *_]}:
            yield referred, branch
        case {"Fn::Sub": str(text) | [str(text), _]}:
            yield from ((referred, branch) for referred in re.findall(r"\$\{(\w+)[.}]", text))
            if isinstance(value["Fn::Sub"], list):
                yield from references(value["Fn::Sub"][1], branch)
        case dict():
            yield from references(list(value.values()), branch)
        case list():
            for each in value:
                yield from references(each, branch)


def holds(expression: Any, parameters: dict[str, str]) -> bool:
    """Whether a condition holds, as CloudFormation takes it."""

    def text(value: Any) -> str:
        return parameters[value["Ref"]] if isinstance(value, dict) else str(value)

    match expression:
        case {"Fn::Equals": [one, other]}:
            return text(one) == text(other)
        case {"Fn::Not": [condition]}:
            return not holds(condition, parameters)
        case {"Fn::And": conditions}:
            return all(holds(condition, parameters) for condition in conditions)
        case {"Fn::Or": conditions}:
            return any(holds(condition, parameters) for condition in conditions)
    raise ValueError(f"no condition: {expression}")
