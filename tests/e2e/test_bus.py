"""Outcomes on an EventBridge bus, the account's own, and a rule that brings some of them to a queue."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

import schemas
from documentation import example
from e2e.whole_stack import WholeStack
from local import deployment


def test_a_rule_gets_the_notices_that_it_asks_for(whole: WholeStack) -> None:
    name, sqs = "bus-test", whole.account.sqs
    url, arn = deployment.make_queue(sqs, name, "events.amazonaws.com")
    with whole.client("events") as events:
        events.put_rule(Name=name, EventPattern=json.dumps(example("docs/results.md", "rule")))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    whole.upload("contracts/no document", b"no document")
    whole.upload("elsewhere/no document", b"no document")
    told = [whole.notice(key).body for key in ("contracts/no document", "elsewhere/no document")]
    got: list[dict[str, Any]] = []

    def arrived() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            got.append(json.loads(message["Body"]))
        return bool(got)

    # An event is sent before its document is final, so that by then all have been.
    whole.wait(lambda: all(whole.state(body["document"]) == "final" for body in told), 60, "a row is not final")
    whole.wait(arrived, 60, "no event")
    arrived()
    assert [event["detail"] for event in got] == [told[0]]
    schemas.checked(json.dumps(got[0]["detail"]), "textdrop.notice/1")


def test_deliver_may_put_events_on_that_bus_alone(whole: WholeStack) -> None:
    entry = {"Source": "textdrop", "DetailType": "Test", "Detail": "{}"}
    with whole.client("events") as events:
        events.create_event_bus(Name="another")
    with whole.client("events", role_of="deliver") as events:
        assert events.put_events(Entries=[{**entry, "EventBusName": "default"}])["FailedEntryCount"] == 0
        with pytest.raises(ClientError) as refused:
            events.put_events(Entries=[{**entry, "EventBusName": "another"}])
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
