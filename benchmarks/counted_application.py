"""The whole application with its real handlers, use cases and AWS adapters, on AWS in this process and virtual time.

Every request that the adapters send is counted (`billing`), every byte that the functions log is, and every
millisecond that Lambda would bill: each request takes the time that is stated here, and the processor's time is this
process's own, stretched to the share of a processor that a function has by its memory. The OCR service answers from
memory.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto import mock_aws
from PIL import Image

from aws_events import event
from benchmarks.billing import Billed
from benchmarks.virtual import VirtualClock, VirtualWorkers, World
from benchmarks.virtual_stack import Poll, Stack, Submit
from contract.moto_aws import REGION, MotoBucket, make_table
from fakes.faults import Faults
from fakes.messages import FakeFunction
from fakes.ocr import FakeOcr
from fakes.running import inline_crew
from local import cloudformation, servers
from local.ocr.annotation import Block, Line, Page, Word, text_annotation
from local.ocr.protocol import result_line
from pagekit.page import RecognisedPage
from textdrop.core.answers import NotReady, Recognition
from textdrop.ports import Clock

MEMORY_MB = {name: cloudformation.memory_mb(name) for name in ("submit", "poll")}
WHOLE_PROCESSOR_MB = 1769
LATENCY_SECONDS = {
    "dynamodb": 0.005,
    "sqs": 0.010,
    "sns": 0.020,
    "s3": 0.030,
    "ocr.submit": 0.150,
    "ocr.result": 0.080,
    "lambda": 0.030,
}
"""What a request takes within a region, and to the OCR service; rounded up from what is usually seen."""

INIT_SECONDS = 0.6
SIGMA = 0.4
"""Of the lognormal times of recognition."""

ASYNC_SECONDS = 0.05
REPORT_BYTES = 350
"""Lambda's own lines of an invocation: START, END and REPORT."""

LINE_BYTES = 26
"""CloudWatch Logs counts so many for each event besides its text."""

SERVICE = "textdrop-submit"
TABLE, TOPIC = "textdrop", "notices"
WORDS_A_LINE, LINES = 10, 40


class SlowAws(Billed):
    """Requests take their time on the world's clock."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        host = request.url.partition("//")[2]
        service = next((name for name in ("dynamodb", "sqs", "sns") if host.startswith(name)), "s3")
        with self._meter.call(LATENCY_SECONDS[service]):
            return super()._send(request)


class Meter:
    """Charges what a thread of a function does: the processor's time before a call, then the call's own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mark = threading.local()

    @contextmanager
    def call(self, seconds: float) -> Iterator[None]:
        """What is done inside takes no processor's time, but so many seconds."""
        self.charge()
        yield
        if self._world.current is not None:
            self._world.sleep(seconds)
        self._mark.at = time.thread_time()

    def charge(self) -> None:
        """The function's one processor is busy for what this thread has done since it was last charged."""
        fibre = self._world.current
        if fibre is None or not isinstance(fibre.owner, Environment):
            return
        used = max(0.0, time.thread_time() - getattr(self._mark, "at", 0.0))
        environment = fibre.owner
        begins = max(self._world.now, environment.busy_until)
        environment.busy_until = begins + used * max(1.0, WHOLE_PROCESSOR_MB / MEMORY_MB[environment.name])
        self._world.sleep(environment.busy_until - self._world.now)
        self._mark.at = time.thread_time()


class MeteredClock(VirtualClock):
    """A clock whose sleepers have been charged before."""

    def __init__(self, world: World, seed: int, meter: Meter) -> None:
        super().__init__(world, seed)
        self._meter = meter

    def sleep(self, seconds: float) -> None:
        with self._meter.call(seconds):
            pass


class PageOcr(FakeOcr):
    """Takes what the real client would send, and answers with a page of text as the service does, after a time around
    the median."""

    def __init__(self, clock: Clock, median_seconds: float, sigma: float, meter: Meter) -> None:
        super().__init__(clock, Faults())
        self._median_seconds, self._sigma, self._random = median_seconds, sigma, random.Random(1)
        self._meter = meter
        self._client = _yandex()
        self.bytes_sent = 0

    def prepare(self, content: bytes, media_type: str, languages: Any, model: str) -> bytes:
        prepared: bytes = self._client.prepare(content, media_type, languages, model)
        return prepared

    def submit(self, body: bytes, client_request_id: str) -> Any:
        self.bytes_sent += len(body)
        self.seconds = self._median_seconds * math.exp(self._random.gauss(0.0, self._sigma))
        with self._meter.call(LATENCY_SECONDS["ocr.submit"]):
            return super().submit(body, client_request_id)

    def result(self, operation_id: str) -> Recognition | NotReady:
        with self._meter.call(LATENCY_SECONDS["ocr.result"]):
            answer = super().result(operation_id)
        if isinstance(answer, Recognition):
            self._client.read_page(page_of_text())  # as the real client looks into it
            return Recognition(page_of_text(), answer.trace)
        return answer

    def read_page(self, body: bytes) -> RecognisedPage:
        page: RecognisedPage = self._client.read_page(body)
        return page


def _yandex() -> Any:
    from textdrop.adapters.yandex.client import YandexOcr
    from textdrop.adapters.yandex.credentials import Credentials

    credentials = Credentials(lambda: "{}", iam_base_url="https://127.0.0.1:9")
    return YandexOcr(
        ocr_base_url="https://127.0.0.1:9",
        operation_base_url="https://127.0.0.1:9",
        credentials=credentials,
        folder_id="",
    )


@cache
def page_of_text() -> bytes:
    """A result as the service gives it: a page of 40 lines of ten words."""

    def line(number: int) -> Line:
        top = 100 + 40 * number
        words = tuple(
            Word(f"слово{number % 10}{place}", (100 + 160 * place, top, 240 + 160 * place, top + 30))
            for place in range(WORDS_A_LINE)
        )
        return Line(words, (100, top, 100 + 160 * WORDS_A_LINE, top + 30))

    lines = tuple(line(number) for number in range(LINES))
    page = Page(2480, 3508, (Block(lines, (100, 100, 1700, 100 + 40 * LINES), ("ru",)),))
    return result_line(text_annotation(page), 0)


class Log(io.StringIO):
    """What the functions write: counted, and the last of it kept. `metrics` are the names published by the hour."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.bytes = 0
        self.metrics: set[str] = set()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                self.lines += 1
                self.bytes += len(line.encode()) + LINE_BYTES
                if '"_aws"' in line:
                    told = json.loads(line)
                    [directive] = told["_aws"]["CloudWatchMetrics"]
                    self.metrics |= {metric["Name"] for metric in directive["Metrics"]}
        return len(text)


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler, as far as it is used."""

    deadline: float
    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:textdrop"
    aws_request_id: str = "8f5d3a44-7a6b-4a2c-9b1e-0d7c5f1e2a3b"


class Environment:
    """A function's process: its handler, and what `bootstrap` gives it."""

    def __init__(self, name: str, handler: Callable[[Any, Any], Any], made: tuple[Any, Any]) -> None:
        self.name = name
        self.made = made
        self.busy_until = 0.0
        self._handler = handler

    def submit(self, batch: list[Any], deadline: float) -> list[str]:
        records = [{"messageId": message.id, "body": message.body} for message in batch]
        answer = self._handler({"Records": records}, self._context(deadline))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def poll(self, deadline: float) -> None:
        self._handler({}, self._context(deadline))

    def _context(self, deadline: float) -> Context:
        return Context(deadline, f"textdrop-{self.name}", MEMORY_MB[self.name])


def image() -> bytes:
    """A JPEG of about 200 KB."""
    picture = Image.effect_noise((560, 560), 60.0)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=90)
    return content.getvalue()


def unlike(content: bytes, number: int) -> bytes:
    """The JPEG with a comment, so that no two are alike."""
    comment = b"%010d" % number
    return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]


@dataclass
class Application:
    """Uploads go in; `run` lets time pass until so many documents are final."""

    recognition_seconds: float
    sigma: float = SIGMA
    world: World = field(default_factory=World)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.meter = Meter(self.world)
        self.clock = MeteredClock(self.world, 1, self.meter)
        self.aws = SlowAws(self.meter)
        self.ocr = PageOcr(self.clock, self.recognition_seconds, self.sigma, self.meter)
        self.clients = {name: self.aws.client(name) for name in ("dynamodb", "s3", "sns", "sqs")}
        make_table(self.clients["dynamodb"], TABLE)
        self._uploads = MotoBucket(self.clients["s3"], "uploads")
        self.results = MotoBucket(self.clients["s3"], "results")
        self.topic = self.clients["sns"].create_topic(Name=TOPIC)["TopicArn"]
        self.queue = self.clients["sqs"].create_queue(QueueName="uploads")["QueueUrl"]
        self.stack = Stack(self.world, self._submit, self._poll, async_seconds=ASYNC_SECONDS, init_seconds=INIT_SECONDS)
        self.poller = FakeFunction("poller", Faults(), on_invoke=self._invoke_poll)
        self._image = image()
        self._uploaded = 0
        self.aws.counts.clear()
        self._handlers = {name: _handler(name).handler for name in MEMORY_MB}

    def upload(self) -> None:
        """One upload of one page, with its event in the queue. What the uploader's own request costs is not counted."""
        self._uploaded += 1
        before = Counter(self.aws.counts)
        source = self._uploads.put(f"inbox/2023/scan-{self._uploaded:05d}.jpg", unlike(self._image, self._uploaded))
        self.aws.counts = before
        self.aws.counts["sqs.request"] += 1  # S3's event
        self.stack.send(event(source))

    def run(self, until: Callable[[], bool]) -> None:
        """Lets time pass, with the functions' own words going to the log."""
        with redirect_stdout(self.log), _bootstrapped(self.world), _logged(self.log):
            self.world.run(until)

    def finished(self) -> int:
        """How many notices have been accepted."""
        return int(self.aws.counts["sns.publish"])

    def _invoke_poll(self) -> None:
        with self.meter.call(LATENCY_SECONDS["lambda"]):
            self.stack.invoke_poll()

    def _submit(self) -> Submit:
        return Environment("submit", self._handlers["submit"], self._made("submit")).submit

    def _poll(self) -> Poll:
        return Environment("poll", self._handlers["poll"], self._made("poll")).poll

    def _made(self, name: str) -> tuple[Any, Any]:
        from pagekit.limits import FileLimits
        from pagekit.opening import open_document
        from textdrop import bootstrap
        from textdrop.adapters.aws.clients import CALL_SECONDS
        from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
        from textdrop.adapters.aws.documents_table import DynamoDocuments, DynamoNewestUploads
        from textdrop.adapters.aws.dynamodb import Table
        from textdrop.adapters.aws.items import PAUSE_KEY
        from textdrop.adapters.aws.s3 import S3Results, S3Sources
        from textdrop.adapters.aws.sns import SnsNotices
        from textdrop.adapters.aws.sqs import SqsResumeQueue
        from textdrop.adapters.yandex.client import Timeouts
        from textdrop.core.pause import Pause
        from textdrop.core.policy import Policy
        from textdrop.observability import LambdaJournal
        from textdrop.ports import PollPorts, SubmitPorts
        from textdrop.usecases.submit import SubmitSettings
        from textdrop.usecases.tick import PollSettings

        step_seconds = Timeouts().ask_total_seconds + CALL_SECONDS + bootstrap.STEP_SPARE_SECONDS
        table = Table(self.clients["dynamodb"], TABLE)
        threads = bootstrap.SUBMIT_THREADS if name == "submit" else bootstrap.POLL_THREADS
        shared: dict[str, Any] = {
            "clock": self.clock,
            "documents": DynamoDocuments(table),
            "pause": DynamoVersionedRow(table, PAUSE_KEY, Pause()),
            "tick": DynamoTickRow(table),
            "ocr": self.ocr,
            "poller": self.poller,
            "workers": VirtualWorkers(self.world, threads),
            "run_parallel": inline_crew,
            "journal": LambdaJournal(),
            "policy": Policy(),
        }
        if name == "submit":
            submit_ports = SubmitPorts(
                quota=DynamoSubmitQuota(table),
                sources=S3Sources(self.clients["s3"]),
                open_document=open_document,
                **shared,
            )
            return submit_ports, SubmitSettings("ru en", "page", 10.0, FileLimits(max_pages=5000))
        poll_ports = PollPorts(
            newest=DynamoNewestUploads(table),
            results=S3Results(self.clients["s3"], "results"),
            read_page=self.ocr.read_page,
            render_function=FakeFunction("render_function"),  # nothing asks for outputs here
            notices=SnsNotices(self.clients["sns"], self.topic),
            resumes=SqsResumeQueue(self.clients["sqs"], self.queue),
            **shared,
        )
        return poll_ports, PollSettings(bootstrap.ASKS_PER_SECOND, 10.0, step_seconds)


def environment(world: World) -> Environment:
    """Whose thread runs."""
    owner = world.current.owner if world.current else None
    if not isinstance(owner, Environment):
        raise TypeError("no function runs")
    return owner


@contextmanager
def _bootstrapped(world: World) -> Iterator[None]:
    """The handlers are given the environment's ports and the world's time."""
    from textdrop import bootstrap

    replaced: Mapping[str, Any] = {
        "submit": lambda: environment(world).made,
        "poll": lambda: environment(world).made,
        "deadline": lambda context: context.deadline,
    }
    before = {name: getattr(bootstrap, name) for name in replaced}
    for name, function in replaced.items():
        setattr(bootstrap, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(bootstrap, name, function)


@contextmanager
def _logged(log: Log) -> Iterator[None]:
    """What the functions log goes there."""
    from textdrop.observability import logger, metrics

    handler: Any = logger.registered_handler
    before, service = handler.setStream(log), metrics.provider.service
    metrics.provider.service = SERVICE
    logger.append_keys(service=SERVICE)
    try:
        yield
    finally:
        handler.setStream(before)
        metrics.provider.service = service


@contextmanager
def aws() -> Iterator[None]:
    """AWS in this process, empty."""
    settings = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in (*settings, "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE")}
    for name in before:
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        with mock_aws(config={"lambda": {"use_docker": False}}):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@cache
def _handler(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_handler", servers.ROOT / "functions" / name / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
