"""The proxy that fails AWS calls, between real SDK clients and an endpoint that remembers what reached it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import certificate
from local.http_server import Answer, HttpServer, Request
from soak.aws_proxy import CALL, CALL_FAILED, PASSED, REFUSALS, WEIGHTS, Fault, FaultyAws

TRIES = 3
WORDS = 'words of AWS: a < b & "c"'
XML = b"<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"
CALLS: dict[str, Callable[[Any], Any]] = {
    "dynamodb": lambda client: client.get_item(TableName="t", Key={"pk": {"S": "a"}}),
    "s3": lambda client: client.put_object(Bucket="b", Key="k №", Body=b"x" * 70_000),
    "sqs": lambda client: client.send_message(QueueUrl="https://127.0.0.1/1/q", MessageBody="m"),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:eu-central-1:1:t", Message="m"),
    "lambda": lambda client: client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}"),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="s"),
}


class Endpoint:
    """Answers every call as if it had been carried out; `seen` are the requests."""

    def __init__(self, tls: tuple[Path, Path]) -> None:
        self.seen: list[Request] = []
        self.http = HttpServer(self._answer, tls)

    def _answer(self, request: Request) -> Answer:
        self.seen.append(request)
        content = XML if b"Action=Publish" in request.body else b"" if request.method == "PUT" else b"{}"
        return 202 if "invocations" in request.path else 200, {}, content


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    certificate.write(folder / "server.crt", folder / "server.key")
    return folder / "server.crt", folder / "server.key"


@pytest.fixture
def endpoint(pair: tuple[Path, Path]) -> Iterator[Endpoint]:
    endpoint = Endpoint(pair)
    yield endpoint
    endpoint.http.stop()
    assert endpoint.http.errors == []


@pytest.fixture
def proxy(endpoint: Endpoint, pair: tuple[Path, Path]) -> Iterator[FaultyAws]:
    """Every call fails on every try."""
    with FaultyAws(endpoint.http.url, pair, message=WORDS, late_seconds=3, rate=1.0, lasting=1.0) as proxy:
        yield proxy


def ask(proxy: FaultyAws, service: str, pair: tuple[Path, Path]) -> None:
    made: Any = boto3.Session("test", "test", region_name="eu-central-1").client
    config = Config(read_timeout=1, retries={"mode": "standard", "total_max_attempts": TRIES})
    with closing(made(service, endpoint_url=proxy.url, verify=str(pair[0]), config=config)) as client:
        CALLS[service](client)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between tries the SDK waits by the clock; here it does not."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """What fails, fails in this way."""

    def choose(fault: Fault) -> None:
        for other in WEIGHTS:
            monkeypatch.setitem(WEIGHTS, other, int(other is fault))

    return choose


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.FAILED])
@pytest.mark.parametrize("service", CALLS)
def test_a_refusal_is_the_services_own_and_nothing_was_done(
    service: str,
    fault: Fault,
    endpoint: Endpoint,
    proxy: FaultyAws,
    pair: tuple[Path, Path],
    only: Callable[[Fault], None],
) -> None:
    only(fault)
    with pytest.raises(ClientError) as raised:
        ask(proxy, service, pair)
    status, code = REFUSALS[service][fault]
    answer: Any = raised.value.response
    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == (code, WORDS)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert proxy.counts() == {fault: TRIES, CALL: 1, CALL_FAILED: 1}
    assert endpoint.seen == []


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LATE_ANSWER])
def test_a_lost_answer_is_of_a_call_that_was_carried_out(
    fault: Fault, endpoint: Endpoint, proxy: FaultyAws, pair: tuple[Path, Path], only: Callable[[Fault], None]
) -> None:
    only(fault)
    with pytest.raises(BotoCoreError):
        ask(proxy, "dynamodb", pair)
    assert len(endpoint.seen) == TRIES


def test_a_call_that_fails_once_is_made_up_for_by_the_sdk(
    endpoint: Endpoint, proxy: FaultyAws, pair: tuple[Path, Path]
) -> None:
    proxy.lasting = 0.0
    ask(proxy, "s3", pair)
    counts = proxy.counts()
    assert (counts[PASSED], counts[CALL_FAILED], sum(counts[fault] for fault in Fault)) == (1, 0, 1)
    request = endpoint.seen[-1]
    assert request.headers["host"] == proxy.url.removeprefix("https://"), "the signature is of this host"
    assert b"x" * 70_000 in request.body
