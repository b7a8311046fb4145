"""Each function's role may do what the function must, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.whole_stack import WholeStack

KEY = "permissions/a b+c.txt"
Call = Callable[[WholeStack, Callable[[str], Any]], object]


def head(bucket: str) -> Call:
    return lambda whole, client: client("s3").head_object(Bucket=whole.env[bucket], Key=KEY)


def get(bucket: str) -> Call:
    return lambda whole, client: client("s3").get_object(Bucket=whole.env[bucket], Key=KEY)


def delete(bucket: str) -> Call:
    return lambda whole, client: client("s3").delete_object(Bucket=whole.env[bucket], Key=KEY)


def list_versions(whole: WholeStack, client: Callable[[str], Any]) -> object:
    return client("s3").list_object_versions(Bucket=whole.env["UPLOADS_BUCKET"], MaxKeys=1)


def row(method: str) -> Call:
    key = {"pk": {"S": "nobody's"}, "sk": {"S": "document"}}
    return lambda whole, client: getattr(client("dynamodb"), method)(TableName=whole.env["TABLE_NAME"], Key=key)


def receive(whole: WholeStack, client: Callable[[str], Any]) -> object:
    return client("sqs").receive_message(QueueUrl=whole.output("UploadsQueueUrl"))


UPLOADS, RESULTS = "UPLOADS_BUCKET", "RESULTS_BUCKET"
MAY: dict[str, list[Call]] = {
    "submit": [head(UPLOADS)],
    "poll": [head(RESULTS), row("get_item")],
    "render": [head(UPLOADS), head(RESULTS), row("get_item")],
    "reconcile": [list_versions, row("get_item")],
}
MAY_NOT: dict[str, list[Call]] = {
    "submit": [head(RESULTS), delete(UPLOADS)],
    "poll": [head(UPLOADS), row("delete_item")],
    "render": [delete(UPLOADS), row("delete_item"), receive],
    # That it puts no row but its own is in the template's test: the emulator knows no leading keys.
    "reconcile": [get(UPLOADS), row("delete_item"), receive],
}


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_what_it_must_and_no_more(whole: WholeStack, function: str) -> None:
    for bucket in (UPLOADS, RESULTS):
        whole.account.s3.put_object(Bucket=whole.env[bucket], Key=KEY, Body=b"")
    with whole.acting_as(function) as client:
        for call in MAY[function]:
            call(whole, client)
        for call in MAY_NOT[function]:
            with pytest.raises(ClientError) as refused:
                call(whole, client)
            error = refused.value.response
            assert error["ResponseMetadata"]["HTTPStatusCode"] == 403 or error["Error"]["Code"] == "AccessDenied"
