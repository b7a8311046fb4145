"""The AWS clients of this process: one session, low-level clients, each made when it is first asked for.

Every call is bounded: `CALL_SECONDS` is the most that one can take with all its tries, so that a use case can tell
whether a step still fits its time. Credentials, region and endpoint come from the environment.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
TRIES = 3

# botocore's standard mode waits at most 2^i seconds before try i + 2, and up to 5 more where the service asks for it.
_WAITS_SECONDS = sum(2.0**i + 5.0 for i in range(TRIES - 1))
CALL_SECONDS = TRIES * (CONNECT_SECONDS + READ_SECONDS) + _WAITS_SECONDS

CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": TRIES},
    max_pool_connections=64,  # more than the threads of any function, so that none waits for a connection
    tcp_keepalive=True,  # a connection that died while the process was frozen is found out
)

# Making a client is not safe from several threads; using one is (boto3 guide, "Multithreading with clients").
_making = threading.Lock()


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def _made(service: Any) -> Any:
    return _session().client(service, config=CONFIG)


def _client(service: str) -> Any:
    with _making:
        return _made(service)


def dynamodb() -> DynamoDBClient:
    """The client for the table."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def s3() -> S3Client:
    """The client for both buckets."""
    client: S3Client = _client("s3")
    return client


def sns() -> SNSClient:
    """The client for the results topic."""
    client: SNSClient = _client("sns")
    return client


def sqs() -> SQSClient:
    """The client for the uploads queue."""
    client: SQSClient = _client("sqs")
    return client


def functions() -> LambdaClient:
    """The client for calling other functions."""
    client: LambdaClient = _client("lambda")
    return client


def secrets() -> SecretsManagerClient:
    """The client for the credentials secret."""
    client: SecretsManagerClient = _client("secretsmanager")
    return client
