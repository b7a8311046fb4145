"""The checks of `textdrop doctor`. What this shell may not see is "could not check", which is not a failure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from textdrop import __version__
from textdrop.cli.words import count, duration
from textdrop.client.access import client
from textdrop.client.errors import ControlRefused, NoAccess, NotReadable, TextdropClientError
from textdrop.client.models import Check
from textdrop.client.stack import Stack

if TYPE_CHECKING:
    from textdrop.client import Textdrop

OK, WRONG, UNKNOWN = "ok", "wrong", "could not check"
CLOCK_SECONDS = 60.0
"""AWS refuses requests that are 5 minutes off (Signature Version 4); the OCR service refuses tokens a minute ahead."""
OLD_MESSAGE_SECONDS = 3_600.0
OLD_DOCUMENT_SECONDS = 6 * 3_600.0
_QUEUES = {"uploads": "UploadsQueueUrl", "deliver": "DeliverQueueUrl", "deliver alone": "DeliverAloneQueueUrl"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: ok, wrong or could not check; and the command that mends it."""

    name: str
    state: str
    what: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """How commands for this stack begin."""

    textdrop: str = "textdrop"
    aws: str = "aws"


def examined(textdrop: Textdrop, typed: Typed) -> Iterator[Finding]:
    """What each check finds, one after another. If there is no stack, checks that need it are left out."""
    yield from _credentials(textdrop)
    try:
        stack = textdrop.stack
    except TextdropClientError as error:
        yield Finding("stack", WRONG, error.what, error.advice)
        return
    yield Finding("stack", OK, f"{stack.name}, uploads in {stack.source_bucket}, results in {stack.results_bucket}")
    yield from _control(textdrop, stack, typed)
    aws = textdrop.session

    def seen(service: str, name: str, look: Callable[[Any], Iterator[Finding]]) -> Iterator[Finding]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield from look(client(aws, service))
        except (ClientError, BotoCoreError, TextdropClientError) as failure:
            yield Finding(name, UNKNOWN, str(failure).splitlines()[0])

    yield from seen("sqs", "dead letters", lambda sqs: _dead_letters(sqs, stack, typed))
    yield from seen("cloudwatch", "queues", lambda cloudwatch: _ages(cloudwatch, stack, typed))
    topics = [stack.outputs["ResultsTopicArn"]] if "ResultsTopicArn" in stack.outputs else []
    yield from seen("cloudwatch", "alarms", lambda cloudwatch: _alarms(cloudwatch, stack, topics))
    yield from seen("sns", "subscriptions", lambda sns: _subscriptions(sns, topics, typed))


def _credentials(textdrop: Textdrop) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    from textdrop.client.access import meaning

    try:
        answer = client(textdrop.session, "sts").get_caller_identity()
    except (ClientError, BotoCoreError) as failure:
        error = meaning(failure, "the account", "sts:GetCallerIdentity")
        yield Finding("credentials", WRONG if isinstance(error, NoAccess) else UNKNOWN, error.what, error.advice)
        return
    except NoAccess as error:
        yield Finding("credentials", WRONG, error.what, error.advice)
        return
    yield Finding("credentials", OK, str(answer["Arn"]))
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        offset = (datetime.now(UTC) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        yield Finding("this clock", UNKNOWN, "AWS's answer had no date")
        return
    yield _clock("this clock", offset, "AWS's", "sudo timedatectl set-ntp true")


def _clock(name: str, offset: float, whose: str, mend: str) -> Finding:
    if abs(offset) <= CLOCK_SECONDS:
        return Finding(name, OK, f"within {CLOCK_SECONDS:.0f} s of {whose}")
    return Finding(name, WRONG, f"{duration(abs(offset))} {'ahead of' if offset > 0 else 'behind'} {whose}", mend)


def _control(textdrop: Textdrop, stack: Stack, typed: Typed) -> Iterator[Finding]:
    logs = f"{typed.aws} logs tail /aws/lambda/{stack.control} --since 1h"
    try:
        check = textdrop.check()
    except NoAccess as error:
        yield Finding("control", UNKNOWN, error.what, error.advice)
        return
    except ControlRefused as error:
        yield Finding("control", WRONG, error.what, error.advice)
        return
    except NotReadable as error:
        yield Finding(
            "control", WRONG, error.what, 'pip install --upgrade ".[cli]", in a checkout of the stack\'s version'
        )
        return
    except TextdropClientError as error:
        yield Finding("control", WRONG, error.what, logs)
        return
    yield Finding("control", OK, stack.control)
    yield from _of_check(check, stack, typed)


def _of_check(check: Check, stack: Stack, typed: Typed) -> Iterator[Finding]:
    if check.version == __version__:
        yield Finding("versions", OK, f"stack and client {check.version}")
    else:
        mend = 'pip install --upgrade ".[cli]" or make deploy, in a checkout of the newer one'
        yield Finding("versions", WRONG, f"the stack is {check.version}, the client {__version__}", mend)
    secret = stack.outputs.get("CredentialsSecretArn", "<the secret>")
    put = f"{typed.aws} secretsmanager put-secret-value"
    store = f"{put} --secret-id {shlex.quote(secret)} --secret-string file://key.json"
    if check.ocr.ok:
        took = f", answered in {check.ocr.latency_seconds:.2f} s" if check.ocr.latency_seconds is not None else ""
        yield Finding("OCR service", OK, f"accepts the stack's credentials{took}")
    else:
        yield Finding("OCR service", WRONG, check.ocr.what or "it did not answer", check.ocr.advice or store)
    for endpoint in check.endpoints:
        if endpoint.ok:
            yield Finding(f"endpoint {endpoint.name}", OK, endpoint.url)
        else:
            what = f"{endpoint.url}: {endpoint.what or 'no answer'}"
            yield Finding(
                f"endpoint {endpoint.name}", WRONG, what, f"curl -sv {shlex.quote(endpoint.url)}, and make deploy"
            )
    if check.clock.offset_seconds is None:
        yield Finding("OCR service's clock", UNKNOWN, "its answer had no date")
    else:
        yield _clock(
            "OCR service's clock", check.clock.offset_seconds, "the functions'", "Tell the OCR service's support."
        )
    table = stack.outputs.get("TableName", "the table")
    if check.history_index:
        yield Finding("table", OK, f"{table} has the index history")
    else:
        mend = "Wait until it is made, or add it: docs/operations.md, Over an older stack."
        yield Finding("table", WRONG, f"{table} has no index history yet, so nothing can be listed", mend)
    if check.pause.why:
        yield Finding("pause", WRONG, f"nothing is sent: {check.pause.why}", _resumed(check, store, typed))
    else:
        yield Finding("pause", OK, "none")
    oldest = check.oldest
    if oldest and oldest.waiting_seconds > OLD_DOCUMENT_SECONDS:
        what = f"{oldest.key} has waited for {duration(oldest.waiting_seconds)}"
        yield Finding("oldest document", WRONG, what, f"{typed.textdrop} status {oldest.document} --details")
    else:
        yield Finding("oldest document", OK, "none has waited long")
    held = check.due.get("held", 0)
    if held:
        what = f"{count(held, 'document')}, because a cap has no room for their pages"
        mend = f"{typed.textdrop} list --outcome held, then {typed.textdrop} release to have them read now"
        yield Finding("held documents", OK, what, mend)


def _resumed(check: Check, store: str, typed: Typed) -> str:
    if check.pause.why == "operator" or check.ocr.ok:
        return f"{typed.textdrop} resume"
    return store


def _dead_letters(sqs: Any, stack: Stack, typed: Typed) -> Iterator[Finding]:
    queue = stack.outputs.get("UploadsDeadLetterQueueUrl")
    if queue is None:
        yield Finding("dead letters", UNKNOWN, "the stack has no output UploadsDeadLetterQueueUrl")
        return
    name = "ApproximateNumberOfMessages"
    number = int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name])
    if not number:
        yield Finding("dead letters", OK, "none")
        return
    submit = stack.outputs.get("SubmitFunctionName", f"{stack.name}-submit")
    mend = f"{typed.aws} logs tail /aws/lambda/{submit} --since 1d"
    reconcile = stack.outputs.get("ReconcileFunctionName")
    invoke = f"; then {typed.aws} lambda invoke --function-name {reconcile} --invocation-type Event answer.json"
    again = invoke if reconcile else ""
    yield Finding("dead letters", WRONG, f"{count(number, 'message')} given up", mend + again)


def _ages(cloudwatch: Any, stack: Stack, typed: Typed) -> Iterator[Finding]:
    """From CloudWatch, as SQS itself does not report the age of the oldest message."""
    until = datetime.now(UTC)
    for title, output in _QUEUES.items():
        queue = stack.outputs.get(output, "").rpartition("/")[2]
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue}],
            StartTime=until - timedelta(minutes=15),
            EndTime=until,
            Period=300,
            Statistics=["Maximum"],
        )["Datapoints"]
        newest = max(points, key=lambda point: point["Timestamp"], default=None)
        name = f"queue {title}"
        if newest is None:
            yield Finding(name, OK, "no message for a while")
        elif newest["Maximum"] > OLD_MESSAGE_SECONDS:
            function = stack.outputs.get(f"{'Submit' if title == 'uploads' else 'Deliver'}FunctionName", "")
            what = f"a message has waited for {duration(newest['Maximum'])}"
            yield Finding(name, WRONG, what, f"{typed.aws} logs tail /aws/lambda/{function} --since 1h")
        else:
            yield Finding(name, OK, f"the oldest message has waited for {duration(newest['Maximum'])}")


def _alarms(cloudwatch: Any, stack: Stack, topics: list[str]) -> Iterator[Finding]:
    """What the stack's alarms show. The topics that they notify are added to `topics`."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
    alarms = [alarm for page in pages for alarm in page.get("MetricAlarms", [])]
    told = {action for alarm in alarms for action in alarm.get("AlarmActions", []) if ":sns:" in action}
    topics += sorted(told - set(topics))
    ringing = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
    for alarm in ringing:
        about = " ".join(str(alarm.get("AlarmDescription", "")).split())
        yield Finding(f"alarm {alarm['AlarmName']}", WRONG, about, "See docs/operations.md, and textdrop summary.")
    if not alarms:
        yield Finding("alarms", UNKNOWN, "none of the stack's alarms can be seen")
    elif not ringing:
        yield Finding("alarms", OK, f"none of {len(alarms)} is in alarm")
    silent = [alarm for alarm in alarms if not alarm.get("AlarmActions") or not alarm.get("ActionsEnabled", True)]
    if silent:
        mend = "Set AlarmEmail in samconfig.toml, then make deploy."
        yield Finding("alarms' actions", WRONG, f"{len(silent)} of {len(alarms)} alarms notify nobody", mend)
    elif alarms:
        yield Finding("alarms' actions", OK, "each notifies somebody")


def _subscriptions(sns: Any, topics: Sequence[str], typed: Typed) -> Iterator[Finding]:
    confirmed = pending = 0
    for arn in topics:
        for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn):
            for each in page["Subscriptions"]:
                if not _is_pending(each):
                    confirmed += 1
                    continue
                pending += 1
                to = f"--protocol {each['Protocol']} --notification-endpoint {shlex.quote(each['Endpoint'])}"
                mend = f"{typed.aws} sns subscribe --topic-arn {arn} {to}, and click the link in the mail that follows"
                yield Finding("subscriptions", WRONG, f"{each['Endpoint']} has not confirmed", mend)
    if not pending:
        yield Finding("subscriptions", OK, f"{confirmed}, and none is unconfirmed")


def _is_pending(subscription: dict[str, Any]) -> bool:
    return str(subscription["SubscriptionArn"]) in ("PendingConfirmation", "Pending confirmation")
