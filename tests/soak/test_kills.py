"""Only processes that run functions of the one stack are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from local import processes
from soak.kills import Killer, kill

CONNECTED = "import socket, time; s = socket.socket(); print('ready', flush=True); time.sleep(60)"
STARTING = "import time; print('ready', flush=True); time.sleep(60)"


def start(mark: str, folder: Path, program: str, function: str | None) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | ({"AWS_LAMBDA_FUNCTION_NAME": function} if function else {})
    log = folder / f"{len(list(folder.iterdir()))}.log"
    child = processes.start(mark, [sys.executable, "-c", program], log=log, environment=environment, cwd=folder)
    processes.wait_ready(child, lambda: b"ready" in log.read_bytes(), name=program, log=log, timeout_seconds=20)
    return child


def test_a_function_of_the_stack_that_has_started_is_killed_and_nothing_else_is(tmp_path: Path) -> None:
    own, others = f"{tmp_path}#aws", f"{tmp_path}/other#aws"
    try:
        function = start(own, tmp_path, CONNECTED, "textdrop-poll")
        spared = [
            start(own, tmp_path, CONNECTED, None),
            start(own, tmp_path, STARTING, "textdrop-poll"),
            start(others, tmp_path, CONNECTED, "textdrop-poll"),
        ]
        assert [kill(child.pid, own) for child in spared] == ["", "", ""]
        stop, killer = threading.Event(), Killer(own, seed=1, mean_seconds=0.01)
        thread = threading.Thread(target=killer.run, args=(stop,))
        thread.start()
        assert function.wait(20) == -9
        stop.set()
        thread.join()
        assert killer.killed == {"textdrop-poll": 1}
        assert [child.poll() for child in spared] == [None, None, None]
        assert kill(function.pid, own) == ""
    finally:
        processes.stop(own)
        processes.stop(others)
