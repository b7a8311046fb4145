"""A proxy on the functions' way to AWS on which calls fail: over TLS on 127.0.0.1, in each service's own shape."""

import json
import random
import re
import threading
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import urllib3
from urllib3.exceptions import HTTPError

from local.http_server import OF_THE_CONNECTION, Answer, HttpServer, Request


class Fault(StrEnum):
    """What may become of one try of a call."""

    THROTTLED = "throttled"  # refused before it is carried out: too many
    FAILED = "failed"  # refused before it is carried out: the service's own failure
    LOST_ANSWER = "lost_answer"  # carried out, and the connection is cut without an answer
    LATE_ANSWER = "late_answer"  # carried out, and the answer does not come before the client has given up


WEIGHTS = {Fault.THROTTLED: 30, Fault.FAILED: 20, Fault.LOST_ANSWER: 45, Fault.LATE_ANSWER: 5}
# Status and error code, from each service's API reference; those of S3, SQS and SNS for throttling are what they send.
REFUSALS = {
    "dynamodb": {
        Fault.THROTTLED: (400, "ProvisionedThroughputExceededException"),
        Fault.FAILED: (500, "InternalServerError"),
    },
    "s3": {Fault.THROTTLED: (503, "SlowDown"), Fault.FAILED: (500, "InternalError")},
    "sqs": {Fault.THROTTLED: (400, "RequestThrottled"), Fault.FAILED: (500, "InternalFailure")},
    "sns": {Fault.THROTTLED: (400, "Throttling"), Fault.FAILED: (500, "InternalError")},
    "lambda": {Fault.THROTTLED: (429, "TooManyRequestsException"), Fault.FAILED: (500, "ServiceException")},
    "secretsmanager": {Fault.THROTTLED: (400, "ThrottlingException"), Fault.FAILED: (500, "InternalServiceError")},
}
PASSED, CALL, CALL_FAILED = "passed", "call", "call_failed"
"""What is counted besides faults: tries that went through, calls, and calls of which every try fails."""
RATE, LASTING = 0.05, 0.5
"""The share of the calls that fail, and of these the share that fails on every try, so that the caller sees it; of the
others the first try fails, which the SDK makes up for."""
UPSTREAM_SECONDS = 60.0
_SERVICE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_TRY = re.compile(r"attempt=(\d+)")


class FaultyAws:
    """A running proxy of `upstream` (https://127.0.0.1:port), under the same certificate and key (`tls`).

    Requests go on as they came, the Host header too, so their signatures hold. `message` are the words of its refusals.
    A late answer comes `late_seconds` late, which is to be more than clients wait. As a context manager it ends itself.
    """

    def __init__(
        self,
        upstream: str,
        tls: tuple[Path, Path],
        *,
        message: str,
        late_seconds: float,
        rate: float = RATE,
        lasting: float = LASTING,
    ) -> None:
        self.rate = rate
        self.lasting = lasting
        self._message = message
        self._late_seconds = late_seconds
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._upstream = urllib3.HTTPSConnectionPool(
            "127.0.0.1", urlsplit(upstream).port, ca_certs=str(tls[0]), timeout=UPSTREAM_SECONDS, maxsize=256
        )
        self._http = HttpServer(self._answer, tls)
        self.url = self._http.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Afterwards the port is free and nothing new begins."""
        self._stopping.set()
        self._http.stop()
        self._upstream.close()
        assert not self._http.errors, self._http.errors

    def without_faults(self) -> None:
        """From now on no call fails."""
        self.rate = 0.0

    def fault(self, call_id: str, attempt: int) -> Fault | None:
        """What becomes of this try of a call, None: it goes through. All tries of a call have one id, by which chance
        decides whether it fails; each failing try draws its own fault. It is counted."""
        chance = random.Random(call_id)
        fails = chance.random() < self.rate
        lasts = chance.random() < self.lasting
        fault = None
        if fails and (attempt == 1 or lasts):
            fault = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=attempt)[-1]
        with self._counting:
            self._counts[fault or PASSED] += 1
            if attempt == 1:
                self._counts[CALL] += 1
                self._counts[CALL_FAILED] += fails and lasts
        return fault

    def counts(self) -> Counter[str]:
        """How often each Fault, PASSED, CALL and CALL_FAILED was there."""
        with self._counting:
            return Counter(self._counts)

    def _answer(self, request: Request) -> Answer | None:
        service = _SERVICE.search(request.headers.get("authorization", ""))
        attempt = _TRY.search(request.headers.get("amz-sdk-request", ""))
        fault = None
        if service and service[1] in REFUSALS and attempt:
            fault = self.fault(request.headers.get("amz-sdk-invocation-id", ""), int(attempt[1]))
        if service and fault in (Fault.THROTTLED, Fault.FAILED):
            return refusal(service[1], fault, self._message)
        answer = self._ask(request)
        if fault is Fault.LATE_ANSWER:
            self._stopping.wait(self._late_seconds)
        return None if fault else answer

    def _ask(self, request: Request) -> Answer | None:
        """What the endpoint answers; where it gives no answer, the client gets none either."""
        headers = {name: value for name, value in request.headers.items() if name not in OF_THE_CONNECTION}
        try:
            answer = self._upstream.urlopen(
                request.method,
                request.path,
                request.body,
                headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                decode_content=False,
            )
        except HTTPError:
            return None
        return answer.status, answer.headers, answer.data


def refusal(service: str, fault: Fault, message: str) -> Answer:
    """The service's own answer when it is too busy or has failed, with the message as its words."""
    status, code = REFUSALS[service][fault]
    if service in ("s3", "sns"):
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return status, {}, (error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()
    return status, {"x-amzn-ErrorType": code}, json.dumps({"__type": code, "message": message}).encode()
