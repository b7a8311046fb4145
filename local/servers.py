"""Starts the local stack's two servers on 127.0.0.1: the AWS emulator (MiniStack) and the OCR service."""

import os
import resource
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import certificate, processes

ROOT = Path(__file__).resolve().parent.parent
MINISTACK = ROOT / ".local" / "venv" / "ministack"
# In older regions the aws command (version 1) ignores AWS_ENDPOINT_URL, and uses built-in addresses of SQS.
REGION = "eu-central-2"
TEST_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
OCR_API_KEY = "local-test-key"


def plain_environment() -> dict[str, str]:
    """This process's environment without anything that is about AWS, an outer virtual environment or somebody's key."""
    dropped = ("AWS_", "SAM_", "YANDEX_", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", processes.MARK)
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a GET is answered with 200 within 2 s, whatever proxy the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def emulator_is_up(port: int, certificate_file: Path) -> bool:
    """Whether this stack's AWS emulator, the one with this certificate, answers on the port."""
    if not certificate_file.exists():
        return False
    context = ssl.create_default_context(cafile=str(certificate_file))
    return _answers(f"https://127.0.0.1:{port}/_ministack/health", context)


def ocr_is_up(port: int) -> bool:
    """Whether an OCR service answers on the port."""
    return _answers(f"http://127.0.0.1:{port}/_admin/stats")


def start_emulator(mark: str, port: int, *, tmp: Path, certificate_file: Path, log: Path) -> None:
    """Start MiniStack over TLS with IAM enforced; it answers when this returns.

    Served by hypercorn directly: MiniStack's own command would also take 127.0.0.1:443 when run as root, so that two
    stacks could not run at once. Functions run in this environment, so it is kept small. It names no certificate
    authority, because MiniStack then gives its functions one that knows its own certificate.
    """
    tmp.mkdir(parents=True, exist_ok=True)
    certificate_file.parent.mkdir(parents=True, exist_ok=True)
    key = certificate_file.with_suffix(".key")
    certificate.write(certificate_file, key)
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | TEST_CREDENTIALS
    environment |= {
        "AUTH": "true",
        "USE_SSL": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_SSL_CERT": str(certificate_file),
        "MINISTACK_SSL_KEY": str(key),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(tmp),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:  # a burst of uploads opens many connections; the child inherits this
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    command: list[str | Path] = [MINISTACK / "bin" / "python", "-m", "hypercorn", "ministack.app:app"]
    command += ["--bind", f"127.0.0.1:{port}", "--keep-alive", "75", "--graceful-timeout", "1", "--workers", "0"]
    command += ["--certfile", certificate_file, "--keyfile", key]
    child = processes.start(mark, command, log=log, environment=environment, cwd=tmp)
    processes.wait_ready(
        child, lambda: emulator_is_up(port, certificate_file), name="the AWS emulator", log=log, timeout_seconds=60
    )


def start_ocr(
    mark: str, port: int, *, engine: str, options: Sequence[str], authorized_key: Path, tmp: Path, log: Path
) -> None:
    """Start the OCR service; it answers when this returns. Its first start may fetch language data: minutes.

    It accepts OCR_API_KEY, and the IAM tokens that it gives for the authorized key's file. `options` are more of its
    command line.
    """
    tmp.mkdir(parents=True, exist_ok=True)
    port_file = tmp / "ocr.port"
    port_file.unlink(missing_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "local.ocr", "--engine", engine, "--port", str(port)]
    command += ["--port-file", port_file, "--api-key", OCR_API_KEY, "--authorized-key", authorized_key]
    command += options
    environment = plain_environment() | {"TMPDIR": str(tmp)}
    child = processes.start(mark, command, log=log, environment=environment, cwd=ROOT)
    # The service's own message, because another stack's service may answer on the port.
    processes.wait_ready(child, port_file.exists, name="the OCR service", log=log, timeout_seconds=300)


def layer_python() -> str:
    """Minor version ("3.11") of the Python that the emulator runs functions on: layers are built for it."""
    return next((MINISTACK / "lib").glob("python3.*")).name.removeprefix("python")


def client_environment(port: int, certificate_file: Path) -> Mapping[str, str]:
    """What an AWS client needs to talk to the emulator."""
    return TEST_CREDENTIALS | {
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_CA_BUNDLE": str(certificate_file),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
    }
