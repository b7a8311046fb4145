"""The functions of a local stack, each in AWS's own Lambda runtime: a process by itself, which can be measured."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Say
from local import cloudformation, deployment, lambda_runtime, stack

STATE = stack.ROOT / ".local" / "bench"
LOGS = STATE / "logs"
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that stands; `env` as its file has it. `folder` is for copies, which go when the stack does."""

    env: Mapping[str, str]
    folder: Path

    def client(self, service: str) -> Any:
        """A client of the AWS emulator."""
        session: Any = deployment.session()
        return session.client(service, endpoint_url=self.env["AWS_ENDPOINT_URL"], verify=self.env["AWS_CA_BUNDLE"])

    def access(self) -> dict[str, str]:
        """The variables by which a function reaches the AWS emulator."""
        return {name: value for name, value in self.env.items() if name.startswith("AWS_")}

    def start(self, name: str, layers: Sequence[Path], variables: Mapping[str, str] = _NONE) -> lambda_runtime.Function:
        """The function as it is deployed, in an environment that has run nothing yet; `variables` over its own."""
        configured = self.client("lambda").get_function_configuration(FunctionName=f"{deployment.STACK}-{name}")
        code = self.folder / name
        shutil.copytree(
            stack.ROOT / "functions" / name,
            code,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
        return lambda_runtime.Function(
            code,
            layers,
            handler="handler.handler",
            variables={**configured["Environment"]["Variables"], **self.access(), **variables},
            timeout_seconds=configured["Timeout"],
            memory_mb=configured["MemorySize"],
            logs=LOGS / name,
        )

    def own_table(self) -> str:
        """A table as the template has it, which no deployed function knows: its schedule and wakes change nothing."""
        name = f"table-{uuid.uuid4().hex}"
        made = cloudformation.load()["Resources"]["Table"]["Properties"]
        like = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        self.client("dynamodb").create_table(TableName=name, **{key: made[key] for key in like})
        return name

    def own_bucket(self, *, versioned: bool) -> str:
        """A bucket that tells nobody of its uploads."""
        name, s3 = f"uploads-{uuid.uuid4().hex}", self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.env["AWS_REGION"]})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def memory_mb(self, name: str) -> int:
        """The size that the function is deployed with."""
        configured = self.client("lambda").get_function_configuration(FunctionName=f"{deployment.STACK}-{name}")
        return int(configured["MemorySize"])


@contextmanager
def deployed(say: Say) -> Iterator[Deployed]:
    """The template on a local stack of the benchmarks' own. It is ended afterwards, its logs and build stay."""
    env = stack.up(STATE, engine="table", real_credentials=None, say=say)
    folder = STATE / "functions"
    try:
        yield Deployed(env, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        stack.down(STATE)


def layers() -> list[Path]:
    """What /opt/python has in Lambda, as built for the stack, with bytecode."""
    return lambda_runtime.layers(STATE / "build")


def function_names() -> list[str]:
    """The template's functions, by the folders of their code."""
    resources = cloudformation.load()["Resources"].values()
    return [
        Path(resource["Properties"]["CodeUri"]).name
        for resource in resources
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def upload(s3: Any, bucket: str, key: str, content: bytes | Path) -> dict[str, str]:
    """Puts the object; the record by which the uploads queue tells submit of it."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            put = s3.put_object(Bucket=bucket, Key=key, Body=file)
        size = content.stat().st_size
    else:
        put, size = s3.put_object(Bucket=bucket, Key=key, Body=content), len(content)
    seen = {"key": key, "size": size, "eTag": put["ETag"].strip('"'), "sequencer": "0A"}
    if "VersionId" in put:
        seen["versionId"] = put["VersionId"]
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": datetime.now(UTC).isoformat(),
        "s3": {"bucket": {"name": bucket}, "object": seen},
    }
    return message(json.dumps({"Records": [record]}))


def message(body: str) -> dict[str, str]:
    """What the uploads queue gives submit, as far as it reads it."""
    return {"messageId": uuid.uuid4().hex, "body": body}


def cpu_seconds(process_id: int) -> float:
    """The processor time that a process has used so far, in its own code and in the kernel's."""
    fields = Path(f"/proc/{process_id}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(process_id: int) -> float:
    """The most memory that a process has held so far (VmHWM), in MB of 2^20 bytes, as Lambda counts."""
    status = Path(f"/proc/{process_id}/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
