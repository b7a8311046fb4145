"""A stack of the tests' own, and what a user does with one: upload, wait for the notice, read the files."""

import fcntl
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import schemas
from e2e import account
from e2e.account import Account
from local import deployment, processes, stack
from local.servers import REGION
from textdrop.core import keys

STORAGE_KEY, MESSAGES_KEY = (f"arn:aws:kms:{REGION}:000000000000:key/{name}" for name in ("storage", "messages"))
"""Keys of the account's own. The emulator has none, and asks nobody for a key's permission."""
NOTICE_SECONDS = 300
IDLE_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as a subscriber's queue gets it."""

    body: Mapping[str, Any]
    attributes: Mapping[str, str]


@dataclass(slots=True)
class WholeStack:
    """The stack, through its `env` variables and the account they name. `notices` are all that came, in order, and
    `held` the messages of documents that are held over a cap."""

    env: Mapping[str, str]
    state_folder: Path
    account: Account
    notices: list[Notice] = field(default_factory=list)
    held: list[Mapping[str, Any]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    results_prefix: str = ""

    def upload(self, key: str, content: bytes, **metadata: str) -> str:
        """Put the object, its metadata `ocr_x` as `ocr-x`; the version id."""
        given = {name.replace("_", "-"): value for name, value in metadata.items()}
        answer = self.account.s3.put_object(Bucket=self.account.uploads_bucket, Key=key, Body=content, Metadata=given)
        return answer["VersionId"]

    def shell(self, script: str) -> str:
        """What the commands print, in a shell that has sourced the env file and nothing else of ours.

        In a folder without a samconfig.toml: a region that `sam deploy --guided` wrote goes before the env file's.
        """
        plain = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "LANG", "LC_ALL")}
        sourced = f". '{self.state_folder / 'env'}'\n{script}"
        done = subprocess.run(
            ["sh", "-eu", "-c", sourced], env=plain, cwd=self.state_folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def notice(self, key: str, version: str | None = None, run: int = 1) -> Notice:
        """The one notice of this run of the upload, once it is here."""

        def matches(notice: Notice) -> bool:
            source = notice.body["source"]
            return bool(source["key"] == key and version in (None, source["version_id"]) and notice.body["run"] == run)

        self.wait(lambda: any(map(matches, self.notices)), NOTICE_SECONDS, f"no notice of {key!r}")
        [found] = filter(matches, self.notices)
        return found

    def wait(self, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Take in notices until it holds."""
        limit = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > limit:
                log = processes.tail(self.state_folder / "logs" / "aws.log")
                pytest.fail(f"{otherwise} within {seconds:.0f} s. The emulator's log ends:\n{log}")
            self._receive()

    def _receive(self) -> None:
        sqs, url = self.account.sqs, self.env["NOTICES_QUEUE_URL"]
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            attributes = message.get("MessageAttributes", {})
            body = schemas.checked(message["Body"], "textdrop.notice/1", "textdrop.held/1")
            if body["schema"] == "textdrop.held/1":
                self.held.append(body)
            else:
                notice = Notice(body, {name: given["StringValue"] for name, given in attributes.items()})
                self._check_own_file(notice)
                self.notices.append(notice)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _check_own_file(self, notice: Notice) -> None:
        """The run's own result or error, which stays whatever is uploaded later, agrees with its schema."""
        kind, suffix = ("result", keys.JSON) if "json" in notice.body["files"] else ("error", keys.ERROR)
        key = self.results_prefix + keys.own(notice.body["document"], notice.body["run"], suffix)
        body = self.account.s3.get_object(Bucket=self.account.results_bucket, Key=key)["Body"].read()
        schemas.checked(body, f"textdrop.{kind}/1")

    def read(self, notice: Notice, kind: str) -> bytes:
        """The content of one of the notice's files."""
        place = notice.body["files"][kind]
        return self.account.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()

    def text(self, notice: Notice) -> str:
        """The text."""
        return self.read(notice, "text").decode()

    def keys_below(self, key: str) -> set[str]:
        """The keys in the results bucket that begin with this one."""
        answer = self.account.s3.list_objects_v2(Bucket=self.account.results_bucket, Prefix=key)
        return {found["Key"] for found in answer.get("Contents", [])}

    def row(self, document: str) -> Mapping[str, Any] | None:
        """The document's row as it stands, or None."""
        key = {"pk": {"S": document}, "sk": {"S": "document"}}
        answer = self.account.dynamodb.get_item(TableName=self.account.table_name, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def state(self, document: str) -> str | None:
        """The state of the document's row."""
        row = self.row(document)
        return None if row is None else str(row["state"]["S"])

    def output(self, name: str) -> str:
        """One of the deployed stack's outputs."""
        if not self.outputs:
            described = json.loads(self.shell("aws cloudformation describe-stacks --stack-name textdrop --output json"))
            self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}
        return self.outputs[name]

    def logged(self, function: str, name: str = deployment.STACK) -> list[str]:
        """What the function of that stack has logged."""
        group = f"/aws/lambda/{name}-{function}"
        with self.client("logs") as logs:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            return [event["message"] for page in pages for event in page["events"]]

    @contextmanager
    def client(self, service: str, role_of: str = "") -> Iterator[Any]:
        """A client of the service, with the stack's own rights, or with those of a function's role and no others."""
        endpoint, verify = self.env["AWS_ENDPOINT_URL"], self.env["AWS_CA_BUNDLE"]
        config = Config(proxies={})  # as in Account: a proxy of the user's own changes nothing
        session = deployment.session()
        if role_of:
            with self.client("lambda") as functions, self.client("sts") as sts:
                role = functions.get_function_configuration(FunctionName=f"{deployment.STACK}-{role_of}")["Role"]
                given = sts.assume_role(RoleArn=role, RoleSessionName="e2e")["Credentials"]
            session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION)
        make: Callable[..., Any] = session.client
        client = make(service, endpoint_url=endpoint, verify=verify, config=config)
        try:
            yield client
        finally:
            client.close()

    def ocr_stats(self) -> Mapping[str, Any]:
        """What the OCR service counted."""
        with urllib.request.urlopen(f"{self.env['OCR_BASE_URL']}/_admin/stats") as answer:
            counted: Mapping[str, Any] = json.load(answer)
        return counted

    def accepted(self) -> int:
        """How many pages the OCR service has taken."""
        return int(self.ocr_stats()["submits"]["accepted"])

    def paid(self) -> dict[str, int]:
        """How often the OCR service took each content, by its SHA-256."""
        return dict(self.ocr_stats()["submits"]["by_sha256"])

    def tell_ocr(self, name: str, body: object) -> None:
        """One request to the OCR service's admin endpoint."""
        request = urllib.request.Request(f"{self.env['OCR_BASE_URL']}/_admin/{name}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def messages(self, queue: str) -> int:
        """How many messages a queue of the stack's outputs holds, hidden and delayed ones too."""
        url = self.output(queue)
        told = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(value) for name, value in told.items() if name.startswith("ApproximateNumberOfMessages"))

    def until_idle(self) -> None:
        """No message of the uploads queue is waiting or in work any more."""
        self.wait(lambda: not self.messages("UploadsQueueUrl"), IDLE_SECONDS, "the uploads queue is not empty")


@contextmanager
def running(
    state: Path, engine: str, ocr_options: Sequence[str] = (), **chosen: str
) -> Iterator[tuple[Mapping[str, str], Account]]:
    """A stack in a folder of its own, with these parameters, gone afterwards: its variables and their account. Another
    run on this checkout waits for its end; another stack that runs stays as it is."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack.down(state)  # what a killed run has left
        try:
            env = stack.up(
                state, engine=engine, real_credentials=None, say=print, ocr_options=ocr_options, chosen=chosen
            )
            with account.connected(env) as connected:
                yield env, connected
        finally:
            stack.down(state)


@contextmanager
def no_events(whole: WholeStack) -> Iterator[None]:
    """The bucket tells nobody of uploads."""
    s3, bucket = whole.account.s3, whole.account.uploads_bucket
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    queues = told["QueueConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
        )
