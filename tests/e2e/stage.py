"""A function's own handler runs in this process, with the variables that it is deployed with and the rights of a role,
on a stack of which nothing runs by itself."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config

import aws_events
import hundred
from e2e.whole_stack import WholeStack
from local import deployment
from pagekit.child.process import Child
from textdrop import bootstrap, observability
from textdrop.adapters.aws import items, sqs
from textdrop.adapters.aws.clients import CONFIG
from textdrop.adapters.clock import SystemClock
from textdrop.core import identity, keys, ledger
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    DueKind,
    Hold,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Period,
    Resume,
    Source,
    Step,
)
from textdrop.core.policy import Policy
from textdrop.core.prices import Prices
from textdrop.usecases import tick
from textdrop.usecases.accept import Message

QUEUES = ("UploadsQueueUrl", "UploadsDeadLetterQueueUrl", "DeliverQueueUrl", "DeliverAloneQueueUrl")
PREFIX = "permissions/"
INVOCATION_SECONDS = 300.0
AGO_SECONDS = 60.0
"""So long ago pages were sent: they are asked for at once."""
LONG_AGO_SECONDS = 2 * Policy().sum_after_seconds
"""So long ago runs ended: they are summed."""
HURRIED = Policy(tick_settle_seconds=0, tick_stay_seconds=0)
"""A tick ends as soon as nothing is due."""


class NotDone(AssertionError):
    """The function could not do what it must."""


class _Journal(observability.LambdaJournal):
    """Keeps what failed in `failures`, as the log would tell it."""

    failures: list[str]

    def failed(self, event: str, error: BaseException, **fields: str | float | None) -> None:
        self.failures.append(f"{event}: {type(error).__name__}: {error}")


class _Clock(SystemClock):
    """Waits for nothing once something has failed: it is not tried again."""

    failures: list[str]

    def sleep(self, seconds: float) -> None:
        if self.failures:
            raise NotDone
        super().sleep(seconds)


@dataclass(slots=True)
class Stage:
    """The stack that stands still, and the `rights` that a handler has: the variables of credentials; none: all rights.

    `model` is a document of one page that the OCR service has recognised, `asked` its page's operation.
    """

    whole: WholeStack
    variables: Mapping[str, Mapping[str, str]]
    child: Child
    rights: Mapping[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    body: bytes = b""
    operation_id: str = ""

    # --- running handlers ---------------------------------------------------------------------------------------------

    def run(
        self,
        function: str,
        *bodies: str,
        event: object = None,
        seconds: float = INVOCATION_SECONDS,
        expected: Sequence[str] = (),
        pages_per_day: int = 0,
    ) -> Any:
        """What the function's handler answers to messages, or to an event, on a stack with this cap. Raises NotDone if
        anything fails in it but what is expected to."""
        with self.process(function, pages_per_day):
            context = SimpleNamespace(
                function_name=f"{deployment.STACK}-{function}",
                memory_limit_in_mb=1024,
                invoked_function_arn=f"arn:aws:lambda:::function:{deployment.STACK}-{function}",
                aws_request_id="1",
                get_remaining_time_in_millis=lambda: int(seconds * 1000),
            )
            if bodies:
                event = aws_events.queue_event([Message(str(n), body) for n, body in enumerate(bodies)])
            try:
                answer = import_module(f"functions.{function}.handler").handler(event or {}, context)
            except Exception as error:  # noqa: BLE001 - whatever leaves the handler, it has not done what it must
                self.failures.append(f"{type(error).__name__}: {error}")
        failures = [failure for failure in self.failures if failure.partition(":")[0] not in expected]
        if failures:
            raise NotDone("; ".join(failures))
        return answer

    @contextmanager
    def process(self, function: str, pages_per_day: int = 0) -> Iterator[None]:
        """This process is one of the function's, that has just begun, on a stack with this cap."""
        variables = {name: value for name, value in self.whole.env.items() if name.startswith("AWS_")}
        variables |= {**self.variables[function], **self.rights, "PAGES_PER_DAY": str(pages_per_day)}
        self.failures.clear()
        _Journal.failures = _Clock.failures = self.failures
        session = SimpleNamespace(client=partial(_client, tuple(variables.get(name, "") for name in _CREDENTIALS)))
        with (
            warnings.catch_warnings(action="ignore"),
            mock.patch.dict(os.environ, variables),
            mock.patch.object(sqs, "WAIT_SECONDS", 0),
            mock.patch.object(tick, "REFRESH_SECONDS", 0.05),
            mock.patch.multiple(bootstrap, session=lambda: session, LambdaJournal=_Journal, Child=lambda: self.child),
            mock.patch.multiple(bootstrap, Policy=lambda: HURRIED, SystemClock=_Clock),
        ):
            for made in vars(bootstrap).values():
                if hasattr(made, "cache_clear"):
                    made.cache_clear()
            yield

    def recognise(self) -> None:
        """The OCR service has recognised a page, whose operation and result the acts use."""
        self.clear()
        source = self.upload()
        self.run("submit", aws_events.event(source))
        self.run("poll")
        document = self.expect(source, DocumentState.DELIVERING, Outcome.SUCCEEDED)
        key = {"pk": {"S": document.id}, "sk": {"S": items.operation_key(document.id, 1, 1)[1]}}
        row = self.whole.account.dynamodb.get_item(TableName=self.whole.account.table_name, Key=key)["Item"]
        described = items.to_operation(row).described
        assert described is not None
        self.operation_id = described.id
        stored = self.whole.account.s3.get_object(
            Bucket=self.whole.account.results_bucket, Key=keys.page(document.id, 1, 1)
        )
        self.body = stored["Body"].read()

    # --- what was before ----------------------------------------------------------------------------------------------

    def upload(self, content: bytes = b"", *, key: str = "", versioned: bool = True, **metadata: str) -> Source:
        """A new upload, as its event tells of it; without versions it has none there."""
        number = next(self.numbers)
        content = content or hundred.image(number)
        key = key or f"{PREFIX}{number:04d}"
        version = self.whole.upload(key, content, **metadata)
        seen = self.whole.account.s3.head_object(Bucket=self.whole.account.uploads_bucket, Key=key)
        source = Source(
            self.whole.account.uploads_bucket,
            key,
            version if versioned else "",
            seen["ETag"].strip('"'),
            len(content),
            sequencer=f"{number:016X}",
            event_at=seen["LastModified"].timestamp(),
            last_modified=seen["LastModified"].timestamp(),
        )
        self.sources.append(source)
        self.versions.append((key, version))
        return source

    def delete(self, source: Source) -> None:
        """The uploaded version is gone."""
        self.whole.account.s3.delete_object(Bucket=source.bucket, Key=source.key, VersionId=source.version_id)

    def put_row(self, item: Mapping[str, Any]) -> None:
        """The table has the row."""
        self.whole.account.dynamodb.put_item(TableName=self.whole.account.table_name, Item=item)

    def clear(self) -> None:
        """Nothing is left of acts before: no upload and no row of theirs, and no message."""
        today, long_ago = ledger.day(time.time()), ledger.day(time.time() - LONG_AGO_SECONDS)
        gone = [items.TICK_KEY, items.RECONCILE_RUN_KEY, items.day_key(long_ago), items.caps_key(today[:7])]
        for source in self.sources:
            document = identity.document_id(source)
            gone.append(items.document_key(document))
            for run in (1, 2):
                gone += [items.operation_key(document, run, 1), items.run_key(document, run)]
        for key, version in self.versions:
            bucket = self.whole.account.uploads_bucket
            self.whole.account.s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
        for pk, sk in gone:
            self.whole.account.dynamodb.delete_item(
                TableName=self.whole.account.table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}
            )
        self.sources.clear()
        self.versions.clear()
        for queue in QUEUES:
            self.whole.account.sqs.purge_queue(QueueUrl=self.whole.output(queue))

    def row(self, source: Source) -> Document:
        """The document's row."""
        found = self.whole.row(identity.document_id(source))
        if found is None:
            raise NotDone("there is no row")
        return items.to_document(found)

    def expect(self, source: Source, state: DocumentState, outcome: Outcome | None = None) -> Document:
        """The document's row, which has come so far; NotDone else."""
        row = self.row(source)
        if row.state is not state or (outcome is not None and row.outcome is not outcome):
            raise NotDone(f"the row is {row.state}, {row.outcome}")
        return row

    def sent(self, queue: str) -> list[str]:
        """The messages of a queue, which has none of them any more."""
        sqs, url = self.whole.account.sqs, self.whole.output(queue)
        bodies: list[str] = []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
        return bodies

    def running(
        self, now: float, *outputs: Output, due_kind: DueKind = DueKind.RECHECK, asked: bool = False
    ) -> Document:
        """A document of one page, which the OCR service has recognised; nobody has asked for it yet, or who has died
        before the document knew, which is due."""
        source = self.upload()
        document = Document(
            identity.document_id(source),
            source,
            DocumentState.RECOGNIZING,
            accepted_at=now - AGO_SECONDS,
            due_kind=due_kind,
            due_at=now - 1 if asked else now + 900,
            options=Options(("ru", "en"), "page", outputs=outputs),
            media_type="image/png",
            file_pages=1,
            pages=1,
            unfinished=frozenset({1}),
        )
        operation = Operation(
            document.id,
            run=1,
            page=1,
            state=OperationState.RUNNING,
            holder_rev=1,
            described=OperationDescription(id=self.operation_id),
            submitted_at=now - AGO_SECONDS,
            deadline_at=now + 3600,
            due_kind=DueKind.ASK,
            due_at=now - AGO_SECONDS,
        )
        if asked:
            operation = replace(operation, state=OperationState.RECOGNIZED, due_kind=None, due_at=None, finished_at=now)
        self.put_row(items.of_document(document))
        self.put_row(items.of_operation(operation))
        return document

    def held(self, now: float) -> Document:
        """A document of one page that is held over a cap, as was told."""
        running = self.running(now)
        document = replace(
            running,
            state=DocumentState.HELD,
            due_kind=DueKind.HELD,
            due_at=running.accepted_at,
            hold=Hold(Period.DAY, pages=1),
            hold_told=True,
        )
        self.put_row(items.of_document(document))
        self.put_row(items.of_operation(Operation(document.id, 1, 1, OperationState.WAITING, holder_rev=1)))
        return document

    def reserved(self) -> int:
        """How many pages are reserved today."""
        today = ledger.day(time.time())
        pk, sk = items.caps_key(today[:7])
        found = self.whole.account.dynamodb.get_item(
            TableName=self.whole.account.table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
        )
        return items.to_used(found["Item"], today).on_day if "Item" in found else 0

    def ended(self, now: float) -> Document:
        """A document of one recognised page that is final, its row in the ledger too."""
        self.to_deliver(self.upload(), now)
        document = replace(self.row(self.sources[-1]), state=DocumentState.FINAL, due_kind=None, due_at=None, step=None)
        self.put_row(items.of_document(document))
        self.put_row(items.of_run(ledger.run_of(document, now, Prices())))
        return document

    def to_deliver(self, source: Source, now: float, *outputs: Output, media_type: str = "application/pdf") -> Resume:
        """A document of one recognised page whose outcome is fixed, and what hands it to deliver."""
        document = Document(
            identity.document_id(source),
            source,
            DocumentState.DELIVERING,
            accepted_at=now - 2,
            due_kind=DueKind.DELIVER,
            due_at=now + 900,
            options=Options(("ru", "en"), "page", outputs=outputs, outputs_from="metadata"),
            media_type=media_type,
            file_pages=1,
            pages=1,
            outcome=Outcome.SUCCEEDED,
            pages_recognized=1,
            billed=Billed(submitted=1),
            outcome_at=now,
            step=Step.RENDER if outputs else Step.FILES,
        )
        described = OperationDescription(id=self.operation_id)
        operation = Operation(
            document.id, 1, 1, OperationState.RECOGNIZED, holder_rev=1, described=described, finished_at=now
        )
        self.put_row(items.of_document(document))
        self.put_row(items.of_operation(operation))
        self.whole.account.s3.put_object(
            Bucket=self.whole.account.results_bucket, Key=keys.page(document.id, 1, 1), Body=self.body
        )
        return Resume(document.id, document.rev)


_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")


@cache
def _client(credentials: tuple[str, ...], service: str) -> Any:
    """One client for all processes with the same rights. Its authority is the environment's."""
    key, secret, token, region, endpoint = credentials
    session = boto3.Session(key, secret, token or None, region)
    make: Callable[..., Any] = session.client
    verify = os.environ["AWS_CA_BUNDLE"]
    return make(service, endpoint_url=endpoint, verify=verify, config=CONFIG.merge(Config(proxies={})))
