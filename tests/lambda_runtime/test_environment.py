"""What one execution environment is, and what it keeps from one invocation to the next."""

from __future__ import annotations

from pathlib import Path

from lambda_runtime import emulator
from lambda_runtime.application import Application, batch, failed, image
from textdrop.bootstrap import SUBMIT_THREADS

ESTABLISHED = "01"
INVOCATIONS = SUBMIT_THREADS + 2  # more than there may be threads

PROBE = """
import sys
import aws_lambda_powertools, boto3, requests, textdrop

def handler(event, context):
    files = [module.__file__ for module in (aws_lambda_powertools, boto3, requests, textdrop)]
    return {"path": sys.path, "prefix": sys.base_prefix, "files": files}
"""


def connections_to(port: int) -> set[int]:
    """The local ports of the connections that are open to a port of 127.0.0.1."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {
        int(row[1].partition(":")[2], 16) for row in rows if row[2] == f"0100007F:{port:04X}" and row[3] == ESTABLISHED
    }


def test_a_function_sees_its_code_its_layers_and_the_runtime_alone(built_layers: list[Path], tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "handler.py").write_text(PROBE, encoding="utf-8")
    function = emulator.Function(
        code, built_layers, handler="handler.handler", variables={}, timeout_seconds=30, memory_mb=128, logs=tmp_path
    )
    try:
        seen = function.invoke({}).value
    finally:
        function.stop()
    own = [str(code), *map(str, built_layers)]
    assert seen["path"][: len(own)] == own
    environment = str(emulator.PYTHON.parent.parent / "lib")
    others = [place for place in seen["path"][len(own) :] if not place.startswith(seen["prefix"])]
    assert [place for place in others if not place.startswith(environment)] == []
    assert [file for file in seen["files"] if not file.startswith(tuple(map(str, built_layers)))] == []


def test_an_invocation_leaves_the_next_no_connection_for_its_posts_and_no_thread_of_its_own(
    application: Application, built_layers: list[Path]
) -> None:
    submit = application.start("SubmitFunction", built_layers)
    before: set[int] = set()
    for number in range(INVOCATIONS):
        assert submit.invoke(batch(application.upload(f"{number}.png", image(number))[1])).value == failed()
        now = connections_to(application.ocr.port)
        assert now, "none was kept, so nothing was shown"
        assert now & before == set()
        before = now
    assert sum(application.submits().values()) == INVOCATIONS
    threads = list(Path(f"/proc/{submit.process_id()}/task").iterdir())
    assert len(threads) <= 1 + SUBMIT_THREADS
