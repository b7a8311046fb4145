"""A local OCR service over TLS, in a process of its own, that answers from a table; and full pages for the table."""

from __future__ import annotations

import json
import random
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from local import certificate, processes, servers
from textdrop.adapters.yandex.client import YandexOcr
from textdrop.adapters.yandex.credentials import Credentials

WORDS_A_PAGE = 300
WORDS_A_LINE = 10
LINES_A_BLOCK = 6
_LETTERS = "абвгдежзийклмнопрстуфхцчшщыьэюяabcdefghijklmnopqrstuvwxyz"
_HOST = ("OCR_BASE_URL", "OPERATION_BASE_URL", "IAM_BASE_URL")


def page_text(seed: int) -> str:
    """A full page of words in lines and blocks, unlike that of any other seed; its result has about 80 KB."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 10))) for _ in range(WORDS_A_PAGE)]
    lines = [" ".join(words[at : at + WORDS_A_LINE]) for at in range(0, WORDS_A_PAGE, WORDS_A_LINE)]
    blocks = ["\n".join(lines[at : at + LINES_A_BLOCK]) for at in range(0, len(lines), LINES_A_BLOCK)]
    return "\n\n".join(blocks)


@dataclass(frozen=True, slots=True)
class OcrProcess:
    """Where it is, and the certificate that it is known by."""

    url: str
    certificate: Path

    def client(self) -> YandexOcr:
        """The application's own client for it."""
        secret = json.dumps({"api_key": servers.OCR_API_KEY})
        return YandexOcr(
            ocr_base_url=self.url,
            operation_base_url=self.url,
            credentials=Credentials(lambda: secret, iam_base_url=self.url),
            ca_file=str(self.certificate),
        )

    def variables(self) -> dict[str, str]:
        """What makes a function use it, and trust it as it trusts the system's authorities."""
        return dict.fromkeys(_HOST, self.url) | {"SSL_CERT_FILE": str(self.certificate)}

    def stats(self) -> dict[str, Any]:
        """What it has counted so far."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        with urllib.request.urlopen(f"{self.url}/_admin/stats", timeout=10, context=context) as answer:
            stats: dict[str, Any] = json.load(answer)
            return stats


@contextmanager
def ocr_process(state: Path, contents: Iterable[bytes], options: Mapping[str, object]) -> Iterator[OcrProcess]:
    """It answers each content with a full page, and ends with the context. `options` are those of `local.ocr`."""
    folder = state / "tmp" / "ocr-tls"
    folder.mkdir(parents=True, exist_ok=True)
    public, both, table, port_file = (folder / name for name in ("server.crt", "server.pem", "table.json", "port"))
    port_file.unlink(missing_ok=True)
    certificate.write(public, both)
    both.write_bytes(both.read_bytes() + public.read_bytes())
    texts = {sha256(content).hexdigest(): {"text": page_text(number)} for number, content in enumerate(contents)}
    table.write_text(json.dumps(texts), encoding="utf-8")
    command: list[str | Path] = [sys.executable, "-m", "local.ocr", "--engine", "table", "--table", table]
    command += ["--certificate", both, "--port-file", port_file, "--api-key", servers.OCR_API_KEY]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    mark = f"{state.resolve()}#ocr-tls"
    log = state / "logs" / "ocr-tls.log"
    child = processes.start(mark, command, log=log, environment=servers.plain_environment(), cwd=servers.ROOT)
    try:
        processes.wait_ready(child, port_file.exists, name="the OCR service", log=log, timeout_seconds=60)
        yield OcrProcess(f"https://127.0.0.1:{port_file.read_text('ascii').strip()}", public)
    finally:
        processes.stop(mark)
