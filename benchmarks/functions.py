"""submit, poll and deliver as built, in AWS's own Lambda runtime, invoked by queues, schedule and each other.

AWS is moto in this process, which counts what would be billed (`billing`). The OCR service is the local one; it answers
with a full page of 300 words for any content, after lognormal times around a median, and enforces its quota.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from artefacts import built_layers
from benchmarks.billing import BilledAws
from contract.moto_aws import REGION
from lambda_runtime.application import API_KEY, SERVICES, Application, batch
from lambda_runtime.emulator import Function
from local import cloudformation
from local.ocr.annotation import text_annotation
from local.ocr.server import OcrServer
from local.ocr.service import Service
from local.ocr.settings import Settings
from local.ocr.table import A4_HEIGHT, A4_WIDTH, TableEngine, set_text

SPREAD = 0.4
SEED = 1
SCHEDULE_SECONDS = 60.0
IDLE_SECONDS = 1.0
WORDS_A_PAGE = 300
WORDS_A_LINE = 10
LINES_A_BLOCK = 6
_LETTERS = "абвгдежзийклмнопрстуфхцчшщыьэюяabcdefghijklmnopqrstuvwxyz"


class Environments:
    """Execution environments of one function, as many as calls run at once. Each serves one call after another.

    `calls` and `seconds` are what Lambda bills, including starts, by the begun millisecond. `running`: how many calls
    are in progress.
    """

    def __init__(self, start: Callable[[], Function]) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.running = 0
        self._all: list[Function] = []
        self._start = start
        self._idle: list[Function] = []
        self._changing = threading.Lock()

    def invoke(self, event: object) -> Any:
        """The handler's answer. Raises RuntimeError if there is none."""
        with self._changing:
            self.running += 1
            if not self._idle:
                self._all.append(self._start())
                self._idle.append(self._all[-1])
            function = self._idle.pop()
        began = time.monotonic()
        answer = function.invoke(event)
        took = time.monotonic() - began
        with self._changing:
            self.calls += 1
            self.seconds += math.ceil(took * 1000) / 1000
            self.running -= 1
            self._idle.append(function)
        if answer.timed_out or "errorType" in (answer.value or {}):
            raise RuntimeError(f"a function failed: {answer.body!r}")
        return answer.value

    def end(self) -> None:
        """The next call is a cold start. No call may be running."""
        for function in self._idle:
            function.stop()
            self._all.remove(function)
        self._idle.clear()

    def peak_megabytes(self) -> float:
        """The most memory that one of its processes has held so far, with its child (VmHWM of both), in MB of 2^20
        bytes, as Lambda counts."""
        return max(sum(map(_peak_megabytes, _with_children(each.process_id()))) for each in self._all)

    def processor_seconds(self) -> float:
        """The processor time that its processes and their children have used so far."""
        processes = [process for each in self._all for process in _with_children(each.process_id())]
        return sum(map(_ticks, processes)) / os.sysconf("SC_CLK_TCK")


def _with_children(process: int) -> list[int]:
    children = [path.read_text("utf-8").split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [process, *(int(child) for of_thread in children for child in of_thread)]


def _ticks(process: int) -> int:
    """Its own processor time, and that of its children that have ended."""
    stat = Path(f"/proc/{process}/stat").read_text("utf-8")
    return sum(map(int, stat.rpartition(") ")[2].split()[11:15]))


def _peak_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class _Queue:
    """A queue that invokes a function as its event source in the template says."""

    def __init__(self, url: str, name: str, function: str, environments: Environments) -> None:
        events = [event["Properties"] for event in cloudformation.functions()[function]["Events"].values()]
        [source] = [event for event in events if event.get("Queue") == {"Fn::GetAtt": [name, "Arn"]}]
        self.url = url
        self.environments = environments
        self.batch_size: int = source["BatchSize"]
        self.concurrency = cloudformation.default(source["ScalingConfig"]["MaximumConcurrency"]["Ref"])
        self.sent = threading.Semaphore(0)
        """Released for each message that may have arrived."""


class Functions:
    """`submit`, `poll`, `deliver` and their AWS. Nothing calls them before `called`. With `wakes` False, only the
    caller and the schedule run ticks. `noticed_at` is when each notice was published (epoch seconds).
    """

    def __init__(self, folder: Path, layers: list[Path], ocr: OcrServer, clients: dict[str, Any], rate: int) -> None:
        self.aws = BilledAws(self._served)
        self.application = Application(self.aws, clients, ocr, folder, {"api_key": API_KEY})
        self.wakes = True
        self.noticed_at: list[float] = []
        self._sqs = clients["sqs"]
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []
        starting = threading.Lock()

        def start(name: str) -> Function:
            with starting:
                return self.application.start(name, layers, variables={"SUBMITS_PER_SECOND": str(rate)})

        self.submit = Environments(lambda: start("SubmitFunction"))
        self.poll = Environments(lambda: start("PollFunction"))
        self.deliver = Environments(lambda: start("DeliverFunction"))
        self._uploads = _Queue(self.application.uploads_queue_url, "UploadsQueue", "submit", self.submit)
        self._deliveries = (
            _Queue(self.application.deliver_queue_url, "DeliverQueue", "deliver", self.deliver),
            _Queue(self.application.deliver_alone_queue_url, "DeliverAloneQueue", "deliver", self.deliver),
        )

    def by_name(self) -> dict[str, Environments]:
        """The functions."""
        return {"submit": self.submit, "poll": self.poll, "deliver": self.deliver}

    def is_quiet(self) -> bool:
        """Whether no call is under way."""
        return not any(function.running for function in self.by_name().values())

    def upload(self, key: str, content: bytes) -> None:
        """Puts the object, and its event into the queue. The uploader's requests are not counted; S3's event is."""
        _, body = self.application.upload(key, content)
        self._sqs.send_message(QueueUrl=self._uploads.url, MessageBody=body)
        self.aws.count("sqs.request")
        self._uploads.sent.release()

    @contextmanager
    def called(self) -> Iterator[None]:
        """Within the block submit and deliver are called for what is in their queues, and poll by the schedule and
        whenever it is invoked."""
        self._run(self._schedule)
        for queue in (self._uploads, *self._deliveries):
            for _ in range(queue.concurrency):
                self._run(partial(self._take_messages, queue))
        try:
            yield
        finally:
            self._ending.set()
            for thread in self._threads:
                thread.join()

    def until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Returns once the condition is true. Raises TimeoutError, or the error of a function that failed."""
        limit = time.monotonic() + seconds
        while not holds():
            if self._failures:
                raise self._failures[0]
            if time.monotonic() > limit:
                raise TimeoutError(f"not within {seconds:.0f} s")
            time.sleep(0.05)

    def log(self) -> list[str]:
        """What the functions have logged so far."""
        return [line for function in self.application.functions for line in function.printed()]

    def _run(self, task: Callable[[], object]) -> None:
        def attempted() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - whatever it is, `until` raises it
                self._failures.append(error)

        self._threads.append(threading.Thread(target=attempted, daemon=True))
        self._threads[-1].start()

    def _take_messages(self, queue: _Queue) -> None:
        while not self._ending.is_set():
            queue.sent.acquire(timeout=IDLE_SECONDS)
            answer = self._sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=queue.batch_size)
            messages = answer.get("Messages", [])
            for message in messages:
                self._sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            if not messages:
                continue
            self.aws.count("sqs.request", 2)  # one to receive the batch, one to delete it
            answered = queue.environments.invoke(batch(*[message["Body"] for message in messages])) or {}
            if failed := answered.get("batchItemFailures"):
                raise RuntimeError(f"{len(failed)} messages failed")

    def _schedule(self) -> None:
        while not self._ending.is_set():
            self._run(lambda: self.poll.invoke({}))
            self._ending.wait(SCHEDULE_SECONDS)

    def _served(self, service: str) -> None:
        if service == "sns":
            self.noticed_at.append(time.time())
        elif service == "sqs":
            self._uploads.sent.release()
            for queue in self._deliveries:
                queue.sent.release()
        elif service == "lambda" and self.wakes and not self._ending.is_set():
            self._run(lambda: self.poll.invoke({}))


class _FullPages(dict[str, dict[str, Any]]):
    """A table of the OCR service that has the same page for any content."""

    def get(self, key: str, default: object = None) -> dict[str, Any]:
        return {"annotation": annotation(SEED)}


def page_text(seed: int) -> str:
    """A page of 300 words in lines and blocks, different for each seed; its result has about 80 KB."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 10))) for _ in range(WORDS_A_PAGE)]
    lines = [" ".join(words[at : at + WORDS_A_LINE]) for at in range(0, WORDS_A_PAGE, WORDS_A_LINE)]
    blocks = ["\n".join(lines[at : at + LINES_A_BLOCK]) for at in range(0, len(lines), LINES_A_BLOCK)]
    return "\n\n".join(blocks)


@cache
def annotation(seed: int) -> dict[str, Any]:
    """That page as the service describes it."""
    return text_annotation(set_text(page_text(seed), A4_WIDTH, A4_HEIGHT))


@contextmanager
def deployed(recognition_seconds: float, rate: int = 10) -> Iterator[Functions]:
    """Functions that have not run yet, with a quota of `rate` submits a second. They are gone afterwards."""
    settings = Settings(engine="table", submits_per_second=rate, api_keys=(API_KEY,))
    engine = TableEngine(_FullPages(), seconds=recognition_seconds, spread=SPREAD, seed=SEED)
    service = Service(settings, engine, keys=[], clock=time.time, wait=time.sleep)
    with ExitStack() as ended:
        folder = Path(ended.enter_context(tempfile.TemporaryDirectory()))
        layers = ended.enter_context(built_layers())
        ended.enter_context(_own_aws())
        ocr = OcrServer(service, engine, 0, threading.Event())
        ended.callback(ocr.stop)
        session: Any = boto3.Session(region_name=REGION)
        clients = {name: session.client(name) for name in SERVICES}
        functions = Functions(folder, layers, ocr, clients, rate)
        ended.callback(functions.aws.stop)
        ended.callback(functions.application.stop)
        yield functions


@contextmanager
def _own_aws() -> Iterator[None]:
    with patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE"):
            os.environ.pop(name, None)
        with mock_aws(config={"lambda": {"use_docker": False}}):
            yield
