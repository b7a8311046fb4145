"""What AWS, or the way to it, can answer with: in our words, and without any of a row's content."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from contract.moto_aws import NO_REPEATS, Transport, make_table
from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.s3 import S3Results, S3Sources
from textdrop.adapters.aws.secrets import read_secret
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectForbidden, ObjectGone, StoreUnavailable

SECRET = "document-content-that-must-not-be-told"
SOURCE = Source("uploads", "scan.pdf", version_id="v1")


def dynamodb_error(code: str) -> str:
    return f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "{SECRET}"}}'


@pytest.fixture(scope="module")
def transport(aws: None) -> Transport:
    """Where answers can be set."""
    return Transport()


@pytest.fixture(scope="module")
def table(transport: Transport) -> Table:
    client = transport.client("dynamodb", NO_REPEATS)
    name = f"table-{uuid.uuid4()}"
    make_table(client, name)
    return Table(client, name)


@pytest.fixture(scope="module")
def s3(transport: Transport) -> Any:
    return transport.client("s3", NO_REPEATS)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, dynamodb_error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
        (400, dynamodb_error("ThrottlingException"), "ThrottlingException"),
        (400, dynamodb_error("AccessDeniedException"), "AccessDeniedException"),
        (400, dynamodb_error("ResourceNotFoundException"), "ResourceNotFoundException"),
        (400, dynamodb_error("ValidationException"), "ValidationException"),
        (500, dynamodb_error("InternalServerError"), "InternalServerError"),
        (503, "<html>proxy</html>", "503"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.read((SECRET, "document")),
        lambda table: table.put({"pk": {"S": SECRET}, "sk": {"S": "document"}}, "attribute_not_exists(#pk)"),
        lambda table: table.update((SECRET, "document"), "SET #a = :value", "", {"value": {"S": SECRET}}),
        lambda table: list(table.query("#pk = :value", {"value": {"S": SECRET}})),
    ],
    ids=["read", "put", "update", "query"],
)
def test_any_answer_but_a_result_is_store_unavailable(
    transport: Transport, table: Table, call: Callable[[Table], object], status: int, body: str, told: str
) -> None:
    transport.answer(status, body)
    with pytest.raises(StoreUnavailable, match=told) as raised:
        call(table)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is not None


def test_a_connection_that_fails_is_store_unavailable(transport: Transport, table: Table) -> None:
    transport.break_down()
    with pytest.raises(StoreUnavailable, match=r"dynamodb\.GetItem: EndpointConnectionError") as raised:
        table.read(("1", "document"))
    assert isinstance(raised.value.__cause__, BotoCoreError)
    assert transport.left() == 2, "of the three tries this client makes one"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ObjectGone) for status in (404, 405, 412)),
        *((status, ObjectForbidden) for status in (400, 403)),
        *((status, StoreUnavailable) for status in (500, 503)),
    ],
)
def test_a_version_that_cannot_be_read(transport: Transport, s3: Any, status: int, error: type[Exception]) -> None:
    transport.answer(status, "")
    with pytest.raises(error, match=str(status)) as raised:
        S3Sources(s3).head(SOURCE)
    assert isinstance(raised.value.__cause__, ClientError)


def test_a_content_that_is_cut_is_store_unavailable(transport: Transport, s3: Any) -> None:
    transport.answer(200, "short", {"ETag": '"e"', "Content-Length": "10"})
    with pytest.raises(StoreUnavailable, match=r"s3\.GetObject: IncompleteReadError"):
        S3Results(s3, "results", "").get("scan.pdf.txt")


def test_a_result_is_none_only_where_the_bucket_says_so(transport: Transport, s3: Any) -> None:
    transport.answer(404, "<Error><Code>NoSuchKey</Code></Error>")
    assert S3Results(s3, "results", "").get("scan.pdf.txt") is None
    for status, code in ((404, "NoSuchBucket"), (403, "AccessDenied"), (503, "SlowDown")):
        transport.answer(status, f"<Error><Code>{code}</Code></Error>")
        with pytest.raises(StoreUnavailable, match=code):
            S3Results(s3, "results", "").get("scan.pdf.txt")


def test_a_name_that_may_not_be_looked_for_is_not_taken_for_missing(transport: Transport, s3: Any) -> None:
    transport.answer(404, "")
    assert not S3Results(s3, "results", "").exists("scan.pdf.txt")
    for status in (403, 503):
        transport.answer(status, "")
        with pytest.raises(StoreUnavailable, match=rf"s3\.HeadObject: {status}"):
            S3Results(s3, "results", "").exists("scan.pdf.txt")


def test_a_deletion_that_is_refused_in_part_is_store_unavailable(transport: Transport, s3: Any) -> None:
    error = f"<Error><Key>{SECRET}</Key><Code>AccessDenied</Code><Message>{SECRET}</Message></Error>"
    transport.answer(200, f"<DeleteResult>{error}</DeleteResult>")
    with pytest.raises(StoreUnavailable, match=r"s3\.DeleteObjects: AccessDenied") as raised:
        S3Results(s3, "results", "").delete(["a.txt", "b.txt"])
    assert SECRET not in str(raised.value)


def test_names_are_deleted_in_requests_of_a_thousand(transport: Transport, s3: Any) -> None:
    # S3 refuses more; moto takes them.
    transport.requests.clear()
    transport.answer(200, "<DeleteResult/>", times=3)
    S3Results(s3, "results", "").delete([f"{number}.txt" for number in range(2_001)])
    bodies: list[Any] = [request.body for request in transport.requests]
    assert [body.count(b"<Key>") for body in bodies] == [1000, 1000, 1]


@pytest.mark.parametrize(
    ("names", "methods"),
    [(["a"], ["DELETE"]), (["\x00", "a", "\x1f", "\ufffe", "\uffff", "b"], ["POST", *["DELETE"] * 4])],
    ids=["one", "odd"],
)
def test_one_name_and_those_that_xml_cannot_carry_are_deleted_by_themselves(
    transport: Transport, s3: Any, names: list[str], methods: list[str]
) -> None:
    transport.requests.clear()
    for method in methods:
        transport.answer(*((200, "<DeleteResult/>") if method == "POST" else (204, "")))
    S3Results(s3, "results", "").delete(names)
    assert [request.method for request in transport.requests] == methods


def test_an_answer_that_is_not_of_aws_is_store_unavailable(transport: Transport) -> None:
    notices = SnsNotices(transport.client("sns", NO_REPEATS), "arn:aws:sns:eu-central-1:123456789012:results")
    transport.answer(200, "<html>proxy")
    with pytest.raises(StoreUnavailable, match=r"sns\.Publish: ResponseParserError"):
        notices.publish("{}", {})


def test_a_secret_is_read_as_it_is_now(transport: Transport) -> None:
    client = transport.client("secretsmanager", NO_REPEATS)
    arn = client.create_secret(Name="ocr", SecretString="{}")["ARN"]
    assert read_secret(client, arn) == "{}"
    client.put_secret_value(SecretId=arn, SecretString='{"api_key": "k"}')
    assert read_secret(client, arn) == '{"api_key": "k"}'
    client.put_secret_value(SecretId=arn, SecretBinary=b"bytes")
    assert read_secret(client, arn) == ""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "AccessDeniedException"),  # by a policy, or by that of its key
        (400, "DecryptionFailure"),
        (400, "ThrottlingException"),
        (500, "InternalServiceError"),
    ],
)
def test_a_secret_that_cannot_be_read_is_store_unavailable(transport: Transport, status: int, code: str) -> None:
    transport.answer(status, f'{{"__type": "{code}", "Message": "{SECRET}"}}')
    with pytest.raises(StoreUnavailable) as raised:
        read_secret(transport.client("secretsmanager", NO_REPEATS), "arn")
    assert str(raised.value) == f"secretsmanager.GetSecretValue: {code}"


def test_a_secret_that_was_deleted_or_never_was_is_store_unavailable(transport: Transport) -> None:
    client = transport.client("secretsmanager", NO_REPEATS)
    arn = client.create_secret(Name="deleted", SecretString="{}")["ARN"]
    client.delete_secret(SecretId=arn)
    with pytest.raises(StoreUnavailable, match=r"secretsmanager\.GetSecretValue: InvalidRequestException"):
        read_secret(client, arn)
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(StoreUnavailable, match=r"secretsmanager\.GetSecretValue: ResourceNotFoundException"):
        read_secret(client, arn)
