"""The local stack checks permissions: a role is refused what its function must not do, and each permission that it has
is needed: taken away alone, something that the function must do fails.

The roles' policies are read as they are deployed, so a new permission is tried without a word here, and fails the test
by its name until there is an act (tests/e2e/acts.py) that needs it. What each role may do is compared whole in
tests/template/test_roles.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.acts import ACTS, Act
from e2e.stage import Stage
from e2e.whole_stack import MESSAGES_KEY, STORAGE_KEY, WholeStack
from local import deployment
from pagekit.child.process import Child

_FUNCTION = "AWS Lambda developer guide, 'Defining Lambda function permissions with an execution role'"
_QUEUE = "AWS Lambda developer guide, 'Creating and configuring an Amazon SQS event source mapping', execution role"
_KEYS = (
    "Amazon S3 user guide, 'Using server-side encryption with AWS KMS keys'; Amazon SQS and SNS developer guides, 'Key "
    "management'; Amazon DynamoDB developer guide, 'Encryption at rest'; AWS Secrets Manager user guide, 'Encryption'"
)
_HEAD = "Amazon S3 API reference, HeadObject, 'Permissions'"
NOT_ENFORCED = {
    f"{function}: {action} on {resource}": why
    for function, actions, resources, why in (
        # Lambda itself does these with the function's role; the emulator does them with rights of its own.
        ("submit", "logs:CreateLogStream logs:PutLogEvents", "SubmitLogGroup", _FUNCTION),
        ("poll", "logs:CreateLogStream logs:PutLogEvents", "PollLogGroup", _FUNCTION),
        ("deliver", "logs:CreateLogStream logs:PutLogEvents", "DeliverLogGroup", _FUNCTION),
        ("reconcile", "logs:CreateLogStream logs:PutLogEvents", "ReconcileLogGroup", _FUNCTION),
        ("control", "logs:CreateLogStream logs:PutLogEvents", "ControlLogGroup", _FUNCTION),
        ("submit", "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes", "UploadsQueue", _QUEUE),
        (
            "deliver",
            "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes",
            "DeliverQueue DeliverAloneQueue",
            _QUEUE,
        ),
        # Without these S3 answers 403 for an upload that is gone, so that its document would wait for a day; the
        # emulator answers 404 to anybody. (That a missing version takes the second is said nowhere, nor the contrary.)
        ("submit", "s3:ListBucket s3:ListBucketVersions", "UploadsBucket", _HEAD),
        ("deliver", "s3:ListBucket s3:ListBucketVersions", "UploadsBucket", _HEAD),
        ("control", "s3:ListBucket", "UploadsBucket", _HEAD),
        # The emulator keeps keys' names and asks nobody for their permission.
        ("submit", "kms:Decrypt", f"{STORAGE_KEY} {MESSAGES_KEY}", _KEYS),
        ("submit", "kms:GenerateDataKey", STORAGE_KEY, _KEYS),
        ("poll", "kms:Decrypt kms:GenerateDataKey", f"{STORAGE_KEY} {MESSAGES_KEY}", _KEYS),
        ("deliver", "kms:Decrypt kms:GenerateDataKey", f"{STORAGE_KEY} {MESSAGES_KEY}", _KEYS),
        ("reconcile", "kms:Decrypt", f"{STORAGE_KEY} {MESSAGES_KEY}", _KEYS),
        ("reconcile", "kms:GenerateDataKey", MESSAGES_KEY, _KEYS),
        ("control", "kms:Decrypt", STORAGE_KEY, _KEYS),
    )
    for action in actions.split()
    for resource in resources.split()
}
"""Permissions that AWS asks for and the emulator does not, so that no act fails without them; and where AWS says so."""

TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Permission:
    """One action on one resource, by a statement of the role's policy. `name` is for people."""

    statement: int
    action: str
    resource: str
    name: str


@dataclass(frozen=True)
class Role:
    """A role like the function's, of this test's own: `allow` gives it a policy, `rights` are its credentials."""

    policy: Mapping[str, Any]
    rights: Mapping[str, str]
    allow: Any


@pytest.fixture(scope="module")
def stage(whole: WholeStack) -> Iterator[Stage]:
    """The stack, of which nothing runs by itself until the end of these tests."""
    with whole.client("lambda") as functions:
        names = [f"{deployment.STACK}-{function}" for function in ACTS]
        variables = {
            function: functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            for function, name in zip(ACTS, names, strict=True)
        }
        sources = [source["UUID"] for source in functions.list_event_source_mappings()["EventSourceMappings"]]
        child = Child()
        for source in sources:
            functions.update_event_source_mapping(UUID=source, Enabled=False)
        for name in names:
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        stage = Stage(whole, variables, child)
        try:
            stage.recognise()
            yield stage
        finally:
            stage.clear()
            # Nobody waits for these notices, and what some of them tell of is deleted.
            whole.account.sqs.purge_queue(QueueUrl=whole.env["NOTICES_QUEUE_URL"])
            child.close()
            for name in names:
                functions.delete_function_concurrency(FunctionName=name)
            for source in sources:
                functions.update_event_source_mapping(UUID=source, Enabled=True)


@pytest.fixture(params=ACTS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def role(whole: WholeStack, function: str) -> Iterator[Role]:
    """A role with the function's own policies, as they are deployed."""
    name = f"{deployment.STACK}-permissions-{function}"
    with whole.client("lambda") as functions, whole.client("iam") as iam, whole.client("sts") as sts:
        arn = functions.get_function_configuration(FunctionName=f"{deployment.STACK}-{function}")["Role"]
        deployed = arn.rpartition("/")[2]
        assert iam.list_attached_role_policies(RoleName=deployed)["AttachedPolicies"] == []
        statements = [
            statement
            for policy in iam.list_role_policies(RoleName=deployed)["PolicyNames"]
            for statement in iam.get_role_policy(RoleName=deployed, PolicyName=policy)["PolicyDocument"]["Statement"]
        ]
        policy = {"Version": "2012-10-17", "Statement": statements}
        made = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        )["Role"]["Arn"]
        given = sts.assume_role(RoleArn=made, RoleSessionName="permissions")["Credentials"]
        rights = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

        def allow(allowed: Mapping[str, Any]) -> None:
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allowed))

        yield Role(policy, rights, allow)
        iam.delete_role_policy(RoleName=name, PolicyName="all")
        iam.delete_role(RoleName=name)


def test_each_permission_is_needed_and_none_is_missing(
    whole: WholeStack, stage: Stage, function: str, role: Role
) -> None:
    every = list(permissions(whole, function, role.policy))
    listed = [permission for permission in every if permission.name in NOT_ENFORCED]
    assert {permission.name for permission in listed} == {
        name for name in NOT_ENFORCED if name.startswith(f"{function}: ")
    }
    enough = without(role.policy, *listed)
    stage.rights = role.rights
    role.allow(enough)
    for act in ACTS[function]:
        stage.clear()
        act(stage)
    not_needed = []
    for permission in every:
        if permission in listed:
            continue
        role.allow(without(role.policy, *listed, permission))
        refused = first_that_fails(stage, function)
        role.allow(enough)
        if refused is None:
            not_needed.append(permission.name)
        else:
            stage.clear()
            refused(stage)  # with the permission it does not fail
    assert not_needed == []


def first_that_fails(stage: Stage, function: str) -> Act | None:
    """The first of the function's acts that fails."""
    for act in ACTS[function]:
        stage.clear()
        try:
            act(stage)
        except AssertionError:
            return act
    return None


def permissions(whole: WholeStack, function: str, policy: Mapping[str, Any]) -> Iterator[Permission]:
    """All that the policy allows, its resources named as the template names them."""
    with whole.client("cloudformation") as stacks:
        found = stacks.describe_stack_resources(StackName=deployment.STACK)["StackResources"]
    logical = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in found}
    # A queue's is its address, which ends in its name.
    logical |= {name.rpartition("/")[2]: logical[name] for name in logical if name.startswith("https://")}
    for number, statement in enumerate(policy["Statement"]):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                named = max((name for name in logical if name in resource), key=len, default="")
                yield Permission(number, action, resource, f"{function}: {action} on {logical.get(named, resource)}")


def without(policy: Mapping[str, Any], *taken: Permission) -> dict[str, Any]:
    """The policy, but for these permissions."""
    left = []
    for number, statement in enumerate(policy["Statement"]):
        for action in as_list(statement["Action"]):
            gone = {
                permission.resource
                for permission in taken
                if (permission.statement, permission.action) == (number, action)
            }
            resources = [resource for resource in as_list(statement["Resource"]) if resource not in gone]
            if resources:
                left.append({**statement, "Action": action, "Resource": resources})
    return {**policy, "Statement": left}


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize(
    ("function", "bucket", "call"),
    [
        ("submit", "RESULTS_BUCKET", "head_object"),
        ("submit", "RESULTS_BUCKET", "put_object"),
        ("submit", "UPLOADS_BUCKET", "delete_object"),
        ("poll", "UPLOADS_BUCKET", "head_object"),
        ("poll", "RESULTS_BUCKET", "head_object"),
        ("poll", "RESULTS_BUCKET", "put_object"),
        ("deliver", "UPLOADS_BUCKET", "delete_object"),
        ("deliver", "UPLOADS_BUCKET", "put_object"),
        ("reconcile", "UPLOADS_BUCKET", "get_object"),
        ("control", "UPLOADS_BUCKET", "delete_object"),
        ("control", "RESULTS_BUCKET", "get_object"),
        ("control", "RESULTS_BUCKET", "delete_object"),
    ],
)
def test_a_role_is_refused_what_its_function_must_not_do(
    whole: WholeStack, function: str, bucket: str, call: str
) -> None:
    key = "permissions/a b+c.txt"
    whole.account.s3.put_object(Bucket=whole.env[bucket], Key=key, Body=b"")
    with whole.client("s3", role_of=function) as s3, pytest.raises(ClientError) as refused:
        getattr(s3, call)(Bucket=whole.env[bucket], Key=key)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
