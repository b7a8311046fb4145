"""Keys of the stack's owner: what the roles may do with them is what the services ask of who calls them, and no more.

Of the developer guides of S3 (multipart uploads; bucket keys), SQS and SNS ("Configure KMS permissions": who sends, who
receives), DynamoDB (the table key is decrypted for who accesses the table) and Secrets Manager. All of them ask in the
name of the caller, which `kms:ViaService` tells from asking KMS itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from template.cloudformation import ROOT, Template, listed

DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
READS, WRITES = {DECRYPT}, {DECRYPT, GENERATE}
NEEDED: dict[str, set[str]] = {
    "dynamodb:BatchGetItem": READS,
    "dynamodb:BatchWriteItem": READS,
    "dynamodb:DeleteItem": READS,
    "dynamodb:GetItem": READS,
    "dynamodb:PutItem": READS,
    "dynamodb:Query": READS,
    "dynamodb:UpdateItem": READS,
    "s3:GetObject": READS,
    "s3:GetObjectVersion": READS,
    "s3:PutObject": WRITES,
    "secretsmanager:GetSecretValue": READS,
    "sns:Publish": WRITES,
    "sqs:ReceiveMessage": READS,
    "sqs:SendMessage": WRITES,
}
NOT_NEEDED = {
    "dynamodb:DescribeTable",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
}
KEYS = {"HasStorageKey": "StorageKmsKeyArn", "HasMessagesKey": "MessagesKmsKeyArn"}
KEY_OF = {"dynamodb": "HasStorageKey", "s3": "HasStorageKey", "secretsmanager": "HasStorageKey"}
KEY_OF |= {"sns": "HasMessagesKey", "sqs": "HasMessagesKey"}
ROLES = ["SubmitRole", "PollRole", "DeliverRole", "ReconcileRole", "ControlRole"]


def statements(template: Template, role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of the role, and the condition under which it is there."""
    for policy in template.resources[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" not in statement:
                yield "", statement
                continue
            condition, there, otherwise = statement["Fn::If"]
            assert otherwise == {"Ref": "AWS::NoValue"}
            yield condition, there


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_each_key_for_what_it_does_with_each_service_and_only_if_there_is_a_key(
    template: Template, role: str
) -> None:
    needed, given = set(), set()
    for condition, statement in statements(template, role):
        if condition in KEYS:
            assert statement["Effect"] == "Allow"
            assert statement["Resource"] == {"Ref": KEYS[condition]}
            for via in listed(statement["Condition"]["StringLike"]["kms:ViaService"]):
                service, _, rest = via["Fn::Sub"].partition(".")
                assert rest == "${AWS::Region}.amazonaws.com*", "in China it ends in .cn"
                given |= {(condition, service, action) for action in listed(statement["Action"])}
            continue
        for action in listed(statement["Action"]):
            service = action.partition(":")[0]
            if service in KEY_OF:
                assert (action in NEEDED) != (action in NOT_NEEDED), f"what does {action} need of a key?"
                needed |= {(KEY_OF[service], service, use) for use in NEEDED.get(action, ())}
    assert given == needed


def test_those_are_all_roles(template: Template) -> None:
    assert set(template.of_type("AWS::IAM::Role")) == set(ROLES)


def senders(template: Template) -> set[str]:
    """The services that the policies of queues and topics let in."""
    policies = [
        *template.of_type("AWS::SQS::QueuePolicy").values(),
        *template.of_type("AWS::SNS::TopicPolicy").values(),
    ]
    found = set()
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            _, *choices = statement.get("Fn::If", ["", statement])
            allowed = [choice for choice in choices if choice.get("Effect") == "Allow"]
            found |= {service for choice in allowed for service in listed(choice["Principal"]["Service"])}
    return found


def test_the_example_of_a_key_policy_lets_in_who_sends_and_leaves_the_rest_to_the_accounts_policies(
    template: Template,
) -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    policy = json.loads(text.split("<!-- example: key policy -->\n```json\n")[1].split("```")[0])
    account, services = policy["Statement"]
    assert account["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert (account["Effect"], account["Action"], account["Resource"]) == ("Allow", "kms:*", "*")
    assert set(services["Principal"]["Service"]) == senders(template) | {"events.amazonaws.com"}
    assert (services["Effect"], set(services["Action"]), services["Resource"]) == ("Allow", WRITES, "*")


@pytest.mark.parametrize(
    ("under_the_key", "reads", "writes"),
    [
        ("uploads", "s3:GetObjectVersion", ""),
        ("results bucket", "s3:PutObject", "s3:PutObject"),
        ("table", "dynamodb:GetItem", ""),
        ("secret (`CredentialsSecretArn`)", "secretsmanager:GetSecretValue", ""),
    ],
)
def test_the_page_says_which_roles_other_keys_must_let_in(
    template: Template, under_the_key: str, reads: str, writes: str
) -> None:
    def may(action: str) -> set[str]:
        of = {role: [listed(each["Action"]) for _, each in statements(template, role)] for role in ROLES}
        return {f"{role}Arn" for role, actions in of.items() if any(action in each for each in actions)}

    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    [row] = [line for line in text.splitlines() if line.startswith(f"| {under_the_key} |")]
    _, _, decrypt, generate, _ = row.split("|")
    named = {f"{role}Arn" for role in ROLES} if decrypt == " all five " else set(re.findall(r"`(\w+)`", decrypt))
    assert named == may(reads)
    assert set(re.findall(r"`(\w+)`", generate)) == may(writes)


@pytest.mark.parametrize("role", ROLES)
def test_an_output_names_each_role_for_the_policies_of_other_keys(template: Template, role: str) -> None:
    assert template.outputs[f"{role}Arn"]["Value"] == {"Fn::GetAtt": [role, "Arn"]}
