"""A batch of the queue, as submit is invoked with it, and what submit answers."""

from __future__ import annotations

import json

from aws_events import TEST_EVENT, event
from functions.submit.handler import batch_failures, messages
from template.cloudformation import ROOT
from textdrop.core.documents import Outcome, Resume
from textdrop.core.events import parse
from textdrop.usecases.accept import Message
from world import World


def test_a_batch_has_the_ids_and_bodies_of_its_messages() -> None:
    batch = json.loads((ROOT / "events" / "sqs-batch.json").read_text("utf-8"))
    found = messages(batch)
    assert [message.id[:8] for message in found] == ["059f36b4", "2e1424d4", "7b270e59"]
    assert [len(parse(message.body)) for message in found] == [1, 1, 0]
    assert isinstance(parse(found[1].body)[0], Resume)


def test_the_answer_names_what_must_come_again() -> None:
    assert batch_failures(["a", "b"]) == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}
    assert batch_failures([]) == {"batchItemFailures": []}


def test_a_message_that_cannot_be_read_comes_again_alone() -> None:
    world = World()
    first = world.uploads.put("a b/Счёт+№ 7.png", b"1")
    second = world.uploads.put("b.png", b"2")
    broken = json.dumps({"Records": [json.loads(event(second))["Records"][0], {"eventName": "ObjectCreated:Put"}]})
    batch = [Message("1", event(first)), Message("2", "[]"), Message("3", TEST_EVENT), Message("4", broken)]
    assert world.submit(batch) == ["2", "4"]
    world.run()
    [row] = world.documents.rows.values()
    assert (row.source.key, row.outcome) == ("a b/Счёт+№ 7.png", Outcome.SUCCEEDED)
