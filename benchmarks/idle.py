"""What a stack without uploads costs a month, with the template's defaults, at list prices, without a free tier.

Alarms, secrets, schedules and event sources come from template.yaml itself; a type of resource that this does not know
is an error. What a tick uses that finds nothing is counted on the real function (`functions`). A month has 730 hours.
Assumed, not counted: the dashboard is one of the first three of its account, which are free; an SQS event source keeps
five long polls of 20 s open; reconcile's daily run takes 2 s in an empty bucket; the table's key is requested every
five minutes; there is less than a gigabyte of storage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks import functions, prices, used
from benchmarks.figures import Figure, Say, within
from local import cloudformation

MAX_DOLLARS = 3.0
RECEIVES_A_SECOND = 5 / 20
RECONCILE_SECONDS = 2.0
KMS_SECONDS = 300
MONTH_SECONDS = prices.MONTH_HOURS * 3600
FREE_WHILE_IDLE = {
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::LayerVersion",
}


def month(template: Mapping[str, Any]) -> dict[str, float]:
    """Dollars by position for the template's resources, without what its functions do.

    Resources with a condition count if it is true with the parameters' defaults.
    """
    found = dict.fromkeys(("alarms", "secret", "queues' receives"), 0.0)
    for name, resource in template["Resources"].items():
        if "Condition" in resource and not _holds({"Condition": resource["Condition"]}, template):
            continue
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::CloudWatch::Alarm":
                found["alarms"] += prices.DOLLARS["cloudwatch.alarm_month"] * max(1, len(properties.get("Metrics", [])))
            case "AWS::SecretsManager::Secret":
                found["secret"] += prices.DOLLARS["secretsmanager.secret_month"]
            case "AWS::Serverless::Function":
                queues = [source for source in properties.get("Events", {}).values() if source["Type"] == "SQS"]
                receives = len(queues) * RECEIVES_A_SECOND * MONTH_SECONDS
                found["queues' receives"] += receives * prices.DOLLARS["sqs.request"]
            case kind if kind not in FREE_WHILE_IDLE:
                raise ValueError(f"what does {name}, {kind}, cost while nothing happens?")
    return found


def _holds(condition: Any, template: Mapping[str, Any]) -> bool:
    [(name, arguments)] = condition.items()
    if name == "Condition":
        return _holds(template["Conditions"][arguments], template)
    if name == "Fn::Or":
        return any(_holds(one, template) for one in arguments)
    if name == "Fn::Not":
        return not _holds(arguments[0], template)
    if name != "Fn::Equals":
        raise ValueError(f"no condition {name} is known")
    left, right = (
        template["Parameters"][side["Ref"]]["Default"] if isinstance(side, dict) else side for side in arguments
    )
    return bool(left == right)


def runs_a_month(template: Mapping[str, Any], function: str) -> float:
    """How often the schedules of a function invoke it."""
    events = template["Resources"][function]["Properties"]["Events"].values()
    rates = [event["Properties"]["Schedule"] for event in events if event["Type"] == "Schedule"]
    parsed = [re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rate) for rate in rates]
    if None in parsed:
        raise ValueError(f"not a rate: {rates}")
    seconds = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
    return sum(MONTH_SECONDS / (int(rate[1]) * seconds[rate[2]]) for rate in parsed if rate)


def measure(say: Say) -> list[Figure]:
    template = cloudformation.load()
    with functions.deployed(recognition_seconds=3.0) as at:
        at.poll.invoke({})  # a cold start, which happens once
        before = used.amounts(at)
        at.poll.invoke({})
        tick = used.dollars(before, used.amounts(at))
        metrics = len(used.metrics(at.log()))
    ticks, reconciles = runs_a_month(template, "PollFunction"), runs_a_month(template, "ReconcileFunction")
    say(f"{ticks:,.0f} ticks a month, {metrics} metrics")
    dollars = month(template)
    dollars["custom metrics"] = metrics * prices.DOLLARS["cloudwatch.metric_month"]
    dollars |= {f"{position} of the ticks": ticks * amount for position, amount in tick.items() if amount}
    run = RECONCILE_SECONDS * cloudformation.memory_mb("reconcile") / 1024 * prices.DOLLARS["lambda.gigabyte_second"]
    dollars["reconcile's daily runs"] = reconciles * (run + prices.DOLLARS["lambda.request"])
    dollars["requests for the table's key"] = MONTH_SECONDS / KMS_SECONDS * prices.DOLLARS["kms.request"]
    found = [within(f"an idle stack a month, {prices.REGION}", sum(dollars.values()), MAX_DOLLARS, "$", 2)]
    found += [Figure(f"of it {position}", f"${amount:.3f}") for position, amount in dollars.items() if amount >= 0.0005]
    return found
