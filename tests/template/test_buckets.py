"""Buckets: where uploads come from and results go, and that neither are taken for the other."""

from __future__ import annotations

import pytest

from template.cloudformation import RESULTS_BUCKET, RESULTS_PREFIX, SOURCE_BUCKET, Template, holds


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


def test_pages_may_upload_only_if_their_origins_are_named(template: Template) -> None:
    given = template.resources["UploadsBucket"]["Properties"]["CorsConfiguration"]
    condition, with_origins, otherwise = given["Fn::If"]
    [rule] = with_origins["CorsRules"]
    named = {"Fn::Join": ["", {"Ref": "UploadOrigins"}]}
    assert template.body["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [named, ""]}]}
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ({"Ref": "UploadOrigins"}, ["POST"])
    assert "AllowedHeaders" not in rule
    assert rule["ExposedHeaders"] == ["x-amz-version-id"]  # by which a page knows its upload's notice
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
        "ControlFunction": all_of_it,
        "DeliverFunction": [*all_of_it[:2], None, None],
    }
    assert template.outputs["UploadsBucketName"]["Value"] == SOURCE_BUCKET
