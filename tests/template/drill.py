"""The application as it runs minute by minute, and every value of a metric that comes of it.

The functions' own handlers are invoked, with the world's fakes behind them; their metrics are taken from what they
print, as CloudWatch takes them. What AWS itself publishes of queues and functions is counted here.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import pytest

from aws_events import queue_event
from fakes.faults import Faults
from fakes.files import KilledError
from functions.deliver import handler as deliver_function
from functions.poll import handler as poll_function
from functions.reconcile import handler as reconcile_function
from functions.submit import handler as submit_function
from template.alarm_states import MINUTE_SECONDS, Value, state
from template.cloudformation import Template
from textdrop import bootstrap, observability
from textdrop.core.caps import Caps
from textdrop.observability import LambdaJournal
from textdrop.usecases.accept import Message
from world import DELIVER_SECONDS, POLL_SECONDS, RECONCILE_SECONDS, SUBMIT_SECONDS, World

STACK = "textdrop"
BATCH = 5
FURTHER_BACK = (0, 3)
"""How many periods more CloudWatch may look at: an alarm has to be right either way."""

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""A metric as CloudWatch tells it from others: namespace, name, all dimensions."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda gives a handler."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:f"
    aws_request_id: str = "7a0b9c5e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Of no use on a clock that takes no time."""
        return 0


class Troubles(Faults):
    """Calls that fail for as long as the trouble lasts: `lasting` has their errors by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.lasting: dict[str, Callable[[], BaseException]] = {}

    def before(self, call: str) -> None:
        super().before(call)
        if call in self.lasting:
            raise self.lasting[call]()


HANDLERS: dict[str, tuple[Any, float]] = {
    "PollFunction": (poll_function.handler, POLL_SECONDS),
    "SubmitFunction": (submit_function.handler, SUBMIT_SECONDS),
    "DeliverFunction": (deliver_function.handler, DELIVER_SECONDS),
    "ReconcileFunction": (reconcile_function.handler, RECONCILE_SECONDS),
}


class Drill:
    """`troubles` are what fails; `polls`, `submits`, `delivers` whether the functions are invoked at all."""

    def __init__(self, template: Template, patch: pytest.MonkeyPatch) -> None:
        self.troubles = Troubles()
        self.world = World(faults=self.troubles)
        self.world.clock.advance(-self.world.clock.now() % MINUTE_SECONDS)
        self.polls = self.submits = self.delivers = self.uploads = True
        self.values: dict[Metric, list[Value]] = {}
        self.logged: list[tuple[str, str]] = []  # what a function logged, by its log group
        self.dead: list[Message] = []
        self._template = template
        self._patch = patch
        self._waiting_since: dict[str, float] = {}
        self._undelivered: dict[Message, tuple[float, float]] = {}  # since when, and until when it is hidden
        self._uploaded = 0
        queue = template.resources["UploadsQueue"]["Properties"]
        self._receives_most: int = queue["RedrivePolicy"]["maxReceiveCount"]
        journal = LambdaJournal()
        self._submit_ports = replace(self.world.submit_ports, journal=journal)
        self._poll_ports = replace(self.world.poll_ports, journal=journal)
        self._deliver_ports = replace(self.world.deliver_ports, journal=journal)
        self._reconcile_ports = replace(self.world.reconcile_ports, journal=journal)

    # --- time ---------------------------------------------------------------------------------------------------------

    def minute(self) -> None:
        """The next minute passes: an upload, the queues, the schedule, and what AWS publishes."""
        began = self.world.clock.now()
        if self.uploads:
            self._uploaded += 1
            self.world.upload(f"{self._uploaded}.png", b"page %d" % self._uploaded)
        for message in self.world.queue:
            self._waiting_since.setdefault(message.id, began)
        if self.submits:
            self._work_off_the_queue()
        if self.polls:
            self._invoke("PollFunction", {})
        self._deliver(began)
        self._publish_of_queues()
        self.world.clock.advance(began + MINUTE_SECONDS - self.world.clock.now())

    def reconcile(self) -> None:
        """The day's run, with the tries that an asynchronous invocation has."""
        asynchronous = self._template.functions()["ReconcileFunction"]["EventInvokeConfig"]
        tries = 1 + asynchronous["MaximumRetryAttempts"]
        if not any(self._invoke("ReconcileFunction", {}) for _ in range(tries)):
            name = {"FunctionName": self._name("ReconcileFunction")}
            self._publish("AWS/Lambda", "AsyncEventsDropped", name, 1.0)

    def until(self, alarm: str, expected: str, within_minutes: float) -> float:
        """The minutes that passed until the alarm was in this state, however CloudWatch looks at it."""
        began = self.world.clock.now()
        while self.states(alarm) != {expected}:
            passed = (self.world.clock.now() - began) / MINUTE_SECONDS
            assert passed < within_minutes, f"{alarm} is {self.states(alarm)}, not {expected}, after {passed:.0f} min"
            self.minute()
        return (self.world.clock.now() - began) / MINUTE_SECONDS

    def states(self, alarm: str) -> set[str]:
        """The states that the alarm may be in now."""
        defined = self._template.of_type("AWS::CloudWatch::Alarm")[alarm]
        values = self.values.get(self.metric(alarm), [])
        now = self.world.clock.now()
        return {state(defined, values, now, further_back=further) for further in FURTHER_BACK}

    def metric(self, alarm: str) -> Metric:
        """The metric that the alarm is on, with the names that its resources have here."""
        defined = self._template.of_type("AWS::CloudWatch::Alarm")[alarm]
        dimensions = {(named["Name"], self._resolved(named["Value"])) for named in defined["Dimensions"]}
        return defined["Namespace"], defined["MetricName"], frozenset(dimensions)

    # --- functions ----------------------------------------------------------------------------------------------------

    def _work_off_the_queue(self) -> None:
        batches = [self.world.receive(message) for message in self.world.visible()]
        for start in range(0, len(batches), BATCH):
            batch = batches[start : start + BATCH]
            answer = self._invoke("SubmitFunction", queue_event(batch))
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]} if answer else None
            for message in batch:
                if failed is not None and message.id not in failed:
                    del self._waiting_since[message.id]
                elif message.receives < self._receives_most:
                    self.world.queue.append(message)
                else:
                    del self._waiting_since[message.id]
                    self.dead.append(message)

    def _deliver(self, now: float) -> None:
        self._undelivered |= dict.fromkeys(self.world.deliver_queue, (now, now))
        self.world.deliver_queue.clear()
        if not self.delivers:
            return
        hidden_seconds: int = self._template.resources["DeliverQueue"]["Properties"]["VisibilityTimeout"]
        for message, (since, hidden_until) in list(self._undelivered.items()):
            if hidden_until > now:
                continue
            if self._invoke("DeliverFunction", queue_event([message])) is None:
                self._undelivered[message] = (since, now + hidden_seconds)
            else:
                del self._undelivered[message]

    def _invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer, empty when there is none; None when the function failed."""
        name = self._name(function)
        variables = self._template.functions()[function]["Environment"]["Variables"]
        handler, seconds = HANDLERS[function]
        now = self.world.clock.now()
        printed, answer = io.StringIO(), None
        with self._patch.context() as patch, redirect_stdout(printed), _own_log() as logged:
            patch.setattr(
                observability.metrics.provider, "service", self._resolved(variables["POWERTOOLS_SERVICE_NAME"])
            )
            patch.setattr(bootstrap, "submit", lambda: (self._submit_ports, self.world.submit_settings))
            patch.setattr(bootstrap, "poll", lambda: (self._poll_ports, self.world.poll_settings))
            patch.setattr(bootstrap, "deliver", lambda: self._deliver_ports)
            patch.setattr(bootstrap, "reconcile", lambda: self._reconcile_ports)
            patch.setattr(bootstrap, "deadline", lambda context: now + seconds)
            try:
                answer = handler(dict(event), Context(name)) or {}
            except (Exception, KilledError):  # noqa: BLE001 - Lambda counts it, whatever it is
                self._publish("AWS/Lambda", "Errors", {"FunctionName": name}, 1.0)
            else:
                self._publish("AWS/Lambda", "Errors", {"FunctionName": name}, 0.0)
        self.logged.append((f"/aws/lambda/{name}", logged.getvalue()))
        for line in printed.getvalue().splitlines():
            self._take_in(json.loads(line))
        return answer

    # --- metrics ------------------------------------------------------------------------------------------------------

    def _take_in(self, blob: Mapping[str, Any]) -> None:
        """The metrics of a line in the embedded metric format."""
        for directive in blob.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = {name: blob[name] for name in names}
                for metric in directive["Metrics"]:
                    for value in blob[metric["Name"]]:
                        self._publish(directive["Namespace"], metric["Name"], dimensions, value)

    def _publish_of_queues(self) -> None:
        now = self.world.clock.now()
        for queue, count in (("UploadsDeadLetterQueue", len(self.dead)), ("UploadsQueue", len(self.world.queue))):
            self._publish("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, float(count))
        undelivered_since = [since for since, _ in self._undelivered.values()]
        for queue, sent_at in (("UploadsQueue", self._waiting_since.values()), ("DeliverQueue", undelivered_since)):
            age = now - min(sent_at, default=now)
            self._publish("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue}, age)

    def _publish(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        metric = (namespace, name, frozenset(dimensions.items()))
        self.values.setdefault(metric, []).append(Value(self.world.clock.now(), value))

    # --- names --------------------------------------------------------------------------------------------------------

    def _name(self, function: str) -> str:
        return self._resolved(self._template.functions()[function]["FunctionName"])

    def _resolved(self, value: Any) -> str:
        """The value of a property, where queues are called as in the template."""
        match value:
            case str():
                return value
            case {"Fn::Sub": str(text)}:
                return text.replace("${AWS::StackName}", STACK)
            case {"Fn::GetAtt": [queue, "QueueName"]}:
                return str(queue)
            case {"Ref": function}:
                return self._name(function)
        raise ValueError(f"no value for {value}")


def cap_pages(drill: Drill, pages_per_month: int) -> None:
    """From now on the stack sends so many pages in a month; 0: any number."""
    caps = Caps(pages_per_month=pages_per_month)
    drill.world.submit_settings = replace(drill.world.submit_settings, caps=caps)
    drill.world.poll_settings = replace(drill.world.poll_settings, caps=caps)


@contextmanager
def _own_log() -> Iterator[io.StringIO]:
    """What is logged goes here."""
    [handler] = [found for found in observability.logger.handlers if isinstance(found, logging.StreamHandler)]
    logged = io.StringIO()
    before = handler.setStream(logged)
    try:
        yield logged
    finally:
        if before is not None:
            handler.setStream(before)
