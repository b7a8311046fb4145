"""The local OCR service as a process: started, found by its port file, ended by a signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from local import processes
from local.ocr.__main__ import parse
from local.ocr.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
"""The most that a step may take."""


def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port_file, log = tmp_path / "port", tmp_path / "log"
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--port-file", str(port_file)]
    process = processes.start(
        str(tmp_path), [*command, "--api-key", "other"], log=log, environment=os.environ, cwd=ROOT
    )
    try:
        processes.wait_ready(process, port_file.exists, name="local.ocr", log=log, timeout_seconds=SECONDS)
        assert "listening" in log.read_text()
        url = f"http://127.0.0.1:{int(port_file.read_text())}"
        headers = {"Authorization": "Api-Key other"}
        assert requests.get(f"{url}/operations/x", headers=headers, timeout=SECONDS).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert "stopped" in log.read_text()
    finally:
        process.kill()
        process.wait(SECONDS)
    assert list(tmp_path.iterdir()) == [log]


def test_what_keeps_it_from_starting_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--table", str(tmp_path / "none.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("local.ocr: cannot start: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_table_engine_loads_no_ocr_library() -> None:
    program = (
        "import sys; from local.ocr import server; from local.ocr.settings import Settings\n"
        "server.start(Settings(engine='table')).stop()\n"
        "print(sorted({'tesserocr', 'pypdfium2', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"


def test_options_become_settings() -> None:
    assert parse([]) == (Settings(), None)
    given = "--engine table --port 4568 --api-key a --authorized-key one.json --seed 2 --seconds 2 --spread 0.4"
    assert parse([*given.split(), "--table", "t.json", "--port-file", "port"]) == (
        Settings("table", 4568, ("a",), (Path("one.json"),), seed=2, seconds=2, spread=0.4, table=Path("t.json")),
        Path("port"),
    )
