"""What each function may do, and no more."""

from __future__ import annotations

from collections import defaultdict

import pytest

from template.cloudformation import RESULTS_PREFIX, Template, listed, short
from textdrop.adapters.aws.items import RECONCILE_RUN_KEY, SUMS_PK
from textdrop.core import keys


def test_no_role_is_made_but_those_that_the_template_has_with_their_boundary(template: Template) -> None:
    """SAM makes a role for a function without one, and for some events and deployments."""
    for function in template.functions().values():
        assert "Role" in function
        assert "DeploymentPreference" not in function
        assert {event["Type"] for event in function.get("Events", {}).values()} <= {"SQS", "Schedule"}


LOG, INVOKE = "logs:CreateLogStream logs:PutLogEvents", "lambda:InvokeFunction"
FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-"
RESULTS = "arn:${AWS::Partition}:s3:::<ResultsBucket or ResultsBucketName>"
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
SECRET = {"CredentialsSecret.Id or CredentialsSecretArn": "secretsmanager:GetSecretValue"}
SOURCE = "UploadsBucket.Arn or arn:${AWS::Partition}:s3:::${SourceBucketName}"
TABLE = "Table.Arn or arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"
DUE, HISTORY = (
    TABLE.replace("Table.Arn", f"${{Table.Arn}}/index/{index}") + f"/index/{index}" for index in ("due", "history")
)
READ_UPLOADS = {
    "${UploadsBucket.Arn}/* or arn:${AWS::Partition}:s3:::${SourceBucketName}/${SourcePrefix}*": (
        "s3:GetObject s3:GetObjectVersion"
    ),
    SOURCE: "s3:ListBucket s3:ListBucketVersions",
}

# As in AWS's managed policy for it, AWSLambdaSQSQueueExecutionRole.
RECEIVE = "sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage"
MAY: dict[str, dict[str, str]] = {
    "Submit": {
        **READ_UPLOADS,
        **SECRET,
        "SubmitLogGroup.Arn": LOG,
        "UploadsQueue.Arn": f"sqs:ChangeMessageVisibility {RECEIVE}",
        RESULTS: "s3:ListBucket",
        f"{RESULTS}/< or ResultsPrefix>{keys.pages('*')}*": "s3:GetObject s3:PutObject",
        TABLE: (
            "dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query "
            "dynamodb:UpdateItem"
        ),
        DUE: "dynamodb:Query",
        f"{FUNCTION}poll": INVOKE,
    },
    "Poll": {
        **SECRET,
        "PollLogGroup.Arn": LOG,
        "UploadsQueue.Arn": "sqs:SendMessage",
        "DeliverQueue.Arn": "sqs:SendMessage",
        "DeliverAloneQueue.Arn": "sqs:SendMessage",
        f"{RESULTS}/< or ResultsPrefix>{keys.pages('*')}*": "s3:PutObject",
        TABLE: "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        DUE: "dynamodb:Query",
        f"{FUNCTION}poll": INVOKE,
    },
    "Deliver": {
        **READ_UPLOADS,
        "DeliverLogGroup.Arn": LOG,
        "DeliverQueue.Arn": RECEIVE,
        "DeliverAloneQueue.Arn": RECEIVE,
        f"{RESULTS}/< or ResultsPrefix>*": (
            "s3:AbortMultipartUpload s3:DeleteObject s3:DeleteObjectVersion s3:GetObject s3:PutObject"
        ),
        RESULTS: "s3:ListBucket s3:ListBucketVersions",
        TABLE: (
            "dynamodb:BatchWriteItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query "
            "dynamodb:UpdateItem"
        ),
        "ResultsTopic": "sns:Publish",
        BUS: "events:PutEvents",
    },
    "Reconcile": {
        "ReconcileLogGroup.Arn": LOG,
        SOURCE: "s3:ListBucketVersions",
        TABLE: "dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:GetItem dynamodb:PutItem dynamodb:Query",
        HISTORY: "dynamodb:Query",
        "UploadsQueue.Arn": "sqs:SendMessage",
        "UploadsDeadLetterQueue.Arn": "sqs:DeleteMessage sqs:ReceiveMessage",
        f"{FUNCTION}reconcile": INVOKE,
    },
    "Control": {
        **READ_UPLOADS,
        **SECRET,
        "ControlLogGroup.Arn": LOG,
        TABLE: "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        DUE: "dynamodb:Query",
        HISTORY: "dynamodb:Query",
        f"{FUNCTION}poll": INVOKE,
    },
}
"""What each function's role may do with what. Nobody changes uploads, deliver alone deletes rows and results, submit
and poll write no results but documents' pages, of which submit alone reads, poll opens no source, deliver has no key of
the OCR service, reconcile does none of this, and control touches no results."""

UNDER_PREFIX = {"Prefix": RESULTS_PREFIX}
CONDITIONS = {
    "Deliver": [("s3:ListBucketVersions", "StringLike", "s3:prefix", {"Fn::Sub": ["${Prefix}*", UNDER_PREFIX]})],
    "Reconcile": [
        ("dynamodb:PutItem", "ForAllValues:StringEquals", "dynamodb:LeadingKeys", [RECONCILE_RUN_KEY[0], SUMS_PK])
    ],
}
"""Under what condition a role may do what: the action, the operator, the condition's key and its value."""


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_what_it_must_and_no_more(template: Template, function: str) -> None:
    assert template.functions()[f"{function}Function"]["Role"] == {"Fn::GetAtt": [f"{function}Role", "Arn"]}
    found: defaultdict[str, list[str]] = defaultdict(list)
    conditions = []
    for policy in template.resources[f"{function}Role"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                condition, statement, otherwise = statement["Fn::If"]
                if condition in ("HasStorageKey", "HasMessagesKey"):
                    continue  # test_keys.py
                assert (condition, otherwise) == ("HasEventBus", {"Ref": "AWS::NoValue"})
                assert statement["Resource"] == {"Fn::Sub": BUS}
            for resource in listed(statement["Resource"]):
                found[short(resource)] += listed(statement["Action"])
            if "Condition" in statement:
                conditions += [
                    (statement["Action"], operator, key, value)
                    for operator, values in statement["Condition"].items()
                    for key, value in values.items()
                ]
    assert {resource: " ".join(sorted(actions)) for resource, actions in found.items()} == MAY[function]
    assert conditions == CONDITIONS.get(function, [])


def test_those_are_all_functions_and_all_roles(template: Template) -> None:
    assert set(template.functions()) == {f"{function}Function" for function in MAY}
    assert set(template.of_type("AWS::IAM::Role")) == {f"{function}Role" for function in MAY}
