"""The real template on a local stack of the benchmarks' own, and what they do with it: upload, wait, count.

The local OCR service's table engine answers a text that follows from the content, after times that are lognormal
(sigma 0.4) around a median, the same ones for the same contents in each run. The AWS emulator, the OCR service, the
functions and the benchmark share the machine's cores.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.config import Config
from PIL import Image

from benchmarks.figures import Say
from local import deployment, lambda_runtime, processes, stack
from local.demo.account import Account, connected
from local.ocr.table import synthetic_text

STATE = stack.ROOT / ".local" / "bench"
RECOGNITION_SECONDS = 3.0
SPREAD = 0.4
SEED = 1
SUBMITS_PER_SECOND = 10
UPLOAD_THREADS = 4
IDLE_SECONDS = 90.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
FUNCTIONS = ("submit", "poll")


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that was put: when its PUT began (epoch seconds), and its content's hash."""

    key: str
    sha256: str
    began_at: float


@dataclass(frozen=True, slots=True)
class Notice:
    """What came first for an upload, and when (epoch seconds)."""

    body: Mapping[str, Any]
    received_at: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """One operation whose result was read, as the OCR service tells of it, in epoch seconds."""

    sha256: str
    accepted_at: float
    readable_at: float
    read_at: float

    @property
    def seconds(self) -> float:
        """How long it took in the service."""
        return self.readable_at - self.accepted_at


class Notices:
    """Takes notices off the stack's queue, in a thread of its own, and keeps the first of each key."""

    def __init__(self, account: Account, queue_url: str) -> None:
        self._account = account
        self._queue_url = queue_url
        self._first: dict[str, Notice] = {}
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        sqs, url = self._account.sqs, self._queue_url
        while not self._ending.is_set():
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            received_at = time.time()
            messages = answer.get("Messages", [])
            with self._changed:
                for message in messages:
                    body = json.loads(message["Body"])
                    self._first.setdefault(body["source"]["key"], Notice(body, received_at))
                self._changed.notify_all()
            if messages:
                entries: Any = [
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ]
                sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def of(self, keys: Iterable[str], wait_seconds: float, say: Say | None = None) -> dict[str, Notice]:
        """The notices of all these keys, once they have come. Raises TimeoutError."""
        wanted = set(keys)
        until = time.monotonic() + wait_seconds
        reported_at = time.monotonic()
        with self._changed:
            while missing := wanted - self._first.keys():
                if time.monotonic() > until or not self._thread.is_alive():
                    raise TimeoutError(f"no notice of {len(missing)} uploads within {wait_seconds:.0f} s")
                if say and time.monotonic() > reported_at + 20:
                    reported_at = time.monotonic()
                    say(f"{len(wanted) - len(missing)} of {len(wanted)} notices")
                self._changed.wait(1)
            return {key: self._first[key] for key in wanted}

    def end(self) -> None:
        """Nothing more is taken off the queue."""
        self._ending.set()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class Stage:
    """A running stack: its `env` variables, clients, and the notices that come."""

    env: Mapping[str, str]
    account: Account
    functions: Any
    notices: Notices

    def upload(self, key: str, content: bytes) -> Upload:
        """Puts the object."""
        began_at = time.time()
        self.account.s3.put_object(Bucket=self.account.uploads_bucket, Key=key, Body=content)
        return Upload(key, sha256(content).hexdigest(), began_at)

    def upload_all(self, contents: Mapping[str, bytes]) -> list[Upload]:
        """Puts all objects, several at a time."""
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            return list(pool.map(self.upload, contents, contents.values()))

    def admin(self, name: str, body: object = None) -> Any:
        """One request to the OCR service's admin endpoint: a GET, or a POST of the body; the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.env['OCR_BASE_URL']}/_admin/{name}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def accepted_at(self) -> list[float]:
        """When each submit since the last reset was accepted (epoch seconds), in order."""
        return sorted(told["accepted_at"] for told in self.admin("operations")["operations"])

    def recognitions(self) -> list[Recognition]:
        """The operations accepted since the last reset whose results were read, as they were accepted."""
        return [
            Recognition(told["sha256"], told["accepted_at"], told["readable_at"], told["read_at"])
            for told in self.admin("operations")["operations"]
            if told["read_at"] is not None
        ]

    def file(self, key: str) -> bytes:
        """An object of the results bucket."""
        return self.account.s3.get_object(Bucket=self.account.results_bucket, Key=key)["Body"].read()

    def has_its_text(self, upload: Upload) -> bool:
        """Whether the text that was published for the upload is that of its content."""
        return self.file(f"{upload.key}.txt").decode().strip() == synthetic_text(upload.sha256)

    def tick_is_idle(self) -> bool:
        """Whether poll has nothing to do and nobody has asked it to look."""
        key = {"pk": {"S": "tick"}, "sk": {"S": "tick"}}
        answer = self.account.dynamodb.get_item(TableName=self.account.table_name, Key=key, ConsistentRead=True)
        return answer.get("Item", {}).get("state", {"S": "idle"}) == {"S": "idle"}

    def until_idle(self) -> None:
        """Returns when no tick runs. Raises TimeoutError."""
        until = time.monotonic() + IDLE_SECONDS
        while not self.tick_is_idle():
            if time.monotonic() > until:
                raise TimeoutError(f"a tick goes on for {IDLE_SECONDS:.0f} s")
            time.sleep(0.2)

    def end_functions(self) -> None:
        """No process of the functions is left that has served before: their next calls are cold."""
        self.until_idle()  # a tick that is cut off keeps its lease
        before = set(function_processes())
        for name in FUNCTIONS:
            function = f"{deployment.STACK}-{name}"
            timeout = self.functions.get_function_configuration(FunctionName=function)["Timeout"]
            self.functions.update_function_configuration(FunctionName=function, Timeout=timeout)
            self.functions.get_waiter("function_updated_v2").wait(FunctionName=function)
        until = time.monotonic() + IDLE_SECONDS
        while before & set(function_processes()):
            if time.monotonic() > until:
                raise TimeoutError("processes of the functions outlive their configuration")
            time.sleep(0.05)

    def find_layers_where_built(self) -> None:
        """Processes of the functions that start need not have their layers unpacked any more."""
        self.until_idle()
        for name in FUNCTIONS:
            deployment.find_layers_where_built(self.functions, name, lambda_runtime.layers(STATE / "build"), {})

    def take_uploads(self, enabled: bool) -> None:
        """Whether submit is called for what comes into the uploads queue."""
        for source in self.functions.list_event_source_mappings()["EventSourceMappings"]:
            self.functions.update_event_source_mapping(UUID=source["UUID"], Enabled=enabled)


@contextmanager
def standing(
    say: Say,
    *,
    submits_per_second: int = SUBMITS_PER_SECOND,
    submit_concurrency: int = 5,
    quota_window: str = "bucket",
    seconds: float = RECOGNITION_SECONDS,
    spread: float = SPREAD,
) -> Iterator[Stage]:
    """A deployed stack without any document, which ends with the block."""
    stack.down(STATE)
    rates = ["--submits-per-second", str(submits_per_second), "--quota-window", quota_window]
    times = ["--seconds", str(seconds), "--spread", str(spread), "--seed", str(SEED)]
    try:
        env = stack.up(
            STATE,
            engine="table",
            real_credentials=None,
            say=lambda _: None,
            ocr_options=[*rates, *times],
            changed_parameters={
                "SubmitsPerSecond": str(submits_per_second),
                "SubmitConcurrency": str(submit_concurrency),
            },
        )
        say(f"a stack stands: {submits_per_second} submits a second, quota by {quota_window}")
        with connected(env) as account:
            session = deployment.session()
            functions = session.client(
                "lambda",
                endpoint_url=env["AWS_ENDPOINT_URL"],
                verify=env["AWS_CA_BUNDLE"],
                config=Config(proxies={}),
            )
            notices = Notices(account, env["NOTICES_QUEUE_URL"])
            try:
                yield Stage(env, account, functions, notices)
            finally:
                notices.end()
                functions.close()
    finally:
        stack.down(STATE)


def image(number: int) -> bytes:
    """A small picture, unlike that of any other number."""
    content = io.BytesIO()
    colour = (number % 256, number // 256 % 256, number // 65_536 % 256)
    Image.new("RGB", (200, 100), colour).save(content, "PNG")
    return content.getvalue()


def function_processes() -> dict[int, str]:
    """The functions' processes that live, by id; which function each serves ("submit", "poll")."""
    found = {}
    for process in processes.find(stack.Folder(STATE).mark("aws")):
        name = _function_of(process)
        if name:
            found[process] = name
    return found


def _function_of(process: int) -> str:
    try:
        environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:  # ended meanwhile
        return ""
    prefix = f"AWS_LAMBDA_FUNCTION_NAME={deployment.STACK}-".encode()
    return next((entry.removeprefix(prefix).decode() for entry in environment if entry.startswith(prefix)), "")


def cpu_seconds() -> dict[str, float]:
    """The processor time taken so far by the live processes of each part of the stack: each function, "emulator",
    "OCR service"; and by all else on the machine, with the benchmark itself, since it booted."""
    folder = stack.Folder(STATE)
    functions = function_processes()
    taken = dict.fromkeys([*FUNCTIONS, "emulator", "OCR service"], 0.0)
    for part, mark in (("emulator", "aws"), ("OCR service", "ocr")):
        for process in processes.find(folder.mark(mark)):
            name = functions.get(process, part)
            taken[name] = taken.get(name, 0.0) + _cpu_of(process)
    busy = Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts = map(int, busy[:7])
    whole = (user + nice + system + interrupts + soft_interrupts) / TICKS_A_SECOND
    return {**taken, "all else": whole - sum(taken.values())}


def _cpu_of(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all are no more than (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered), max(1, -int(-share * len(ordered) // 1))) - 1]
