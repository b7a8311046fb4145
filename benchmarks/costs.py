"""What a stretch of the counted application costs at list prices, position by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import prices
from benchmarks.counted_application import MEMORY_MB, REPORT_BYTES, Application

UNITS: Mapping[str, str] = {
    "DynamoDB write units": "dynamodb.write_unit",
    "DynamoDB read units": "dynamodb.read_unit",
    "S3 writes": "s3.write_request",
    "S3 reads": "s3.read_request",
    "SQS requests": "sqs.request",
    "SNS publishes": "sns.publish",
    "Lambda GB-s, submit": "lambda.gigabyte_second",
    "Lambda GB-s, poll": "lambda.gigabyte_second",
    "Lambda requests": "lambda.request",
    "log GB": "cloudwatch.log_gigabyte",
    "custom metric hours": "cloudwatch.metric_month",
}
"""Positions, in their units, and which price each has."""

RECEIVES_AN_HOUR = 15 * 60
"""Of an idle queue: Lambda's event source keeps five long polls of 20 s open."""


def price(position: str) -> float:
    """Of one unit of it, in dollars."""
    each = prices.of(UNITS[position])
    return each / prices.HOURS_A_MONTH if position == "custom metric hours" else each


@dataclass(frozen=True, slots=True)
class Cursor:
    """What had been used of each position at a time. `at` is epoch seconds."""

    at: float
    used: Mapping[str, float]


def mark(application: Application) -> Cursor:
    """What has been used up to now, but for metrics, which go by the hour, and an idle queue's receives."""
    counts, stack, log = application.aws.counts, application.stack, application.log
    invocations = stack.submits.count + stack.polls.count
    used = {
        "DynamoDB write units": counts["dynamodb.write_unit"] + counts["dynamodb.index_unit"],
        "DynamoDB read units": counts["dynamodb.read_unit"],
        "S3 writes": counts["s3.write_request"],
        "S3 reads": counts["s3.read_request"],
        # Each batch is received and deleted by a request.
        "SQS requests": counts["sqs.request"] + 2 * stack.batches,
        "SNS publishes": counts["sns.publish"],
        "Lambda GB-s, submit": stack.submits.seconds * MEMORY_MB["submit"] / 1024,
        "Lambda GB-s, poll": stack.polls.seconds * MEMORY_MB["poll"] / 1024,
        "Lambda requests": invocations,
        "log GB": (log.bytes + invocations * REPORT_BYTES) / prices.GIGABYTE,
    }
    return Cursor(application.world.now, used)


def between(before: Cursor, after: Cursor, metrics: int) -> Counter[str]:
    """What was used in between; so many metrics were published."""
    used: Counter[str] = Counter()
    for position in before.used:
        used[position] = after.used[position] - before.used[position]  # type: ignore[assignment]
    hours = (after.at - before.at) / 3600
    used["SQS requests"] += hours * RECEIVES_AN_HOUR  # type: ignore[assignment]
    used["custom metric hours"] = metrics * max(1.0, hours)  # type: ignore[assignment]
    return used


def dollars(used: Mapping[str, float]) -> float:
    """All of it at list prices."""
    return sum(price(position) * amount for position, amount in used.items())
