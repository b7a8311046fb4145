"""What no linter sees in the template: bounds between resources, least privilege, nothing lost in silence."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from template.cloudformation import ROOT, Template
from textdrop.adapters.aws.items import RECONCILE_RUN_KEY
from textdrop.core.policy import Policy

DAY_SECONDS = 24 * 3600
KEPT_SECONDS = {"DeliverQueue": DAY_SECONDS, "DeliverAloneQueue": DAY_SECONDS}
"""Of queues that keep their messages for less than the most that there is: what else expires is lost."""

CONCURRENT_EXECUTIONS = 10
"""Of a new account (Lambda's quotas: "new AWS accounts have reduced concurrency")."""


def short(value: Any) -> str:
    """A reference as the template writes it, without its tag; both values of a choice."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::If": [_, one, other]}:
            return f"{short(one)} or {short(other)}"
        case {"Fn::Sub": text} | {"Ref": text}:
            return str(text)
    return str(value)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def events(template: Template, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each event source of a kind: its function's properties and its own."""
    for function in template.functions().values():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield function, event["Properties"]


# ---- What all resources of a kind have in common

TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
PRIVATE = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
ENCRYPTED = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
EVERY: dict[str, dict[str, Any]] = {
    "AWS::SQS::Queue": {"SqsManagedSseEnabled": True},
    "AWS::S3::Bucket": {
        "PublicAccessBlockConfiguration": dict.fromkeys(PRIVATE, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": ENCRYPTED},
        "VersioningConfiguration": {"Status": "Enabled"},
    },
    "AWS::DynamoDB::Table": {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": None,
    },
    "AWS::SNS::Topic": {"KmsMasterKeyId": "alias/aws/sns"},
    "AWS::IAM::Role": {"ManagedPolicyArns": None, "AssumeRolePolicyDocument": {"Statement": [TRUST]}},
    "AWS::CloudWatch::Alarm": {
        "AlarmActions": {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    },
}
"""Properties by type; None: it is not there."""


def part(actual: Any, like: Any) -> Any:
    """Of the actual value what the other speaks of."""
    if not isinstance(actual, dict) or not isinstance(like, dict):
        return actual
    return {name: part(actual.get(name), value) for name, value in like.items()}


@pytest.mark.parametrize("kind", EVERY)
def test_every_resource_of_a_kind_has_what_all_have(template: Template, kind: str) -> None:
    for name, properties in template.of_type(kind).items():
        assert part(properties, EVERY[kind]) == EVERY[kind], name


def test_what_is_kept_outlives_the_stack_and_what_was_begun_and_left_is_removed(template: Template) -> None:
    buckets = template.of_type("AWS::S3::Bucket")
    for name in (*buckets, *template.of_type("AWS::DynamoDB::Table")):
        resource = template.resources[name]
        # What a failed first deployment has made is empty, and is not kept.
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    for bucket in buckets.values():
        assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])


def test_buckets_and_queues_refuse_what_is_not_tls(template: Template) -> None:
    denied = set()
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        for policy in template.of_type(kind).values():
            for statement in policy["PolicyDocument"]["Statement"]:
                if (statement["Effect"], statement["Principal"], statement["Condition"]) == ("Deny", "*", TLS_ONLY):
                    denied.add((statement["Action"], *map(short, listed(statement["Resource"]))))
    queues = {("sqs:*", f"{name}.Arn") for name in template.of_type("AWS::SQS::Queue")}
    buckets = {("s3:*", f"{name}.Arn", f"${{{name}.Arn}}/*") for name in template.of_type("AWS::S3::Bucket")}
    assert denied == queues | buckets


# ---- Queues and events


def test_a_queue_hides_a_message_long_enough_and_is_repeated_in_part_by_a_bounded_number(template: Template) -> None:
    sources = list(events(template, "SQS"))
    assert sources
    for function, event in sources:
        queue = template.resources[event["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        assert event["BatchSize"] == 1 or event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "FilterCriteria" not in event  # it deletes what does not match
        bound = template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]
        assert bound["MinValue"] >= 2  # less is refused


def test_all_functions_at_once_fit_into_a_new_account(template: Template) -> None:
    """By queues as many as their parameters say, one tick, one run of reconcile, and one that a person invokes."""
    by_queues = [
        template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]["Default"]
        for _, event in events(template, "SQS")
    ]
    by_schedules = [function for function, _ in events(template, "Schedule")]
    assert len(by_queues) + len(by_schedules) == len(template.functions()) + 1, "deliver has two queues"
    assert sum(by_queues) + len(by_schedules) + 1 <= CONCURRENT_EXECUTIONS


def test_messages_are_kept_as_long_as_they_are_needed(template: Template) -> None:
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in template.of_type("AWS::SQS::Queue").items()}
    assert kept == dict.fromkeys(kept, 14 * DAY_SECONDS) | KEPT_SECONDS
    # What expires has been sent again before, by the table.
    assert min(KEPT_SECONDS.values()) > Policy().handed_out_seconds


def test_each_queue_has_a_dead_letter_queue_and_each_of_those_an_alarm(template: Template) -> None:
    queues = set(template.of_type("AWS::SQS::Queue")) - set(KEPT_SECONDS)  # whose messages the table brings back
    properties = {name: template.resources[name]["Properties"] for name in queues}
    redrives = {name: queue["RedrivePolicy"] for name, queue in properties.items() if "RedrivePolicy" in queue}
    given_up_to = {short(redrive["deadLetterTargetArn"]).removesuffix(".Arn") for redrive in redrives.values()}
    assert queues == set(redrives) | given_up_to
    assert all(redrive["maxReceiveCount"] >= 5 for redrive in redrives.values())  # throttled pollers lose messages
    watched = {
        short(dimension["Value"])
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    assert watched == {f"{name}.QueueName" for name in given_up_to}


def test_s3_alone_may_send_from_outside_and_for_this_account_alone(template: Template) -> None:
    [allowed] = [
        statement
        for policy in template.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] != "Deny"
    ]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_every_way_to_create_an_object_is_heard_and_results_are_not(template: Template) -> None:
    uploads = template.resources["UploadsBucket"]
    [heard] = uploads["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert heard == {"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["UploadsQueue", "Arn"]}}
    assert uploads["DependsOn"] == "UploadsQueuePolicy"
    buckets = template.of_type("AWS::S3::Bucket").items()
    assert [name for name, bucket in buckets if "NotificationConfiguration" in bucket] == ["UploadsBucket"]
    for function in template.functions().values():
        assert function["Environment"]["Variables"].get("RESULTS_BUCKET") in (None, {"Ref": "ResultsBucket"})


def test_a_stale_tick_is_dropped(template: Template) -> None:
    stale = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    poll = template.functions()["PollFunction"]
    event = poll["Events"]["Schedule"]["Properties"]
    assert poll["EventInvokeConfig"] == event["RetryPolicy"] == stale
    assert re.fullmatch(r"rate\((1 minute|[2-9] minutes|[1-9][0-9]+ minutes)\)", event["Schedule"])


def test_a_run_of_reconcile_that_fails_is_repeated_within_its_day(template: Template) -> None:
    reconcile = template.functions()["ReconcileFunction"]
    event = reconcile["Events"]["Schedule"]["Properties"]
    assert event["Schedule"] == "rate(1 day)"
    for repeated in (reconcile["EventInvokeConfig"], event["RetryPolicy"]):
        assert repeated["MaximumRetryAttempts"] == 2
        assert repeated["MaximumEventAgeInSeconds"] + 3 * reconcile["Timeout"] < 24 * 3600


def test_functions_on_a_schedule_are_those_two(template: Template) -> None:
    assert len(list(events(template, "Schedule"))) == 2


# ---- Functions and what they may do

LOG, INVOKE = "logs:CreateLogStream logs:PutLogEvents", "lambda:InvokeFunction"
FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-"
SECRET = {"CredentialsSecret.Id or CredentialsSecretArn": "secretsmanager:GetSecretValue"}
READ_UPLOADS = {
    "${UploadsBucket.Arn}/*": "s3:GetObject s3:GetObjectVersion",
    "UploadsBucket.Arn": "s3:ListBucket s3:ListBucketVersions",
}
# As in AWS's managed policy for it, AWSLambdaSQSQueueExecutionRole.
RECEIVE = "sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage"
MAY: dict[str, dict[str, str]] = {
    "Submit": {
        **READ_UPLOADS,
        **SECRET,
        "SubmitLogGroup.Arn": LOG,
        "UploadsQueue.Arn": RECEIVE,
        "Table.Arn": "dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        f"{FUNCTION}poll": INVOKE,
    },
    "Poll": {
        **SECRET,
        "PollLogGroup.Arn": LOG,
        "UploadsQueue.Arn": "sqs:SendMessage",
        "DeliverQueue.Arn": "sqs:SendMessage",
        "DeliverAloneQueue.Arn": "sqs:SendMessage",
        "${ResultsBucket.Arn}/*": "s3:PutObject",
        "Table.Arn": "dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        "${Table.Arn}/index/due": "dynamodb:Query",
        f"{FUNCTION}poll": INVOKE,
    },
    "Deliver": {
        **READ_UPLOADS,
        "DeliverLogGroup.Arn": LOG,
        "DeliverQueue.Arn": RECEIVE,
        "DeliverAloneQueue.Arn": RECEIVE,
        "${ResultsBucket.Arn}/*": "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject",
        "ResultsBucket.Arn": "s3:ListBucket",
        "Table.Arn": "dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem",
        "ResultsTopic": "sns:Publish",
    },
    "Reconcile": {
        "ReconcileLogGroup.Arn": LOG,
        "UploadsBucket.Arn": "s3:ListBucketVersions",
        "Table.Arn": "dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:GetItem dynamodb:PutItem",
        "UploadsQueue.Arn": "sqs:SendMessage",
        "UploadsDeadLetterQueue.Arn": "sqs:DeleteMessage sqs:ReceiveMessage",
        f"{FUNCTION}reconcile": INVOKE,
    },
}
"""What each function's role may do with what. Nobody changes uploads or deletes rows, submit writes no results, poll
opens no source and reads no result, deliver has no key of the OCR service, and reconcile does none of this."""


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_what_it_must_and_no_more(template: Template, function: str) -> None:
    assert template.functions()[f"{function}Function"]["Role"] == {"Fn::GetAtt": [f"{function}Role", "Arn"]}
    found: defaultdict[str, list[str]] = defaultdict(list)
    conditions = []
    for policy in template.resources[f"{function}Role"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in listed(statement["Resource"]):
                found[short(resource)] += listed(statement["Action"])
            if "Condition" in statement:
                conditions.append((statement["Action"], statement["Condition"]))
    assert {resource: " ".join(sorted(actions)) for resource, actions in found.items()} == MAY[function]
    own_row = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [RECONCILE_RUN_KEY[0]]}}
    assert conditions == ([("dynamodb:PutItem", own_row)] if function == "Reconcile" else [])


def test_those_are_all_functions_and_all_roles(template: Template) -> None:
    assert set(template.functions()) == {f"{function}Function" for function in MAY}
    assert set(template.of_type("AWS::IAM::Role")) == {f"{function}Role" for function in MAY}


def test_each_function_has_a_log_that_ends(template: Template) -> None:
    groups = template.of_type("AWS::Logs::LogGroup")
    for function in template.functions().values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/" + function["FunctionName"]["Fn::Sub"]}
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def holds(condition: Any, partition: str, region: str) -> bool:
    """Whether a condition of partition and region holds there."""
    references = {"AWS::Partition": partition, "AWS::Region": region}
    [(function, operands)] = condition.items()
    if function == "Fn::Equals":
        return references[operands[0]["Ref"]] == str(operands[1])
    values = [holds(operand, partition, region) for operand in operands]
    return {"Fn::And": all(values), "Fn::Or": any(values), "Fn::Not": not values[0]}[function]


@pytest.mark.parametrize(
    ("partition", "region", "detected"),
    [
        ("aws", "eu-central-1", True),
        ("aws", "us-east-1", True),
        ("aws", "mx-central-1", False),
        ("aws", "ap-southeast-6", False),
        ("aws-us-gov", "us-gov-west-1", False),
        ("aws-cn", "cn-north-1", False),
    ],
)
def test_functions_that_wake_each_other_are_not_ended_as_a_loop(
    template: Template, partition: str, region: str, detected: bool
) -> None:
    """By Lambda's guide, "Supported Regions for Lambda recursive loop detection"; elsewhere it takes no setting."""
    allowed = {"Fn::If": ["HasLoopDetection", "Allow", {"Ref": "AWS::NoValue"}]}
    assert template.function_globals["RecursiveLoop"] == allowed
    assert not [name for name, function in template.functions().items() if "RecursiveLoop" in function]
    assert holds(template.body["Conditions"]["HasLoopDetection"], partition, region) == detected


# ---- Names

LONGEST = {"FunctionName": 64, "LogGroupName": 512, "LayerName": 140, "DashboardName": 255}
"""Characters that AWS allows in a name that the template makes. Names that CloudFormation makes are cut to fit."""


def names_of_the_stack(value: Any) -> Iterator[tuple[str, str]]:
    """Each property that carries the stack's name and may be too long for it: its own name and its value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith("Name") and isinstance(inner, dict) and "${AWS::StackName}" in str(inner.get("Fn::Sub")):
                yield name, inner["Fn::Sub"]
            yield from names_of_the_stack(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_of_the_stack(inner)


def test_the_readme_says_how_long_a_stacks_name_may_be(template: Template) -> None:
    found = list(names_of_the_stack([resource["Properties"] for resource in template.resources.values()]))
    left = {LONGEST[name] - len(value.removeprefix("${AWS::StackName}")) for name, value in found}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"A stack's name may have {min(left)} characters." in readme


# ---- Parameters and outputs


def test_parameters_are_described_bounded_and_have_a_default_that_holds(template: Template) -> None:
    for name, parameter in template.parameters.items():
        assert parameter["Description"].endswith("."), name
        default = parameter["Default"]
        if parameter["Type"] == "Number" and "AllowedValues" not in parameter:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name
        elif "AllowedValues" in parameter:
            assert default in parameter["AllowedValues"], name
        else:
            assert parameter["AllowedPattern"].startswith("^"), name
            assert parameter["AllowedPattern"].endswith("$"), name
            assert re.fullmatch(parameter["AllowedPattern"], default), name
            assert parameter["ConstraintDescription"], name


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("OcrBaseUrl", "https://ocr.api.yandexcloud.kz", True),
        ("OcrBaseUrl", "http://127.0.0.1:4568", True),
        ("OcrBaseUrl", "http://ocr.api.cloud.yandex.net", False),
        ("OcrBaseUrl", "http://127.0.0.1.example.com:80", False),
        ("OperationBaseUrl", "https://operation.api.cloud.yandex.net/", False),
        ("IamBaseUrl", "https://user@iam.api.cloud.yandex.net", False),
        ("Languages", "*", True),
        ("Languages", "ru,en", True),
        ("Languages", "ru, sah", True),
        ("Languages", "RU", False),
        ("Languages", "* ru", False),
        ("NotificationEmail", "a.person@example.com", True),
        ("NotificationEmail", "nobody", False),
        ("CredentialsSecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ocr/key-AbCdEf", True),
        ("CredentialsSecretArn", "ocr/key", False),
        ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:alarms", True),
        ("FolderId", "b1gvmob95yysaplct532", True),
        ("FolderId", "b1g; x", False),
    ],
)
def test_parameters_take_and_refuse(template: Template, name: str, value: str, taken: bool) -> None:
    assert (re.fullmatch(template.parameters[name]["AllowedPattern"], value) is not None) == taken


def test_every_parameter_is_used(template: Template) -> None:
    body = json.dumps({part: value for part, value in template.body.items() if part != "Parameters"})
    for name in template.parameters:
        assert f'{{"Ref": "{name}"}}' in body, name


def test_outputs_say_all_that_a_user_carries_on_with(template: Template) -> None:
    assert {
        "UploadsBucketName",
        "ResultsBucketName",
        "ResultsTopicArn",
        "CredentialsSecretArn",
        "TableName",
        "UploadsQueueUrl",
        "UploadsDeadLetterQueueUrl",
        "DeliverQueueUrl",
        "DeliverAloneQueueUrl",
        "SubmitFunctionName",
        "PollFunctionName",
        "DeliverFunctionName",
        "ReconcileFunctionName",
    } <= set(template.outputs)
    for name, output in template.outputs.items():
        assert output["Description"].endswith("."), name


# ---- Layers


def test_layers_are_for_the_functions_runtime_and_have_a_build(template: Template) -> None:
    runtime = template.function_globals["Runtime"]
    for name, layer in template.of_type("AWS::Serverless::LayerVersion").items():
        assert layer["CompatibleRuntimes"] == [runtime]
        assert layer["LayerName"]["Fn::Sub"].startswith("${AWS::StackName}-")  # else stacks of an account share it
        makefile = (ROOT / layer["ContentUri"] / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^[^#\t]*\bbuild-{name}\b.*:$", makefile, re.MULTILINE)
        assert f"LAYER_PYTHON ?= {runtime.removeprefix('python')}\n" in makefile
