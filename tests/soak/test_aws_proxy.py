"""The proxy that fails AWS calls, between real SDK clients and an endpoint that remembers what reached it."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import certificate
from soak.aws_calls import Call, read_call
from soak.aws_faults import WEIGHTS, Chances, Fault
from soak.aws_proxy import CALL, CALL_FAILED, PASSED, FaultyAws
from soak.aws_refusals import SERVICES, Why, refusal

TRIES = 3
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": TRIES})
IMPATIENT = Config(read_timeout=1)
XML = b"<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"
CALLS: dict[str, Callable[[Any], Any]] = {
    "dynamodb.GetItem": lambda client: client.get_item(TableName="t", Key={"pk": {"S": "a"}}),
    "s3.PutObject": lambda client: client.put_object(Bucket="b", Key="k №", Body=b"x" * 70_000),
    "s3.GetObject": lambda client: client.get_object(Bucket="b", Key="k")["Body"].read(),
    "s3.CopyObject": lambda client: client.copy_object(Bucket="b", Key="k", CopySource={"Bucket": "b", "Key": "l"}),
    "s3.HeadObject": lambda client: client.head_object(Bucket="b", Key="k"),
    "s3.DeleteObjects": lambda client: client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "k"}]}),
    "s3.ListObjectsV2": lambda client: client.list_objects_v2(Bucket="b"),
    "sqs.SendMessage": lambda client: client.send_message(QueueUrl="https://127.0.0.1/1/q", MessageBody="m"),
    "sns.Publish": lambda client: client.publish(TopicArn="arn:aws:sns:eu-central-1:1:t", Message="m"),
    "lambda.Invoke": lambda client: client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}"),
    "secretsmanager.GetSecretValue": lambda client: client.get_secret_value(SecretId="s"),
}
REFUSED = {
    "dynamodb": {"ProvisionedThroughputExceededException", "InternalServerError"},
    "s3": {"SlowDown", "InternalError", "503", "500"},  # to a HEAD there is only a status
    "sqs": {"RequestThrottled", "InternalFailure"},
    "sns": {"Throttling", "InternalError"},
    "lambda": {"TooManyRequestsException", "ServiceException"},
    "secretsmanager": {"ThrottlingException", "InternalServiceError"},
}


class Endpoint(ThreadingHTTPServer):
    """Answers every call as if it had been carried out; `seen` are the requests: method, Host, body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.headers["Host"], body))
        told = XML if b"Action=Publish" in body else b"" if self.command in ("HEAD", "PUT") else b"{}"
        if "x-amz-copy-source" in self.headers:
            told = b"<CopyObjectResult></CopyObjectResult>"
        elif "delete" in self.path or "list-type" in self.path:
            told = b"<Result></Result>"
        self.send_response_only(202 if "invocations" in self.path else 200)
        self.send_header("Content-Length", "17" if self.command == "HEAD" else str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815 - named by BaseHTTPRequestHandler


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    certificate.write(folder / "server.crt", folder / "server.key")
    return folder / "server.crt", folder / "server.key"


@pytest.fixture
def endpoint(pair: tuple[Path, Path]) -> Iterator[Endpoint]:
    server = Endpoint()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def proxied(endpoint: Endpoint, pair: tuple[Path, Path], chances: Chances) -> Iterator[FaultyAws]:
    url = f"https://127.0.0.1:{endpoint.server_address[1]}"
    with FaultyAws(url, *pair, chances, message="words of AWS", late_seconds=3) as proxy:
        yield proxy


def ask(proxy: FaultyAws, pair: tuple[Path, Path], call: str, config: Config = CONFIG) -> Any:
    made: Any = boto3.Session("test", "test", region_name="eu-central-1").client
    client = made(call.partition(".")[0], endpoint_url=proxy.url, verify=str(pair[0]), config=config)
    with closing(client):
        return CALLS[call](client)


def only(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in WEIGHTS:
        monkeypatch.setitem(WEIGHTS, other, int(other is fault))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between tries the SDK waits by the clock; here it does not."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_struck_goes_through_as_it_came(call: str, endpoint: Endpoint, pair: tuple[Path, Path]) -> None:
    with proxied(endpoint, pair, Chances(1, 0.0, 0.0)) as proxy:
        answer = ask(proxy, pair, call)
        service, _, operation = call.partition(".")
        assert proxy.counts() == {(service, operation, PASSED): 1, (service, operation, CALL): 1}
        own = proxy.url.removeprefix("https://")
    [(_, host, body)] = endpoint.seen
    assert host == own, "the signature is of this host"
    if call == "s3.PutObject":
        assert b"x" * 70_000 in body
    if call == "s3.GetObject":
        assert answer == b"{}"
    if call == "s3.HeadObject":
        assert answer["ContentLength"] == 17


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.FAILED])
@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_the_services_own_and_nothing_was_done(
    call: str, fault: Fault, endpoint: Endpoint, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(fault, monkeypatch)
    service, _, operation = call.partition(".")
    with proxied(endpoint, pair, Chances(1, 1.0, 1.0)) as proxy:
        with pytest.raises(ClientError) as raised:
            ask(proxy, pair, call)
        counts = {what: count for (*call_, what), count in proxy.counts().items() if call_ == [service, operation]}
        assert counts == {fault: TRIES, CALL: 1, CALL_FAILED: 1}
    assert raised.value.response["Error"]["Code"] in REFUSED[service]
    assert call == "s3.HeadObject" or raised.value.response["Error"]["Message"] == "words of AWS"
    assert endpoint.seen == []


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LATE_ANSWER])
def test_a_lost_answer_is_of_a_call_that_was_carried_out(
    fault: Fault, endpoint: Endpoint, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(fault, monkeypatch)
    with proxied(endpoint, pair, Chances(1, 1.0, 1.0)) as proxy, pytest.raises(BotoCoreError):
        ask(proxy, pair, "dynamodb.GetItem", CONFIG.merge(IMPATIENT) if fault is Fault.LATE_ANSWER else CONFIG)
    assert len(endpoint.seen) == TRIES


def test_a_call_struck_once_is_made_up_for_by_the_sdk(endpoint: Endpoint, pair: tuple[Path, Path]) -> None:
    with proxied(endpoint, pair, Chances(1, 1.0, 0.0)) as proxy:
        ask(proxy, pair, "sqs.SendMessage")
        counts = proxy.counts()
    assert counts["sqs", "SendMessage", PASSED] == 1
    assert counts["sqs", "SendMessage", CALL_FAILED] == 0
    assert sum(counts["sqs", "SendMessage", fault] for fault in Fault) == 1


def test_once_it_is_calm_nothing_fails(endpoint: Endpoint, pair: tuple[Path, Path]) -> None:
    with proxied(endpoint, pair, Chances(1, 1.0, 1.0)) as proxy:
        proxy.calm()
        ask(proxy, pair, "sns.Publish")


def test_a_body_in_chunks_goes_on_whole(endpoint: Endpoint, pair: tuple[Path, Path]) -> None:
    with proxied(endpoint, pair, Chances(1, 0.0, 0.0)) as proxy:
        context = ssl.create_default_context(cafile=str(pair[0]))
        host = proxy.url.removeprefix("https://")
        with closing(http.client.HTTPSConnection(host, context=context)) as connection:
            connection.request("PUT", "/b/k", iter([b"one", b"two"]), {"Host": host}, encode_chunked=True)
            assert connection.getresponse().status == 200
    assert endpoint.seen == [("PUT", host, b"onetwo")]


def test_so_many_calls_are_struck_as_the_rate_says_and_half_of_them_on_every_try() -> None:
    chances = Chances(seed=1, rate=0.05, whole_share=0.5)
    ids = [f"call {number}" for number in range(20_000)]
    tries = [[chances.fault(Call("s3", "GetObject", id_, attempt)) for attempt in (1, 2, 3)] for id_ in ids]
    struck = [faults for faults in tries if any(faults)]
    assert 900 < len(struck) < 1_100
    assert all(faults[0] for faults in struck)
    assert 450 < sum(all(faults) for faults in struck) < 550
    assert {fault for faults in struck for fault in faults} == {*Fault, None}
    again = Chances(seed=1, rate=0.05, whole_share=0.5)
    assert [again.fault(Call("s3", "GetObject", id_)) for id_ in ids] == [faults[0] for faults in tries]
    assert [Chances(2, 0.05, 0.5).fault(Call("s3", "GetObject", id_)) for id_ in ids] != [f[0] for f in tries]


def test_what_is_no_call_of_a_known_service_is_never_struck(endpoint: Endpoint, pair: tuple[Path, Path]) -> None:
    with proxied(endpoint, pair, Chances(1, 1.0, 1.0)) as proxy:
        assert proxy.fault(Call("sts", "GetCallerIdentity")) is None
    assert read_call("GET", "/", {}, b"") == Call("unknown", "unknown")


@pytest.mark.parametrize("service", SERVICES)
def test_words_of_a_refusal_are_encoded_as_its_form_asks(service: str) -> None:
    body = refusal(service, Why.THROTTLED, 'a < b & "c"').body
    assert b"a &lt; b &amp;" in body or 'a < b & "c"' in json.dumps(json.loads(body)).replace('\\"', '"')
