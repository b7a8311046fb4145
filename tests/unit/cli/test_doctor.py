"""What the doctor finds, and the command that it names for each thing wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from textdrop.cli.examining import UNKNOWN, WRONG
from unit.cli.conftest import Run
from unit.client.fake_stack import FakeStack

OUTPUTS = {
    "UploadsDeadLetterQueueUrl": "https://sqs/1/dead",
    "UploadsQueueUrl": "https://sqs/1/uploads",
    "DeliverQueueUrl": "https://sqs/1/deliver",
    "DeliverAloneQueueUrl": "https://sqs/1/alone",
    "SubmitFunctionName": "textdrop-submit",
    "DeliverFunctionName": "textdrop-deliver",
    "ReconcileFunctionName": "textdrop-reconcile",
    "ResultsTopicArn": "arn:aws:sns:eu-central-1:1:results",
    "CredentialsSecretArn": "arn:secret",
    "TableName": "textdrop-table",
}


class Pages:
    """A paginator of some pages."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self._pages = pages

    def paginate(self, **_: object) -> tuple[dict[str, Any], ...]:
        return self._pages


class Aws:
    """STS, SQS, CloudWatch and SNS in one; all is well with them at first."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.dead = 0
        self.age = 20.0
        self.alarms = [self.alarm("textdrop-UploadsDeadLetterAlarm-1")]
        self.subscriptions: dict[str, list[tuple[str, str]]] = {
            OUTPUTS["ResultsTopicArn"]: [("arn:1", "me@example.com")]
        }
        self.denied: set[str] = set()

    @staticmethod
    def alarm(name: str, **more: Any) -> dict[str, Any]:
        actions = ["arn:aws:sns:eu-central-1:1:alarms"]
        return {"AlarmName": name, "StateValue": "OK", "ActionsEnabled": True, "AlarmActions": actions, **more}

    def _check(self, call: str) -> None:
        if call in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, call)

    def get_caller_identity(self) -> dict[str, Any]:
        self._check("sts")
        return {
            "Arn": "arn:aws:iam::1:user/anna",
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)}},
        }

    def get_queue_attributes(self, **given: Any) -> dict[str, Any]:
        self._check("sqs")
        assert given["QueueUrl"] == "https://sqs/1/dead"
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.dead)}}

    def get_metric_statistics(self, **given: Any) -> dict[str, Any]:
        self._check("metrics")
        if given["Dimensions"][0]["Value"] != "uploads":
            return {"Datapoints": []}
        old = {"Timestamp": datetime(2020, 1, 1, tzinfo=UTC), "Maximum": 1e6}
        return {"Datapoints": [{"Timestamp": datetime(2026, 1, 1, tzinfo=UTC), "Maximum": self.age}, old]}

    def get_paginator(self, call: str) -> Any:
        self._check(call)
        if call == "describe_alarms":
            return Pages({"MetricAlarms": self.alarms})
        return self

    def paginate(self, *, TopicArn: str) -> list[dict[str, Any]]:  # noqa: N803  # boto3's names
        found = self.subscriptions.get(TopicArn, [])
        named = [{"SubscriptionArn": arn, "Endpoint": endpoint, "Protocol": "email"} for arn, endpoint in found]
        return [{"Subscriptions": named}]


@pytest.fixture
def aws(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws()
    stack.others = dict.fromkeys(("sts", "sqs", "cloudwatch", "sns"), made)
    described = stack.describe_stacks

    def more(StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        answer = described(StackName=StackName)
        answer["Stacks"][0]["Outputs"] += [{"OutputKey": name, "OutputValue": each} for name, each in OUTPUTS.items()]
        return answer

    monkeypatch.setattr(stack, "describe_stacks", more)
    return made


def findings(run: Run) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in json.loads(run("textdrop doctor --json").stdout)["findings"]}


@pytest.mark.usefixtures("aws")
def test_a_sound_stack(run: Run) -> None:
    done = run("textdrop doctor")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"ok               {line}"
        for line in (
            "credentials: arn:aws:iam::1:user/anna",
            "this clock: within 60 s of AWS's",
            "stack: textdrop, uploads in textdrop-uploads, results in textdrop-results",
            "control: textdrop-control",
            "versions: stack and client 0.1.0",
            "OCR service: accepts the stack's credentials, answered in 0.12 s",
            "endpoint ocr: https://ocr.example",
            "OCR service's clock: within 60 s of the functions'",
            "table: textdrop-table has the index history",
            "pause: none",
            "oldest document: none has waited long",
            "dead letters: none",
            "queue uploads: the oldest message has waited for 20 s",
            "queue deliver: no message for a while",
            "queue deliver alone: no message for a while",
            "alarms: none of 1 is in alarm",
            "alarms' actions: each notifies somebody",
            "subscriptions: 1, and none is unconfirmed",
        )
    ] + ["Nothing wrong was found."]


def broken_check(**changes: Any) -> Callable[[FakeStack, Aws], None]:
    return lambda stack, aws: stack.control.check.update(changes)


def changed(**changes: Any) -> Callable[[FakeStack, Aws], None]:
    return lambda stack, aws: vars(aws).update(changes)


def refused(stack: FakeStack, aws: Aws) -> None:
    stack.invoker.failures = [ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, "I")]


def paused(stack: FakeStack, aws: Aws) -> None:
    stack.control.paused = "operator"


def paused_for_credentials(stack: FakeStack, aws: Aws) -> None:
    stack.control.paused = "credentials_refused"
    stack.control.check["ocr"] = {"ok": False, "what": "The key is refused.", "advice": None}


NO_OCR = {"ok": False, "what": "The key is refused.", "advice": "Store another key."}
ENDPOINT = {"name": "ocr", "url": "https://ocr.example", "ok": False, "what": "no route"}
OLDEST = {"document": "0" * 32, "key": "a.png", "waiting_seconds": 30_000}


@pytest.mark.parametrize(
    ("break_", "name", "what", "mend"),
    [
        (changed(ahead=timedelta(minutes=-10)), "this clock", "10 min ahead of AWS's", "timedatectl"),
        (changed(ahead=timedelta(hours=2)), "this clock", "2 h 0 min behind AWS's", "timedatectl"),
        (refused, "control", "answered with an error", "aws logs tail /aws/lambda/textdrop-control"),
        (broken_check(version="0.2.0"), "versions", "the stack is 0.2.0, the client 0.1.0", "pip install"),
        (broken_check(version=None), "control", "check.version is not a text", "pip install"),
        (broken_check(ocr=NO_OCR), "OCR service", "The key is refused.", "Store another key."),
        (broken_check(endpoints=[ENDPOINT]), "endpoint ocr", "no route", "curl -sv https://ocr.example"),
        (broken_check(clock={"offset_seconds": -90}), "OCR service's clock", "2 min behind", "support"),
        (broken_check(history_index=False), "table", "no index history", "or add it: docs/operations.md"),
        (
            broken_check(oldest=OLDEST),
            "oldest document",
            "a.png has waited for 8 h 20 min",
            f"textdrop status {'0' * 32}",
        ),
        (paused, "pause", "nothing is sent: operator", "textdrop resume"),
        (paused_for_credentials, "pause", "credentials_refused", "put-secret-value --secret-id arn:secret"),
        (changed(dead=3), "dead letters", "3 messages given up", "--function-name textdrop-reconcile"),
        (changed(age=7_200.0), "queue uploads", "has waited for 2 h", "/aws/lambda/textdrop-submit"),
        (
            changed(alarms=[Aws.alarm("a", StateValue="ALARM", AlarmDescription="x\n y")]),
            "alarm a",
            "x y",
            "operations",
        ),
        (
            changed(alarms=[Aws.alarm("a", AlarmActions=[])]),
            "alarms' actions",
            "1 of 1 alarms notify nobody",
            "AlarmEmail",
        ),
        (changed(alarms=[Aws.alarm("a", ActionsEnabled=False)]), "alarms' actions", "notify nobody", "AlarmEmail"),
        (
            changed(subscriptions={"arn:aws:sns:eu-central-1:1:alarms": [("PendingConfirmation", "me@example.com")]}),
            "subscriptions",
            "me@example.com has not confirmed",
            "aws sns subscribe --topic-arn arn:aws:sns:eu-central-1:1:alarms --protocol email",
        ),
    ],
)
def test_what_is_wrong_has_what_mends_it(
    run: Run, stack: FakeStack, aws: Aws, break_: Callable[[FakeStack, Aws], None], name: str, what: str, mend: str
) -> None:
    break_(stack, aws)
    done = run("textdrop doctor --json")
    assert done.exit_code == 1
    found = {each["name"]: each for each in json.loads(done.stdout)["findings"]}[name]
    assert found["state"] == WRONG
    assert what in found["what"]
    assert mend in found["mend"]


def test_what_mends_it_reaches_this_very_stack(run: Run, stack: FakeStack, aws: Aws) -> None:
    stack.control.paused, aws.dead = "operator", 1
    [_, resume] = run("textdrop doctor --profile work --region eu-central-1").stdout.split(
        "nothing is sent: operator\n"
    )
    assert resume.splitlines()[0].endswith("-> textdrop --profile work --region eu-central-1 resume")
    assert resume.count("aws --profile work --region eu-central-1 ") == 2


@pytest.mark.usefixtures("aws")
def test_held_documents_are_told_and_nothing_is_wrong(run: Run, stack: FakeStack) -> None:
    stack.control.check["due"] = {"submit": 1, "held": 3}
    done = run("textdrop doctor")
    assert done.exit_code == 0
    assert "ok               held documents: 3 documents, because a cap has no room for their pages" in done.stdout
    assert "-> textdrop list --outcome held, then textdrop release to have them read now" in done.stdout


def test_what_may_not_be_seen_is_no_failure(run: Run, stack: FakeStack, aws: Aws) -> None:
    aws.denied = {"sqs", "metrics", "describe_alarms", "list_subscriptions_by_topic"}
    stack.invoker.failures = [ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "Invoke")]
    found = findings(run)
    assert {name for name, each in found.items() if each["state"] == UNKNOWN} == {
        "control",
        "dead letters",
        "queues",
        "alarms",
        "subscriptions",
    }
    assert not [each for each in found.values() if each["state"] == WRONG]
    assert run("textdrop doctor").exit_code == 0


def test_without_credentials_nothing_else_is_needed_to_say_so(run: Run, stack: FakeStack, aws: Aws) -> None:
    def none() -> None:
        raise NoCredentialsError

    aws.get_caller_identity = none  # type: ignore[method-assign,assignment]
    done = run("textdrop doctor --stack other")
    assert done.exit_code == 1
    assert (
        done.stdout.splitlines()[1]
        == f"{'':<15}  -> Sign in (aws sso login, aws configure), or name another --profile."
    )
    assert 'wrong            stack: There is no stack "other"' in done.stdout


def test_a_stack_that_shows_less_is_no_failure(
    run: Run, stack: FakeStack, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(OUTPUTS, "UploadsDeadLetterQueueUrl")
    aws.alarms = []
    stack.control.check["clock"] = {"offset_seconds": None}
    unknown = {name for name, each in findings(run).items() if each["state"] == UNKNOWN}
    assert unknown == {"alarms", "dead letters", "OCR service's clock"}
