"""What AWS, or the way to it, can answer with: in our words, and without any of a row's content."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from contract.moto_aws import NO_REPEATS, Transport, make_table
from textdrop.adapters.aws.dynamodb import Table, Update
from textdrop.adapters.aws.s3 import S3Results, S3Sources
from textdrop.adapters.aws.secrets import read_secret
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectForbidden, ObjectGone, StoreUnavailable

SECRET = "document-content-that-must-not-be-told"
SOURCE = Source("uploads", "scan.pdf", version_id="v1")
HEAD = {"ETag": '"e"', "Content-Length": "7", "Last-Modified": "Sat, 14 Mar 2026 09:26:53 GMT"}
# As S3 answers when it is asked to encode keys; moto does not.
VERSIONS = """<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>
<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>
<Version><Key>{key}</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-03-14T09:26:53.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Version>
<DeleteMarker><Key>{key}</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest>
<LastModified>2026-03-14T09:26:54.000Z</LastModified></DeleteMarker>
</ListVersionsResult>"""


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
        lambda table: table.delete((SECRET, "document"), "#a = :value", {"value": {"S": SECRET}}),
        lambda table: table.update_together(
            [Update((SECRET, "document"), "SET #a = :value", "", {"value": {"S": SECRET}})]
        ),
        lambda table: list(table.query("#pk = :value", {"value": {"S": SECRET}})),
    ],
    ids=["read", "put", "update", "delete", "update_together", "query"],
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
        *((status, ObjectDeleted) for status in (404, 405)),
        (412, ObjectGone),
        *((status, ObjectForbidden) for status in (400, 403)),
        *((status, StoreUnavailable) for status in (500, 503)),
    ],
)
@pytest.mark.parametrize("current", [None, "v2", "null"], ids=["", "another version", "suspended"])
def test_a_version_that_cannot_be_read(
    transport: Transport, s3: Any, current: str | None, status: int, error: type[Exception]
) -> None:
    source = SOURCE if current else replace(SOURCE, version_id="", etag="e")
    if current:
        transport.answer(200, "", {**HEAD, "x-amz-version-id": current})
    transport.answer(status, "")
    with pytest.raises(error, match=str(status)) as raised:
        S3Sources(s3).head(source)
    assert type(raised.value) is error
    assert isinstance(raised.value.__cause__, ClientError)
    assert transport.left() == 0


def test_a_version_can_be_looked_at_though_its_keys_current_one_may_not(transport: Transport, s3: Any) -> None:
    transport.answer(403, "")
    transport.answer(200, "", {**HEAD, "x-amz-version-id": "v1"})
    assert S3Sources(s3).head(SOURCE).source.etag == "e"
    assert transport.requests[-1].url.endswith("?versionId=v1")


@pytest.mark.parametrize(("status", "error"), [(404, ObjectDeleted), (500, StoreUnavailable)])
def test_a_key_without_a_current_version_has_been_deleted(
    transport: Transport, s3: Any, status: int, error: type[Exception]
) -> None:
    transport.answer(status, "", {"x-amz-delete-marker": "true"})
    with pytest.raises(error):
        S3Sources(s3).head(SOURCE)
    assert transport.left() == 0
    assert "versionId" not in transport.requests[-1].url


def test_an_upload_of_before_versions_or_while_they_were_suspended_is_known_by_its_etag(
    transport: Transport, s3: Any
) -> None:
    transport.answer(200, "", {**HEAD, "x-amz-version-id": "null"})
    assert S3Sources(s3).head(replace(SOURCE, version_id="", etag="e")).source.version_id == ""
    assert transport.requests[-1].headers["If-Match"] == b'"e"'
    assert "versionId" not in transport.requests[-1].url


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


def test_versions_that_s3_refuses_to_delete_are_not_taken_for_removed(transport: Transport, s3: Any) -> None:
    transport.answer(200, VERSIONS.format(key="a.txt", truncated="false"))
    error = "<Error><Key>a.txt</Key><VersionId>v1</VersionId><Code>AccessDenied</Code></Error>"
    transport.answer(200, f"<DeleteResult>{error}</DeleteResult>")
    with pytest.raises(StoreUnavailable, match=r"s3\.DeleteObjects: AccessDenied"):
        S3Results(s3, "results", "").remove("a", lambda key: True, lambda: None, current=False)


def test_versions_whose_keys_xml_cannot_carry_are_listed_on_and_removed_one_by_one(
    transport: Transport, s3: Any
) -> None:
    key, encoded = "ocr/tab\t\r\x01 +.txt", "ocr/tab%09%0D%01+%2B.txt"
    transport.answer(200, VERSIONS.format(key=encoded, truncated="true"))
    transport.answer(200, VERSIONS.format(key="ocr/z.txt", truncated="false"))
    transport.answer(200, "<DeleteResult></DeleteResult>")
    transport.answer(204, "", times=2)
    sent = len(transport.requests)
    names = {key.removeprefix("ocr/"), "z.txt"}
    assert S3Results(s3, "results", "ocr/").remove("", names.__contains__, lambda: None, current=False) == 4
    _, listing, together, *alone = transport.requests[sent:]
    place = parse_qs(urlsplit(listing.url).query)
    assert (place["key-marker"], place["version-id-marker"]) == ([key], ["v1"])
    assert b"tab" not in (together.body or b"")
    assert [(each.method, parse_qs(urlsplit(each.url).query)["versionId"]) for each in alone] == [
        ("DELETE", ["v1"]),
        ("DELETE", ["v2"]),
    ]
    assert all("tab%09%0D%01%20%2B.txt" in each.url for each in alone)


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
