"""The account that the variables of a local stack's `env` file name, and what tests do in it by AWS's own calls."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Account:
    """Clients, and what of the stack they work on."""

    s3: "S3Client"
    sqs: "SQSClient"
    dynamodb: "DynamoDBClient"
    uploads_bucket: str
    results_bucket: str
    table_name: str


@contextmanager
def connected(env: Mapping[str, str]) -> Iterator[Account]:
    """The account of the variables; a profile, a proxy or an endpoint of the user's own changes nothing."""
    session = boto3.Session(
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_REGION"],
    )
    endpoint, verify = env["AWS_ENDPOINT_URL"], env["AWS_CA_BUNDLE"]
    config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5})
    account = Account(
        s3=session.client("s3", endpoint_url=endpoint, verify=verify, config=config),
        sqs=session.client("sqs", endpoint_url=endpoint, verify=verify, config=config),
        dynamodb=session.client("dynamodb", endpoint_url=endpoint, verify=verify, config=config),
        uploads_bucket=env["UPLOADS_BUCKET"],
        results_bucket=env["RESULTS_BUCKET"],
        table_name=env["TABLE_NAME"],
    )
    try:
        yield account
    finally:
        for client in (account.s3, account.sqs, account.dynamodb):
            client.close()


def receive(account: Account, queue_url: str, wait_seconds: int) -> list[str]:
    """The bodies of the messages that came, at most ten; each is then off the queue."""
    answer = account.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    bodies = []
    for message in answer.get("Messages", []):
        account.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        bodies.append(message["Body"])
    return bodies


def keys_below(account: Account, bucket: str, prefix: str) -> list[str]:
    """The keys that begin with the prefix, in order."""
    pages = account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]
