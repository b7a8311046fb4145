"""The local OCR service as a process: started, found by its port file, ended by a signal."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from local.ocr.__main__ import parse
from local.ocr.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--port-file", str(port_file)]
    with subprocess.Popen([*command, "--api-key", "other"], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "listening" in process.stderr.readline()
        until = time.monotonic() + 60
        while not port_file.exists() and time.monotonic() < until:
            assert process.poll() is None
        url = f"http://127.0.0.1:{int(port_file.read_text())}"
        with requests.Session() as session:
            headers = {"Authorization": "Api-Key other"}
            assert session.get(f"{url}/operations/x", headers=headers, timeout=60).status_code == 404
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert "stopped" in process.stderr.read()
    assert not list(tmp_path.iterdir())


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
