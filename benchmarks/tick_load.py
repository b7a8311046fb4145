"""One tick with as much to ask for as it can: `make bench ONLY=tick_load`.

The real poll function, in AWS's own Lambda runtime with the layers as built, in a process by itself, against the local
stack's AWS emulator and a local OCR service, both over TLS and in other processes. Recognitions of 800 running
operations take lognormal times (median 45 s, sigma 0.4, seeded), so that for a minute there is more to ask for than the
tick's pace of asks carries, and about ten pages a second are done: each a full page of 300 words, stored and read
again. Only the processor time of the function's process counts (/proc/<id>/stat), in the minute after the first two
seconds, beside its share of a core at its size: Lambda gives a whole one for 1,769 MB. Where this may be done (as root,
on Linux with control groups), the process is held to that share, in periods of 20 ms.

Of documents of one page, each of which is also assembled, published and told of, the function as deployed is to carry
what the default quota of submits makes; a third of a core (512 MB) is to carry the asks of longer ones.

*Asks made*: of those that the pace allows. *Told of*: notices sent by the end, of the documents of one page whose
result was read ten seconds before it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployed import STATE, Deployed, cpu_seconds, deployed, layers
from benchmarks.figures import Figure, Say, at_least, within
from benchmarks.ocr_process import OcrProcess, ocr_process
from local.lambda_runtime import Function
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.bootstrap import ASKS_PER_SECOND
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Source,
)
from textdrop.core.identity import document_id
from textdrop.core.policy import Policy

OPERATIONS = 800
MEDIAN_SECONDS = 45.0
SPREAD = 0.4
MEASURED_SECONDS = 60.0
SETTLE_SECONDS = 2.0
LATEST_SECONDS = 10.0
WHOLE_CORE_MB = 1769
PERIOD_SECONDS = 0.02
MOST_PERCENT = 70.0
CARRIED_PERCENT = 99.0
THREADS = 8


@dataclass(frozen=True, slots=True)
class Load:
    """What was running at the start, documents of so many pages, and the function's size: 0, as it is deployed."""

    name: str
    pages: int
    memory_mb: int = 0
    is_to_carry: bool = True


LOADS = (
    Load("documents of one page", 1),
    Load("documents of 20 pages at 512 MB", 20, 512),
    Load("documents of one page at 512 MB", 1, 512, is_to_carry=False),
)


@dataclass(frozen=True, slots=True)
class Minute:
    """What a tick did in the measured time. `seconds` is that time, `cpu_seconds` the function's processor time."""

    seconds: float
    cpu_seconds: float
    asks: int
    pages: int
    documents: int
    read_before: int
    told: int
    throttled: int
    held: bool


def measure(say: Say) -> list[Figure]:
    """Figures of each load."""
    found: list[Figure] = []
    for load in LOADS:
        with deployed(say) as stack, _recogniser(load) as ocr:
            share = (load.memory_mb or stack.memory_mb("poll")) / WHOLE_CORE_MB
            minute = _minute(stack, ocr, load, share, say)
        found += _figures(load, minute, share)
    return found


def _figures(load: Load, minute: Minute, share: float) -> list[Figure]:
    held = f"held to {share:.3f} of a core" if minute.held else "not held to its share"
    pace = ASKS_PER_SECOND * minute.seconds
    told = 100 * min(1.0, minute.told / max(1, minute.read_before))
    used = 100 * minute.cpu_seconds / minute.seconds / share
    a_second = (
        f"{minute.asks / minute.seconds:.1f} asks, {minute.pages / minute.seconds:.1f} pages, "
        f"{minute.documents / minute.seconds:.1f} documents, {1000 * minute.cpu_seconds / minute.seconds:.0f} ms"
    )
    if not load.is_to_carry:
        return [Figure(f"{load.name}: a second", a_second, f"{used:.1f} % of its share")]
    return [
        at_least(f"{load.name}: asks made, {held}", 100 * minute.asks / pace, CARRIED_PERCENT, "% of the pace", 1),
        *([at_least(f"{load.name}: told of", told, CARRIED_PERCENT, "% of those read", 1)] if load.pages == 1 else []),
        within(f"{load.name}: processor time, of its share", used, MOST_PERCENT, "%", 1),
        Figure(f"{load.name}: a second", a_second),
    ]


def _content(number: int) -> bytes:
    return b"%PDF-1.7 page " + str(number).encode()


def _recogniser(load: Load) -> contextlib.AbstractContextManager[OcrProcess]:
    return ocr_process(
        STATE,
        map(_content, range(OPERATIONS)),
        {"seconds": MEDIAN_SECONDS, "spread": SPREAD, "seed": 1, "submits_per_second": 10_000},
    )


def _minute(stack: Deployed, ocr: OcrProcess, load: Load, share: float, say: Say) -> Minute:
    table = stack.own_table()
    _running(DynamoDocuments(Table(stack.client("dynamodb"), table)), ocr, load)
    say(f"{OPERATIONS} operations are running in {load.name}")
    function = stack.start("poll", layers(), {**ocr.variables(), "TABLE_NAME": table})
    call = threading.Thread(target=_tick, args=(function,))
    try:
        call.start()
        before = ocr.stats()
        while _asks(ocr.stats()) == _asks(before):
            time.sleep(0.05)
        process_id = function.process_id()
        with _held_to(share, process_id) as held:
            time.sleep(SETTLE_SECONDS)
            return _watched(stack, ocr, load, process_id, held)
    finally:
        function.stop()
        call.join()


def _tick(function: Function) -> None:
    """One tick; it is ended by force once enough was seen of it."""
    with contextlib.suppress(ConnectionError):
        function.invoke({})


def _watched(stack: Deployed, ocr: OcrProcess, load: Load, process_id: int, held: bool) -> Minute:
    sqs, queue = stack.client("sqs"), stack.env["NOTICES_QUEUE_URL"]

    def notices() -> int:
        told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
        return int(told["Attributes"]["ApproximateNumberOfMessages"])

    first_stats, first_notices = ocr.stats(), notices()
    first_cpu, began = cpu_seconds(process_id), time.monotonic()
    time.sleep(MEASURED_SECONDS - LATEST_SECONDS)
    read_before = _read(ocr.stats())
    time.sleep(max(0.0, began + MEASURED_SECONDS - time.monotonic()))
    cpu, seconds = cpu_seconds(process_id) - first_cpu, time.monotonic() - began
    last_stats, last_notices = ocr.stats(), notices()
    return Minute(
        seconds=seconds,
        cpu_seconds=cpu,
        asks=_asks(last_stats) - _asks(first_stats),
        pages=_read(last_stats) - _read(first_stats),
        documents=last_notices - first_notices,
        read_before=read_before,
        told=last_notices,
        throttled=last_stats["throttled"]["result"],
        held=held,
    )


def _asks(stats: dict[str, dict[str, int]]) -> int:
    return stats["asks"]["result"]


def _read(stats: dict[str, dict[str, int]]) -> int:
    return stats["asks"]["result"] - stats["asks"]["not_ready"]


def _running(documents: DynamoDocuments, ocr: OcrProcess, load: Load) -> None:
    """Documents whose every page has just been sent."""
    client = ocr.client()
    policy = Policy()

    def send(first: int) -> None:
        now = time.time()
        number = first // load.pages
        source = Source("uploads", f"scans/{number}.pdf", f"v{number}", size=100_000, last_modified=now)
        document = Document(
            document_id(source),
            source,
            DocumentState.RECOGNIZING,
            accepted_at=now,
            rev=4,
            due_kind=DueKind.DELIVER,
            due_at=now + policy.recheck_seconds,
            options=Options(("ru", "en"), "page"),
            media_type="application/pdf",
            pages=load.pages,
            unfinished=frozenset(range(1, load.pages + 1)),
        )
        documents.create(document)
        for page in range(1, load.pages + 1):
            body = client.prepare(_content(first + page - 1), "application/pdf", ("ru", "en"), "page")
            submitted = client.submit(body, f"{first + page}")
            operation = Operation(
                document.id,
                document.run,
                page,
                OperationState.RUNNING,
                holder_rev=3,
                client_request_id=submitted.trace.client_request_id,
                described=submitted.operation,
                submitted_at=time.time(),
                deadline_at=now + policy.deadline_seconds(load.pages),
                due_kind=DueKind.ASK,
                due_at=time.time(),
                trace=submitted.trace,
            )
            documents.write_operation(None, operation)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(send, range(0, OPERATIONS, load.pages)):
            pass


@contextmanager
def _held_to(share: float, process_id: int) -> Iterator[bool]:
    """The process gets no more than this share of a core, where that may be set; whether it was."""
    group = _control_group(share)
    if group is None:
        yield False
        return
    (group / "cgroup.procs").write_text(str(process_id), "ascii")
    try:
        yield True
    finally:
        (group.parent / "cgroup.procs").write_text(str(process_id), "ascii")
        group.rmdir()


def _control_group(share: float) -> Path | None:
    period, quota = round(PERIOD_SECONDS * 1e6), round(share * PERIOD_SECONDS * 1e6)
    limits: Sequence[tuple[str, dict[str, str]]] = (
        ("/sys/fs/cgroup", {"cpu.max": f"{quota} {period}"}),
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}),
    )
    for root, files in limits:
        group = Path(root) / f"textdrop-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if all((group / name).exists() for name in files):
            for name, value in files.items():
                (group / name).write_text(value, "ascii")
            return group
        group.rmdir()
    return None
