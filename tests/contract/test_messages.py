"""ports.Notices, ports.UploadsQueue, ports.Function: what goes out, and how it arrives."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from contract.moto_aws import Transport
from fakes import FakeFunction, FakeNotices, FakeResumeQueue, Faults, Notice
from fakes.faults import ANY
from textdrop.adapters.aws.functions import LambdaFunction
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.adapters.aws.sqs import SqsUploadsQueue
from textdrop.core.documents import Resume
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import parse, resume_body
from textdrop.ports import Function, Notices, UploadsQueue


@dataclass(frozen=True)
class Ways:
    """The ports, and what has arrived at the other end of each."""

    notices: Notices
    resumes: UploadsQueue
    poller: Function
    published: Callable[[], list[Notice]]
    resumed: Callable[[], list[Resume]]
    invoked: Callable[[], int]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]


def fake_ways(faults: Faults) -> Ways:
    notices, resumes, poller = FakeNotices(faults), FakeResumeQueue(faults), FakeFunction("poller", faults)
    return Ways(
        notices,
        resumes,
        poller,
        published=lambda: notices.published,
        resumed=lambda: resumes.sent,
        invoked=lambda: poller.invoked,
        lose_answer=faults.lose_answer,
        break_down=lambda: faults.fail(ANY, StoreUnavailable("broken")),
    )


@pytest.fixture(scope="module")
def clients(aws: None) -> tuple[Transport, dict[str, Any]]:
    """The clients, which take longer to make than a test, and their transport."""
    transport = Transport()
    return transport, {service: transport.client(service) for service in ("sns", "sqs", "lambda", "iam")}


def aws_ways(transport: Transport, clients: dict[str, Any]) -> Ways:
    sns, sqs, name = clients["sns"], clients["sqs"], f"n{uuid.uuid4().hex}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    notices_url = sqs.create_queue(QueueName=f"{name}-notices")["QueueUrl"]
    uploads_url = sqs.create_queue(QueueName=f"{name}-uploads")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=notices_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    make_function(clients, name)
    transport.requests.clear()

    def received(url: str) -> list[Any]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return list(answer.get("Messages", []))

    def notice(message: Any) -> Notice:
        attributes = message.get("MessageAttributes", {})
        assert all(attribute["DataType"] == "String" for attribute in attributes.values())
        return Notice(message["Body"], {name: attribute["StringValue"] for name, attribute in attributes.items()})

    def resumed() -> list[Resume]:
        found = [asked for message in received(uploads_url) for asked in parse(message["Body"])]
        assert all(isinstance(resume, Resume) for resume in found)
        return [resume for resume in found if isinstance(resume, Resume)]

    def invoked() -> int:
        # moto runs no code, so what was asked for is what counts.
        asked = [request for request in transport.requests if f"/functions/{name}/invocations" in request.url]
        for request in asked:
            assert request.headers["X-Amz-Invocation-Type"] in ("Event", b"Event")
            assert request.body == b'{"textdrop": "continue"}'
        return len(asked)

    return Ways(
        SnsNotices(sns, topic),
        SqsUploadsQueue(sqs, uploads_url),
        LambdaFunction(clients["lambda"], name),
        published=lambda: [notice(message) for message in received(notices_url)],
        resumed=resumed,
        invoked=invoked,
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


def test_a_notice_arrives_with_its_attributes(ways: Ways) -> None:
    body = json.dumps({"schema": "textdrop.notice/1", "key": "Счёт \U0001f600"}, ensure_ascii=False)
    ways.notices.publish(body, {"outcome": "succeeded", "model": "page", "prefix": "Счета/", "reason": ""})
    assert ways.published() == [Notice(body, {"outcome": "succeeded", "model": "page", "prefix": "Счета/"})]


def test_a_notice_needs_no_attributes(ways: Ways) -> None:
    ways.notices.publish("{}", {})
    assert ways.published() == [Notice("{}", {})]


def test_what_a_message_cannot_carry_is_replaced(ways: Ways) -> None:
    body = json.dumps({"key": "a\x01\ud800\n"}, ensure_ascii=False)
    ways.notices.publish(body, {"prefix": "a\x01/\ud800\ufffe/"})
    [notice] = ways.published()
    assert json.loads(notice.body) == {"key": "a\x01\ufffd\n"}
    assert notice.attributes == {"prefix": "a\ufffd/\ufffd\ufffd/"}


def test_a_resume_message_is_read_by_submit(ways: Ways) -> None:
    resume = Resume("0123456789abcdef0123456789abcdef", 7)
    ways.resumes.send([resume_body(resume)])
    assert ways.resumed() == [resume]


def test_a_tick_is_asked_for_without_waiting(ways: Ways) -> None:
    ways.poller.invoke()
    assert ways.invoked() == 1


def test_a_lost_answer_may_send_twice(ways: Ways) -> None:
    ways.lose_answer()
    ways.notices.publish("{}", {})
    ways.lose_answer()
    ways.resumes.send([resume_body(Resume("1", 2))])
    ways.lose_answer()
    ways.poller.invoke()
    assert ways.published() == [Notice("{}", {})] * 2
    assert ways.resumed() == [Resume("1", 2)] * 2
    assert ways.invoked() == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda ways: ways.notices.publish("{}", {}),
        lambda ways: ways.resumes.send([resume_body(Resume("1", 2))]),
        lambda ways: ways.poller.invoke(),
    ],
    ids=["publish", "send", "invoke"],
)
def test_a_breakdown_is_store_unavailable(ways: Ways, call: Callable[[Ways], object]) -> None:
    ways.break_down()
    with pytest.raises(StoreUnavailable):
        call(ways)
