"""Cold and warm calls of both functions in AWS's own Lambda runtime, beside what any function with boto3 costs.

`python -m benchmarks.cold_start`. The layers are those of a local stack, which also answers the functions, over TLS.
*init*: from the start of the runtime to its first request for an event, which is Python and the imports. *first call*:
clients made, credentials read, connections opened. *warm call*: the later ones. submit takes one image and sends it,
a slot of the quota after the one before, which is the most of its warm calls; poll is a tick that finds nothing to do;
the baseline imports boto3 and makes one client as it is imported. Compare, and take no millisecond for Lambda's: there
a function has a share of a processor that goes by its memory (1,769 MB for one).
"""

from __future__ import annotations

import io
import json
import platform
import shutil
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from local import deployment, lambda_runtime, stack

STARTS = 9
WARM_CALLS = 9
TRIES = 3
STATE = stack.ROOT / ".local" / "bench"
BASELINE = """\
import boto3

client = boto3.client("s3")


def handler(event, context):
    return {}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A function, an event for each of its calls, and the answer that each must have."""

    name: str
    code: Path
    variables: Mapping[str, str]
    timeout_seconds: int
    memory_mb: int
    event: Callable[[], object]
    expected: object


@dataclass(frozen=True, slots=True)
class Times:
    """Of one start, in milliseconds; `warm` is the median of its later calls."""

    init: float
    first: float
    warm: float


class Uploads:
    """A bucket that tells nobody of its uploads, so that no deployed function goes for them too."""

    def __init__(self, s3: Any, region: str) -> None:
        self._s3 = s3
        self._bucket = f"cold-start-{uuid.uuid4().hex}"
        s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": region})
        s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
        self._count = 0

    def event(self) -> object:
        """Uploads an image unlike any other; the batch that names it."""
        self._count += 1
        content = io.BytesIO()
        Image.new("RGB", (400 + self._count, 300), (self._count % 256, 255, 255)).save(content, "PNG")
        key = f"{self._count}.png"
        put = self._s3.put_object(Bucket=self._bucket, Key=key, Body=content.getvalue())
        seen = {"key": key, "size": len(content.getvalue()), "eTag": put["ETag"], "versionId": put["VersionId"]}
        record = {
            "eventName": "ObjectCreated:Put",
            "eventTime": datetime.now(UTC).isoformat(),
            "s3": {"bucket": {"name": self._bucket}, "object": {**seen, "sequencer": f"{self._count:016X}"}},
        }
        return {"Records": [{"messageId": "m1", "body": json.dumps({"Records": [record]})}]}


def measure(case: Case, layers: Sequence[Path], logs: Path) -> Times | None:
    """One start and its calls. None when a call had another answer: the deployed poll ran a tick just then."""
    function = lambda_runtime.Function(
        case.code,
        layers,
        handler="handler.handler",
        variables=case.variables,
        timeout_seconds=case.timeout_seconds,
        memory_mb=case.memory_mb,
        logs=logs,
    )
    try:
        answers = [function.invoke(case.event()) for _ in range(1 + WARM_CALLS)]
    finally:
        function.stop()
    if any(answer.value != case.expected for answer in answers):
        return None
    first, *warm = function.call_milliseconds()
    return Times(function.init_milliseconds()[0], first, statistics.median(warm))


def median_of(case: Case, layers: Sequence[Path], logs: Path) -> Times:
    """The medians of all starts. RuntimeError when the function does not do what it is measured for."""
    found: list[Times] = []
    for _ in range(TRIES * STARTS):
        times = measure(case, layers, logs)
        found += [times] if times else []
        if len(found) == STARTS:
            return Times(
                statistics.median(times.init for times in found),
                statistics.median(times.first for times in found),
                statistics.median(times.warm for times in found),
            )
    raise RuntimeError(f"{case.name} answers otherwise than it should; see {logs}")


def cases(env: Mapping[str, str], folder: Path) -> list[Case]:
    """The baseline and both functions, with the environments that the stack gives them."""
    session = deployment.session()
    aws: dict[str, Any] = {
        name: session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"])
        for name in ("lambda", "s3")
    }
    access = {name: value for name, value in env.items() if name.startswith("AWS_")}
    baseline = folder / "baseline"
    baseline.mkdir()
    (baseline / "handler.py").write_text(BASELINE, encoding="utf-8")
    found = [Case("import boto3, one client", baseline, access, 60, 1024, lambda: {}, {})]
    uploads = Uploads(aws["s3"], env["AWS_REGION"])
    # poll before submit, which leaves it something to do.
    for name, event, expected in (
        ("poll", lambda: {}, {"ended": "ended"}),
        ("submit", uploads.event, {"batchItemFailures": []}),
    ):
        deployed = aws["lambda"].get_function_configuration(FunctionName=f"{deployment.STACK}-{name}")
        code = folder / name
        shutil.copytree(stack.ROOT / "functions" / name, code, ignore=shutil.ignore_patterns("__pycache__"))
        variables = {**deployed["Environment"]["Variables"], **access}
        found.append(Case(name, code, variables, deployed["Timeout"], deployed["MemorySize"], event, expected))
    return found


def main() -> int:
    env = stack.up(STATE, engine="table", real_credentials=None, say=print)
    try:
        with tempfile.TemporaryDirectory() as folder:
            compiled = lambda_runtime.layers(STATE / "build")
            plain = [Path(folder) / "layers" / layer.parent.name for layer in compiled]
            for layer, copy in zip(compiled, plain, strict=True):
                shutil.copytree(layer, copy, ignore=shutil.ignore_patterns("__pycache__"))
            print(
                f"medians of {STARTS} starts in milliseconds, {WARM_CALLS} warm calls each, Python "
                f"{platform.python_version()}, {platform.machine()}"
            )
            print(f"{'':36s} {'init':>8s} {'first call':>12s} {'cold in all':>12s} {'warm call':>12s}")
            for case in cases(env, Path(folder)):
                for kind, layers in (("with bytecode", compiled), ("without", plain)):
                    times = median_of(case, layers, STATE / "logs" / "cold_start")
                    print(
                        f"{case.name + ', ' + kind:40s} {times.init:4.0f} {times.first:12.1f} "
                        f"{times.init + times.first:12.0f} {times.warm:12.1f}",
                        flush=True,
                    )
    finally:
        stack.down(STATE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
