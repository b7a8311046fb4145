"""What is asked of the control function, with the real functions at work: what it answers, and what it costs."""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from e2e.whole_stack import WholeStack, no_events
from local import deployment, stack
from local.samples import Sample
from textdrop.core import keys
from textdrop.core.prices import LIST_PRICES
from unit.pagekit import making

FOLDER = "control/"
BLANK = "blank page.png"
PAGES = 3


def ask(whole: WholeStack, command: str, **parameters: Any) -> Any:
    """The answer to a request that is followed."""
    request = json.dumps({"version": 1, "command": command, **parameters}).encode()
    with whole.client("lambda") as functions:
        invoked = functions.invoke(FunctionName=f"{deployment.STACK}-control", Payload=request)
    answer = json.load(invoked["Payload"])
    assert answer["ok"], answer
    return answer["answer"]


def until_final(whole: WholeStack, document: str) -> None:
    whole.wait(lambda: whole.state(document) == "final", 10, "the row is not final")


def test_a_retry_pays_for_the_page_that_failed_and_outputs_are_made_again_for_nothing(whole: WholeStack) -> None:
    key, before = FOLDER + "a b+c №1.pdf", whole.accepted()
    whole.tell_ocr("faults", {"kind": "failing_operation", "count": 1})
    whole.upload(key, making.pdf_of_pages(PAGES))
    first = whole.notice(key).body
    assert (first["outcome"], first["billing"]["pages_paid"]) == ("partial", PAGES - 1)
    document = first["document"]
    until_final(whole, document)

    would = ask(whole, "retry", documents=[key], dry_run=True)
    assert (would["pages"], Decimal(would["cost"]["amount"])) == (1, LIST_PRICES["page"])
    [begun] = ask(whole, "retry", outcome="partial", prefix=FOLDER)["began"]
    assert (begun["document"], begun["run"], begun["state"]) == (document, 2, "accepted")
    second = whole.notice(key, run=2).body
    assert (second["outcome"], second["billing"]["pages_paid"], second["billing"]["pages_kept"]) == ("succeeded", 1, 2)
    until_final(whole, document)

    [begun] = ask(whole, "render", documents=[document], outputs="markdown")["began"]
    assert (begun["run"], begun["state"]) == (3, "delivering")
    third = whole.notice(key, run=3)
    assert third.body["billing"]["pages_paid"] == 0
    assert whole.read(third, "markdown") is not None
    until_final(whole, document)
    assert whole.accepted() - before == PAGES + 1, "by the OCR service's own count"

    [told] = ask(whole, "status", documents=[key], pages=True)["documents"]
    assert (told["state"], told["outcome"], told["run"]) == ("final", "succeeded", 3)
    assert [(run["outcome"], run["paid"]) for run in told["runs"]] == [
        ("partial", 2),
        ("succeeded", 1),
        ("succeeded", 0),
    ]
    assert told["page_states"] == [{"pages": "1-3", "state": "recognized", "reason": None, "text_from": "earlier_run"}]


def test_what_is_cancelled_in_a_pause_is_never_sent(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    key, before = FOLDER + "unwanted.png", whole.accepted()
    assert ask(whole, "pause")["pause"]["why"] == "operator"
    try:
        whole.upload(key, samples[BLANK].path.read_bytes())
        whole.wait(lambda: len(ask(whole, "status", documents=[key])["documents"]) == 1, 60, "it is not taken in")
        whole.until_idle()
        [waits] = ask(whole, "list", outcome="active", prefix=FOLDER)["documents"]
        assert waits["waiting_for"] == "the end of a pause: by request"
        [cancelled] = ask(whole, "cancel", prefix=key)["cancelled"]
        assert cancelled["document"] == waits["document"]
        body = whole.notice(key).body
        assert (body["outcome"], body["reason"], body["billing"]["pages_paid"]) == ("cancelled", "cancelled", 0)
    finally:
        assert ask(whole, "resume")["pause"]["why"] == ""
    until_final(whole, body["document"])
    assert whole.accepted() == before


def test_of_a_deleted_document_nothing_is_left_but_its_upload(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    key, bucket = FOLDER + "personal.png", whole.account.results_bucket
    version = whole.upload(key, samples[BLANK].path.read_bytes())
    document = whole.notice(key).body["document"]
    until_final(whole, document)
    [deleting] = ask(whole, "delete", documents=[document])["deleting"]
    assert (deleting["state"], deleting["key"], deleting["version_id"]) == ("deleting", key, version)

    def left() -> list[str]:
        listed = [
            whole.account.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
            for prefix in (key, keys.folder(document))
        ]
        return [each["Key"] for answer in listed for each in answer.get("Versions", [])] + [
            each["Key"] for answer in listed for each in answer.get("DeleteMarkers", [])
        ]

    whole.wait(lambda: not left(), 60, "something is left")
    [told] = ask(whole, "status", documents=[document])["documents"]
    assert told["state"] == "deleting", "what a late worker brings is swept in a quarter of an hour"
    assert told["removed"]["objects"] >= 5
    whole.account.s3.head_object(Bucket=whole.account.uploads_bucket, Key=key, VersionId=version)


def test_a_document_that_is_deleted_is_not_in_flight(whole: WholeStack) -> None:
    table, key = whole.account.table_name, {"pk": {"S": "deleted"}, "sk": {"S": "document"}}
    whole.account.dynamodb.put_item(TableName=table, Item={**key, "state": {"S": "deleted"}})
    try:
        with patch.dict(os.environ):  # to a process that asks, AWS is that stack from then on
            assert "deleted" not in stack.in_flight(whole.env)
    finally:
        whole.account.dynamodb.delete_item(TableName=table, Key=key)


def test_what_is_in_the_bucket_is_taken_in_after_its_estimate_and_once(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    prefix, before = FOLDER + "archive/", whole.accepted()
    with no_events(whole):
        whole.upload(prefix + "1.png", samples[BLANK].path.read_bytes())
        whole.upload(prefix + "2/3.pdf", making.pdf_of_pages(2))
        whole.upload(prefix + "2/", b"")
    would = ask(whole, "backfill", prefix=prefix, dry_run=True)
    assert (would["new"], would["ignored"], would["pages"]) == (2, 1, 3)
    assert would["types"] == {".pdf": 1, ".png": 1}
    assert Decimal(would["cost"]["amount"]) == 3 * LIST_PRICES["page"]
    assert [ask(whole, "backfill", prefix=prefix)["new"] for _ in range(2)] == [2, 0]
    for key in ("1.png", "2/3.pdf"):
        body = whole.notice(prefix + key).body
        assert body["outcome"] == "succeeded"
        until_final(whole, body["document"])
    assert whole.accepted() - before == 3


def test_a_summary_and_a_check_say_what_there_is(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    told, since = ask(whole, "summary"), ask(whole, "list", prefix=FOLDER)
    key = FOLDER + "one more.png"
    whole.upload(key, samples[BLANK].path.read_bytes())
    until_final(whole, whole.notice(key).body["document"])
    after = ask(whole, "summary")
    assert after["complete"]
    assert after["documents"]["succeeded"] == told["documents"]["succeeded"] + 1
    assert after["pages_paid"] == told["pages_paid"] + 1
    assert Decimal(after["cost"]["amount"]) - Decimal(told["cost"]["amount"]) == LIST_PRICES["page"]
    listed = ask(whole, "list", prefix=FOLDER)["documents"]
    assert [each["key"] for each in listed] == [key, *(each["key"] for each in since["documents"])]
    checked = ask(whole, "check")
    assert (checked["ocr"]["ok"], checked["history_index"]) == (True, True)
    assert {endpoint["ok"] for endpoint in checked["endpoints"]} == {True}


def test_what_cannot_be_followed_is_told_and_nothing_private_is_logged(whole: WholeStack) -> None:
    with whole.client("lambda") as functions:
        for request in (b'{"version": 1, "command": "stauts"}', b'{"version": 2, "command": "status"}', b"[]"):
            answer = json.load(functions.invoke(FunctionName=f"{deployment.STACK}-control", Payload=request)["Payload"])
            assert answer["ok"] is False
            assert {"code", "what", "advice"} == set(answer["error"])
    log = "\n".join(whole.logged("control"))
    assert "request_followed" in log
    assert FOLDER not in log
    assert "stauts" not in log
