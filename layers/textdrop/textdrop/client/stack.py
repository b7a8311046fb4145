"""A deployed stack, as CloudFormation describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textdrop.client.access import code, meaning
from textdrop.client.errors import StackNotFound


@dataclass(frozen=True, slots=True)
class Stack:
    """What the client needs to know of a stack. Prefixes are "" for the whole bucket."""

    name: str
    source_bucket: str
    source_prefix: str
    results_bucket: str
    results_prefix: str
    control: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


def described(cloudformation: Any, name: str) -> Stack:
    """The stack of that name. Raises StackNotFound, NoAccess and Unreachable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except (ClientError, BotoCoreError) as failure:
        # AWS answers this if there is no such stack (CloudFormation API reference, DescribeStacks).
        if code(failure) == "ValidationError":
            region = cloudformation.meta.region_name
            raise StackNotFound(
                f'There is no stack "{name}" in this account in {region}.',
                "Name it with --stack, and its region with --region.",
            ) from failure
        raise meaning(failure, f"the stack {name}", "cloudformation:DescribeStacks") from failure
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])}
    needed = ("UploadsBucketName", "ResultsBucketName", "ControlFunctionName")
    missing = [output for output in needed if output not in outputs]
    if missing:
        raise StackNotFound(
            f'The stack "{name}" is {found.get("StackStatus", "not complete")} and has no output {", ".join(missing)}.',
            "Name a stack of textdrop, or deploy this version of it.",
        )
    return Stack(
        name=name,
        source_bucket=outputs["UploadsBucketName"],
        source_prefix=parameters.get("SourcePrefix", ""),
        results_bucket=outputs["ResultsBucketName"],
        results_prefix=parameters.get("ResultsPrefix", "").removeprefix("/"),
        control=outputs["ControlFunctionName"],
        outputs=outputs,
        parameters=parameters,
    )
