"""The functions as built, in AWS's own Lambda runtime; AWS and the OCR service are in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contract.moto_aws import REGION
from lambda_runtime import emulator
from lambda_runtime.application import SERVICES, Application
from lambda_runtime.aws_over_http import AwsOverHttp
from local.ocr import authorized_key, server
from local.ocr.settings import Settings

RECOGNITION_SECONDS = 0.3


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """Skips all tests here on a machine that AWS's emulator is not for."""
    try:
        emulator.emulator()
    except emulator.NotHere as not_here:
        pytest.skip(str(not_here))


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """AWS in this process, for the tests of one module; the environment is as it was afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        with mock_aws():
            session: Any = boto3.Session(region_name=REGION)
            yield {service: session.client(service) for service in SERVICES}


@pytest.fixture
def application(clients: dict[str, Any], tmp_path: Path) -> Iterator[Application]:
    """Deployed, with an authorized key in the credentials secret, and nothing uploaded yet."""
    with ExitStack() as ended:
        aws = AwsOverHttp()
        ended.callback(aws.stop)
        key, file = authorized_key.generate(), tmp_path / "key.json"
        authorized_key.write(file, key)
        ocr = server.start(Settings(engine="table", seconds=RECOGNITION_SECONDS, api_keys=(), authorized_keys=(file,)))
        ended.callback(ocr.stop)
        deployed = Application(aws, clients, ocr, tmp_path, key)
        ended.callback(deployed.stop)
        yield deployed
    assert aws.errors == []
