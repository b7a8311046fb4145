"""Queue, event source, schedule and functions on virtual time, as AWS runs them by the template's defaults."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.virtual import World
from textdrop.usecases.accept import Message

SUBMIT_SECONDS = 300.0
POLL_SECONDS = 120.0
SCHEDULE_SECONDS = 60.0
BATCH_SIZE = 5
SUBMIT_CONCURRENCY = 5

Submit = Callable[[list[Message], float], list[str]]
"""An environment of submit: takes a batch and its deadline, returns the ids of the messages that failed."""
Poll = Callable[[float], None]
"""An environment of poll: runs one tick until its deadline."""

Made = TypeVar("Made")


@dataclass(slots=True)
class Invocations:
    """Of one function: how many there were, for how long in all, how many environments they took, how many run now."""

    count: int = 0
    seconds: float = 0.0
    environments: int = 0
    running: int = 0

    def billed(self, seconds: float) -> None:
        """One more, billed by the millisecond."""
        self.count += 1
        self.seconds += math.ceil(seconds * 1000) / 1000


@dataclass(slots=True)
class Stack:
    """`make_submit` and `make_poll` make an environment each, which then serves one invocation after another.

    `async_seconds`: from an asynchronous invocation to its begin. `init_seconds`: what a new environment takes before.
    """

    world: World
    make_submit: Callable[[], Submit]
    make_poll: Callable[[], Poll]
    async_seconds: float = 0.0
    init_seconds: float = 0.0
    submits: Invocations = field(default_factory=Invocations)
    polls: Invocations = field(default_factory=Invocations)
    batches: int = 0
    _queue: deque[Message] = field(default_factory=deque)
    _sent: int = 0
    _submit_idle: list[Submit] = field(default_factory=list)
    _poll_idle: list[Poll] = field(default_factory=list)

    def start(self) -> None:
        """The schedule runs from now on."""
        self.world.start(self._schedule)

    def send(self, body: str) -> None:
        """A message into the uploads queue."""
        self._sent += 1
        self._queue.append(Message(f"m{self._sent}", body))
        self._pump()

    def invoke_poll(self) -> None:
        """A tick has been asked for."""
        self.world.start(self._poll, self.async_seconds)

    def _pump(self) -> None:
        while self._queue and self.submits.running < SUBMIT_CONCURRENCY:
            self.submits.running += 1
            batch = [self._queue.popleft() for _ in range(min(BATCH_SIZE, len(self._queue)))]
            self.batches += 1
            self.world.start(lambda batch=batch: self._submit(batch))  # type: ignore[misc]

    def _submit(self, batch: list[Message]) -> None:
        began = self.world.now
        run = self._submit_idle.pop() if self._submit_idle else self._begun(self.submits, self.make_submit)
        self._own(run)
        failed = run(batch, self.world.now + SUBMIT_SECONDS)
        if failed:
            raise RuntimeError(f"{len(failed)} messages failed")
        self._submit_idle.append(run)
        self.submits.billed(self.world.now - began)
        self.submits.running -= 1
        self._pump()

    def _schedule(self) -> None:
        while True:
            self.invoke_poll()
            self.world.sleep(SCHEDULE_SECONDS)

    def _poll(self) -> None:
        self.polls.running += 1
        began = self.world.now
        run = self._poll_idle.pop() if self._poll_idle else self._begun(self.polls, self.make_poll)
        self._own(run)
        run(self.world.now + POLL_SECONDS)
        self._poll_idle.append(run)
        self.polls.billed(self.world.now - began)
        self.polls.running -= 1

    def _begun(self, invocations: Invocations, make: Callable[[], Made]) -> Made:
        invocations.environments += 1
        made = make()
        self.world.sleep(self.init_seconds)
        return made

    def _own(self, run: object) -> None:
        """What is done from now on is that environment's: the object whose method it is."""
        if self.world.current is not None:
            self.world.current.owner = getattr(run, "__self__", run)
