"""How much of each position of an AWS bill functions have used, and what that costs at list prices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from benchmarks import prices
from benchmarks.functions import Functions
from local import cloudformation

PRICES = {
    "DynamoDB write units": "dynamodb.write_unit",
    "DynamoDB read units": "dynamodb.read_unit",
    "S3 writes": "s3.write_request",
    "S3 reads": "s3.read_request",
    "SQS requests": "sqs.request",
    "SNS publishes": "sns.publish",
    "Lambda GB-s, submit": "lambda.gigabyte_second",
    "Lambda GB-s, poll": "lambda.gigabyte_second",
    "Lambda GB-s, deliver": "lambda.gigabyte_second",
    "Lambda requests": "lambda.request",
    "log GB": "cloudwatch.log_gigabyte",
}
"""Positions, in their units, and which price each has."""
REPORT_BYTES = 350
"""Lambda's own lines of an invocation: START, END and REPORT."""
LINE_BYTES = 26
"""CloudWatch Logs counts this many bytes for each event, in addition to its text."""


def amounts(at: Functions) -> dict[str, float]:
    """How much of each position has been used up to now."""
    functions = at.by_name()
    calls = sum(function.calls for function in functions.values())
    logged = sum(len(line.encode()) + LINE_BYTES for line in at.log()) + calls * REPORT_BYTES
    return {
        **{position: at.aws.counts[price] for position, price in PRICES.items()},
        **{
            f"Lambda GB-s, {name}": function.seconds * cloudformation.memory_mb(name) / 1024
            for name, function in functions.items()
        },
        "Lambda requests": calls,
        "log GB": logged / prices.GIGABYTE,
    }


def dollars(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By position, what was used in between at list prices."""
    return {
        position: prices.DOLLARS[price] * (after[position] - before[position]) for position, price in PRICES.items()
    }


def metrics(log: Iterable[str]) -> set[str]:
    """The names of the custom metrics that these lines publish."""
    published = [json.loads(line)["_aws"]["CloudWatchMetrics"] for line in log if '"_aws"' in line]
    return {metric["Name"] for directives in published for each in directives for metric in each["Metrics"]}
