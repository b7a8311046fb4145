"""What the functions and the OCR service of a local stack log: `python -m local.logs`, one readable line an event.

The last lines first, then each new one, until Ctrl-C. The emulator hands out a function's lines when its invocation
ends, so they come after what the OCR service logged meanwhile; each shows the time at which it was written.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import deployment, stack

FUNCTIONS = ("submit", "poll", "deliver")
REFRESH_SECONDS = 1.0
HISTORY_LINES = 20
HISTORY_SECONDS = 900
# Events of two invocations may not come in the order of their times.
OVERLAP_MILLISECONDS = 10_000
# Fields that the line shows in another place, and those that are the same in every line of a function.
HIDDEN = {"level", "location", "message", "timestamp", "service", "cold_start", "xray_trace_id"}
HIDDEN |= {"function_arn", "function_memory_size", "function_name", "function_request_id"}


@dataclass(frozen=True, slots=True)
class Line:
    """An event to show; `at` in epoch seconds."""

    at: float
    who: str
    text: str


def function_line(who: str, at: float, message: str) -> Line:
    """A function's event, logged at `at` (epoch seconds, as CloudWatch says). An unknown form stays as it is; metrics
    and Lambda's own lines about an invocation have no text."""
    message = message.rstrip()
    if message.startswith(("START ", "END ", "REPORT ", '{"_aws"')):
        return Line(at, who, "")
    try:
        event = json.loads(message)
        written_at = datetime.strptime(event["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
        fields = [f"{name}={value}" for name, value in event.items() if name not in HIDDEN]
        return Line(written_at, who, " ".join([f"{event['level']:<7}", event["message"], *fields]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Line(at, who, message)


def ocr_line(line: str, at: float) -> Line:
    """A line of the OCR service's log; `at` (epoch seconds) is for one without a time, such as a traceback's."""
    written_at, _, text = line.partition(" ")
    try:
        return Line(datetime.fromisoformat(written_at).timestamp(), "ocr", text)
    except ValueError:
        return Line(at, "ocr", line)


def shown(line: Line) -> str:
    """The line for a person to read, in local time; nothing in it moves a terminal."""
    text = "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line.text)
    return f"{datetime.fromtimestamp(line.at):%H:%M:%S.%f}"[:-3] + f" {line.who:<7} {text}"


def ocr_lines(path: Path, since: float) -> Iterator[list[Line]]:
    """At each step the new whole lines of the OCR service's log, which may be started again, or not exist yet."""
    position, at = 0, since
    while True:
        lines = []
        with suppress(FileNotFoundError), path.open("rb") as file:
            if position > path.stat().st_size:
                position = 0
            file.seek(position)
            for line in file:
                if line.endswith(b"\n"):
                    position += len(line)
                    lines.append(ocr_line(line.decode("utf-8", "replace").rstrip("\n"), at))
                    at = lines[-1].at  # a traceback stays after the line before it
        yield [line for line in lines if line.at >= since]


def function_lines(who: str, fetch: Callable[[int], list[Mapping[str, Any]]], since: float) -> Iterator[list[Line]]:
    """At each step the lines of a function's new events; `fetch` gives those from a time on (epoch milliseconds)."""
    since_milliseconds = int(since * 1000)
    seen: set[tuple[str, int, str]] = set()  # the emulator gives events no ids
    while True:
        events = [(each["logStreamName"], each["timestamp"], each["message"]) for each in fetch(since_milliseconds)]
        fresh = [event for event in events if event not in seen]
        seen.update(fresh)
        newest = max((at for _, at, _ in fresh), default=0)
        since_milliseconds = max(since_milliseconds, newest - OVERLAP_MILLISECONDS)
        lines = (function_line(who, at / 1000, message) for _, at, message in fresh)
        yield [line for line in lines if line.text]


def fetch_events(logs: Any, group: str) -> Callable[[int], list[Mapping[str, Any]]]:
    """Gives the events of a log group from a time on; none while there is no such group."""

    def fetch(since_milliseconds: int) -> list[Mapping[str, Any]]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_milliseconds)
        try:
            return [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    return fetch


def follow(state: Path, history: int) -> None:
    """Show the last lines of all, then new ones by time."""
    env = stack.read_env(state)
    if not stack.is_up(state):
        raise stack.NotUsable(f"the local stack in {state} does not answer: start it with `make up`")
    config = Config(proxies={}, retries={"mode": "standard", "max_attempts": 2})
    client = deployment.session().client(
        "logs", endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"], config=config
    )
    since = time.time() - HISTORY_SECONDS
    groups = {name: f"/aws/lambda/{deployment.STACK}-{name}" for name in FUNCTIONS}
    sources = [function_lines(name, fetch_events(client, group), since) for name, group in groups.items()]
    sources.append(ocr_lines(stack.Folder(state).log("ocr"), since))
    most: int | None = history
    while True:
        lines = sorted((line for source in sources for line in next(source)), key=lambda line: line.at)
        print("".join(f"{shown(line)}\n" for line in lines[-(most or len(lines)) :]), end="", flush=True)
        most = None
        time.sleep(REFRESH_SECONDS)


def main(arguments: list[str]) -> int:
    """Show logs until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.logs", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--state", type=Path, default=stack.DEFAULT_STATE, help="folder of the stack (default: .local)")
    parser.add_argument("--history", type=int, default=HISTORY_LINES, metavar="LINES", help="how many old lines first")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without Cyrillic shows "?"
    os.environ.pop("AWS_PROFILE", None)  # boto3 would look for it, though it is not used here
    try:
        follow(options.state.resolve(), options.history)
    except stack.NotUsable as problem:
        print(f"logs: {problem}", file=sys.stderr)
    except (BotoCoreError, ClientError) as failure:
        print(f"logs: the local stack no longer answers ({type(failure).__name__})", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise it complains once more at the end
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
