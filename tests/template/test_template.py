"""What no linter sees in the template: bounds between resources, least privilege, nothing lost in silence."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import pytest

from template.cloudformation import ROOT, Template
from textdrop.adapters.aws.items import RECONCILE_RUN_KEY
from textdrop.core.intervals import message_retry_seconds
from textdrop.core.policy import Policy

DAY_SECONDS = 24 * 3600
SOURCE_BUCKET = {"Fn::If": ["MakeUploadsBucket", {"Ref": "UploadsBucket"}, {"Ref": "SourceBucketName"}]}
OTHERWISE = {"OnArm64": frozenset({"OnX8664"})}
"""What holds if a condition does not: of the two processors it is one."""

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
        case {"Fn::Sub": [text, names]}:
            for name, named in names.items():
                text = text.replace(f"${{{name}}}", f"<{short(named)}>")
            return str(text)
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
NOTHING = {"Ref": "AWS::NoValue"}


def either(condition: str, value: Any, otherwise: Any) -> dict[str, Any]:
    """A choice, as the template has it."""
    return {"Fn::If": [condition, value, otherwise]}


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
    "AWS::SecretsManager::Secret": {"KmsKeyId": either("HasStorageKey", STORAGE_KEY, NOTHING)},
    "AWS::IAM::Role": {
        "ManagedPolicyArns": None,
        "AssumeRolePolicyDocument": {"Statement": [TRUST]},
        "PermissionsBoundary": either("HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, NOTHING),
    },
    "AWS::CloudWatch::Alarm": {"AlarmActions": TOLD, "OKActions": TOLD},
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
                denial = [statement.get(name) for name in ("Effect", "Principal", "Condition")]
                if denial == ["Deny", "*", TLS_ONLY]:
                    denied.add((statement["Action"], *map(short, listed(statement["Resource"]))))
    queues = {("sqs:*", f"{name}.Arn") for name in template.of_type("AWS::SQS::Queue")}
    buckets = {("s3:*", f"{name}.Arn", f"${{{name}.Arn}}/*") for name in template.of_type("AWS::S3::Bucket")}
    assert denied == queues | buckets


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


def test_no_role_is_made_but_those_that_the_template_has_with_their_boundary(template: Template) -> None:
    """SAM makes a role for a function without one, and for some events and deployments."""
    for function in template.functions().values():
        assert "Role" in function
        assert "DeploymentPreference" not in function
        assert {event["Type"] for event in function["Events"].values()} <= {"SQS", "Schedule"}


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


def references(value: Any, branch: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """What is referred to, and the conditions that hold there."""
    match value:
        case {"Fn::If": [condition, one, other]}:
            yield from references(one, branch | {condition})
            yield from references(other, branch | OTHERWISE.get(condition, frozenset()))
        case {"Ref": str(referred)} | {"Fn::GetAtt": [str(referred), *_]}:
            yield referred, branch
        case {"Fn::Sub": str(text) | [str(text), _]}:
            yield from ((referred, branch) for referred in re.findall(r"\$\{(\w+)[.}]", text))
            if isinstance(value["Fn::Sub"], list):
                yield from references(value["Fn::Sub"][1], branch)
        case dict():
            yield from references(list(value.values()), branch)
        case list():
            for each in value:
                yield from references(each, branch)


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
    watched = {
        short(dimension["Value"])
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    assert watched == {f"{name}.QueueName" for name in given_up_to}


def test_a_message_is_given_up_after_an_outage_of_hours_and_is_hidden_no_longer_than_its_queue_does(
    template: Template,
) -> None:
    queue, policy = template.resources["UploadsQueue"]["Properties"], Policy()
    receives = range(1, queue["RedrivePolicy"]["maxReceiveCount"])
    assert receives.stop >= 5  # throttled pollers lose messages
    assert sum(message_retry_seconds(each, policy) for each in receives) >= 2.5 * 3600
    assert policy.max_message_retry_seconds == queue["VisibilityTimeout"]


def test_s3_or_the_rule_alone_may_send_from_outside_and_for_this_account_alone(template: Template) -> None:
    [(condition, by_rule, by_s3)] = [
        statement["Fn::If"]
        for policy in template.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Effect") != "Deny"
    ]
    assert condition == "UploadsByRule"
    for allowed in (by_rule, by_s3):
        assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sqs:SendMessage")
    assert by_s3["Principal"] == {"Service": "s3.amazonaws.com"}
    assert by_s3["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert by_rule["Principal"] == {"Service": "events.amazonaws.com"}
    # By its name: a reference would be a circle, as the bucket that the rule names needs this policy first.
    rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-uploads"
    assert by_rule["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::Sub": rule}}}
    assert template.of_type("AWS::Events::Rule")["UploadsRule"]["Name"] == {"Fn::Sub": rule.rpartition("/")[2]}


def test_every_way_to_create_an_object_is_heard_and_results_are_not(template: Template) -> None:
    uploads = template.resources["UploadsBucket"]
    by_rule, by_s3 = (
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["UploadsQueue", "Arn"]}}]},
    )
    assert uploads["Properties"]["NotificationConfiguration"] == {"Fn::If": ["UploadsByRule", by_rule, by_s3]}
    buckets = template.of_type("AWS::S3::Bucket").items()
    assert [name for name, bucket in buckets if "NotificationConfiguration" in bucket] == ["UploadsBucket"]
    for function in template.functions().values():
        variables = function["Environment"]["Variables"]
        assert variables.get("RESULTS_BUCKET") in (None, RESULTS_BUCKET)
        assert variables.get("RESULTS_PREFIX") in (None, RESULTS_PREFIX)


def test_the_results_bucket_does_not_grow_in_silence_and_every_upload_stays(template: Template) -> None:
    buckets = template.of_type("AWS::S3::Bucket")
    rules = {name: bucket["LifecycleConfiguration"]["Rules"] for name, bucket in buckets.items()}
    [replaced] = [rule for rule in rules["ResultsBucket"] if "NoncurrentVersionExpiration" in rule]
    assert replaced["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "NoncurrentDays"}}
    assert (replaced["Status"], replaced["ExpiredObjectDeleteMarker"]) == ("Enabled", True)
    kinds = {kind for rule in rules["UploadsBucket"] for kind in rule}
    assert kinds == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    assert not {"ExpirationInDays", "ExpirationDate"} & {kind for rule in rules["ResultsBucket"] for kind in rule}


def holds(expression: Any, parameters: dict[str, str]) -> bool:
    """Whether a condition holds, as CloudFormation takes it."""

    def text(value: Any) -> str:
        return parameters[value["Ref"]] if isinstance(value, dict) else str(value)

    match expression:
        case {"Fn::Equals": [one, other]}:
            return text(one) == text(other)
        case {"Fn::Not": [condition]}:
            return not holds(condition, parameters)
        case {"Fn::And": conditions}:
            return all(holds(condition, parameters) for condition in conditions)
        case {"Fn::Or": conditions}:
            return any(holds(condition, parameters) for condition in conditions)
    raise ValueError(f"no condition: {expression}")


@pytest.mark.parametrize(
    ("source", "source_prefix", "results", "results_prefix", "broken"),
    [
        ("", "", "", "", None),
        ("", "", "", "ocr/", None),
        ("", "in/", "", "", None),
        ("", "", "archive", "ocr/", None),
        ("", "", "archive", "/", None),
        ("", "", "archive", "", "ResultsPrefixOfAnExistingBucket"),
        ("scans", "", "archive", "ocr/", None),
        ("archive", "in/", "archive", "ocr/", None),
        ("archive", "", "archive", "ocr/", "ResultsApartFromSource"),
        ("archive", "ocr/", "archive", "ocr/", "ResultsApartFromSource"),
        ("archive", "in/", "archive", "/", "ResultsApartFromSource"),
    ],
)
def test_buckets_and_prefixes_that_do_not_fit_are_refused_before_anything_is_deployed(
    template: Template, source: str, source_prefix: str, results: str, results_prefix: str, broken: str | None
) -> None:
    parameters = {
        "SourceBucketName": source,
        "SourcePrefix": source_prefix,
        "ResultsBucketName": results,
        "ResultsPrefix": results_prefix,
    }
    found = [
        name
        for name, rule in template.body["Rules"].items()
        if holds(rule["RuleCondition"], parameters)
        and not all(holds(assertion["Assert"], parameters) for assertion in rule["Assertions"])
    ]
    assert found == ([broken] if broken else [])


def test_the_prefix_of_a_whole_bucket_is_none(template: Template) -> None:
    at_top = template.body["Conditions"]["ResultsAtTop"]
    for prefix, whole in (("", True), ("/", True), ("ocr/", False)):
        assert holds(at_top, {"ResultsPrefix": prefix}) == whole


def test_a_deployment_fails_without_the_bus_that_it_names(template: Template) -> None:
    """EventBridge takes events for a bus that does not exist, but no rule."""
    [rule] = [rule for rule in template.of_type("AWS::Events::Rule").values() if "Targets" not in rule]
    assert (rule["EventBusName"], rule["State"]) == ({"Ref": "EventBusName"}, "DISABLED")


def test_pages_may_upload_only_if_their_origins_are_named(template: Template) -> None:
    given = template.resources["UploadsBucket"]["Properties"]["CorsConfiguration"]
    condition, with_origins, otherwise = given["Fn::If"]
    [rule] = with_origins["CorsRules"]
    named = {"Fn::Join": ["", {"Ref": "UploadOrigins"}]}
    assert template.body["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [named, ""]}]}
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ({"Ref": "UploadOrigins"}, ["POST"])
    assert "AllowedHeaders" not in rule
    assert otherwise == {"Ref": "AWS::NoValue"}


def test_a_rule_hears_uploads_to_an_existing_bucket_or_under_a_prefix_and_nothing_else(template: Template) -> None:
    existing, prefix = {"Fn::Not": [{"Condition": "MakeUploadsBucket"}]}, {"Condition": "HasSourcePrefix"}
    assert template.body["Conditions"]["UploadsByRule"] == {"Fn::Or": [existing, prefix]}
    rule = template.of_type("AWS::Events::Rule")["UploadsRule"]
    under_prefix = {"key": [{"prefix": {"Ref": "SourcePrefix"}}]}
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [SOURCE_BUCKET]},
            "object": {"Fn::If": ["HasSourcePrefix", under_prefix, {"Ref": "AWS::NoValue"}]},
        },
    }
    assert [target["Arn"] for target in rule["Targets"]] == [{"Fn::GetAtt": ["UploadsQueue", "Arn"]}]


def test_functions_agree_on_where_uploads_come_from(template: Template) -> None:
    told = ("SOURCE_BUCKET", "SOURCE_PREFIX", "OWN_SOURCE_BUCKET", "STACK_ID")
    given = {
        name: [function["Environment"]["Variables"].get(variable) for variable in told]
        for name, function in template.functions().items()
    }
    own, stack = {"Fn::If": ["MakeUploadsBucket", "true", "false"]}, {"Ref": "AWS::StackId"}
    all_of_it = [SOURCE_BUCKET, {"Ref": "SourcePrefix"}, own, stack]
    assert given == {
        "SubmitFunction": [*all_of_it[:2], None, None],
        "PollFunction": all_of_it,
        "ReconcileFunction": all_of_it,
        "DeliverFunction": [*all_of_it[:2], None, None],
    }
    assert template.outputs["UploadsBucketName"]["Value"] == SOURCE_BUCKET


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
RESULTS_BUCKET = {"Fn::If": ["MakeResultsBucket", {"Ref": "ResultsBucket"}, {"Ref": "ResultsBucketName"}]}
RESULTS_PREFIX = {"Fn::If": ["ResultsAtTop", "", {"Ref": "ResultsPrefix"}]}
RESULTS = "arn:${AWS::Partition}:s3:::<ResultsBucket or ResultsBucketName>"
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
SECRET = {"CredentialsSecret.Id or CredentialsSecretArn": "secretsmanager:GetSecretValue"}
SOURCE = "UploadsBucket.Arn or arn:${AWS::Partition}:s3:::${SourceBucketName}"
TABLE = "Table.Arn or arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"
INDEX = TABLE.replace("Table.Arn", "${Table.Arn}/index/due") + "/index/due"
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
        TABLE: "dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        f"{FUNCTION}poll": INVOKE,
    },
    "Poll": {
        **SECRET,
        "PollLogGroup.Arn": LOG,
        "UploadsQueue.Arn": "sqs:SendMessage",
        "DeliverQueue.Arn": "sqs:SendMessage",
        "DeliverAloneQueue.Arn": "sqs:SendMessage",
        f"{RESULTS}/< or ResultsPrefix>*": "s3:PutObject",
        TABLE: "dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        INDEX: "dynamodb:Query",
        f"{FUNCTION}poll": INVOKE,
    },
    "Deliver": {
        **READ_UPLOADS,
        "DeliverLogGroup.Arn": LOG,
        "DeliverQueue.Arn": RECEIVE,
        "DeliverAloneQueue.Arn": RECEIVE,
        f"{RESULTS}/< or ResultsPrefix>*": "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject",
        RESULTS: "s3:ListBucket",
        TABLE: "dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem",
        "ResultsTopic": "sns:Publish",
        BUS: "events:PutEvents",
    },
    "Reconcile": {
        "ReconcileLogGroup.Arn": LOG,
        SOURCE: "s3:ListBucketVersions",
        TABLE: "dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:GetItem dynamodb:PutItem",
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
            if "Fn::If" in statement:
                condition, statement, otherwise = statement["Fn::If"]
                if condition in ("HasStorageKey", "HasMessagesKey"):
                    continue  # test_keys.py
                assert (condition, otherwise) == ("HasEventBus", {"Ref": "AWS::NoValue"})
                assert statement["Resource"] == {"Fn::Sub": BUS}
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
    place = {"AWS::Partition": partition, "AWS::Region": region}
    allowed = {"Fn::If": ["HasLoopDetection", "Allow", {"Ref": "AWS::NoValue"}]}
    assert template.function_globals["RecursiveLoop"] == allowed
    assert not [name for name, function in template.functions().items() if "RecursiveLoop" in function]
    assert holds(template.body["Conditions"]["HasLoopDetection"], place) == detected


# ---- Names

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
        ("OcrBaseUrl", "https://ocr.example.com:8443", True),
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
        (
            "CredentialsSecretArn",
            "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a-b+c@d.e-0aZ9xY",
            True,
        ),
        ("CredentialsSecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ocr/key", False),
        ("CredentialsSecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ocr/key-", False),
        ("CredentialsSecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AbCdEf", False),
        ("CredentialsSecretArn", "ocr/key", False),
        ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:alarms", True),
        ("AlarmEmail", "on.call@example.com", True),
        ("AlarmEmail", "on call", False),
        ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:policy/team/boundary", True),
        ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:role/boundary", False),
        ("StorageKmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef", True),
        ("StorageKmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:alias/textdrop", False),
        ("MessagesKmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/6b1f3c9e-0000-4000-8000-0123456789ab", True),
        ("MessagesKmsKeyArn", "alias/aws/sqs", False),
        # Of a list, the pattern is for each value.
        ("UploadOrigins", "https://app.example.com", True),
        ("UploadOrigins", "https://*.example.com:8443", True),
        ("UploadOrigins", "http://localhost:8000", True),
        ("UploadOrigins", "http://app.example.com", False),
        ("UploadOrigins", "https://app.example.com/", False),
        ("UploadOrigins", "*", False),
        ("SourceBucketName", "archive.example-2026", True),
        ("SourceBucketName", "Archive", False),
        ("SourceBucketName", "arn:aws:s3:::archive", False),
        ("SourcePrefix", "scans/", True),
        ("SourcePrefix", "in box/year=2026/a+b (c)/", True),
        ("SourcePrefix", "x" * 255 + "/", False),
        *(("SourcePrefix", wrong, False) for wrong in ("scans", "/", "/scans/", " scans/", "Договоры/")),
        *(("SourcePrefix", f"a{character}b/", False) for character in '*?$"\\\t\n'),
        ("TableName", "textdrop-Table-1K2X", True),
        ("TableName", "arn:aws:dynamodb:eu-central-1:123456789012:table/t", False),
        ("FolderId", "b1gvmob95yysaplct532", True),
        ("FolderId", "b1g; x", False),
        ("ResultsBucketName", "archive.example-1", True),
        ("ResultsBucketName", "arn:aws:s3:::archive", False),
        ("ResultsPrefix", "/", True),
        ("ResultsPrefix", "ocr/2026 (a)/", True),
        ("ResultsPrefix", " ocr/", False),
        ("ResultsPrefix", "o" * 255 + "/", False),
        ("ResultsPrefix", "ocr", False),
        ("ResultsPrefix", "/ocr/", False),
        ("ResultsPrefix", "ocr//", False),
        *(("ResultsPrefix", f"o{character}/", False) for character in '*?$"\\я\n'),
        ("EventBusName", "default", True),
        ("EventBusName", "arn:aws:events:eu-central-1:123456789012:event-bus/mine", False),
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
        "SubmitRoleArn",
        "PollRoleArn",
        "DeliverRoleArn",
        "ReconcileRoleArn",
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
