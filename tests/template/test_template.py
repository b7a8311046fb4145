"""What no linter sees in the template: bounds between resources, least privilege, nothing lost in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from template.cloudformation import ROOT, Template
from textdrop.adapters.aws.items import RECONCILE_RUN_KEY

FOURTEEN_DAYS = 14 * 24 * 3600


def get_att(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def mentions(value: Any, name: str) -> bool:
    """Whether a value refers to a resource, in whatever way."""
    return re.search(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])", json.dumps(value)) is not None


def statements(policies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for policy in policies:
        yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def events(template: Template, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each event source of a kind: its function's properties and its own."""
    for function in template.functions().values():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield function, event["Properties"]


def dead_letter_queues(template: Template) -> set[str]:
    """Names of the queues that other queues give up to."""
    return {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in template.of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }


# ---- Queues and events


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run(template: Template) -> None:
    sources = list(events(template, "SQS"))
    assert sources
    for function, event in sources:
        queue = template.resources[event["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_a_batch_that_fails_in_part_is_repeated_in_part(template: Template) -> None:
    for _, event in events(template, "SQS"):
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "FilterCriteria" not in event  # it deletes what does not match


def test_the_workers_of_a_queue_are_bounded(template: Template) -> None:
    for _, event in events(template, "SQS"):
        bound = template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]
        assert bound["MinValue"] >= 2  # less is refused


def test_messages_are_kept_as_long_as_can_be_and_encrypted(template: Template) -> None:
    for queue in template.of_type("AWS::SQS::Queue").values():
        assert queue["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert queue["SqsManagedSseEnabled"] is True


def test_each_queue_has_a_dead_letter_queue_and_each_of_those_an_alarm(template: Template) -> None:
    given_up_to = dead_letter_queues(template)
    for name, queue in template.of_type("AWS::SQS::Queue").items():
        if name not in given_up_to:
            assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5  # fewer, and throttled pollers lose messages
    watched = {
        name
        for name in given_up_to
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and alarm["Dimensions"] == [{"Name": "QueueName", "Value": get_att(name, "QueueName")}]
    }
    assert watched == given_up_to


def test_queues_take_messages_over_tls_and_from_this_account_alone(template: Template) -> None:
    denied = set()
    for policy in template.of_type("AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                denied.add(statement["Resource"]["Fn::GetAtt"][0])
            else:
                assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
                assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert denied == set(template.of_type("AWS::SQS::Queue"))


def test_every_way_to_create_an_object_is_heard(template: Template) -> None:
    uploads = template.resources["UploadsBucket"]
    (heard,) = uploads["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert heard == {"Event": "s3:ObjectCreated:*", "Queue": get_att("UploadsQueue")}
    assert uploads["DependsOn"] == "UploadsQueuePolicy"


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


def test_reconcile_neither_reads_uploads_nor_makes_documents(template: Template) -> None:
    allowed = {
        (action, json.dumps(statement["Resource"])): statement.get("Condition")
        for statement in statements(template.resources["ReconcileRole"]["Properties"]["Policies"])
        for action in listed(statement["Action"])
        if not action.startswith("logs:")
    }
    uploads, table, queue, dead = (
        json.dumps(get_att(name)) for name in ("UploadsBucket", "Table", "UploadsQueue", "UploadsDeadLetterQueue")
    )
    itself = json.dumps(
        {
            "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
            + template.functions()["ReconcileFunction"]["FunctionName"]["Fn::Sub"]
        }
    )
    own_row = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [RECONCILE_RUN_KEY[0]]}}
    assert allowed == {
        ("s3:ListBucketVersions", uploads): None,
        ("dynamodb:DescribeTable", table): None,
        ("dynamodb:BatchGetItem", table): None,
        ("dynamodb:GetItem", table): None,
        ("dynamodb:PutItem", table): own_row,
        ("sqs:SendMessage", queue): None,
        ("sqs:ReceiveMessage", dead): None,
        ("sqs:DeleteMessage", dead): None,
        ("lambda:InvokeFunction", itself): None,
    }


# ---- What is kept


def test_buckets_are_private_encrypted_versioned_and_outlive_the_stack(template: Template) -> None:
    for name, bucket in template.of_type("AWS::S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])
        assert template.resources[name]["DeletionPolicy"] == "Retain"
        assert template.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_buckets_refuse_what_is_not_tls(template: Template) -> None:
    refusing = set()
    for policy in template.of_type("AWS::S3::BucketPolicy").values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        name = policy["Bucket"]["Ref"]
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
        assert statement["Action"] == "s3:*"
        assert statement["Resource"] == [get_att(name), {"Fn::Sub": f"${{{name}.Arn}}/*"}]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        refusing.add(name)
    assert refusing == set(template.of_type("AWS::S3::Bucket"))


def test_results_are_never_written_where_uploads_are_watched(template: Template) -> None:
    watched = [
        name for name, bucket in template.of_type("AWS::S3::Bucket").items() if "NotificationConfiguration" in bucket
    ]
    assert watched == ["UploadsBucket"]
    for function in template.functions().values():
        assert function["Environment"]["Variables"].get("RESULTS_BUCKET") in (None, {"Ref": "ResultsBucket"})


def test_the_table_can_be_restored_and_outlives_the_stack(template: Template) -> None:
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert "TimeToLiveSpecification" not in table
        assert template.resources[name]["DeletionPolicy"] == "Retain"
        assert template.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_notices_are_encrypted(template: Template) -> None:
    for topic in template.of_type("AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == "alias/aws/sns"


# ---- Functions and what they may do


def test_each_function_has_a_log_that_ends(template: Template) -> None:
    groups = template.of_type("AWS::Logs::LogGroup")
    for function in template.functions().values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/" + function["FunctionName"]["Fn::Sub"]}
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_functions_that_wake_each_other_are_not_stopped_as_a_loop(template: Template) -> None:
    for function in template.functions().values():
        assert function["RecursiveLoop"] == "Allow"


def test_each_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in template.functions().values()]
    assert len(set(roles)) == len(roles)
    assert set(roles) == set(template.of_type("AWS::IAM::Role"))


def test_roles_name_what_they_may_touch(template: Template) -> None:
    for role in template.of_type("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        for statement in statements(role["Policies"]):
            assert "*" not in listed(statement["Resource"])
            assert not any("*" in action for action in listed(statement["Action"]))
            assert not {"NotAction", "NotResource"} & set(statement)


@pytest.mark.parametrize(("role", "bucket"), [("SubmitRole", "ResultsBucket"), ("PollRole", "UploadsBucket")])
def test_submit_writes_no_results_and_poll_opens_no_source(template: Template, role: str, bucket: str) -> None:
    assert not mentions(template.resources[role], bucket)


def test_nobody_changes_uploads_or_deletes_rows(template: Template) -> None:
    for role in template.of_type("AWS::IAM::Role").values():
        for statement in statements(role["Policies"]):
            actions = set(listed(statement["Action"]))
            assert "dynamodb:DeleteItem" not in actions
            if mentions(statement["Resource"], "UploadsBucket"):
                assert not [action for action in actions if not action.startswith(("s3:Get", "s3:List"))]


def test_submit_may_do_with_its_queue_what_the_event_source_needs_and_no_more(template: Template) -> None:
    allowed = [
        action
        for statement in statements(template.resources["SubmitRole"]["Properties"]["Policies"])
        for action in listed(statement["Action"])
        if action.startswith("sqs:")
    ]
    # As in AWS's managed policy for it, AWSLambdaSQSQueueExecutionRole.
    assert sorted(allowed) == ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]


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
        "SubmitFunctionName",
        "PollFunctionName",
        "RenderFunctionName",
        "ReconcileFunctionName",
    } <= set(template.outputs)
    for name, output in template.outputs.items():
        assert output["Description"].endswith("."), name


# ---- Layers


def test_layers_are_for_the_functions_runtime_and_have_a_build(template: Template) -> None:
    runtime = template.function_globals["Runtime"]
    for name, layer in template.of_type("AWS::Serverless::LayerVersion").items():
        assert layer["CompatibleRuntimes"] == [runtime]
        makefile = (ROOT / layer["ContentUri"] / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^[^#\t]*\bbuild-{name}\b.*:$", makefile, re.MULTILINE)
        assert f"LAYER_PYTHON ?= {runtime.removeprefix('python')}\n" in makefile
