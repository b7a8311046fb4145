"""A cap on a local stack, as a day turns: `make bill UPLOADS=1000`.

So many one-page uploads come at once, against a cap of half as many pages a day. By the OCR service's own count exactly
that half is paid for, the others are held; then the functions' clocks are moved to just before midnight (UTC), and the
day turns: all are released, none is lost, none is paid for twice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import scans
from e2e.whole_stack import WholeStack, running
from local import cloudformation, deployment, stack
from steps import Broken, expect, step

STATE = stack.ROOT / ".local" / "bill"
RECOGNITION = ["--seconds", "2", "--spread", "0.4"]
IMAGE_BYTES = 4_000
DAY_SECONDS = 86_400
ROOM_SECONDS = 1_800
"""So long before midnight the uploads come."""

TURN_SECONDS = 10
STILL_SECONDS = 20
STEP_SECONDS = 900


def main() -> int:
    """0: all was as it should be."""
    count = int(os.environ.get("UPLOADS") or "1000")
    cap = count // 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    try:
        with running(STATE, "table", RECOGNITION, PagesPerDay=str(cap)) as (env, account):
            whole = WholeStack(env, STATE, account)
            whole.until_idle()  # S3's test: a function that starts must not be changed
            clock = Clock(whole)
            clock.move_before_midnight(ROOM_SECONDS)
            spend(whole, clock, count, cap)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    return 0


class Clock:
    """The clock of the functions, which runs ahead of this machine's."""

    def __init__(self, whole: WholeStack) -> None:
        self._file = STATE / "clock-ahead"
        self._file.write_text("0", encoding="ascii")
        folder = Path(__file__).parent / "moved_clock"
        with whole.client("lambda") as functions:
            for name in cloudformation.functions():
                function = f"{deployment.STACK}-{name}"
                variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
                variables["PYTHONPATH"] = ":".join(filter(None, (str(folder), variables.get("PYTHONPATH"))))
                variables["CLOCK_AHEAD"] = str(self._file)
                functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
                functions.get_waiter("function_updated_v2").wait(FunctionName=function)

    def move_before_midnight(self, seconds: float) -> None:
        """For the functions it is so many seconds before midnight (UTC), today or tomorrow, but never earlier."""
        ahead = float(self._file.read_text("ascii"))
        at = (time.time() + ahead) % DAY_SECONDS
        self._file.write_text(repr(ahead + (DAY_SECONDS - seconds - at) % DAY_SECONDS), encoding="ascii")

    def day(self) -> str:
        """The day that it is for the functions."""
        at = time.time() + float(self._file.read_text("ascii"))
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def spend(whole: WholeStack, clock: Clock, count: int, cap: int) -> None:
    """Uploads against the cap, then the turn. Raises Broken."""
    first_day = clock.day()
    contents = list(scans.images(count, IMAGE_BYTES))
    with step(f"{count} uploads, {cap} pages a day"), ThreadPoolExecutor(16) as putting:
        list(putting.map(lambda each: whole.upload(f"{each[0]:05d}.jpg", each[1]), enumerate(contents)))
    with step("until half is final and half is held"):
        whole.wait(lambda: told(whole) == (cap, count - cap), STEP_SECONDS, "half is not final, or half not held")
    with step(f"{STILL_SECONDS} s in which nothing more is to be sent"):
        still_until = time.monotonic() + STILL_SECONDS
        whole.wait(lambda: time.monotonic() > still_until, STILL_SECONDS + 10, "time stands")
    expect(clock.day() == first_day, "the day turned too early: the machine was too slow")
    paid = whole.paid()
    print(f"  paid {sum(paid.values())} of {count} pages on {first_day}; rows {states(whole)}; reserved {days(whole)}")
    expect(sum(paid.values()) == cap and max(paid.values()) == 1, f"{sum(paid.values())} pages were paid for")
    expect(states(whole) == {"final": cap, "held": count - cap}, f"the rows are {states(whole)}")
    clock.move_before_midnight(TURN_SECONDS)
    with step(f"the day turns ({TURN_SECONDS} s), until all are final"):
        whole.wait(lambda: told(whole)[0] == count, STEP_SECONDS, "not all came to their outcome")
        whole.wait(lambda: states(whole) == {"final": count}, 60, "not all rows are final")
    paid = whole.paid()
    print(f"  paid {sum(paid.values())} of {count} pages by {clock.day()}; reserved {days(whole)}")
    expect(sum(paid.values()) == count and max(paid.values()) == 1, f"{sum(paid.values())} pages were paid for")
    expect(sorted(days(whole).values()) == sorted([cap, count - cap]), f"reserved is {days(whole)}")
    outcomes = Counter(str(notice.body["outcome"]) for notice in whole.notices)
    expect(outcomes == {"succeeded": count}, f"the outcomes are {outcomes}")
    print(f"all was as it should be: {len(whole.notices)} notices, {len(whole.held)} messages of held documents")


def told(whole: WholeStack) -> tuple[int, int]:
    """How many documents came to their outcome, and how many were held, by what subscribers were told."""
    final = {notice.body["document"] for notice in whole.notices}
    return len(final), len({message["document"] for message in whole.held})


def rows(whole: WholeStack) -> Iterator[dict[str, dict[str, str]]]:
    """All items of the table."""
    pages = whole.account.dynamodb.get_paginator("scan").paginate(TableName=whole.account.table_name)
    for page in pages:
        yield from page["Items"]  # type: ignore[misc]  # as the client gives them


def states(whole: WholeStack) -> dict[str, int]:
    """How many documents are in each state."""
    return dict(Counter(item["state"]["S"] for item in rows(whole) if item["sk"]["S"] == "document"))


def days(whole: WholeStack) -> dict[str, int]:
    """What is reserved, by day."""
    return {
        f"{item['sk']['S']}-{name[-2:]}": int(value["N"])
        for item in rows(whole)
        if item["pk"]["S"] == "caps"
        for name, value in item.items()
        if name.startswith("day_")
    }


if __name__ == "__main__":
    sys.exit(main())
