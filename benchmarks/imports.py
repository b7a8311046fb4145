"""Cold starts of every function of the template, beside what any function with boto3 costs: `make bench ONLY=imports`.

In AWS's own Lambda runtime, with the layers as built for a local stack, with bytecode. *init*: from the start of the
runtime to its first request for an event, which is Python and the imports. *first call*: clients made, credentials
read, connections opened; poll is a tick that finds nothing to do, submit takes one image and sends it, render is asked
for a document that is not there, reconcile finds nothing to look through (and waits two seconds for dead letters). The
baseline imports boto3 and makes one client as it is imported. Baseline and function take turns, so that both meet the
same machine; the figure is the ratio of their medians, and the quartiles of the ratios of the pairs are its noise. No
millisecond here is one of Lambda's: there a function has a share of a processor that goes by its memory (1,769 MB for
one).
"""

from __future__ import annotations

import io
import statistics
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from benchmarks.deployed import LOGS, Deployed, deployed, function_names, layers, upload
from benchmarks.figures import Figure, Say
from local import lambda_runtime

ROUNDS = 15
TRIES = 3
MOST = 1.5
MEMORY_MB = 1024
BASELINE = """\
import boto3

client = boto3.client("s3")


def handler(event, context):
    return {}
"""


@dataclass(frozen=True, slots=True)
class Cold:
    """One cold start, in milliseconds."""

    init: float
    first: float

    @property
    def in_all(self) -> float:
        """Until the first answer."""
        return self.init + self.first


@dataclass(frozen=True, slots=True)
class Call:
    """A first event, and the answer that it must have."""

    event: Callable[[], object]
    expected: object


def measure(say: Say) -> list[Figure]:
    """A figure for each function. RuntimeError where one does not do what it is measured for."""
    with deployed(say) as stack:
        bucket = stack.own_bucket(versioned=True)
        calls = {
            "submit": Call(lambda: _upload(stack, bucket), {"batchItemFailures": []}),
            "poll": Call(lambda: {}, {"ended": "ended"}),
            "render": Call(lambda: {"textdrop": "resume", "document": "nobody", "rev": 1}, {"ended": "stale"}),
            "reconcile": Call(lambda: {}, {"ended": "ended"}),
        }
        found: list[Figure] = []
        # submit last: what it sends has the deployed poll run a tick, beside which another finds nothing to do.
        for name in sorted(function_names(), key="submit".__eq__):
            call = calls.get(name)
            pairs = []
            for _ in range(ROUNDS):
                pairs.append((_baseline(stack), _function(stack, name, call)))
            found += _figures(name, pairs, whole=call is not None)
            say(f"{name}: {ROUNDS} pairs of starts")
    return found


def _upload(stack: Deployed, bucket: str) -> object:
    """Uploads an image unlike any other; the batch that names it."""
    name, content = uuid.uuid4(), io.BytesIO()
    Image.new("RGB", (400, 300), tuple(name.bytes[:3])).save(content, "PNG")
    return {"Records": [upload(stack.client("s3"), bucket, f"{name}.png", content.getvalue())]}


def _figures(name: str, pairs: list[tuple[Cold, Cold]], whole: bool) -> list[Figure]:
    """The ratio of init, which is judged; and of what a first caller waits for, where it did something."""
    init = _compared(f"{name}: init", [(one.init, other.init) for one, other in pairs])
    ratio = _ratio([(one.init, other.init) for one, other in pairs])
    found = [Figure(init.name, init.value, f"≤ {MOST:g} × ({init.beside})", ratio <= MOST)]
    if whole:
        found.append(_compared(f"{name}: init and first call", [(one.in_all, other.in_all) for one, other in pairs]))
    return found


def _compared(name: str, pairs: list[tuple[float, float]]) -> Figure:
    baseline, function = (statistics.median(times) for times in zip(*pairs, strict=True))
    low, _, high = statistics.quantiles([function / baseline for baseline, function in pairs], n=4)
    return Figure(
        name,
        f"{_ratio(pairs):.2f} × (pairs {low:.2f} to {high:.2f})",
        f"{function:.0f} ms, boto3 and a client {baseline:.0f} ms",
    )


def _ratio(pairs: list[tuple[float, float]]) -> float:
    baseline, function = (statistics.median(times) for times in zip(*pairs, strict=True))
    return float(function / baseline)


def _baseline(stack: Deployed) -> Cold:
    code = stack.folder / "baseline"
    code.mkdir(parents=True, exist_ok=True)
    (code / "handler.py").write_text(BASELINE, encoding="utf-8")
    function = lambda_runtime.Function(
        code,
        layers(),
        handler="handler.handler",
        variables=stack.access(),
        timeout_seconds=60,
        memory_mb=MEMORY_MB,
        logs=LOGS / "baseline",
    )
    cold = _cold(function, Call(lambda: {}, {}))
    if cold is None:
        raise RuntimeError(f"the baseline fails; see {LOGS / 'baseline'}")
    return cold


def _function(stack: Deployed, name: str, call: Call | None) -> Cold:
    """A start whose first call did what it should. The deployed poll may run a tick just then: so again."""
    for _ in range(TRIES):
        cold = _cold(stack.start(name, layers()), call)
        if cold is not None:
            return cold
    raise RuntimeError(f"{name} answers otherwise than it should; see {LOGS / name}")


def _cold(function: lambda_runtime.Function, call: Call | None) -> Cold | None:
    """The times of one start. None when its answer is another than expected; without a call any will do."""
    try:
        answer = function.invoke(call.event() if call else {})
    finally:
        function.stop()
    if call is not None and answer.value != call.expected:
        return None
    # A function without an event of its own here may have ended its call in an error, which has no time.
    first = function.call_milliseconds()[0] if call else 0.0
    return Cold(function.init_milliseconds()[0], first)
