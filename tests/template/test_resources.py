"""What all resources of a kind have in common, what is made when, and how it is called."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import pytest

from template.cloudformation import NOTHING, ROOT, TLS_ONLY, Template, either, holds, listed, part, references, short

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
PRIVATE = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
STORAGE_KEY, MESSAGES_KEY = {"Ref": "StorageKmsKeyArn"}, {"Ref": "MessagesKmsKeyArn"}
SSE_KMS = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": STORAGE_KEY}
ENCRYPTED = either(
    "HasStorageKey",
    {"ServerSideEncryptionByDefault": SSE_KMS, "BucketKeyEnabled": True},
    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}},
)
TOLD = [
    either("HasAlarmTopic", {"Ref": "AlarmTopicArn"}, NOTHING),
    either("HasAlarmEmail", {"Ref": "AlarmTopic"}, NOTHING),
]
EVERY: dict[str, dict[str, Any]] = {
    "AWS::SQS::Queue": {
        "SqsManagedSseEnabled": either("HasMessagesKey", NOTHING, True),
        "KmsMasterKeyId": either("HasMessagesKey", MESSAGES_KEY, NOTHING),
    },
    "AWS::S3::Bucket": {
        "PublicAccessBlockConfiguration": dict.fromkeys(PRIVATE, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [ENCRYPTED]},
        "VersioningConfiguration": {"Status": "Enabled"},
    },
    "AWS::DynamoDB::Table": {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": either(
            "HasStorageKey",
            {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": STORAGE_KEY},
            {"SSEEnabled": True},
        ),
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": None,
    },
    "AWS::SecretsManager::Secret": {
        "SecretString": "{}",  # which is taken for one that is not filled yet
        "KmsKeyId": either("HasStorageKey", STORAGE_KEY, NOTHING),
    },
    "AWS::IAM::Role": {
        "ManagedPolicyArns": None,
        "AssumeRolePolicyDocument": {"Statement": [TRUST]},
        "PermissionsBoundary": either("HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, NOTHING),
    },
    "AWS::CloudWatch::Alarm": {"AlarmActions": TOLD, "OKActions": TOLD},
}
"""Properties by type; None: it is not there."""


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
    # A stack of the same name, later, could not make what is still there under its name.
    others = [each for name, each in template.resources.items() if name not in buckets and name != "Table"]
    assert {each.get("DeletionPolicy", "Delete") for each in others} == {"Delete"}
    for bucket in buckets.values():
        assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])


def test_buckets_queues_and_topics_refuse_what_is_not_tls(template: Template) -> None:
    denied = set()
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for policy in template.of_type(kind).values():
            for statement in policy["PolicyDocument"]["Statement"]:
                denial = [statement.get(name) for name in ("Effect", "Principal", "Condition")]
                if denial == ["Deny", "*", TLS_ONLY]:
                    denied.add((statement["Action"], *map(short, listed(statement["Resource"]))))
    queues = {("sqs:*", f"{name}.Arn") for name in template.of_type("AWS::SQS::Queue")}
    buckets = {("s3:*", f"{name}.Arn", f"${{{name}.Arn}}/*") for name in template.of_type("AWS::S3::Bucket")}
    topics = {("sns:Publish", name) for name in template.of_type("AWS::SNS::Topic")}
    assert denied == queues | buckets | topics


def test_each_topic_has_a_key_that_whoever_publishes_may_use(template: Template) -> None:
    """The account's own key for topics is no use to CloudWatch."""
    keys = {name: topic["KmsMasterKeyId"] for name, topic in template.of_type("AWS::SNS::Topic").items()}
    assert keys == {
        "ResultsTopic": either("HasMessagesKey", MESSAGES_KEY, "alias/aws/sns"),
        "AlarmTopic": either("HasMessagesKey", MESSAGES_KEY, NOTHING),
    }


def test_alarms_of_this_account_alone_are_mailed_and_only_if_somebody_is_named(template: Template) -> None:
    made = {name for name, resource in template.resources.items() if resource.get("Condition") == "HasAlarmEmail"}
    assert made == {"AlarmTopic", "AlarmTopicPolicy", "AlarmEmailSubscription"}
    subscription = template.resources["AlarmEmailSubscription"]["Properties"]
    topic = {"Ref": "AlarmTopic"}
    assert subscription == {"TopicArn": topic, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}
    policy = template.resources["AlarmTopicPolicy"]["Properties"]
    assert policy["Topics"] == [topic]
    denied, allowed = policy["PolicyDocument"]["Statement"]
    publish = {"Action": "sns:Publish", "Resource": topic}
    assert denied == {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", **publish, "Condition": TLS_ONLY}
    assert allowed.pop("Condition") == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {
            "aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"}
        },
    }
    assert allowed == {
        "Sid": "AlarmsOfThisAccount",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        **publish,
    }


NAMED_BY = {
    **{"MakeUploadsBucket": "SourceBucketName", "MakeResultsBucket": "ResultsBucketName"},
    **{"MakeTable": "TableName", "MakeSecret": "CredentialsSecretArn"},
    **{"HasSourcePrefix": "SourcePrefix", "HasEventBus": "EventBusName", "HasEmail": "NotificationEmail"},
    **{"HasAlarmEmail": "AlarmEmail", "HasAlarmTopic": "AlarmTopicArn"},
    **{"HasStorageKey": "StorageKmsKeyArn", "HasMessagesKey": "MessagesKmsKeyArn"},
    "HasPermissionsBoundary": "PermissionsBoundaryArn",
}
"""The parameter by which a condition holds: what is made unless one is named, and what is there if one is."""

OF_MORE = {"OnArm64", "OnX8664", "ResultsAtTop", "UploadsByRule", "HasCaps", "HasUploadOrigins", "HasLoopDetection"}
"""Conditions with tests of their own."""


def test_a_condition_goes_by_its_own_parameter(template: Template) -> None:
    conditions = template.body["Conditions"]
    assert set(conditions) == NAMED_BY.keys() | OF_MORE | {"HasDashboard"}
    for name, parameter in NAMED_BY.items():
        found = [holds(conditions[name], {parameter: value}) for value in ("", "one")]
        assert found == [name.startswith("Make"), not name.startswith("Make")], name
    assert [holds(conditions["HasDashboard"], {"Dashboard": value}) for value in ("true", "false")] == [True, False]


def test_what_is_made_only_if_no_existing_one_is_named(template: Template) -> None:
    made = {name: body["Condition"] for name, body in template.resources.items() if "Condition" in body}
    assert {name: made.get(name) for name in ("UploadsBucket", "UploadsBucketPolicy", "Table", "UploadsRule")} == {
        "UploadsBucket": "MakeUploadsBucket",
        "UploadsBucketPolicy": "MakeUploadsBucket",
        "Table": "MakeTable",
        "UploadsRule": "UploadsByRule",
    }
    for sender in ("UploadsBucket", "UploadsRule"):
        assert template.resources[sender]["DependsOn"] == "UploadsQueuePolicy"


def test_what_is_not_always_made_is_referred_to_only_where_it_is(template: Template) -> None:
    """CloudFormation refuses a reference to what is not made: each stands in the branch in which it is."""
    made = {name: body["Condition"] for name, body in template.resources.items() if "Condition" in body}
    assert {"UploadsBucket", "Table", "ResultsBucket", "CredentialsSecret"} <= set(made)
    for name, made_if in made.items():
        parts = (template.resources, template.outputs)
        others = [body for part in parts for body in part.values() if body.get("Condition") != made_if]
        used = references([others, template.function_globals])
        assert all(made_if in branch for referred, branch in used if referred == name), name


def test_no_resource_waits_for_itself_whatever_the_parameters_are(template: Template) -> None:
    """What any branch refers to counts, so this holds for every combination of parameters."""
    waits = {
        name: {referred for referred, _ in references(body)} | set(listed(body.get("DependsOn", [])))
        for name, body in template.resources.items()
    }
    for name in template.functions():
        waits[name] |= {referred for referred, _ in references(template.function_globals)}
    order = TopologicalSorter({name: each & set(waits) for name, each in waits.items()})
    assert set(order.static_order()) == set(waits)


def test_the_tables_indexes_are_by_what_is_due_and_by_what_has_ended(template: Template) -> None:
    table = template.resources["Table"]["Properties"]
    made = {
        index["IndexName"]: (
            [key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in table["GlobalSecondaryIndexes"]
    }
    assert made == {"due": (["due_kind", "due_at"], "KEYS_ONLY"), "history": (["history", "ended_at"], "ALL")}
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "due_kind": "S", "due_at": "N", "history": "S", "ended_at": "N"}


LONGEST = {"FunctionName": 64, "Name": 64, "LogGroupName": 512, "LayerName": 140, "DashboardName": 255}
"""Characters that AWS allows in a name that the template makes (`Name`: a rule's). Names that CloudFormation makes are
cut to fit."""


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
