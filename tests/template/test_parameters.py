"""Parameters take what is right and refuse what is wrong; outputs say what a user carries on with."""

from __future__ import annotations

import json
import re

import pytest

from pagekit.limits import FileLimits
from template.cloudformation import Template
from textdrop.core import options, prices


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
        *(("Prices", f"{model}=0.15", True) for model in options.MODELS),
        ("Prices", "page=0.15 table=1.3, handwritten=2", True),
        ("Prices", " ".join(f"{model}=0.000001" for model in options.MODELS), True),
        ("Prices", "paper=0.15", False),
        ("Prices", "page=", False),
        ("Prices", "page=-1", False),
        ("Prices", "page=1,5", False),
        ("Prices", "page=1e3", False),
        ("Prices", "page 0.15", False),
        *(("AllowedModels", model, True) for model in options.MODELS),
        ("AllowedModels", ", ".join(options.MODELS), True),
        ("AllowedModels", "page paper", False),
        ("AllowedModels", "pagetable", False),
        ("Pages", "without-text", True),
        ("Pages", "1-3, 7 9-", True),
        ("Pages", "all 1", False),
        ("Pages", "1 without-text", False),
        ("Pages", "0", False),
        ("Pages", "1," * 499 + "99", True),
        ("Pages", "1," * 499 + "999", False),
        ("PricesCurrency", "KZT", True),
        ("PricesCurrency", "kzt", False),
        ("PricesCurrency", "₽", False),
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
    parameter = template.parameters[name]
    matches = re.fullmatch(parameter["AllowedPattern"], value) is not None
    assert (matches and len(value) <= parameter.get("MaxLength", len(value))) == taken


def test_no_more_pages_are_taken_than_a_document_may_have_and_caps_may_be_of_millions(template: Template) -> None:
    assert template.parameters["MaxPages"]["MaxValue"] == FileLimits().max_pages
    assert min(template.parameters[name]["MaxValue"] for name in ("PagesPerDay", "PagesPerMonth")) >= 10_000_000


@pytest.mark.parametrize("text", ["page=0.15", "page=1 table=1.3", "page=1,table=2, handwritten=999999.999999"])
def test_prices_that_the_template_takes_are_read(template: Template, text: str) -> None:
    assert re.fullmatch(template.parameters["Prices"]["AllowedPattern"], text)
    assert len(prices.parse(text, "KZT").by_model) == text.count("=")


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
        "ControlFunctionName",
        "SubmitRoleArn",
        "PollRoleArn",
        "DeliverRoleArn",
        "ReconcileRoleArn",
        "ControlRoleArn",
    } <= set(template.outputs)
    for name, output in template.outputs.items():
        assert output["Description"].endswith("."), name
        named = re.fullmatch(r"(\w+(?:Function|Queue|Topic))(?:Name|Url|Arn)", name)
        assert not named or output["Value"] == {"Ref": named[1]}, name
