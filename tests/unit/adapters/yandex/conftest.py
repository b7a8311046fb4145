from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import certificate
from local.ocr.authorized_key import generate
from textdrop.adapters.yandex.authorized_key import AuthorizedKey, authorized_key
from textdrop.adapters.yandex.client import Timeouts, YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from unit.adapters.yandex.scripted_service import ScriptedService

KEY = "AQVN-a-key-nobody-may-see"
QUICK = Timeouts(
    connect_seconds=60, read_seconds=60, submit_total_seconds=1, ask_total_seconds=1, submit_bytes_per_second=1e9
)
PATIENT = Timeouts(connect_seconds=60, read_seconds=60, submit_total_seconds=60, ask_total_seconds=60)
LATE_SECONDS = 30  # far over any total of a test, however slow the machine; under what else could end a wait

MakeClient = Callable[..., YandexOcr]


@pytest.fixture(scope="session")
def key_file() -> dict[str, str]:
    """The fields of an authorized key's file, as downloaded."""
    return generate()


@pytest.fixture(scope="session")
def key(key_file: dict[str, str]) -> AuthorizedKey:
    return authorized_key(key_file)


@pytest.fixture(scope="session")
def other_key_file() -> dict[str, str]:
    return generate()


@pytest.fixture(scope="session")
def key_secret(key_file: dict[str, str]) -> str:
    """The file's text, which is what the secret holds."""
    return json.dumps(key_file, indent=3)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    scripted = ScriptedService()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="session")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    certificate.write(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem"


@pytest.fixture
def tls_service(ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedService]:
    """With TLS; its authority is one of the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, ca_file.with_name("key.pem"))
    scripted = ScriptedService(context)
    yield scripted
    scripted.stop()


@pytest.fixture
def make_client(service: ScriptedService) -> Iterator[MakeClient]:
    """A client of the scripted service, or of another address; patient unless told."""
    made: list[YandexOcr] = []

    def make(
        *,
        base_url: str = service.base_url,
        timeouts: Timeouts = PATIENT,
        credentials: Credentials | None = None,
        folder_id: str = "",
        max_answer_bytes: int = 100_000,
        now: Callable[[], float] = lambda: 0.0,
    ) -> YandexOcr:
        client = YandexOcr(
            ocr_base_url=base_url,
            operation_base_url=base_url + "/operation-service",
            credentials=credentials or Credentials(lambda: f'{{"api_key": "{KEY}"}}'),
            folder_id=folder_id,
            timeouts=timeouts,
            max_answer_bytes=max_answer_bytes,
            now=now,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.new_connections()


@pytest.fixture
def client(make_client: MakeClient) -> YandexOcr:
    return make_client()
