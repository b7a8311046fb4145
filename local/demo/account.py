"""The AWS calls of the demo, in the account that the variables of a stack's `env` file name."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

KEYS_A_READ = 100  # Amazon DynamoDB API reference, BatchGetItem


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


def document_id(bucket: str, key: str, version_id: str) -> str:
    """The id of the document that an upload becomes, and so the partition key of its row."""
    name = json.dumps([bucket, key, version_id], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def put(account: Account, path: Path, key: str, metadata: Mapping[str, str]) -> str:
    """Upload the file as it is; the version id of the object."""
    with path.open("rb") as body:
        answer = account.s3.put_object(Bucket=account.uploads_bucket, Key=key, Body=body, Metadata=metadata)
    return answer["VersionId"]


def states(account: Account, documents: Sequence[str]) -> dict[str, str]:
    """The state of each document that has a row."""
    found = {}
    for start in range(0, len(documents), KEYS_A_READ):
        keys = [{"pk": {"S": id_}, "sk": {"S": "document"}} for id_ in documents[start : start + KEYS_A_READ]]
        answer = account.dynamodb.batch_get_item(RequestItems={account.table_name: {"Keys": keys}})
        # What a throttled read leaves out is there at the next read.
        for row in answer["Responses"].get(account.table_name, []):
            found[row["pk"]["S"]] = row["state"]["S"]
    return found


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


def download(account: Account, bucket: str, key: str, path: Path) -> None:
    """The object as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    account.s3.download_file(bucket, key, str(path))
