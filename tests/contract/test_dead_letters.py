"""ports.DeadLetters, ports.UploadsQueue, ports.Successor: what reconcile sends, and how it arrives."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract.moto_aws import Transport
from contract.test_messages import make_function
from fakes import FakeClock, FakeDeadLetters, FakeFunction, FakeUploadsQueue, Faults
from fakes.faults import ANY
from textdrop.adapters.aws.functions import LambdaFunction
from textdrop.adapters.aws.sqs import SqsDeadLetters, SqsUploadsQueue
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import DeadLetter
from textdrop.ports import DeadLetters, Function, UploadsQueue

BODY = json.dumps({"Records": ["Счёт \U0001f600 \n"]}, ensure_ascii=False)


@dataclass(frozen=True)
class Queues:
    """The ports; `give_up` puts a message among the dead letters, `bodies` are those that are in the uploads queue, and
    `bounce` takes what is there to the dead letters, as the queue does after five attempts."""

    dead_letters: DeadLetters
    queue: UploadsQueue
    successor: Function
    give_up: Callable[[str], object]
    bodies: Callable[[], list[str]]
    bounce: Callable[[], None]
    invoked: Callable[[], int]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]


def fake_queues(faults: Faults) -> Queues:
    bodies: list[str] = []
    letters = FakeDeadLetters(FakeClock(), faults, lambda letter: bodies.append(letter.body))
    queue = FakeUploadsQueue(faults, bodies.append)
    successor = FakeFunction("successor", faults)

    def bounce() -> None:
        for letter in letters.redriven:
            letters.put(letter.body, letter)
        bodies.clear()

    return Queues(
        letters,
        queue,
        successor,
        give_up=letters.put,
        bodies=lambda: bodies,
        bounce=bounce,
        invoked=lambda: successor.invoked,
        lose_answer=faults.lose_answer,
        break_down=lambda: faults.fail(ANY, StoreUnavailable("broken")),
    )


@pytest.fixture(scope="module")
def clients(aws: None) -> tuple[Transport, dict[str, Any]]:
    """The clients, which take longer to make than a test, and their transport."""
    transport = Transport()
    return transport, {service: transport.client(service) for service in ("sqs", "lambda", "iam")}


def aws_queues(transport: Transport, clients: dict[str, Any]) -> Queues:
    sqs, name = clients["sqs"], f"n{uuid.uuid4().hex}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    given_up = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    uploads = sqs.create_queue(QueueName=f"{name}-uploads", Attributes={"RedrivePolicy": given_up})["QueueUrl"]
    make_function(clients, name)
    transport.requests.clear()

    def bodies() -> list[str]:
        found: list[str] = []
        while messages := sqs.receive_message(QueueUrl=uploads, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
        return found

    def bounce() -> None:
        for _ in range(2):  # received once, and once more than it may be
            sqs.receive_message(QueueUrl=uploads, MaxNumberOfMessages=10, VisibilityTimeout=0)

    def invoked() -> int:
        asked = [request for request in transport.requests if f"/functions/{name}/invocations" in request.url]
        for request in asked:
            assert request.headers["X-Amz-Invocation-Type"] in ("Event", b"Event")
            assert request.body == b'{"textdrop": "continue"}'
        return len(asked)

    return Queues(
        SqsDeadLetters(sqs, dead, uploads),
        SqsUploadsQueue(sqs, uploads),
        LambdaFunction(clients["lambda"], name),
        give_up=lambda body: sqs.send_message(QueueUrl=dead, MessageBody=body),
        bodies=bodies,
        bounce=bounce,
        invoked=invoked,
        lose_answer=transport.lose_answer,
        break_down=transport.break_down,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto really waits for messages; how long is a test of its own."""
    monkeypatch.setattr("textdrop.adapters.aws.sqs.WAIT_SECONDS", 0)


@pytest.fixture(params=["fake", "aws"])
def queues(request: pytest.FixtureRequest) -> Iterator[Queues]:
    """Nothing has been sent yet."""
    if request.param == "fake":
        faults = Faults()
        yield fake_queues(faults)
        assert not faults.left(), "what was to go wrong did not"
    else:
        transport, clients = request.getfixturevalue("clients")
        yield aws_queues(transport, clients)
        assert not transport.left(), "what was to go wrong did not"


def received(queues: Queues) -> list[DeadLetter]:
    """All that can be received, ten at most at a time."""
    found: list[DeadLetter] = []
    while letters := queues.dead_letters.receive():
        assert len(letters) <= 10
        found += letters
    return found


# --- the uploads queue ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
def test_all_messages_are_in_the_queue(queues: Queues, count: int) -> None:
    queues.queue.send([f"{BODY}{number}" for number in range(count)])
    assert sorted(queues.bodies()) == sorted(f"{BODY}{number}" for number in range(count))


# --- dead letters -----------------------------------------------------------------------------------------------------


def test_without_dead_letters_nothing_is_received(queues: Queues) -> None:
    assert queues.dead_letters.receive() == []


def test_each_is_received_once_and_stays(queues: Queues) -> None:
    for number in range(25):
        queues.give_up(f"{number}")
    found = received(queues)
    assert sorted(int(letter.body) for letter in found) == list(range(25))
    assert len({letter.id for letter in found}) == 25
    assert queues.dead_letters.receive() == [], "hidden for a while, from others too"


def test_a_message_that_was_never_redriven_has_no_history(queues: Queues) -> None:
    queues.give_up(BODY)
    [letter] = received(queues)
    assert (letter.body, letter.redriven, letter.former_ids, letter.cause) == (BODY, 0, (), "")
    assert letter.first_sent_at > 1_600_000_000


def test_what_goes_back_has_its_body_and_comes_again_with_its_history(queues: Queues) -> None:
    queues.give_up(BODY)
    [letter] = received(queues)
    history = replace(
        letter, redriven=2, former_ids=("m1", letter.id), cause="the message cannot be read", first_sent_at=1.5
    )
    queues.dead_letters.redrive(history)
    queues.dead_letters.delete(letter)
    queues.bounce()
    [again] = received(queues)
    assert again == replace(history, id=again.id, receipt=again.receipt)
    assert again.id != letter.id
    assert again.receipt != letter.receipt


def test_a_history_may_be_empty(queues: Queues) -> None:
    queues.give_up(BODY)
    [letter] = received(queues)
    queues.dead_letters.redrive(replace(letter, redriven=1))
    assert queues.bodies() == [BODY]


def test_a_deleted_letter_is_gone_and_it_may_be_repeated(queues: Queues) -> None:
    queues.give_up("a")
    queues.give_up("b")
    found = received(queues)
    for letter in found:
        queues.dead_letters.delete(letter)
        queues.dead_letters.delete(letter)
    assert queues.bodies() == []


def test_a_history_that_is_not_ours_is_none(clients: tuple[Transport, dict[str, Any]]) -> None:
    sqs = clients[1]["sqs"]
    url = sqs.create_queue(QueueName=f"n{uuid.uuid4().hex}")["QueueUrl"]
    strange: list[dict[str, dict[str, str]]] = [
        {"redriven": {"DataType": "String", "StringValue": "often"}},
        {
            "redriven": {"DataType": "Number", "StringValue": "3"},
            "first_sent_at": {"DataType": "String", "StringValue": "x"},
        },
        {"redriven": {"DataType": "Binary", "BinaryValue": "3"}},
    ]
    for attributes in strange:
        sqs.send_message(QueueUrl=url, MessageBody=BODY, MessageAttributes=attributes)
    letters = SqsDeadLetters(sqs, url, url).receive()
    assert [(letter.redriven, letter.former_ids) for letter in letters] == [(0, ())] * 3


def test_letters_are_hidden_for_two_minutes_and_all_servers_are_asked(
    clients: tuple[Transport, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    transport, made = clients
    queues = aws_queues(transport, made)
    transport.answer(200, "{}")
    queues.dead_letters.receive()
    body = transport.requests[-1].body
    assert isinstance(body, bytes | str)
    asked = json.loads(body)
    assert (asked["VisibilityTimeout"], asked["WaitTimeSeconds"], asked["MaxNumberOfMessages"]) == (120, 2, 10)


# --- the successor ----------------------------------------------------------------------------------------------------


def test_a_successor_is_asked_for_without_waiting(queues: Queues) -> None:
    queues.successor.invoke()
    assert queues.invoked() == 1


# --- breakdowns -------------------------------------------------------------------------------------------------------


def test_a_lost_answer_may_send_twice(queues: Queues) -> None:
    queues.lose_answer()
    queues.queue.send(["a"])
    assert queues.bodies() == ["a", "a"]


LETTER = DeadLetter("m1", "body", "receipt", 1.0, 1, ("m0",), "cause")


@pytest.mark.parametrize(
    "call",
    [
        lambda queues: queues.queue.send(["a"]),
        lambda queues: queues.dead_letters.receive(),
        lambda queues: queues.dead_letters.redrive(LETTER),
        lambda queues: queues.dead_letters.delete(LETTER),
        lambda queues: queues.successor.invoke(),
    ],
    ids=["send", "receive", "redrive", "delete", "invoke"],
)
def test_a_breakdown_is_store_unavailable(queues: Queues, call: Callable[[Queues], object]) -> None:
    queues.break_down()
    with pytest.raises(StoreUnavailable):
        call(queues)
