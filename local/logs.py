"""What the functions and the OCR service of a local stack log: `python -m local.logs`, one readable line an event.

The last lines first, then each new one, until Ctrl-C. The emulator hands out a function's lines when its invocation
ends, so they come after what the OCR service logged meanwhile; each has the time at which it was written.
"""

import argparse
import itertools
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import deployment, stack

FUNCTIONS = ("submit", "poll", "render")
REFRESH_SECONDS = 1.0
HISTORY_LINES = 20
HISTORY_SECONDS = 900
# Events of two invocations may come in another order than their times.
OVERLAP_MILLISECONDS = 10_000

FIRST_FIELDS = ("rule", "document", "page", "state", "outcome", "reason", "key", "error")
# What the line says elsewhere, what is the same in every line of a function, what only the table's keeper needs.
HIDDEN_FIELDS = {
    "cold_start",
    "function_arn",
    "function_memory_size",
    "function_name",
    "function_request_id",
    "level",
    "location",
    "message",
    "rev",
    "service",
    "timestamp",
    "xray_trace_id",
}
HIDDEN_AT_INFO = {"request_id", "server_trace_id"}
USUAL_VALUES: Mapping[str, object] = {"attempts": 0, "run": 1, "unconfirmed": 0}
DOCUMENT_CHARACTERS = 8

DIM, RED, YELLOW, PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {"WARNING": YELLOW, "ERROR": RED, "CRITICAL": RED}
COLOURS_OF_WHO = {"submit": "\x1b[36m", "poll": "\x1b[35m", "render": "\x1b[34m", "ocr": "\x1b[32m"}

_OCR_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}) ([A-Z]+) (.*)")
_BEFORE_FIELDS = re.compile(r" (?=[a-z_0-9]+=)")


@dataclass(frozen=True, slots=True)
class Line:
    """An event to show. `at` in epoch seconds; without a level, `text` is what was logged, as it is."""

    at: float
    who: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of CloudWatch Logs; `at_milliseconds` since the epoch."""

    stream: str
    at_milliseconds: int
    message: str


def shown(line: Line, *, colour: bool) -> str:
    """The line for a person to read, in local time."""
    moment = datetime.fromtimestamp(line.at).strftime("%H:%M:%S.%f")[:-3]
    who, level = f"{line.who:<6}", f"{line.level:<7}"
    if colour:
        moment = f"{DIM}{moment}{PLAIN}"
        who = f"{COLOURS_OF_WHO.get(line.who, '')}{who}{PLAIN}"
        level = f"{COLOURS.get(line.level, '')}{level}{PLAIN}"
    return f"{moment} {who} {level} {line.text}" if line.level else f"{moment} {who} {line.text}"


def function_line(who: str, at: float, message: str) -> Line | None:
    """A function's event, logged at `at` (epoch seconds) by the account's word; None where it is not worth a line.

    Metrics become a short line. Of what Lambda says of an invocation, its report stays. What is of no known form
    stays as it is.
    """
    message = message.rstrip("\r\n")
    if message.startswith(("START RequestId: ", "END RequestId: ")) or not message:
        return None
    if message.startswith("REPORT RequestId: "):
        return Line(at, who, "INFO", _report(message))
    try:
        fields = json.loads(message)
        if isinstance(fields, dict) and "_aws" in fields:
            return Line(at, who, "INFO", _metrics(fields))
        if isinstance(fields, dict) and isinstance(fields["level"], str):
            return Line(_written_at(fields, at), who, fields["level"], _event(fields))
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    return Line(at, who, "", _visible(message))


def ocr_line(line: str, at: float) -> Line:
    """A line of the OCR service's log; `at` (epoch seconds) is for one of another form, such as a traceback's."""
    parts = _OCR_LINE.fullmatch(line)
    if parts is None:
        return Line(at, "ocr", "", _visible(line))
    text = _BEFORE_FIELDS.sub("  ", parts[3], count=1)  # as in the functions' lines: the event, a gap, its fields
    return Line(datetime.fromisoformat(parts[1]).timestamp(), "ocr", parts[2], _visible(text))


def _event(fields: Mapping[str, Any]) -> str:
    hidden = HIDDEN_FIELDS | (HIDDEN_AT_INFO if fields["level"] in ("INFO", "DEBUG") else set())
    names = [name for name in FIRST_FIELDS if name in fields]
    names += [name for name in fields if name not in FIRST_FIELDS and name not in hidden]
    told = [f"{name}={_value(name, fields[name])}" for name in names if fields[name] != USUAL_VALUES.get(name, ...)]
    return "  ".join([_visible(str(fields["message"])), " ".join(told)]).rstrip()


def _value(name: str, value: object) -> str:
    if name == "document" and isinstance(value, str):
        value = value[:DOCUMENT_CHARACTERS]
    if isinstance(value, str) and value.isprintable() and value and not set(value) & set(' "'):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _metrics(fields: Mapping[str, Any]) -> str:
    names = [metric["Name"] for group in fields["_aws"]["CloudWatchMetrics"] for metric in group["Metrics"]]
    told = (f"{name}={_sum(fields[name]):g}" for name in names)
    return "  ".join(["metrics", _visible(" ".join(told))])


def _sum(value: Any) -> float:
    return float(sum(value)) if isinstance(value, list) else float(value)


def _report(message: str) -> str:
    """`REPORT RequestId: …\\tDuration: 12.5 ms\\t…` as a short line."""
    said = dict(part.partition(": ")[::2] for part in message.split("\t") if ": " in part)
    told = {
        "duration": said.get("Duration"),
        "memory": said.get("Max Memory Used"),
        "of": said.get("Memory Size"),
        "init": said.get("Init Duration"),
        "status": said.get("Status"),
    }
    return _visible("invocation over  " + " ".join(f"{k}={v.replace(' ', '')}" for k, v in told.items() if v))


def _written_at(fields: Mapping[str, Any], otherwise: float) -> float:
    try:
        return datetime.strptime(fields["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
    except (KeyError, TypeError, ValueError):
        return otherwise


def _visible(text: str) -> str:
    """The text on one line that does nothing to a terminal: characters that do not print, but tabs, are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode("ascii") for c in text)


def whole_lines(path: Path) -> Iterator[list[str]]:
    """At each step the lines finished since the step before; at the first, all. A file that is not there has none.

    A file that was begun again is read from its beginning.
    """
    head, position = b"", 0
    while True:
        data = b""
        with suppress(FileNotFoundError), path.open("rb") as file:
            first = file.readline()
            if first != head:  # its first line tells when a log was begun, to the millisecond
                head, position = first, 0
            file.seek(position)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        position += len(data)
        yield data.decode("utf-8", "replace").splitlines()


def unseen(fetch: Callable[[int], Iterable[Event]], since_milliseconds: int) -> Iterator[list[Event]]:
    """At each step the events that were not there at the step before. `fetch` gives those from a time on."""
    seen: Counter[Event] = Counter()
    while True:
        found: Counter[Event] = Counter()
        fresh = []
        for event in fetch(since_milliseconds):
            found[event] += 1
            if found[event] > seen[event]:
                fresh.append(event)
        seen = found
        newest = max((event.at_milliseconds for event in found), default=0)
        yield fresh
        since_milliseconds = max(since_milliseconds, newest - OVERLAP_MILLISECONDS)


def function_lines(who: str, fetch: Callable[[int], Iterable[Event]], since: float) -> Iterator[list[Line]]:
    """At each step the lines of a function's new events, since a time in epoch seconds."""
    for events in unseen(fetch, int(since * 1000)):
        lines = (function_line(who, event.at_milliseconds / 1000, event.message) for event in events)
        yield [line for line in lines if line is not None]


def ocr_lines(path: Path, since: float) -> Iterator[list[Line]]:
    """At each step the new lines of the OCR service's log, since a time in epoch seconds."""
    at = since
    for lines in whole_lines(path):
        told = []
        for line in lines:
            told.append(ocr_line(line, at))
            at = told[-1].at  # a traceback stays behind the line before it
        yield [line for line in told if line.at >= since]


def follow(
    sources: Sequence[Iterator[list[Line]]], *, history: int, show: Callable[[Line], None], pause: Callable[[], None]
) -> None:
    """Show the last lines of all sources, then new ones by time, with a pause between reads; ends with a source."""
    for step, found in enumerate(zip(*sources, strict=False)):
        lines = sorted(itertools.chain.from_iterable(found), key=lambda line: line.at)
        for line in lines[max(len(lines) - history, 0) :] if step == 0 else lines:
            show(line)
        pause()


def fetch_events(logs: Any, group: str) -> Callable[[int], Iterable[Event]]:
    """Gives the events of a log group from a time on (epoch milliseconds); none while there is no such group."""

    def fetch(since_milliseconds: int) -> list[Event]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_milliseconds)
        try:
            return [
                Event(event["logStreamName"], event["timestamp"], event["message"])
                for page in pages
                for event in page["events"]
            ]
        except logs.exceptions.ResourceNotFoundException:
            return []

    return fetch


def main(arguments: list[str]) -> int:
    """Show logs until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.logs", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--state", type=Path, default=stack.DEFAULT_STATE, help="folder of the stack (default: .local)")
    parser.add_argument("--history", type=int, default=HISTORY_LINES, metavar="LINES", help="how many old lines first")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without Cyrillic shows "?"
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    state = options.state.resolve()
    try:
        env = stack.read_env(state)
        if not stack.is_up(state):
            raise stack.NotUsable(f"the local stack in {state} does not answer: start it with `make up`")
        _follow(state, env, options.history)
    except stack.NotUsable as problem:
        print(f"logs: {problem}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as failure:
        print(f"logs: the local stack answers no more ({type(failure).__name__})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else it complains once more at the end
        return 0
    return 0


def _follow(state: Path, env: Mapping[str, str], history: int) -> None:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"
    config = Config(proxies={}, retries={"mode": "standard", "max_attempts": 2})
    client = deployment.session().client(
        "logs", endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"], config=config
    )
    since = time.time() - HISTORY_SECONDS
    with closing(client):
        sources = [
            function_lines(name, fetch_events(client, f"/aws/lambda/{deployment.STACK}-{name}"), since)
            for name in FUNCTIONS
        ]
        sources.append(ocr_lines(stack.Folder(state).log("ocr"), since))
        follow(
            sources,
            history=history,
            show=lambda line: print(shown(line, colour=colour), flush=True),
            pause=lambda: time.sleep(REFRESH_SECONDS),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
