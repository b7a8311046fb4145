"""The application as most would write it, to stand beside ours: a queue, one POST an event, one timer a minute.

It runs in threads of the benchmark, with what SQS and Lambda do by default: batches of ten messages, five workers, a
batch that raises comes again whole after 30 s, and lies in a dead letter queue after five receipts. The timer looks
through its table once a minute and asks for one operation after another; what is done it writes, and deletes the row.
Nothing paces the submits, nobody remembers what was sent, and there is no notice: a document's way ends with its text.

It uses the local stack's S3, SQS and DynamoDB and its OCR service, with buckets, queue and table of its own.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from benchmarks import stage
from benchmarks.figures import Say
from local import servers

MINUTE_SECONDS = 60.0
WORKERS = 5
BATCH = 10
RECEIPTS = 5
INVISIBLE_SECONDS = 30
PHASES_SECONDS = (5.0, 15.0, 25.0, 35.0, 45.0, 55.0)
"""After the timer: so an upload at each stands for all of a minute."""


@dataclass(slots=True)
class Plain:
    """The application, running. `texts` are when each key's text was written (epoch seconds)."""

    standing: stage.Stage
    bucket: str
    queue_url: str
    dead_letter_url: str
    table: str
    texts: dict[str, float] = field(default_factory=dict)
    ticked_at: float = 0.0
    ending: threading.Event = field(default_factory=threading.Event)

    def upload(self, key: str, content: bytes) -> float:
        """Puts the object, and its event as S3 would; when that began (epoch seconds)."""
        began_at = time.time()
        account = self.standing.account
        account.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        account.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps({"key": key}))
        return began_at

    def submit(self, messages: list[Any]) -> None:
        """The submit handler. Raises whatever goes wrong, and then all of its messages come again."""
        account = self.standing.account
        for message in messages:
            key = json.loads(message["Body"])["key"]
            content = account.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            body = {"mimeType": "PNG", "languageCodes": ["ru", "en"], "content": base64.b64encode(content).decode()}
            operation = json.loads(self.call("/ocr/v1/recognizeTextAsync", json.dumps(body).encode()))["id"]
            account.dynamodb.put_item(TableName=self.table, Item={"pk": {"S": operation}, "key": {"S": key}})

    def tick(self) -> None:
        """The timer's handler."""
        account = self.standing.account
        pages = account.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        for row in [row for page in pages for row in page["Items"]]:
            operation, key = row["pk"]["S"], row["key"]["S"]
            try:
                answer = self.call(f"/ocr/v1/getRecognition?operationId={urllib.parse.quote(operation)}")
            except urllib.error.HTTPError:
                continue  # not ready: the next minute's
            annotation = json.loads(answer)["result"]["textAnnotation"]
            account.s3.put_object(Bucket=self.bucket, Key=f"texts/{key}.txt", Body=annotation["fullText"].encode())
            self.texts.setdefault(key, time.time())
            account.dynamodb.delete_item(TableName=self.table, Key={"pk": {"S": operation}})

    def call(self, path: str, body: bytes | None = None) -> bytes:
        """A request to the OCR service. Raises HTTPError for any answer but a success."""
        headers = {"Authorization": f"Api-Key {servers.OCR_API_KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.standing.env["OCR_BASE_URL"] + path, body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            received: bytes = answer.read()
        return received

    def work(self) -> None:
        """What calls the submit handler, as Lambda does for a queue."""
        sqs = self.standing.account.sqs
        while not self.ending.is_set():
            answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=1)
            messages = answer.get("Messages", [])
            if not messages:
                continue
            try:
                self.submit(messages)
            except urllib.error.HTTPError:
                continue  # they come again
            for message in messages:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def time(self) -> None:
        """What calls the timer's handler."""
        next_at = time.monotonic()
        while not self.ending.wait(max(0.0, next_at - time.monotonic())):
            self.ticked_at = time.time()
            self.tick()
            next_at += MINUTE_SECONDS

    def given_up(self) -> int:
        """How many messages lie in the dead letter queue."""
        return self._counted(self.dead_letter_url)

    def waiting(self) -> int:
        """How many messages are still to come, or in work."""
        return self._counted(self.queue_url)

    def pending(self) -> int:
        """How many operations nobody has seen the end of."""
        return int(self.standing.account.dynamodb.scan(TableName=self.table, Select="COUNT")["Count"])

    def _counted(self, queue_url: str) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.standing.account.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(map(int, counts["Attributes"].values()))


@contextmanager
def running(standing: stage.Stage) -> Iterator[Plain]:
    """The application with nothing in it. Its timer begins with the block."""
    name = f"plain-{uuid.uuid4().hex}"
    account = standing.account
    place: Any = {"LocationConstraint": servers.REGION}
    account.s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    dead_url = account.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    dead = account.sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": RECEIPTS})
    attributes: Any = {"VisibilityTimeout": str(INVISIBLE_SECONDS), "RedrivePolicy": redrive}
    queue_url = account.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    account.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    plain = Plain(standing, name, queue_url, dead_url, name)
    threads = [threading.Thread(target=plain.work, daemon=True) for _ in range(WORKERS)]
    threads.append(threading.Thread(target=plain.time, daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield plain
    finally:
        plain.ending.set()
        for thread in threads:
            thread.join()


def latencies(standing: stage.Stage, say: Say) -> list[float]:
    """From upload to text, less the recognition, of uploads spread evenly over the timer's minute."""
    standing.admin("reset", {})
    began, hashes = {}, {}
    with running(standing) as plain:
        first_at = time.time()
        for number, phase in enumerate(PHASES_SECONDS):
            time.sleep(max(0.0, first_at + phase - time.time()))
            key, content = f"{number}.png", stage.image(900_000 + number)
            began[key], hashes[key] = plain.upload(key, content), sha256(content).hexdigest()
        until = time.monotonic() + 3 * MINUTE_SECONDS
        while began.keys() - plain.texts.keys():
            if time.monotonic() > until:
                raise TimeoutError("the baseline has not finished six uploads in three minutes")
            time.sleep(0.05)
    took = {recognition.sha256: recognition.seconds for recognition in standing.recognitions()}
    found = [plain.texts[key] - began[key] - took[hashes[key]] for key in began]
    say(f"baseline: {min(found):.1f}–{max(found):.1f} s")
    return found
