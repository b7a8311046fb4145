"""The use cases in an AWS account, in virtual time: how late notices are, and how much of the quotas is used.

Nothing here depends on the machine: the same code and seed give the same figures. All durations are assumed
(`virtual_time_account`), and the functions' own work takes no time unless a figure says so. Compare two versions of the
code, or a version with what the quotas allow. To run only some scenarios, in seconds:
`PYTHONPATH=.:layers/textdrop:tests .venv/bin/python -m benchmarks.virtual_time one_at_a_time backlogs`.
"""

from __future__ import annotations

import bisect
import random
import statistics
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from benchmarks.backlog import use_percent
from benchmarks.figures import Figure, Say, at_least, table, within
from benchmarks.virtual_time_account import Account, Setting, Upload
from fakes.ocr import Failure
from textdrop.core.documents import Output

ONE_AT_A_TIME = 400
MAX_GAP_SECONDS = 20.0
ALL_OUTPUTS = {"ocr-outputs": "markdown, tables, searchable-pdf"}
FAILING_AFTER_SECONDS = (1, 2, 5, 20, 60, 300, 1200)
FAILING_OF_EACH = 10
BULK = 300
LIVE_AT_LEAST = 60
FAST = Setting(parameters={"SubmitsPerSecond": 50, "SubmitConcurrency": 20})
PROCESSOR_SECONDS = 0.0012 / 0.58
"""Processor time of each call: signing, TLS and parsing on a whole core, divided by the share that 1,024 MB have."""


def measure(say: Say, names: Collection[str] = ()) -> list[Figure]:
    """The scenarios of these names, or all."""
    accounts: list[Account] = []
    found: list[Figure] = []
    for scenario in (one_at_a_time, backlogs, failures, long_document, small_account, with_processor):
        if not names or scenario.__name__ in names:
            say(scenario.__name__)
            found += scenario(accounts)
    return found + most_asks(accounts)


def one_at_a_time(accounts: list[Account]) -> list[Figure]:
    """Each upload some seconds after the notice of the one before it; without its recognition, as in `latency`."""
    account = _account(accounts, Setting())
    gaps = random.Random(f"gaps {account.setting.seed}")

    def user(account: Account) -> None:
        for number in range(ONE_AT_A_TIME):
            account.clock.sleep(MAX_GAP_SECONDS * gaps.random())
            account.wait_for(_upload(account, "one", number))

    account.serve(user)
    sending, asking, delivering = [], [], []
    for document_id, upload in account.uploads_made.items():
        times = account.times(document_id)
        sending.append(times.accepted_at - upload.uploaded_at)
        asking.append(times.read_at - times.readable_at)
        delivering.append(upload.noticed_at - times.read_at)
    whole = [sum(parts) for parts in zip(sending, asking, delivering, strict=True)]
    return [
        within("one at a time: upload to notice less the recognition, median", statistics.median(whole), 0.7, "s"),
        within("one at a time: 95th percentile", _percentile(whole), 1.3, "s"),
        Figure("one at a time: from the upload to the acceptance", _spread(sending)),
        Figure("one at a time: from readable to read", _spread(asking)),
        Figure("one at a time: from read to the notice", _spread(delivering)),
    ]


def backlogs(accounts: list[Account]) -> list[Figure]:
    """One-page documents uploaded at once. With the slow recognition, ticks hand over while all reads are used."""
    faster = Setting(parameters={"SubmitsPerSecond": 200, "SubmitConcurrency": 80}, reads_per_second=200)
    slow = _account(accounts, Setting())
    slow_over = _backlog(slow, 500, "500 at 10 a second", 3)
    submits = [at for call, at in slow.latencies.begun if call == "ocr.submit"]
    ran = ", ".join(f"{name} {2 * seconds:.0f}" for name, seconds in sorted(slow.functions.seconds.items()))
    return [
        Figure("500 at 10 a second: seconds of functions, for 1,000", ran),
        at_least("500 at 10 a second: use of the quota", use_percent(submits, 10), 99.9, "%", 2),
        slow_over,
        _backlog(_account(accounts, FAST), 2000, "2,000 at 50 a second", 10),
        _backlog(_account(accounts, faster), 2000, "2,000 at 200 a second", 10),
        _backlog(_account(accounts, replace(FAST, recognition_seconds=60.0)), 2000, "2,000 at 50 a second, 60 s each"),
    ]


def with_processor(accounts: list[Account]) -> list[Figure]:
    """The backlog at 50 a second again, with processor time for each call."""
    account = _account(accounts, replace(FAST, processor_seconds=PROCESSOR_SECONDS))
    return [_backlog(account, 2000, "2,000 at 50 a second with 0.58 of a core a function")]


def failures(accounts: list[Account]) -> list[Figure]:
    """Operations that the service failed, among others: from the failure to the notice."""
    found = []
    for told_by, error_in_result in (("the result", True), ("its status alone", False)):
        account = _account(accounts, Setting())
        account.ocr.error_in_result = error_in_result
        failing: dict[str, int] = {}

        def user(account: Account, failing: dict[str, int] = failing) -> None:
            chance = random.Random(f"failures {account.setting.seed}")
            for number in range(20):
                account.wait_for(_upload(account, "before", number))
            for number in range(FAILING_OF_EACH):
                for seconds in FAILING_AFTER_SECONDS:
                    body = b"fails after %d, %d" % (seconds, number)
                    account.ocr.table[body] = Failure()
                    account.recognition_seconds[body] = seconds * (1 + 0.1 * chance.random())
                    failing[account.put(f"failing/{seconds}-{number}.png", body)] = seconds
                    account.clock.sleep(chance.random())

        account.serve(user)
        for seconds in FAILING_AFTER_SECONDS:
            late = [
                account.uploads_made[document_id].noticed_at - account.times(document_id).readable_at
                for document_id, after in failing.items()
                if after == seconds
            ]
            name = f"failed after {seconds:,} s, told by {told_by}: to the notice, worst of {FAILING_OF_EACH}"
            found.append(within(name, max(late), max(5.0, seconds / 10), "s", 1))
    return found


def long_document(accounts: list[Account]) -> list[Figure]:
    """A PDF whose pages are all recognised in 3 s, after an image that has started the functions."""
    account = _account(accounts, Setting(recognition_spread=0.0))

    def user(account: Account) -> None:
        account.wait_for(_upload(account, "before", 0))
        account.wait_for(account.put("long.pdf", b"pages:200"))

    account.serve(user)
    [seconds] = _seconds(account, "long")
    return [_over("a PDF of 200 pages: over pages ÷ quota + one recognition", seconds, 200 / 10 + 3.0, 5)]


def small_account(accounts: list[Account]) -> list[Figure]:
    """Ten concurrent executions: uploads with all outputs, which take 6 s to make, and live ones without outputs at the
    same time.

    The former come at half the quota, so that nothing waits for a slot.
    """
    setting = Setting(account_concurrency=10, making_seconds=6.0)

    def bulk(account: Account) -> None:
        for number in range(BULK):
            _upload(account, "bulk", number, ALL_OUTPUTS)
            account.clock.sleep(0.2)

    def live(account: Account) -> None:
        number = 0
        while number < LIVE_AT_LEAST or 0.0 in (upload.noticed_at for upload in _uploads(account, "bulk")):
            _upload(account, "live", number)
            account.clock.sleep(5.0)
            number += 1

    alone, beside = _account(accounts, setting), _account(accounts, setting)
    alone.serve(live)
    beside.serve(bulk, live)
    rows = [row.renderings for row in beside.documents.rows.values() if row.renderings]
    made = sum(len(row) == len(Output) and all(rendering.files for rendering in row) for row in rows)
    before, after = _seconds(alone, "live"), _seconds(beside, "live")
    bulk_seconds = max(upload.noticed_at for upload in _uploads(beside, "bulk")) - beside.began_at
    medians = statistics.median(after) / statistics.median(before)
    calls = sorted(beside.functions.ended.items())
    return [
        Figure("10 executions, 300 uploads with outputs: all outputs made", f"{made}", f"{BULK}", made == BULK),
        within("10 executions: live uploads beside them, to alone, medians", medians, 2, "×", 2),
        within("10 executions: 95th percentiles", _percentile(after) / _percentile(before), 2, "×", 2),
        Figure("10 executions: live uploads to their notice", _spread(after), f"alone {_spread(before)}"),
        Figure(
            "10 executions: the others' last notice", f"{bulk_seconds:.0f} s", f"{BULK * 6 / 10:.0f} s if ten make them"
        ),
        Figure("10 executions: calls", ", ".join(f"{function} {how} {count:,}" for (function, how), count in calls)),
    ]


def most_asks(accounts: Iterable[Account]) -> list[Figure]:
    """The asks that began within one second, over all runs, ticks and their successors."""
    found = []
    for quota in sorted({account.setting.reads_per_second for account in accounts}):
        for call, name in (("ocr.result", "results"), ("ocr.status", "statuses")):
            most = max(
                most_in_a_second([at for begun, at in account.latencies.begun if begun == call])
                for account in accounts
                if account.setting.reads_per_second == quota
            )
            found.append(within(f"asks for {name} within any second, of {quota:g}", most, quota, "", 0))
    return found


def most_in_a_second(times: Sequence[float]) -> int:
    """The largest number of these times, which are in order, within one second."""
    return max((place + 1 - bisect.bisect_right(times, at - 1.0) for place, at in enumerate(times)), default=0)


def _account(accounts: list[Account], setting: Setting) -> Account:
    accounts.append(Account(setting))
    return accounts[-1]


def _upload(account: Account, folder: str, number: int, metadata: dict[str, str] | None = None) -> str:
    return account.put(f"{folder}/{number:05d}.png", b"%s %d" % (folder.encode(), number), metadata)


def _backlog(account: Account, count: int, name: str, limit: float | None = None) -> Figure:
    """By how much the last notice is later than the last recognition's end, and than all can be read."""

    def user(account: Account) -> None:
        for number in range(count):
            _upload(account, "backlog", number)

    account.serve(user)
    readable = [account.times(document_id).readable_at for document_id in account.uploads_made]
    soonest = max(max(readable), min(readable) + count / account.setting.reads_per_second)
    last = max(upload.noticed_at for upload in account.uploads_made.values())
    return _over(
        f"{name}: last notice, over what quotas and recognitions allow",
        last - account.began_at,
        soonest - account.began_at,
        limit,
    )


def _over(name: str, seconds: float, least: float, limit: float | None = None) -> Figure:
    percent = 100 * (seconds / least - 1)
    value = f"{percent:.1f} %, {seconds:.1f} s for {least:.1f}"
    return Figure(name, value) if limit is None else Figure(name, value, f"≤ {limit:g} %", percent <= limit)


def _uploads(account: Account, folder: str) -> list[Upload]:
    return [upload for upload in account.uploads_made.values() if upload.key.startswith(folder)]


def _seconds(account: Account, folder: str) -> list[float]:
    return [upload.noticed_at - upload.uploaded_at for upload in _uploads(account, folder)]


def _percentile(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} s, 95th {_percentile(values):.3f}, most {max(values):.3f}"


if __name__ == "__main__":
    print(table(measure(print, sys.argv[1:]), "virtual time"))
