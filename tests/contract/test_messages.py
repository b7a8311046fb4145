"""ports.Notices, ports.Queue, ports.DeadLetters, ports.Function: what is sent, and how it arrives."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract.moto_aws import Transport
from fakes import (
    FakeClock,
    FakeDeadLetters,
    FakeFunction,
    FakeNotices,
    FakeQueue,
    FakeReceivedMessages,
    Faults,
    Notice,
)
from fakes.faults import ANY
from textdrop.adapters.aws.eventbridge import DETAIL_TYPE, HELD_DETAIL_TYPE, SOURCE, EventBridgeNotices
from textdrop.adapters.aws.functions import LambdaFunction
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.adapters.aws.sqs import SqsDeadLetters, SqsQueue
from textdrop.core.documents import Resume
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import delivery_body, parse, parse_delivery, resume_body
from textdrop.core.reconciling import DeadLetter
from textdrop.ports import DeadLetters, Function, Notices, Queue, ReceivedMessages

BODY = json.dumps({"Records": ["Счёт \U0001f600 \n"]}, ensure_ascii=False)
LETTER = DeadLetter("m1", "body", "receipt", 1.0, 1, ("m0",), "cause")


@dataclass(frozen=True)
class Ways:
    """The ports, and what has arrived at the other end of each, of events their details. `give_up` puts a message among
    the dead letters, and `bounce` takes what is in the uploads queue there, as the queue does after ten attempts.
    `receive` puts one message there and receives it: its receipt; `comes_again` says whether it would be received again
    now."""

    notices: Notices
    bus: Notices
    queue: Queue
    dead_letters: DeadLetters
    function: Function
    received: ReceivedMessages
    published: Callable[[], list[Notice]]
    on_bus: Callable[[], list[str]]
    bodies: Callable[[], list[str]]
    give_up: Callable[[str], object]
    bounce: Callable[[], None]
    invoked: Callable[[], int]
    receive: Callable[[], str]
    comes_again: Callable[[str], bool]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]


def fake_ways(faults: Faults) -> Ways:
    bodies: list[str] = []
    notices, bus, function = FakeNotices(faults), FakeNotices(faults), FakeFunction("poller", faults)
    clock = FakeClock()
    letters = FakeDeadLetters(clock, faults, lambda letter: bodies.append(letter.body))
    received = FakeReceivedMessages(clock, faults)

    def bounce() -> None:
        for letter in letters.redriven:
            letters.put(letter.body, letter)
        bodies.clear()

    return Ways(
        notices,
        bus,
        FakeQueue("queue", faults, bodies.append),
        letters,
        function,
        received,
        published=lambda: notices.published,
        on_bus=lambda: [notice.body for notice in bus.published],
        bodies=lambda: bodies,
        give_up=letters.put,
        bounce=bounce,
        invoked=lambda: function.invoked,
        receive=lambda: "receipt",
        comes_again=lambda receipt: received.hidden_until[receipt] <= clock.now(),
        lose_answer=faults.lose_answer,
        break_down=lambda: faults.fail(ANY, StoreUnavailable("broken")),
    )


@pytest.fixture(scope="module")
def clients(aws: None) -> tuple[Transport, dict[str, Any]]:
    """The clients, which take longer to make than a test, and their transport."""
    transport = Transport()
    return transport, {service: transport.client(service) for service in ("sns", "sqs", "lambda", "iam", "events")}


def aws_ways(transport: Transport, clients: dict[str, Any]) -> Ways:
    sns, sqs, name = clients["sns"], clients["sqs"], f"n{uuid.uuid4().hex}"

    def make_queue(kind: str, **attributes: str) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=f"{name}-{kind}", Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    topic = sns.create_topic(Name=name)["TopicArn"]
    notices, notices_arn = make_queue("notices")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=notices_arn, Attributes={"RawMessageDelivery": "true"})
    dead, dead_arn = make_queue("dead")
    given_up = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    uploads, _ = make_queue("uploads", RedrivePolicy=given_up)
    make_function(clients, name)
    clients["events"].create_event_bus(Name=name)
    transport.requests.clear()

    def received(url: str) -> list[Any]:
        found: list[Any] = []
        how = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while messages := sqs.receive_message(QueueUrl=url, **how).get("Messages"):
            found += messages
        return found

    def notice(message: Any) -> Notice:
        attributes = message.get("MessageAttributes", {})
        assert all(attribute["DataType"] == "String" for attribute in attributes.values())
        return Notice(message["Body"], {name: attribute["StringValue"] for name, attribute in attributes.items()})

    def bounce() -> None:
        for _ in range(2):  # received once, and once more than it may be
            sqs.receive_message(QueueUrl=uploads, MaxNumberOfMessages=10, VisibilityTimeout=0)

    def receive() -> str:
        sqs.send_message(QueueUrl=uploads, MessageBody=BODY)
        [message] = sqs.receive_message(QueueUrl=uploads)["Messages"]
        return str(message["ReceiptHandle"])

    def visible() -> int:
        name = "ApproximateNumberOfMessages"
        return int(sqs.get_queue_attributes(QueueUrl=uploads, AttributeNames=[name])["Attributes"][name])

    def invoked() -> int:
        # moto runs no code, so what was asked for is what counts.
        asked = [request for request in transport.requests if f"/functions/{name}/invocations" in request.url]
        for request in asked:
            assert request.headers["X-Amz-Invocation-Type"] in ("Event", b"Event")
            assert request.body == b'{"textdrop": "continue"}'
        return len(asked)

    def on_bus() -> list[str]:
        # moto brings events to no queue, so what was put is what counts.
        asked = [request.body for request in transport.requests if "Entries" in str(request.body)]
        put = [json.loads(body) for body in asked if isinstance(body, bytes | str)]
        entries = [entry for request in put for entry in request["Entries"]]
        for entry in entries:
            assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (name, SOURCE, DETAIL_TYPE)
        return [entry["Detail"] for entry in entries]

    return Ways(
        SnsNotices(sns, topic),
        EventBridgeNotices(clients["events"], name),
        SqsQueue(sqs, uploads),
        SqsDeadLetters(sqs, dead, uploads),
        LambdaFunction(clients["lambda"], name),
        SqsQueue(sqs, uploads),
        published=lambda: [notice(message) for message in received(notices)],
        on_bus=on_bus,
        bodies=lambda: [message["Body"] for message in received(uploads)],
        give_up=lambda body: sqs.send_message(QueueUrl=dead, MessageBody=body),
        bounce=bounce,
        invoked=invoked,
        receive=receive,
        comes_again=lambda receipt: visible() == 1,
        lose_answer=transport.lose_answer,
        break_down=transport.break_down,
    )


def make_function(clients: dict[str, Any], name: str) -> None:
    role = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): return None")
    clients["lambda"].create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": code.getvalue()},
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto really waits for messages; how long is a test of its own."""
    monkeypatch.setattr("textdrop.adapters.aws.sqs.WAIT_SECONDS", 0)


@pytest.fixture(params=["fake", "aws"])
def ways(request: pytest.FixtureRequest) -> Iterator[Ways]:
    """Nothing has been sent yet."""
    if request.param == "fake":
        faults = Faults()
        yield fake_ways(faults)
        assert not faults.left(), "what was to go wrong did not"
    else:
        transport, clients = request.getfixturevalue("clients")
        yield aws_ways(transport, clients)
        assert not transport.left(), "what was to go wrong did not"


# --- notices ----------------------------------------------------------------------------------------------------------


def test_a_notice_arrives_with_its_attributes(ways: Ways) -> None:
    body = json.dumps({"schema": "textdrop.notice/1", "key": "Счёт \U0001f600"}, ensure_ascii=False)
    ways.notices.publish(body, {"outcome": "succeeded", "model": "page", "prefix": "Счета/", "reason": ""})
    assert ways.published() == [Notice(body, {"outcome": "succeeded", "model": "page", "prefix": "Счета/"})]


def test_what_a_message_cannot_carry_is_replaced(ways: Ways) -> None:
    body = json.dumps({"key": "a\x01\ud800\n"}, ensure_ascii=False)
    ways.notices.publish(body, {"prefix": "a\x01/\ud800\ufffe/"})
    [notice] = ways.published()
    assert json.loads(notice.body) == {"key": "a\x01\ufffd\n"}
    assert notice.attributes == {"prefix": "a\ufffd/\ufffd\ufffd/"}


def test_an_event_on_the_bus_has_the_notice_as_its_detail(ways: Ways) -> None:
    body = json.dumps({"schema": "textdrop.notice/1", "key": "Счёт \U0001f600"}, ensure_ascii=False)
    ways.bus.publish(body, {"outcome": "succeeded", "reason": ""})
    ways.bus.publish(json.dumps({"key": "a\x01\ud800\n"}, ensure_ascii=False), {})
    assert [json.loads(detail) for detail in ways.on_bus()] == [json.loads(body), {"key": "a\x01\ufffd\n"}]


def test_that_a_document_is_held_is_an_event_of_a_type_of_its_own(clients: tuple[Transport, dict[str, Any]]) -> None:
    transport, made = clients
    transport.answer(200, json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
    EventBridgeNotices(made["events"], "default").publish("{}", {"held": "true", "prefix": "/"})
    body: Any = transport.requests[-1].body
    [entry] = json.loads(body)["Entries"]
    assert entry["DetailType"] == HELD_DETAIL_TYPE


def test_an_event_that_the_bus_did_not_take_is_store_unavailable(clients: tuple[Transport, dict[str, Any]]) -> None:
    """PutEvents then answers 200."""
    transport, made = clients
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]}
    transport.answer(200, json.dumps(answer))
    with pytest.raises(StoreUnavailable, match=r"^events\.PutEvents: ThrottlingException$"):
        EventBridgeNotices(made["events"], "default").publish("{}", {})


# --- the queues ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
def test_all_messages_are_in_the_queue(ways: Ways, count: int) -> None:
    ways.queue.send([f"{BODY}{number}" for number in range(count)])
    assert sorted(ways.bodies()) == sorted(f"{BODY}{number}" for number in range(count))


def test_messages_to_submit_and_to_deliver_are_read_by_them(ways: Ways) -> None:
    resume = Resume("0123456789abcdef0123456789abcdef", 7)
    ways.queue.send([resume_body(resume), delivery_body([resume, resume])])
    to_submit, to_deliver = sorted(ways.bodies(), key=len)
    assert parse(to_submit) == [resume]
    assert parse_delivery(to_deliver) == [resume, resume]


def test_a_message_that_is_hidden_comes_again_when_that_is_over(ways: Ways) -> None:
    receipt = ways.receive()
    ways.received.hide(receipt, 60.0)
    assert not ways.comes_again(receipt)
    ways.received.hide(receipt, 0.0)
    assert ways.comes_again(receipt)


def test_a_message_is_hidden_for_as_long_as_was_asked(clients: tuple[Transport, dict[str, Any]]) -> None:
    transport, made = clients
    transport.answer(200, "{}")
    SqsQueue(made["sqs"], "https://sqs.eu-central-1.amazonaws.com/123456789012/uploads").hide("receipt", 960.0)
    body = transport.requests[-1].body
    assert isinstance(body, bytes | str)
    asked = json.loads(body)
    assert (asked["ReceiptHandle"], asked["VisibilityTimeout"]) == ("receipt", 960)


def test_to_hide_a_message_that_is_unknown_to_the_queue_fails(clients: tuple[Transport, dict[str, Any]]) -> None:
    ways = aws_ways(*clients)
    with pytest.raises(StoreUnavailable, match="ReceiptHandleIsInvalid"):
        ways.received.hide("a receipt of nothing", 60.0)


# --- dead letters -----------------------------------------------------------------------------------------------------


def received(ways: Ways) -> list[DeadLetter]:
    """All that can be received, ten at most at a time."""
    found: list[DeadLetter] = []
    while letters := ways.dead_letters.receive():
        assert len(letters) <= 10
        found += letters
    return found


def test_each_is_received_once_and_stays(ways: Ways) -> None:
    for number in range(25):
        ways.give_up(f"{number}")
    found = received(ways)
    assert sorted(int(letter.body) for letter in found) == list(range(25))
    assert len({letter.id for letter in found}) == 25
    assert ways.dead_letters.receive() == [], "hidden for a while, from others too"


def test_a_message_that_was_never_redriven_has_no_history(ways: Ways) -> None:
    ways.give_up(BODY)
    [letter] = received(ways)
    assert (letter.body, letter.redriven, letter.former_ids, letter.cause) == (BODY, 0, (), "")
    assert 1_600_000_000 < letter.first_sent_at < 10_000_000_000


def test_a_redriven_letter_comes_again_with_its_body_and_history(ways: Ways) -> None:
    ways.give_up(BODY)
    [letter] = received(ways)
    history = replace(
        letter, redriven=2, former_ids=("m1", letter.id), cause="the message cannot be read", first_sent_at=1.5
    )
    ways.dead_letters.redrive(history)
    ways.dead_letters.delete(letter)
    ways.bounce()
    [again] = received(ways)
    assert again == replace(history, id=again.id, receipt=again.receipt)
    assert again.id != letter.id
    assert again.receipt != letter.receipt


def test_a_history_may_be_empty(ways: Ways) -> None:
    ways.give_up(BODY)
    [letter] = received(ways)
    ways.dead_letters.redrive(replace(letter, redriven=1))
    assert ways.bodies() == [BODY]


def test_a_deleted_letter_is_gone_and_it_may_be_repeated(ways: Ways) -> None:
    ways.give_up("a")
    ways.give_up("b")
    found = received(ways)
    for letter in found:
        ways.dead_letters.delete(letter)
        ways.dead_letters.delete(letter)
    assert ways.bodies() == []


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
    ways = aws_ways(transport, made)
    transport.answer(200, "{}")
    ways.dead_letters.receive()
    body = transport.requests[-1].body
    assert isinstance(body, bytes | str)
    asked = json.loads(body)
    assert (asked["VisibilityTimeout"], asked["WaitTimeSeconds"], asked["MaxNumberOfMessages"]) == (120, 2, 10)


# --- breakdowns -------------------------------------------------------------------------------------------------------


def test_a_lost_answer_may_send_twice(ways: Ways) -> None:
    ways.lose_answer()
    ways.notices.publish("{}", {})
    ways.lose_answer()
    ways.bus.publish("{}", {})
    ways.lose_answer()
    ways.queue.send(["a"])
    ways.lose_answer()
    ways.function.invoke()
    assert ways.published() == [Notice("{}", {})] * 2
    assert ways.on_bus() == ["{}", "{}"]
    assert ways.bodies() == ["a", "a"]
    assert ways.invoked() == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda ways: ways.notices.publish("{}", {}),
        lambda ways: ways.bus.publish("{}", {}),
        lambda ways: ways.queue.send(["a"]),
        lambda ways: ways.dead_letters.receive(),
        lambda ways: ways.dead_letters.redrive(LETTER),
        lambda ways: ways.dead_letters.delete(LETTER),
        lambda ways: ways.function.invoke(),
        lambda ways: ways.received.hide("receipt", 60.0),
    ],
    ids=["publish", "event", "send", "receive", "redrive", "delete", "invoke", "hide"],
)
def test_a_breakdown_is_store_unavailable(ways: Ways, call: Callable[[Ways], object]) -> None:
    ways.break_down()
    with pytest.raises(StoreUnavailable):
        call(ways)
