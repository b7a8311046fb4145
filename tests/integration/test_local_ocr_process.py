"""The local OCR service as a process: started, found by its port file, ended by a signal."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from local import certificate
from local.ocr import server
from local.ocr.__main__ import API_KEYS_VARIABLE, parse, write_port
from local.ocr.fault_table import as_markdown
from local.ocr.settings import DEFAULT_API_KEY, Settings

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--port-file", str(port_file)]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, API_KEYS_VARIABLE: "one,two"}
    ) as process:
        assert process.stderr is not None
        assert "listening" in process.stderr.readline()
        until = time.monotonic() + 60
        while not port_file.exists() and time.monotonic() < until:
            assert process.poll() is None
        url = f"http://127.0.0.1:{int(port_file.read_text())}"
        with requests.Session() as session:
            headers = {"Authorization": "Api-Key two"}
            assert session.get(f"{url}/operations/x", headers=headers, timeout=60).status_code == 404
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert "stopped" in process.stderr.read()
    assert not port_file.exists()


def test_it_serves_over_tls(tmp_path: Path) -> None:
    public, both = tmp_path / "server.crt", tmp_path / "server.pem"
    certificate.write(public, both)
    both.write_bytes(both.read_bytes() + public.read_bytes())
    running = server.start(Settings(engine="table", certificate=both))
    try:
        # A client that says nothing keeps nobody waiting.
        with socket.create_connection(("127.0.0.1", running.port)), requests.Session() as session:
            assert running.url == f"https://127.0.0.1:{running.port}"
            headers = {"Authorization": f"Api-Key {DEFAULT_API_KEY}"}
            asked = session.get(f"{running.url}/operations/x", headers=headers, timeout=60, verify=str(public))
            assert asked.status_code == 404
    finally:
        running.stop()


def test_what_keeps_it_from_starting_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--table", str(tmp_path / "none.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("local.ocr: cannot start: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_key_that_cannot_be_used_keeps_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text('{"id": "aje", "service_account_id": "aje", "public_key": "secret"}')
    command = [sys.executable, "-m", "local.ocr", "--engine", "table", "--authorized-key", str(tmp_path / "key.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "no public key in PEM" in done.stderr
    assert "secret" not in done.stderr


def test_the_table_of_faults_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--faults"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == as_markdown()


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


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEYS_VARIABLE, raising=False)
    settings, port_file = parse([])
    assert (settings.api_keys, settings.engine, port_file) == (("local-test-key",), "tesseract", None)
    given = [
        "--api-key",
        "a",
        "--api-key",
        "b",
        "--submits-per-second",
        "2.5",
        "--quota-window",
        "sliding",
        "--spread",
        "0.4",
        "--authorized-key",
        "one.json",
        "--authorized-key",
        "two.json",
        "--iam-token-seconds",
        "60",
    ]
    settings, _ = parse(given)
    assert (settings.api_keys, settings.submits_per_second) == (("a", "b"), 2.5)
    assert (settings.quota_window, settings.spread) == ("sliding", 0.4)
    assert (settings.authorized_keys, settings.iam_token_seconds) == ((Path("one.json"), Path("two.json")), 60)
    with pytest.raises(SystemExit):
        parse(["--submits-per-second", "0"])


def test_the_port_file_appears_whole(tmp_path: Path) -> None:
    write_port(tmp_path / "port", 4568)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("port", "4568\n")]
