"""Runs a built function in AWS's own Lambda runtime, under AWS's Runtime Interface Emulator, on 127.0.0.1.

The emulator comes with sam, the runtime (`awslambdaric`) has an environment of its own. The function sees what it would
see in Lambda: its code, its layers, the runtime, and the variables it is given.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import deployment, processes, servers

PYTHON = servers.ROOT / ".local" / "venv" / "lambda" / "bin" / "python"
SAM_PACKAGES = servers.ROOT / ".local" / "venv" / "sam" / "lib"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
START_TRIES = 5
START_SECONDS = 10.0
# Over a function's own timeout: what a loaded machine may take to start it, and to end it.
ANSWER_SPARE_SECONDS = 60.0

_OF_THE_EMULATOR = re.compile(r"(START|END|REPORT) RequestId: ")
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")


DEPENDENCIES = {"x86_64": "DependenciesX8664Layer", "arm64": "DependenciesArm64Layer"}


class NotHere(Exception):
    """The emulator cannot run on this machine; the message says why."""


def emulator() -> Path:
    """The emulator's program for this machine. Raises NotHere where AWS has none."""
    system, machine = platform.system(), platform.machine().lower()
    if system != "Linux" or machine not in deployment.ARCHITECTURES:
        raise NotHere(
            f"AWS's Runtime Interface Emulator is for Linux on x86_64 and arm64; this is {system} on {machine}"
        )
    name = f"aws-lambda-rie-{deployment.ARCHITECTURES[machine]}"
    found = list(SAM_PACKAGES.glob(f"python3.*/site-packages/samcli/local/rapid/{name}"))
    if not found or not PYTHON.exists():
        raise FileNotFoundError(f"{name} or {PYTHON} is not there: run `make setup`")
    return found[0]


def layers(built: Path) -> list[Path]:
    """The folders that /opt/python has in Lambda, of the template that `sam build` put into the folder `built`."""
    return [built / DEPENDENCIES[deployment.architecture()] / "python", built / "TextdropLayer" / "python"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation came to. `status` is 200 for a handler's exception and for a timeout too."""

    status: int
    body: bytes

    @property
    def value(self) -> Any:
        """The handler's answer, or its exception: `errorType`, `errorMessage`, `stackTrace`."""
        return json.loads(self.body)

    @property
    def timed_out(self) -> bool:
        """Whether the invocation was ended by force at the function's timeout."""
        return self.body.startswith(b"Task timed out after ")


class Function:
    """A function in its execution environment. One invocation at a time; `stop` it in the end."""

    def __init__(
        self,
        code: Path,
        layers: Sequence[Path],
        *,
        handler: str,
        variables: Mapping[str, str],
        timeout_seconds: int,
        memory_mb: int,
        logs: Path,
    ) -> None:
        """The emulator listens when this returns; the runtime starts with the first invocation, as on AWS.

        `code` is the folder of the handler's module, `layers` are those that /opt/python has, first first. What is
        printed goes to the folder `logs`. Raises NotHere, processes.ProcessFailed.
        """
        self._timeout_seconds = timeout_seconds
        self._mark = f"lambda#{uuid.uuid4()}"
        self._printed, self._told = logs / "function.log", logs / "emulator.log"
        logs.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(map(str, layers)),
            "PYTHONDONTWRITEBYTECODE": "1",  # in Lambda it could not either
            "LAMBDA_TASK_ROOT": str(code),
            "AWS_LAMBDA_FUNCTION_NAME": code.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            processes.MARK: self._mark,
            **variables,
        }
        program = emulator()
        for _ in range(START_TRIES):
            if self._started(program, handler, environment, code):
                return
        raise processes.ProcessFailed(f"the emulator does not start. Its log ends:\n{processes.tail(self._told)}")

    def _started(self, program: Path, handler: str, environment: Mapping[str, str], code: Path) -> bool:
        """Start the emulator; whether it listens. It ends itself where another process was faster to take a port."""
        self._port, runtime_port = _free_ports(2)
        command: list[str | Path] = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{runtime_port}", PYTHON, "-m", "awslambdaric", handler]
        with self._printed.open("wb") as printed, self._told.open("wb") as told:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=told,
                env=environment,
                cwd=code,
                start_new_session=True,
            )
        limit = time.monotonic() + START_SECONDS
        while self._child.poll() is None and time.monotonic() < limit:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return True
        self.stop()
        return False

    def invoke(self, event: object) -> Answer:
        """Invoke it and wait for its answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=self._timeout_seconds + ANSWER_SPARE_SECONDS
        )
        try:
            connection.request("POST", INVOCATIONS, json.dumps(event))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def process_id(self) -> int:
        """Id of the runtime's process, which exists from the first invocation on and is another after a timeout."""
        [found] = [found for found in processes.find(self._mark) if found != self._child.pid]
        return found

    def stop(self) -> None:
        """Nothing of it runs afterwards. May be called again."""
        processes.stop(self._mark)
        self._child.wait()

    def printed(self) -> list[str]:
        """The lines that the function printed; all of them once it is stopped."""
        lines = self._printed.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not _OF_THE_EMULATOR.match(line)]

    def log(self) -> str:
        """Everything that came out, of the function and of the emulator."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in (self._printed, self._told))

    def init_milliseconds(self) -> list[float]:
        """How long each start of the runtime took, up to its first request for an event: the imports, mostly."""
        return [float(found) for found in _INIT.findall(self._told.read_text(encoding="utf-8"))]


def _free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that could be bound just now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
