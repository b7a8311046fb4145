"""How long each function's imports take at a cold start, compared with any function with boto3 and one client.

In AWS's own Lambda runtime, with the layers as built, bytecode included: from the start of the runtime to its first
request for an event. Baseline and function take turns, so that both run under the same conditions; the ratio of their
medians is judged. These milliseconds are not Lambda's, where a function has a share of a processor by its memory.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from artefacts import built_layers
from benchmarks.figures import Figure, Say
from contract.moto_aws import REGION
from lambda_runtime.emulator import Function
from local import cloudformation, servers

ROUNDS = 7
MAX_RATIO = 1.5
BASELINE = 'import boto3\n\nclient = boto3.client("s3")\n\n\ndef handler(event, context):\n    return {}\n'


def measure(say: Say) -> list[Figure]:
    """A figure for each function of the template."""
    found = []
    with built_layers() as layers, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        baseline = folder / "baseline"
        baseline.mkdir()
        (baseline / "handler.py").write_text(BASELINE, encoding="utf-8")
        for name, function in cloudformation.functions().items():
            code = folder / name
            shutil.copytree(servers.ROOT / function["CodeUri"], code, ignore=shutil.ignore_patterns("__pycache__"))
            pairs = [(_init(baseline, layers), _init(code, layers)) for _ in range(ROUNDS)]
            plain, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
            value = f"{ours / plain:.2f} × ({ours:.0f} ms)"
            beside = f"≤ {MAX_RATIO:g} × (boto3 and a client {plain:.0f} ms)"
            found.append(Figure(f"imports of {name}", value, beside, ours <= MAX_RATIO * plain))
            say(f"{name}: {value}")
    return found


def _init(code: Path, layers: list[Path]) -> float:
    """Milliseconds. The first call only makes the runtime start; it does not have to succeed."""
    function = Function(
        code,
        layers,
        handler="handler.handler",
        variables={"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
        timeout_seconds=60,
        memory_mb=1024,
        logs=code / "logs",
    )
    try:
        function.invoke({})
        return function.init_milliseconds()[0]
    finally:
        function.stop()
