"""textdrop in an AWS account, with the OCR service, in virtual time: the use cases on the fakes of tests/.

`MILLISECONDS` says how long everything takes, and below it is how AWS calls the functions; both are assumptions, which
are explained there. Only `Account.__init__` says what calls which function; the limits are the template's.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any, BinaryIO
from unittest.mock import patch

from aws_events import event, queue_event
from benchmarks.virtual_time_threads import (
    Invocation,
    Scheduler,
    Thread,
    VirtualClock,
    VirtualCrew,
    VirtualLock,
    VirtualWorkers,
)
from fakes.faults import Faults
from fakes.files import FakeDocument
from functions.deliver.handler import resumes
from local import cloudformation
from pagekit.limits import FileLimits
from textdrop import bootstrap
from textdrop.adapters.aws.clients import CALL_SECONDS
from textdrop.adapters.yandex.client import Timeouts
from textdrop.core.policy import DAY_SECONDS
from textdrop.ports import Pages
from textdrop.usecases import source
from textdrop.usecases.accept import Message
from textdrop.usecases.deliver import deliver
from textdrop.usecases.submit import submit
from textdrop.usecases.tick import PollSettings, tick
from world import World

# --- how long everything takes ----------------------------------------------------------------------------------------

READ, WRITE, QUERY = 3.0, 5.0, 5.0
GET, PUT, COPY, DELETE, LIST = 20.0, 30.0, 35.0, 15.0, 25.0
SEND, PUBLISH, INVOKE, ASK, SUBMIT = 10.0, 20.0, 25.0, 75.0, 200.0

MILLISECONDS: Mapping[str, float] = {
    "deliveries.send_one": SEND,
    "deliveries_alone.send_one": SEND,
    "documents.create": WRITE,
    "documents.due": QUERY,
    "documents.finish_page": WRITE,
    "documents.postpone": WRITE,
    "documents.read": READ,
    "documents.read_operation": READ,
    "documents.read_operations": QUERY,
    "documents.write": WRITE,
    "documents.write_operation": WRITE,
    "ledger.put": WRITE,
    "newest.expect_outputs": WRITE,
    "newest.read": READ,
    "newest.update_if_newer": WRITE,
    "notices.publish": PUBLISH,
    "ocr.result": ASK,
    "ocr.status": ASK,
    "ocr.submit": SUBMIT,
    "pause.read": READ,
    "pause.write": WRITE,
    "poller.invoke": INVOKE,
    "quota.read": READ,
    "quota.reserve": WRITE,
    "quota.write": WRITE,
    "results.complete": COPY,
    "results.copy": COPY,
    "results.delete": DELETE,
    "results.exists": GET,
    "results.get": GET,
    "results.list_keys": LIST,
    "results.put": PUT,
    "results.upload_part": COPY,
    "resumes.send_one": SEND,
    "sources.head": GET,
    "sources.read": GET,
    "tick.end": WRITE,
    "tick.hand_over": WRITE,
    "tick.renew": WRITE,
    "tick.start": WRITE,
    "tick.take": WRITE,
    "tick.wake": WRITE,
    "a connection to the OCR service": 100.0,
    "an object's event to its queue": 95.0,
    "a message to its function": 25.0,
    "an asynchronous call to its function": 30.0,
    "a cold start": 700.0,
}
"""Median times of each call, within one region of AWS and from there to the OCR service, and of AWS's own work in
between (a cold start with its imports and first connections). They are assumptions: usual values for small items and
objects of 100 KB, chosen so that one upload at a time took about 0.98 s in addition to its recognition when poll itself
delivered. They stay as they are, so that versions of the code can be compared."""

SPREAD = 0.3
"""The sigma of their lognormal distribution."""

HOSTS = {"ocr.result": "ocr", "ocr.submit": "ocr", "ocr.status": "operation"}
IDLE_CONNECTION_SECONDS = 20.0
"""Each invocation has its own connections to each host, and does not use one again that was idle for longer than this
(`adapters.yandex`)."""

# --- how AWS calls functions (Lambda's developer guide) ---------------------------------------------------------------

FIRST_POLLERS, MORE_POLLERS_A_SECOND = 5, 5.0
"""Five pollers take a queue's messages at once, and up to 300 more each minute while messages are left."""

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 300.0
"""A call that finds no free concurrency is made again, each time after twice as long. That is documented for
asynchronous calls; for a queue's messages it is only known that Lambda backs off."""

SCHEDULE_SECONDS = 60.0


class Latencies(Faults):
    """Each call of a port takes its time, half of it before its effect and half after.

    `begun`: all calls with the times at which they began. `at_effect`: what to do at a call's effect. With
    `processor_seconds` each call first uses its invocation's one processor for that long.
    """

    def __init__(self, scheduler: Scheduler, chance: random.Random, processor_seconds: float) -> None:
        super().__init__()
        self.begun: list[tuple[str, float]] = []
        self.at_effect: dict[str, Callable[[], None]] = {}
        self._scheduler = scheduler
        self._chance = chance
        self._processor_seconds = processor_seconds

    def seconds(self, what: str) -> float:
        """How long this call takes."""
        return self._chance.lognormvariate(math.log(MILLISECONDS[what] / 1000), SPREAD)

    def before(self, call: str) -> None:
        thread = self._scheduler.me()
        if self._processor_seconds:
            self._process(thread.invocation)
        self.begun.append((call, self._scheduler.now))
        half = self.seconds(call) / 2
        thread.answer_seconds = half
        self._scheduler.sleep(half + (self._connect_seconds(HOSTS[call], thread.invocation) if call in HOSTS else 0.0))

    def answer_lost(self, call: str) -> bool:
        return False

    def after(self, call: str) -> None:
        if call in self.at_effect:
            self.at_effect[call]()
        thread = self._scheduler.me()
        self._scheduler.sleep(thread.answer_seconds)
        if call in HOSTS:
            thread.invocation.idle_connections[HOSTS[call]].append(self._scheduler.now)

    def _process(self, invocation: Invocation) -> None:
        invocation.processor_free_at = max(invocation.processor_free_at, self._scheduler.now) + self._processor_seconds
        self._scheduler.sleep(invocation.processor_free_at - self._scheduler.now)

    def connect_ahead(self) -> None:
        """What submit does at the beginning of an invocation; the connection exists when that is over."""
        seconds = self.seconds("a connection to the OCR service")
        self._scheduler.me().invocation.idle_connections["ocr"].append(self._scheduler.now + seconds)

    def _connect_seconds(self, host: str, invocation: Invocation) -> float:
        idle = invocation.idle_connections[host]
        if idle and idle[-1] > self._scheduler.now:
            return idle.pop() - self._scheduler.now
        if idle and self._scheduler.now - idle.pop() < IDLE_CONNECTION_SECONDS:
            return 0.0
        return self.seconds("a connection to the OCR service")


Handler = Callable[[Any, float], object]
"""Takes an event, and the time until which it may run."""


@dataclass(frozen=True)
class Function:
    """`new_process` makes what one execution environment has: its own ports, and the handler that uses them.

    `max_age_seconds`: an asynchronous call that could not be made for that long is dropped.
    """

    name: str
    new_process: Callable[[], Handler]
    timeout_seconds: float
    max_age_seconds: float = math.inf


class Lambda:
    """Execution environments, one for each call that runs, reused for later calls; at most so many calls at once.

    `ended` counts what came of the calls of each function: "ran", "throttled" (and made again), "dropped" (an
    asynchronous call that waited too long) and "ended by force"; `seconds`, how long those of each function ran.
    """

    def __init__(self, scheduler: Scheduler, latencies: Latencies, concurrency: int) -> None:
        self.ended: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}
        self._scheduler = scheduler
        self._latencies = latencies
        self._concurrency = concurrency
        self._running = 0
        self._idle: dict[str, list[Handler]] = {}

    def invoke(self, function: Function, asked: object, ended: Callable[[bool], None]) -> bool:
        """Runs the function; `ended` is called afterwards, with whether it ended normally. False: nothing runs, because
        the account's concurrency is used up."""
        if self._running >= self._concurrency:
            self.ended[function.name, "throttled"] += 1
            return False
        self._running += 1
        idle = self._idle.setdefault(function.name, [])
        if idle:
            self._begin(function, idle.pop(), asked, ended)
        else:
            started_at = self._scheduler.now + self._latencies.seconds("a cold start")
            self._scheduler.call_at(started_at, lambda: self._begin(function, function.new_process(), asked, ended))
        return True

    def invoke_later(self, function: Function, asked: object = None) -> None:
        """An asynchronous call."""
        asked_at = self._scheduler.now

        def attempt(wait_seconds: float) -> None:
            if self._scheduler.now > asked_at + function.max_age_seconds:
                self.ended[function.name, "dropped"] += 1
            elif not self.invoke(function, asked, lambda _: None):
                longer = min(2 * wait_seconds, MAX_RETRY_SECONDS)
                self._scheduler.call_at(self._scheduler.now + wait_seconds, lambda: attempt(longer))

        way_seconds = self._latencies.seconds("an asynchronous call to its function")
        self._scheduler.call_at(asked_at + way_seconds, lambda: attempt(FIRST_RETRY_SECONDS))

    def _begin(self, function: Function, handler: Handler, asked: object, ended: Callable[[bool], None]) -> None:
        invocation = Invocation()
        began_at = self._scheduler.now
        deadline = began_at + function.timeout_seconds
        has_ended = False

        def over(by_itself: bool) -> None:
            nonlocal has_ended
            if not has_ended:
                has_ended = True
                invocation.dead = not by_itself
                self.ended[function.name, "ran" if by_itself else "ended by force"] += 1
                self._running -= 1
                ran_seconds = self._scheduler.now - began_at
                self.seconds[function.name] = self.seconds.get(function.name, 0.0) + ran_seconds
                ended(by_itself)

        def body() -> None:
            handler(asked, deadline)
            self._idle[function.name].append(handler)
            over(True)

        self._scheduler.start(body, invocation)
        self._scheduler.call_at(deadline, lambda: over(False))


class Queue:
    """A queue and its event source mapping: batches of messages for a function, so many at once.

    Messages that a function did not finish are received again after the visibility timeout.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        latencies: Latencies,
        functions: Lambda,
        function: Function,
        batch_size: int,
        max_concurrency: int,
        visibility_seconds: float,
    ) -> None:
        self._scheduler = scheduler
        self._latencies = latencies
        self._functions = functions
        self._function = function
        self._batch_size = batch_size
        self._max_concurrency = max_concurrency
        self._visibility_seconds = visibility_seconds
        self._waiting: deque[Message] = deque()
        self._made = 0
        self._taken = 0
        self._left_since: float | None = None
        self._looks_again = False

    def send(self, body: str) -> None:
        """Puts a message into the queue."""
        self._made += 1
        self._arrive([Message(f"m{self._made}", body)])

    def _arrive(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(messages)
        self._take()

    def _take(self) -> None:
        while self._waiting and self._taken < self._pollers():
            self._taken += 1
            # It is received at once; the function gets it a little later.
            count = min(self._batch_size, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            at = self._scheduler.now + self._latencies.seconds("a message to its function")
            visible_at = self._scheduler.now + self._visibility_seconds
            self._scheduler.call_at(at, partial(self._invoke, batch, visible_at, FIRST_RETRY_SECONDS))
        if not self._waiting:
            self._left_since = None
        elif self._left_since is None:
            self._left_since = self._scheduler.now
        if self._waiting and self._taken < self._max_concurrency and not self._looks_again:
            self._looks_again = True
            self._scheduler.call_at(self._scheduler.now + 1 / MORE_POLLERS_A_SECOND, self._look_again)

    def _look_again(self) -> None:
        self._looks_again = False
        self._take()

    def _pollers(self) -> float:
        left_for = 0.0 if self._left_since is None else self._scheduler.now - self._left_since
        return min(self._max_concurrency, FIRST_POLLERS + MORE_POLLERS_A_SECOND * left_for)

    def _invoke(self, batch: list[Message], visible_at: float, wait_seconds: float) -> None:
        def ended(by_itself: bool) -> None:
            self._taken -= 1
            if not by_itself:
                self._scheduler.call_at(visible_at, lambda: self._arrive(batch))
            self._take()

        if self._functions.invoke(self._function, batch, ended):
            return
        again_at = self._scheduler.now + wait_seconds
        if again_at < visible_at:
            longer = min(2 * wait_seconds, MAX_RETRY_SECONDS)
            self._scheduler.call_at(again_at, lambda: self._invoke(batch, visible_at, longer))
        else:
            ended(False)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The stack, the account and the OCR service of one run.

    `parameters`: those of the template that do not have their defaults. `making_seconds`: how long a searchable PDF
    takes.
    """

    seed: int = 1
    parameters: Mapping[str, int] = field(default_factory=dict)
    reads_per_second: int = 50
    account_concurrency: int = 1000
    recognition_seconds: float = 3.0
    recognition_spread: float = 0.4
    making_seconds: float = 0.0
    processor_seconds: float = 0.0


@dataclass(slots=True)
class Upload:
    """An upload, and the time of its first notice (0: none yet), in epoch seconds."""

    key: str
    uploaded_at: float
    noticed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """A page in the OCR service: when it was accepted, could be read, and was read, in epoch seconds."""

    accepted_at: float
    readable_at: float
    read_at: float


class Account(World):
    """The whole account, with functions that are called as the template says."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.began_at = 1_700_000_000.0
        self.scheduler = Scheduler(self.began_at)
        self.uploads_made: dict[str, Upload] = {}
        self.recognition_seconds: dict[bytes, float] = {}
        self._chance = random.Random(setting.seed)
        self._recognitions: dict[str, tuple[float, float]] = {}
        self._users = 0
        self._waiting: dict[str, Thread] = {}
        self.latencies = Latencies(self.scheduler, self._chance, setting.processor_seconds)
        super().__init__(clock=VirtualClock(self.scheduler, setting.seed), faults=self.latencies)
        self.latencies.at_effect = {"ocr.submit": self._accepted, "notices.publish": self._noticed}
        self.ocr.submit_total_seconds = Timeouts().submit_total_seconds
        self.ocr.submit_bytes_per_second = Timeouts().submit_bytes_per_second
        self.ocr.ask_total_seconds = Timeouts().ask_total_seconds
        limits = FileLimits(max_pages=self._parameter("MaxPages"))
        rate = float(self._parameter("SubmitsPerSecond"))
        self.submit_settings = replace(self.submit_settings, submits_per_second=rate, limits=limits)
        step_seconds = Timeouts().ask_total_seconds + CALL_SECONDS + bootstrap.STEP_SPARE_SECONDS
        self.poll_settings = PollSettings(setting.reads_per_second, rate, step_seconds)

        # What calls what.
        self.functions = Lambda(self.scheduler, self.latencies, setting.account_concurrency)
        self._submits = self._queue("UploadsQueue", self._function("submit", self._new_submit))
        self._poll = self._function("poll", self._new_poll)
        deliver = self._function("deliver", self._new_deliver)
        self.deliveries.on_send = self._queue("DeliverQueue", deliver).send
        self.deliveries_alone.on_send = self._queue("DeliverAloneQueue", deliver).send

    def _parameter(self, name: str) -> int:
        return self.setting.parameters.get(name, int(_template()["Parameters"][name]["Default"]))

    def _function(self, name: str, new_process: Callable[[], Handler]) -> Function:
        properties = _properties(name)
        max_age_seconds = properties.get("EventInvokeConfig", {}).get("MaximumEventAgeInSeconds", math.inf)
        return Function(name, new_process, properties["Timeout"], max_age_seconds)

    def _queue(self, name: str, function: Function) -> Queue:
        """The queue of this name in the template, whose messages that function receives."""
        events = [event["Properties"] for event in _properties(function.name)["Events"].values()]
        [mapping] = [event for event in events if event.get("Queue") == {"Fn::GetAtt": [name, "Arn"]}]
        return Queue(
            self.scheduler,
            self.latencies,
            self.functions,
            function,
            mapping["BatchSize"],
            self._parameter(mapping["ScalingConfig"]["MaximumConcurrency"]["Ref"]),
            _template()["Resources"][name]["Properties"]["VisibilityTimeout"],
        )

    # --- what a process of each function has (as `bootstrap`) ---------------------------------------------------------

    def _new_submit(self) -> Handler:
        ports = replace(
            self.submit_ports,
            open_document=_open,
            workers=VirtualWorkers(self.scheduler, bootstrap.SUBMIT_THREADS, _raise),
            run_parallel=VirtualCrew(self.scheduler, bootstrap.SUBMIT_HELPERS),
        )

        def handler(batch: Sequence[Message], deadline: float) -> None:
            self.latencies.connect_ahead()
            if failed := submit(ports, self.submit_settings, batch, deadline):
                raise RuntimeError(f"messages failed: {failed}")

        return handler

    def _new_poll(self) -> Handler:
        ports = replace(
            self.poll_ports,
            workers=VirtualWorkers(self.scheduler, bootstrap.POLL_THREADS, _raise),
        )
        return lambda _, deadline: tick(ports, self.poll_settings, deadline)

    def _new_deliver(self) -> Handler:
        ports = replace(
            self.deliver_ports,
            renderers=replace(self.deliver_ports.renderers, searchable_pdf=self._searchable_pdf),
            workers=VirtualWorkers(self.scheduler, bootstrap.DELIVER_THREADS, _raise),
            run_parallel=VirtualCrew(self.scheduler, bootstrap.DELIVER_HELPERS),
        )
        return lambda batch, deadline: deliver(ports, resumes(queue_event(batch)), deadline)

    def _tick_asked(self) -> None:
        self.functions.invoke_later(self._poll)

    def _searchable_pdf(
        self,
        upload: BinaryIO,
        media_type: str,
        pages: Pages,
        to: BinaryIO,
        drawn: Collection[int],
        own_text: Collection[int],
    ) -> Sequence[str]:
        self.scheduler.sleep(self.setting.making_seconds)
        return self.deliver_ports.renderers.searchable_pdf(upload, media_type, pages, to, drawn, own_text)

    # --- what users do ------------------------------------------------------------------------------------------------

    def serve(self, *users: Callable[[Account], None]) -> None:
        """Runs the users' actions, each in a thread, until there is a notice of each upload.

        Raises RuntimeError if that takes longer than a day.
        """
        for user in users:
            self._users += 1
            self.scheduler.start(partial(self._use, user), Invocation())
        self._schedule()
        # Threads cut pages under a lock, and the one that holds it may wait for the source meanwhile.
        locks = SimpleNamespace(Lock=partial(VirtualLock, self.scheduler))
        with patch.object(source, "threading", locks):
            self.scheduler.run()

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Puts an object, whose event comes a little later; the document's id."""
        stored = self.uploads.put(key, body, metadata)
        document_id = self.document_of(stored).id
        self.uploads_made[document_id] = Upload(key, self.scheduler.now)
        at = self.scheduler.now + self.latencies.seconds("an object's event to its queue")
        self.scheduler.call_at(at, lambda: self.send(event(stored)))
        return document_id

    def wait_for(self, document_id: str) -> None:
        """Returns when there is a notice of the document."""
        if self.uploads_made[document_id].noticed_at == 0.0:
            self._waiting[document_id] = self.scheduler.me()
            self.scheduler.park()

    def send(self, body: str) -> None:
        self._submits.send(body)

    def times(self, document_id: str, page: int = 1) -> Times:
        """Of a page that is final."""
        described = self.documents.operations[document_id, 1, page].described
        if described is None:
            raise RuntimeError(f"page {page} of {document_id} was not sent")
        return Times(*self._recognitions[described.id], self.ocr.asked_at[described.id])

    def _use(self, user: Callable[[Account], None]) -> None:
        user(self)
        self._users -= 1

    def _schedule(self) -> None:
        if self.scheduler.now > self.began_at + DAY_SECONDS:
            raise RuntimeError("there is no notice of some uploads")
        if self._users or any(upload.noticed_at == 0.0 for upload in self.uploads_made.values()):
            self.functions.invoke_later(self._poll)
            self.scheduler.call_at(self.scheduler.now + SCHEDULE_SECONDS, self._schedule)

    def _accepted(self) -> None:
        """The recognition of this content takes as long as in any other run with this seed."""
        accepted = self.ocr.accepted[-1]
        seconds = self.recognition_seconds.get(accepted.content)
        if seconds is None:
            chance = random.Random(f"{self.setting.seed} {accepted.content!r}")
            median, spread = self.setting.recognition_seconds, self.setting.recognition_spread
            seconds = chance.lognormvariate(math.log(median), spread)
        now = self.scheduler.now
        self._recognitions[accepted.operation_id] = now, now + seconds
        self.ocr.accepted[-1] = replace(accepted, ready_at=now + seconds)

    def _noticed(self) -> None:
        document_id = json.loads(self.notices.published[-1].body)["document"]
        upload = self.uploads_made[document_id]
        upload.noticed_at = upload.noticed_at or self.scheduler.now
        if document_id in self._waiting:
            self.scheduler.wake(self._waiting.pop(document_id))


@cache
def _template() -> dict[str, Any]:
    return cloudformation.load()


def _properties(function: str) -> dict[str, Any]:
    properties: dict[str, Any] = _template()["Resources"][f"{function.capitalize()}Function"]["Properties"]
    return properties


def _open(upload: BinaryIO, limits: FileLimits) -> FakeDocument:
    """Reads the upload once, as for images and small files; cutting pages takes no time."""
    with upload:
        return FakeDocument(BytesIO(upload.read()), limits)


def _raise(error: BaseException) -> None:
    """No task of the use cases may raise: an error ends the run."""
    raise error
