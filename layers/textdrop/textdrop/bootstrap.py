"""Assembles adapters and use cases, once for each process. The only place that knows both."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Protocol

from pagekit.child.process import Child
from pagekit.limits import FileLimits
from pagekit.opening import open_document
from textdrop.adapters.aws.clients import session
from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoDocuments, DynamoNewestUploads
from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.functions import LambdaFunction
from textdrop.adapters.aws.items import PAUSE_KEY, RECONCILE_RUN_KEY
from textdrop.adapters.aws.ledger_table import DynamoLedger, DynamoSums
from textdrop.adapters.aws.reservations_table import DynamoReservations
from textdrop.adapters.aws.s3 import S3Results, S3Sources
from textdrop.adapters.aws.secrets import read_secret
from textdrop.adapters.aws.sent_pages_table import DynamoSentPages
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.adapters.aws.sqs import SqsDeadLetters, SqsQueue
from textdrop.adapters.aws.uploads_listing import S3UploadListing
from textdrop.adapters.clock import SystemClock
from textdrop.adapters.threads import ParallelThreads, ThreadWorkers
from textdrop.adapters.yandex.client import YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.adapters.yandex.recognition import read_page
from textdrop.core import options, prices
from textdrop.core.caps import Caps
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from textdrop.core.reconciling import ReconcileRun, SourceBucket
from textdrop.observability import LambdaJournal
from textdrop.ports import ControlPorts, DeliverPorts, Notices, PollPorts, ReconcilePorts, Renderers, SubmitPorts
from textdrop.settings import (
    ControlFunctionSettings,
    DeliverFunctionSettings,
    OcrSettings,
    PollFunctionSettings,
    RecognitionSettings,
    ReconcileFunctionSettings,
    SubmitFunctionSettings,
    read,
)
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.reconcile import record_source
from textdrop.usecases.submit import SubmitSettings
from textdrop.usecases.tick import PollSettings

SUBMIT_THREADS = 8
"""Enough for a batch's five documents at once: each sends pages in its own thread."""

SUBMIT_HELPERS = 7
"""More threads for documents of several pages. (Threads + helpers) × concurrent functions are the submits in flight."""

POLL_THREADS = 32
"""An ask holds one for about six calls: a result that was read is stored, and its document concluded."""

DELIVER_THREADS = 20
"""All the documents of a message at once."""

DELIVER_HELPERS = 24
"""More threads, for the parallel calls of one document."""

CONTROL_HELPERS = 15
"""More threads, for rows that are read or written in parallel."""

STEP_SPARE_SECONDS = 5.0


class LambdaContext(Protocol):
    """What we use of the context that Lambda gives a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """How long until this invocation is ended by force."""


def deadline(context: LambdaContext) -> float:
    """When this invocation is ended by force, in epoch seconds."""
    return SystemClock().now() + context.get_remaining_time_in_millis() / 1000


def submit() -> tuple[SubmitPorts, SubmitSettings]:
    """The submit function's ports and settings, ready for one invocation. Raises SettingsError."""
    ports, settings, ocr = _submit()
    # A connection kept from an earlier invocation may be dead; a POST on it would count as a lost answer.
    ocr.new_connections()
    ocr.connect_ahead()
    return ports, settings


def poll() -> tuple[PollPorts, PollSettings]:
    """The poll function's ports and settings, ready for one invocation. Raises SettingsError."""
    ports, settings, ocr = _poll()
    try:
        _record_source()
    except StoreUnavailable as error:
        ports.journal.failed("source_not_recorded", error)  # the next tick tries again
    ocr.new_connections()
    return ports, settings


@cache
def _submit() -> tuple[SubmitPorts, SubmitSettings, YandexOcr]:
    settings = read(SubmitFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    s3 = session().client("s3")
    ocr = _ocr(settings)
    journal = LambdaJournal()
    ports = SubmitPorts(
        clock=SystemClock(),
        documents=DynamoDocuments(table),
        ledger=DynamoLedger(table),
        quota=DynamoSubmitQuota(table),
        reservations=DynamoReservations(table),
        sent_pages=DynamoSentPages(table),
        pause=DynamoVersionedRow(table, PAUSE_KEY, Pause()),
        tick=DynamoTickRow(table),
        sources=S3Sources(s3),
        results=S3Results(s3, settings.results_bucket, settings.results_prefix),
        ocr=ocr,
        open_document=partial(open_document, child=Child()),
        received=SqsQueue(session().client("sqs"), settings.uploads_queue_url),
        poller=LambdaFunction(session().client("lambda"), settings.poll_function_name),
        workers=ThreadWorkers(SUBMIT_THREADS, partial(journal.failed, "task_died")),
        run_parallel=ParallelThreads(SUBMIT_HELPERS),
        journal=journal,
        policy=Policy(),
    )
    limits = FileLimits(max_pages=settings.max_pages)
    chosen = SubmitSettings(
        settings.languages,
        settings.model,
        settings.submits_per_second,
        limits,
        source_bucket=settings.source_bucket,
        source_prefix=settings.source_prefix,
        outputs=settings.outputs,
        pages=settings.pages,
        reuse=_reuse(settings),
        allowed_models=settings.allowed_models,
        caps=_caps(settings),
    )
    return ports, chosen, ocr


@cache
def _poll() -> tuple[PollPorts, PollSettings, YandexOcr]:
    settings = read(PollFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    results = S3Results(session().client("s3"), settings.results_bucket, settings.results_prefix)
    sqs = session().client("sqs")
    ocr = _ocr(settings)
    journal = LambdaJournal()
    ports = PollPorts(
        clock=SystemClock(),
        documents=DynamoDocuments(table),
        reservations=DynamoReservations(table),
        pause=DynamoVersionedRow(table, PAUSE_KEY, Pause()),
        tick=DynamoTickRow(table),
        results=results,
        ocr=ocr,
        resumes=SqsQueue(sqs, settings.uploads_queue_url),
        deliveries=SqsQueue(sqs, settings.deliver_queue_url),
        deliveries_alone=SqsQueue(sqs, settings.deliver_alone_queue_url),
        poller=LambdaFunction(session().client("lambda"), settings.poll_function_name),
        workers=ThreadWorkers(POLL_THREADS, partial(journal.failed, "task_died")),
        journal=journal,
        policy=Policy(),
    )
    step_seconds = ocr.ask_total_seconds + results.total_seconds + STEP_SPARE_SECONDS
    chosen = PollSettings(settings.reads_per_second, settings.submits_per_second, step_seconds, _caps(settings))
    return ports, chosen, ocr


@cache
def _record_source() -> None:
    """The table says since when uploads are taken from this source, within a minute of a deployment, as poll is
    scheduled. Written once a process, whose environment does not change."""
    settings = read(PollFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    record_source(_reconcile_run(table), _source(settings), SystemClock().now())


@cache
def deliver() -> DeliverPorts:
    """The deliver function's ports. Raises SettingsError."""
    # Only this function needs what outputs are made of, so only it pays for importing that.
    from pagekit.child.searchable_pdf import searchable_pdf
    from pagekit.outputs.csv_files import csv_files
    from pagekit.outputs.markdown import markdown
    from pagekit.outputs.tables import no_tables_note
    from pagekit.outputs.workbook import workbook

    settings = read(DeliverFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    s3 = session().client("s3")
    journal = LambdaJournal()
    return DeliverPorts(
        clock=SystemClock(),
        documents=DynamoDocuments(table),
        newest=DynamoNewestUploads(table),
        ledger=DynamoLedger(table),
        reservations=DynamoReservations(table),
        sent_pages=DynamoSentPages(table),
        prices=prices.parse(settings.prices, settings.prices_currency),
        sources=S3Sources(s3),
        results=S3Results(s3, settings.results_bucket, settings.results_prefix),
        read_page=read_page,
        renderers=Renderers(
            markdown=markdown,
            csv_files=partial(csv_files, bom=settings.csv_bom),
            workbook=workbook,
            searchable_pdf=partial(searchable_pdf, Child()),
            no_tables=no_tables_note,
        ),
        notices=_notices(settings),
        workers=ThreadWorkers(DELIVER_THREADS, partial(journal.failed, "task_died")),
        run_parallel=ParallelThreads(DELIVER_HELPERS),
        journal=journal,
        policy=Policy(),
    )


@cache
def reconcile() -> ReconcilePorts:
    """The reconcile function's ports. Raises SettingsError."""
    settings = read(ReconcileFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    sqs = session().client("sqs")
    source = _source(settings)
    return ReconcilePorts(
        clock=SystemClock(),
        documents=DynamoDocuments(table),
        source=source,
        uploads=S3UploadListing(session().client("s3"), source.name, source.prefix),
        queue=SqsQueue(sqs, settings.uploads_queue_url),
        dead_letters=SqsDeadLetters(sqs, settings.dead_letter_queue_url, settings.uploads_queue_url),
        ledger=DynamoLedger(table),
        sums=DynamoSums(table),
        progress=_reconcile_run(table),
        successor=LambdaFunction(session().client("lambda"), settings.reconcile_function_name),
        journal=LambdaJournal(),
        policy=Policy(),
    )


@cache
def _control() -> tuple[ControlPorts, ControlSettings, YandexOcr]:
    settings = read(ControlFunctionSettings, os.environ)
    table = Table(session().client("dynamodb"), settings.table_name)
    s3 = session().client("s3")
    ocr = _ocr(settings)
    source = _source(settings)
    ports = ControlPorts(
        clock=SystemClock(),
        documents=DynamoDocuments(table),
        source=source,
        newest=DynamoNewestUploads(table),
        ledger=DynamoLedger(table),
        sums=DynamoSums(table),
        reservations=DynamoReservations(table),
        sent_pages=DynamoSentPages(table),
        prices=prices.parse(settings.prices, settings.prices_currency),
        pause=DynamoVersionedRow(table, PAUSE_KEY, Pause()),
        tick=DynamoTickRow(table),
        sources=S3Sources(s3),
        uploads=partial(S3UploadListing, s3, source.name),
        ocr=ocr,
        open_document=partial(open_document, child=Child()),
        poller=LambdaFunction(session().client("lambda"), settings.poll_function_name),
        run_parallel=ParallelThreads(CONTROL_HELPERS),
        journal=LambdaJournal(),
        policy=Policy(),
    )
    chosen = ControlSettings(
        settings.languages,
        settings.model,
        settings.submits_per_second,
        settings.results_bucket,
        settings.results_prefix,
        outputs=settings.outputs,
        pages=settings.pages,
        reuse=_reuse(settings),
        allowed_models=settings.allowed_models,
        caps=_caps(settings),
        max_pages=settings.max_pages,
        ocr_base_url=settings.ocr_base_url,
        operation_base_url=settings.operation_base_url,
    )
    return ports, chosen, ocr


def control() -> tuple[ControlPorts, ControlSettings]:
    """The control function's ports and settings, ready for one invocation. Raises SettingsError."""
    ports, settings, ocr = _control()
    ocr.new_connections()
    return ports, settings


def _caps(settings: RecognitionSettings | PollFunctionSettings) -> Caps:
    return Caps(settings.pages_per_day, settings.pages_per_month)


def _reuse(settings: RecognitionSettings) -> str:
    return options.YES if settings.reuse else options.NO


def _notices(settings: DeliverFunctionSettings) -> list[Notices]:
    topic = SnsNotices(session().client("sns"), settings.results_topic_arn)
    if not settings.event_bus_name:
        return [topic]
    # Its client is made only if a bus is named: a cold start would pay for it.
    from textdrop.adapters.aws.eventbridge import EventBridgeNotices

    return [topic, EventBridgeNotices(session().client("events"), settings.event_bus_name)]


def _source(settings: PollFunctionSettings | ReconcileFunctionSettings | ControlFunctionSettings) -> SourceBucket:
    return SourceBucket(settings.source_bucket, settings.source_prefix, settings.own_source_bucket, settings.stack_id)


def _reconcile_run(table: Table) -> DynamoVersionedRow[ReconcileRun]:
    return DynamoVersionedRow(table, RECONCILE_RUN_KEY, ReconcileRun())


def _ocr(settings: OcrSettings) -> YandexOcr:
    secrets = session().client("secretsmanager")
    return YandexOcr(
        ocr_base_url=settings.ocr_base_url,
        operation_base_url=settings.operation_base_url,
        credentials=Credentials(
            lambda: read_secret(secrets, settings.credentials_secret_arn), iam_base_url=settings.iam_base_url
        ),
        folder_id=settings.folder_id,
    )
