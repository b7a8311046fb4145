"""A local stack of the soak's own, with a faulty way to AWS for its functions, and what is asked of it."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from e2e import account
from e2e.whole_stack import WholeStack
from lambda_runtime import emulator
from local import deployment, stack
from soak.evidence import Put
from soak.uploads import Upload
from textdrop.adapters.aws.items import to_document, to_operation
from textdrop.core import identity, keys
from textdrop.core.documents import Document, DueKind, Operation, Source

FUNCTIONS = ("submit", "poll", "deliver", "reconcile")
TIMEOUTS = {"submit": 60, "poll": 90, "deliver": 90}
"""Seconds, in place of the template's 300, 120 and 900: what a killed worker held is free again after so long, and 5 s.
Much less would leave no time for a write to S3, which may take 34 s with all its tries and is not begun later."""
TICK_SECONDS = 10.0
"""In place of the schedule's 60."""
VISIBILITY_SECONDS = 90
"""In place of the template's 1,800 and 5,400: when a message of a killed worker comes again."""
QUEUES = ("UploadsQueueUrl", "DeliverQueueUrl", "DeliverAloneQueueUrl")


@dataclass(slots=True)
class Site(WholeStack):
    """The running stack. `bodies` are those of the notices."""

    bodies: list[str] = field(default_factory=list)

    def go_through(self, proxy_url: str) -> None:
        """From now on the functions reach AWS through the proxy alone, and have the soak's timeouts."""
        while self.messages("UploadsQueueUrl"):  # S3's test: a function that starts must not be changed
            time.sleep(0.2)
        layers = emulator.layers(self.state_folder / "build")
        variables = {"AWS_ENDPOINT_URL": proxy_url, "AWS_CA_BUNDLE": str(stack.Folder(self.state_folder).certificate)}
        with self.client("lambda") as functions:
            for name in FUNCTIONS:
                deployment.find_layers_where_built(functions, name, layers, variables, TIMEOUTS.get(name))
        for queue in QUEUES:
            self.account.sqs.set_queue_attributes(
                QueueUrl=self.output(queue), Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
            )

    def use_credentials(self, content: str) -> None:
        """The secret holds these; a process that knows others goes on with them as long as it lives."""
        with self.client("secretsmanager") as secrets:
            secrets.put_secret_value(SecretId=self.output("CredentialsSecretArn"), SecretString=content)

    def invoke(self, function: str, event: object) -> None:
        """Invokes a function; nobody waits for it."""
        with self.client("lambda") as functions:
            name = f"{deployment.STACK}-{function}"
            functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    def keep_polling(self, stop: threading.Event) -> None:
        """Invokes poll as its schedule does, but every TICK_SECONDS, until it is told to stop."""
        while not stop.wait(TICK_SECONDS):
            self.invoke("poll", {})

    def put(self, upload: Upload) -> Put:
        """Makes the upload."""
        version = self.upload(upload.key, upload.content, **upload.metadata)
        return Put(upload, identity.document_id(Source(self.account.uploads_bucket, upload.key, version)))

    def rows(self) -> tuple[dict[str, Document], dict[str, list[Operation]]]:
        """Every document by its id, and its operations by page."""
        documents: dict[str, Document] = {}
        operations: dict[str, list[Operation]] = {}
        scan = self.account.dynamodb.get_paginator("scan")
        for page in scan.paginate(TableName=self.account.table_name, ConsistentRead=True):
            for item in page["Items"]:
                if item["sk"]["S"] == "document":
                    documents[item["pk"]["S"]] = to_document(item)
                elif item["sk"]["S"].startswith("operation#"):
                    operations.setdefault(item["pk"]["S"], []).append(to_operation(item))
        for rows in operations.values():
            rows.sort(key=lambda row: row.page)
        return documents, operations

    def due(self) -> int:
        """How many rows the index of due work holds."""
        query = self.account.dynamodb.get_paginator("query")
        found = [
            query.paginate(
                TableName=self.account.table_name,
                IndexName="due",
                KeyConditionExpression="due_kind = :kind",
                ExpressionAttributeValues={":kind": {"S": str(kind)}},
                Select="COUNT",
            )
            for kind in DueKind
        ]
        return sum(page["Count"] for pages in found for page in pages)

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

    def take_notices(self, stop: threading.Event) -> None:
        """Takes in notices until it is told to stop and none is left."""
        while True:
            ending = stop.is_set()
            fresh = account.receive(self.account, self.env["NOTICES_QUEUE_URL"], wait_seconds=0 if ending else 1)
            self.bodies += fresh
            if ending and not fresh:
                return

    def files(self) -> dict[str, bytes]:
        """The objects of the results bucket by key, but for the pages as received."""
        bucket = self.account.results_bucket
        there = account.keys_below(self.account, bucket, "")
        wanted = [key for key in there if not (key.startswith(keys.OWN_FOLDER) and "/pages/" in key)]

        def read(key: str) -> bytes:
            return self.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

        with ThreadPoolExecutor(4) as threads:
            return dict(zip(wanted, threads.map(read, wanted), strict=True))

    def logs(self) -> dict[str, list[str]]:
        """What each function has logged."""
        return {name: self.logged(name) for name in FUNCTIONS}
