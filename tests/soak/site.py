"""A local stack of the soak's own, with a faulty way to AWS for its functions, and what is asked of it."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.config import Config

from local import deployment, lambda_runtime, stack
from local.demo import account
from local.demo.account import Account
from soak.aws_proxy import FaultyAws
from textdrop.adapters.aws.items import to_document, to_operation
from textdrop.core.documents import Document, DueKind, Operation

FUNCTIONS = ("submit", "poll", "render", "reconcile")
TIMEOUTS = {"submit": 60, "poll": 90, "render": 90}
"""Seconds, in place of the template's 300, 120 and 900: what a killed worker held is free again after so long, and 5 s.
Much less would leave no time for a write to S3, which may take 34 s with all its tries and is not begun later."""
TICK_SECONDS = 10.0
"""In place of the schedule's 60."""
VISIBILITY_SECONDS = 90
"""In place of the template's 1,800: when a message of a killed worker comes again."""


@dataclass(slots=True)
class Site:
    """The running stack. `functions` and `logs` are clients of those services."""

    env: Mapping[str, str]
    folder: stack.Folder
    account: Account
    functions: Any
    logs: Any
    secrets: Any
    outputs: Mapping[str, str]
    notices: list[str] = field(default_factory=list)

    def spoil(self, proxy: FaultyAws) -> None:
        """From now on the functions reach AWS through the proxy alone, and have the soak's timeouts."""
        while self.waiting_messages("UploadsQueueUrl"):  # S3's test: a function that starts must not be changed
            time.sleep(0.2)
        layers = lambda_runtime.layers(self.folder.root / "build")
        variables = {"AWS_ENDPOINT_URL": proxy.url, "AWS_CA_BUNDLE": str(self.folder.certificate)}
        for name in FUNCTIONS:
            deployment.find_layers_where_built(self.functions, name, layers, variables, TIMEOUTS.get(name))
        self.account.sqs.set_queue_attributes(
            QueueUrl=self.outputs["UploadsQueueUrl"], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )

    def use_credentials(self, content: str) -> None:
        """The secret holds these; a process that knows others goes on with them as long as it lives."""
        self.secrets.put_secret_value(SecretId=self.outputs["CredentialsSecretArn"], SecretString=content)

    def reconcile(self) -> None:
        """Has reconcile look for every upload without a row, now, as by hand; nobody waits for it."""
        payload = json.dumps({"older_than_seconds": 0}).encode()
        function = f"{deployment.STACK}-reconcile"
        self.functions.invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    def keep_polling(self, stop: threading.Event) -> None:
        """Invokes poll as its schedule does, but every TICK_SECONDS, until it is told to stop."""
        while not stop.wait(TICK_SECONDS):
            self.functions.invoke(FunctionName=f"{deployment.STACK}-poll", InvocationType="Event", Payload=b"{}")

    def tell_ocr(self, name: str, body: object) -> None:
        """One request to the OCR service's admin endpoint."""
        request = urllib.request.Request(f"{self.env['OCR_BASE_URL']}/_admin/{name}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10):
            pass

    def ocr_stats(self) -> dict[str, Any]:
        """What the OCR service counted."""
        with urllib.request.urlopen(f"{self.env['OCR_BASE_URL']}/_admin/stats", timeout=10) as answer:
            counted: dict[str, Any] = json.load(answer)
        return counted

    def ocr_log(self) -> list[str]:
        """The OCR service's log."""
        return self.folder.log("ocr").read_text("utf-8").splitlines()

    def rows(self) -> tuple[dict[str, Document], dict[str, list[Operation]]]:
        """Every document by its id, and its operations by page."""
        documents: dict[str, Document] = {}
        operations: dict[str, list[Operation]] = {}
        pages = self.account.dynamodb.get_paginator("scan").paginate(
            TableName=self.account.table_name, ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                sort_key = item["sk"]["S"]
                if sort_key == "document":
                    documents[item["pk"]["S"]] = to_document(item)
                elif sort_key.startswith("operation#"):
                    operations.setdefault(item["pk"]["S"], []).append(to_operation(item))
        for rows in operations.values():
            rows.sort(key=lambda row: row.page)
        return documents, operations

    def due(self) -> int:
        """How many rows the index of due work holds."""
        count = 0
        for kind in DueKind:
            pages = self.account.dynamodb.get_paginator("query").paginate(
                TableName=self.account.table_name,
                IndexName="due",
                KeyConditionExpression="due_kind = :kind",
                ExpressionAttributeValues={":kind": {"S": str(kind)}},
                Select="COUNT",
            )
            count += sum(page["Count"] for page in pages)
        return count

    def hurry(self, document: Document, now: float) -> None:
        """The document's due time is now instead of later, as if that time had passed; nothing else changes."""
        self.account.dynamodb.update_item(
            TableName=self.account.table_name,
            Key={"pk": {"S": document.id}, "sk": {"S": "document"}},
            UpdateExpression="SET due_at = :now",
            ConditionExpression="due_at = :then AND rev = :rev",
            ExpressionAttributeValues={
                ":now": {"N": repr(now)},
                ":then": {"N": repr(document.due_at)},
                ":rev": {"N": str(document.rev)},
            },
        )

    def waiting_messages(self, output: str) -> int:
        """How many messages a queue of the stack's outputs holds, hidden ones too."""
        counts = self.account.sqs.get_queue_attributes(
            QueueUrl=self.outputs[output],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return sum(map(int, counts.values()))

    def take_notices(self, stop: threading.Event) -> None:
        """Takes in notices until it is told to stop and none is left."""
        while True:
            ending = stop.is_set()
            fresh = account.receive(self.account, self.env["NOTICES_QUEUE_URL"], wait_seconds=0 if ending else 1)
            self.notices += fresh
            if ending and not fresh:
                return

    def function_log(self, function: str) -> list[str]:
        """All that the function has logged."""
        group = f"/aws/lambda/{deployment.STACK}-{function}"
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def result_keys(self) -> list[str]:
        """The keys in the results bucket."""
        pages = self.account.s3.get_paginator("list_objects_v2").paginate(Bucket=self.account.results_bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def result(self, key: str) -> bytes:
        """An object of the results bucket."""
        return self.account.s3.get_object(Bucket=self.account.results_bucket, Key=key)["Body"].read()


@contextmanager
def running(state: Path, ocr_options: list[str], say: Callable[[str], None]) -> Iterator[Site]:
    """A stack in a folder of its own, which is gone afterwards; another one that runs stays as it is."""
    stack.down(state)  # what a killed run has left
    try:
        env = stack.up(state, engine="table", real_credentials=None, say=say, ocr_options=ocr_options)
        made: Any = deployment.session().client
        settings = {
            "endpoint_url": env["AWS_ENDPOINT_URL"],
            "verify": env["AWS_CA_BUNDLE"],
            "config": Config(proxies={}, retries={"mode": "standard", "max_attempts": 1}),
        }
        with (
            account.connected(env) as connected,
            closing(made("lambda", **settings)) as functions,
            closing(made("logs", **settings)) as logs,
            closing(made("secretsmanager", **settings)) as secrets,
            closing(made("cloudformation", **settings)) as formation,
        ):
            described = formation.describe_stacks(StackName=deployment.STACK)["Stacks"][0]["Outputs"]
            outputs = {output["OutputKey"]: output["OutputValue"] for output in described}
            yield Site(env, stack.Folder(state), connected, functions, logs, secrets, outputs)
    finally:
        stack.down(state)
