"""What a stack costs a month that nobody uploads to, by the template with its defaults, at list prices, no free tier.

What there is comes from template.yaml itself: alarms, secrets, schedules, event sources; a type of resource that this
does not know is an error. What a tick that finds nothing takes is counted over ten minutes of the real function on AWS
in this process and virtual time (`counted_application`). A month has 730 hours. Stated, not counted: an SQS event
source keeps five long polls of 20 s open; reconcile's daily run takes 2 s in an empty bucket; the table's key is asked
for every five minutes; a gigabyte of storage is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks import costs, prices
from benchmarks.counted_application import REPORT_BYTES, Application, aws
from benchmarks.figures import Figure, Say, within
from local import cloudformation

MOST_DOLLARS = 3.0
MINUTES = 10
POLLS = 5
LONG_POLL_SECONDS = 20
RECONCILE_SECONDS = 2.0
KMS_SECONDS = 300
SECONDS_A_MONTH = prices.HOURS_A_MONTH * 3600
FREE_WHILE_IDLE = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::LayerVersion",
}


def month(template: Mapping[str, Any]) -> dict[str, float]:
    """Dollars by position for what the template makes by itself, without what its functions do."""
    found = dict.fromkeys(("alarms", "secret", "queue's receives"), 0.0)
    for name, resource in resources(template).items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::CloudWatch::Alarm":
                found["alarms"] += prices.of("cloudwatch.alarm_month") * max(1, len(properties.get("Metrics", [])))
            case "AWS::SecretsManager::Secret":
                found["secret"] += prices.of("secretsmanager.secret_month")
            case "AWS::Serverless::Function":
                sources = [source for source in properties.get("Events", {}).values() if source["Type"] == "SQS"]
                receives = len(sources) * POLLS * SECONDS_A_MONTH / LONG_POLL_SECONDS
                found["queue's receives"] += receives * prices.of("sqs.request")
            case kind if kind not in FREE_WHILE_IDLE:
                raise ValueError(f"what does {name}, {kind}, cost while nothing happens?")
    return found


def resources(template: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The resources that a stack with every parameter at its default has."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or _holds(template["Conditions"][resource["Condition"]], template)
    }


def runs_a_month(template: Mapping[str, Any], function: str) -> float:
    """How often the schedules of a function invoke it."""
    events = template["Resources"][function]["Properties"]["Events"].values()
    rates = [event["Properties"]["Schedule"] for event in events if event["Type"] == "Schedule"]
    return sum(SECONDS_A_MONTH / _seconds(rate) for rate in rates)


def _seconds(rate: str) -> float:
    parsed = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate)
    if parsed is None:
        raise ValueError(f"not a rate: {rate}")
    return int(parsed[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}[parsed[2]]


def _holds(condition: Any, template: Mapping[str, Any]) -> bool:
    [(name, arguments)] = condition.items()
    if name == "Fn::Not":
        return not _holds(arguments[0], template)
    if name != "Fn::Equals":
        raise ValueError(f"no condition {name} is known")
    left, right = (
        template["Parameters"][side["Ref"]]["Default"] if isinstance(side, dict) else side for side in arguments
    )
    return bool(left == right)


def idle_tick() -> tuple[dict[str, float], int]:
    """What one tick that finds nothing takes of each position, and how many custom metrics it publishes."""
    application = Application(recognition_seconds=3.0)
    application.stack.start()
    until = application.world.now + 60.0 * MINUTES - 30.0
    before = costs.mark(application)
    application.run(lambda: application.world.now > until)
    after = costs.mark(application)
    ticks = application.stack.polls.count
    used = {position: (after.used[position] - before.used[position]) / ticks for position in before.used}
    return used, len(application.log.metrics)


def measure(say: Say) -> list[Figure]:
    template = cloudformation.load()
    with aws():
        used, metrics = idle_tick()
    ticks, reconciles = runs_a_month(template, "PollFunction"), runs_a_month(template, "ReconcileFunction")
    say(f"{ticks:,.0f} ticks a month, {metrics} metrics")
    dollars = month(template)
    dollars["custom metrics"] = metrics * prices.of("cloudwatch.metric_month")
    for position, amount in used.items():
        if amount:
            dollars[f"{position} of the ticks"] = amount * ticks * costs.price(position)
    dollars["logs kept for a month"] = used["log GB"] * ticks * prices.of("cloudwatch.log_gigabyte_month")
    run = RECONCILE_SECONDS * cloudformation.memory_mb("reconcile") / 1024 * prices.of("lambda.gigabyte_second")
    log = REPORT_BYTES / prices.GIGABYTE * prices.of("cloudwatch.log_gigabyte")
    dollars["reconcile's daily runs"] = reconciles * (run + prices.of("lambda.request") + log)
    dollars["requests for the table's key"] = SECONDS_A_MONTH / KMS_SECONDS * prices.of("kms.request")
    found = [within(f"an idle stack a month, {prices.REGION}", sum(dollars.values()), MOST_DOLLARS, "$", 2)]
    found += [Figure(f"of it {position}", f"${amount:.3f}") for position, amount in dollars.items()]
    return found
