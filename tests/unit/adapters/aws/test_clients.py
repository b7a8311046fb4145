"""One session, every call bounded, and nothing imported that is not needed."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from textdrop.adapters.aws import clients

PACKAGE_FOLDER = Path(clients.__file__).parents[3]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region and credentials; no session is kept from one test to another."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(clients, "session", cache(clients.session.__wrapped__))


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sns", "sqs", "lambda", "secretsmanager"])
def test_each_client_is_bounded(service: Any) -> None:
    assert clients.session() is clients.session()
    config = clients.session().client(service).meta.config
    assert (config.connect_timeout, config.read_timeout) == (clients.CONNECT_SECONDS, clients.READ_SECONDS)
    assert config.retries == {"mode": "standard", "total_max_attempts": clients.TRIES}
    assert config.max_pool_connections >= 20
    assert config.tcp_keepalive


def test_a_call_is_bounded() -> None:
    assert clients.CALL_SECONDS == 3 * (2 + 5) + (1 + 5) + (2 + 5)


def test_importing_the_adapters_makes_no_client_and_imports_nothing_heavy() -> None:
    program = """
import sys
import textdrop.adapters.aws.clients, textdrop.adapters.aws.control_rows, textdrop.adapters.aws.documents_table
import textdrop.adapters.aws.functions, textdrop.adapters.aws.s3, textdrop.adapters.aws.secrets
import textdrop.adapters.aws.sns, textdrop.adapters.aws.sqs
heavy = ("mypy_boto3", "requests", "pikepdf", "PIL", "pydantic", "moto", "boto3.dynamodb", "aws_lambda_powertools")
print(sorted(name for name in sys.modules if name.startswith(heavy)))
print(textdrop.adapters.aws.clients.session.cache_info().currsize)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(PACKAGE_FOLDER)},
    )
    assert done.stdout.split("\n")[:2] == ["[]", "0"]
