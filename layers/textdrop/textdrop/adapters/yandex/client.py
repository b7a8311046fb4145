"""The OCR service as textdrop uses it: `ports.Ocr` over its REST interface.

`failures.failure` says what each answer means, `transport` what can go wrong on the way.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from pagekit.page import RecognisedPage
from textdrop.adapters.yandex import operations, recognition
from textdrop.adapters.yandex.connection import trust
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.adapters.yandex.failures import ServiceError, date, failure, retry_after_seconds, service_error
from textdrop.adapters.yandex.transport import Answer, Ending, Transport, service_url
from textdrop.adapters.yandex.values import SINGLE_BYTES, mapping, single
from textdrop.core.answers import NotReady, OperationStatus, Recognition, Submitted
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrAnswerTooLarge,
    OcrError,
    OcrOperationUnknown,
    OcrSecretUnreadable,
    OcrUnreachable,
    SettingsError,
    StoreUnavailable,
    Trace,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds.

    `connect_seconds`: from resolving the host's name to the end of the TLS handshake. `read_seconds`: of silence, while
    sending or receiving. The totals limit a whole call, whatever happens in it; a submit's does not include its body,
    which may take another second for each `submit_bytes_per_second`.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    submit_total_seconds: float = 30.0
    ask_total_seconds: float = 15.0
    submit_bytes_per_second: float = 200_000.0


_DEFAULT_TIMEOUTS = Timeouts()


class YandexOcr:
    """One for each process, shared by its threads.

    `submit_seconds` and `ask_total_seconds` are the most that a submit and an ask take on the network, from resolving
    the host's name to the last byte, including a repeat after a 401; no request begins or continues after that. Only
    reading the secret slowly, and parsing a large result, could add to it.

    After a 401 the credentials are read again and a token is renewed, and the request is repeated once, within the same
    total, if they changed: a refused submit was not accepted, so at most one of the two submits is. Nothing else is
    ever repeated. No error or trace contains a credential; errors carry the Trace of their exchange.
    """

    def __init__(
        self,
        *,
        ocr_base_url: str,
        operation_base_url: str,
        credentials: Credentials,
        folder_id: str = "",
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        max_answer_bytes: int = 10_000_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`folder_id` is only for a user's token, as a service account's folder is implied. `now` gives epoch seconds,
        for a Retry-After that is a date. Raises SettingsError."""
        if not (folder_id.isascii() and folder_id.isprintable()) or " " in folder_id:
            raise SettingsError("the folder id of the OCR service must be letters and digits")
        self._timeouts = timeouts
        self.ask_total_seconds = timeouts.ask_total_seconds
        self._ocr = service_url(ocr_base_url)
        self._operations = service_url(operation_base_url)
        self._credentials = credentials
        self._folder_id = folder_id
        self._max_answer_bytes = max_answer_bytes
        self._now = now
        self._clock_offset: float | None = None
        self._transport = Transport(
            connect_seconds=timeouts.connect_seconds,
            read_seconds=timeouts.read_seconds,
            context=trust() if "https" in (self._ocr[:5], self._operations[:5]) else None,
        )
        # A parsed page takes many times its bytes, and threads cannot parse at the same time anyway.
        self._parsing = threading.Lock()

    def prepare(self, content: bytes, media_type: str, languages: Sequence[str], model: str) -> bytes:
        """The body of a submit, made beforehand so that a reserved slot is used at once."""
        settings = {"mimeType": media_type, "languageCodes": list(languages), "model": model}
        # Joined by hand: content is several megabytes, and base64 needs no escaping.
        rest = json.dumps(settings, ensure_ascii=False).encode().removeprefix(b"{")
        return b"".join([b'{"content": "', base64.b64encode(content), b'", ', rest])

    def submit_seconds(self, body_bytes: int) -> float:
        """The longest that a submit of a body of so many bytes takes."""
        return self._timeouts.submit_total_seconds + body_bytes / self._timeouts.submit_bytes_per_second

    def submit(self, body: bytes, client_request_id: str) -> Submitted:
        """Sends a prepared page. Never twice: the service bills each.

        Accepted only if an id came. Not accepted: OcrUnreachable, OcrSecretUnreadable, OcrUnavailable, OcrThrottled,
        OcrCredentialsRefused, OcrCredentialsMissing, OcrRejected. It may have been accepted: OcrAnswerLost, also for
        a successful answer that is truncated, over the limit or without an id. A page that was not sent whole was not
        accepted.
        """
        answer, trace = self._exchange(
            "POST",
            f"{self._ocr}/ocr/v1/recognizeTextAsync",
            body=body,
            total_seconds=self.submit_seconds(len(body)),
            client_request_id=client_request_id,
            max_bytes=SINGLE_BYTES,
        )
        try:
            return self._submitted(answer, trace)
        except OcrAnswerLost as error:
            if answer.sent_whole:
                raise
            raise OcrUnreachable(
                f"the page was not sent whole, so it was not accepted: {error}", error.trace
            ) from error

    def _submitted(self, answer: Answer, trace: Trace) -> Submitted:
        value = single(answer.body)
        error = service_error(value)
        if not answer.is_success:
            raise self._failure(answer.status, answer, error, trace, submitting=True)
        operation = operations.described(value)
        if operation is not None:
            return Submitted(operation, trace)
        if error is not None:
            raise self._failure(error.status, answer, error, trace, submitting=True)
        raise OcrAnswerLost(f"a submit was answered without a usable id ({answer.ending.value})", trace)

    def result(self, operation_id: str) -> Recognition | NotReady:
        """The result of an operation, whole and readable; NotReady also if the service does not know the operation.

        Raises OcrAnswerTooLarge over `max_answer_bytes` or a bound of `recognition`: never ask again. All other errors
        allow another ask: OcrAnswerMalformed if it cannot be understood, OcrAnswerLost if it did not come whole, and
        what `failures.failure` gives for an ask.
        """
        answer, trace = self._exchange(
            "GET",
            f"{self._ocr}/ocr/v1/getRecognition?operationId={quote(operation_id, safe='')}",
            total_seconds=self.ask_total_seconds,
            max_bytes=self._max_answer_bytes,
        )
        try:
            if not answer.is_success:
                raise self._failure(answer.status, answer, service_error(single(answer.body)), trace)
            _require_whole(answer, trace)
            with self._parsing:
                has_words = recognition.has_words(answer.body, trace)
        except OcrOperationUnknown as error:
            return NotReady(error.trace)
        return NotReady(trace) if has_words is None else Recognition(answer.body, has_words, trace)

    def status(self, operation_id: str) -> OperationStatus:
        """The operation itself. Raises OcrOperationUnknown for a 404, and otherwise as `result` does."""
        answer, trace = self._exchange(
            "GET",
            f"{self._operations}/operations/{quote(operation_id, safe='')}",
            total_seconds=self.ask_total_seconds,
            max_bytes=SINGLE_BYTES,
        )
        value = single(answer.body)
        error = service_error(value)
        if not answer.is_success:
            raise self._failure(answer.status, answer, error, trace)
        _require_whole(answer, trace)
        if error is not None and not {"id", "done"} & mapping(value).keys():
            raise self._failure(error.status, answer, error, trace)
        status = operations.status(value, operation_id, trace)
        if status is None:
            raise OcrAnswerMalformed("the OCR service's answer is not the operation that was asked for", trace)
        return status

    def read_page(self, body: bytes) -> RecognisedPage:
        """The page in the stored body of a Recognition. Raises OcrAnswerMalformed and OcrAnswerTooLarge for others."""
        with self._parsing:
            return recognition.read_page(body)

    def clock_offset_seconds(self) -> float | None:
        """The service's time minus ours, by the Date of the last answer that had one; None if there was none."""
        return self._clock_offset

    def connect_ahead(self) -> None:
        """Call this if a submit is likely: its connection is made meanwhile, which takes two round trips."""
        self._transport.connect_ahead(self._ocr)

    def new_connections(self) -> None:
        """Call at the start of each invocation: a connection that was open while the process was frozen may be dead,
        and a submit lost on it would count as unconfirmed."""
        self._transport.new_connections()

    def _exchange(
        self,
        method: str,
        url: str,
        *,
        total_seconds: float,
        max_bytes: int,
        body: bytes | None = None,
        client_request_id: str = "",
    ) -> tuple[Answer, Trace]:
        trace = Trace(client_request_id=client_request_id or str(uuid.uuid4()))
        try:
            deadline = time.monotonic() + total_seconds
            authorization = self._credentials.authorization(deadline)
            headers = {
                # Compressed answers only where they are large.
                "accept-encoding": "identity" if body is not None else "gzip",
                "x-client-request-id": trace.client_request_id,
                "x-data-logging-enabled": "false",
            }
            if body is not None:
                headers["content-type"] = "application/json"
            if self._folder_id:
                headers["x-folder-id"] = self._folder_id

            def attempt(authorization: str) -> Answer:
                sent = {"authorization": authorization, **headers}
                answer = self._transport.exchange(method, url, sent, body, deadline=deadline, max_bytes=max_bytes)
                served_at = date(answer.headers)
                if served_at is not None:
                    self._clock_offset = float(round(served_at - self._now()))
                return answer if answer.is_success else _redacted(authorization, answer)

            answer = attempt(authorization)
            if answer.status == 401 and self._credentials.refresh(authorization, deadline):
                answer = attempt(self._credentials.authorization(deadline))
        except StoreUnavailable as error:
            # The message of such an error is the call and AWS's code, such as AccessDeniedException.
            raise OcrSecretUnreadable(
                f"the credentials secret cannot be read ({error}), so nothing was sent: check that it exists, and that "
                "the function's role may read it and use its key",
                trace,
            ) from error
        except OcrError as error:
            # Of an exchange with IAM, the status and its words stay.
            error.trace = replace(error.trace, client_request_id=trace.client_request_id)
            raise
        return answer, answer.trace(trace.client_request_id)

    def _failure(
        self, status: int, answer: Answer, error: ServiceError | None, trace: Trace, *, submitting: bool = False
    ) -> OcrError:
        retry_after = retry_after_seconds(answer.headers, self._now())
        return failure(status, error, trace, submitting=submitting, retry_after_seconds=retry_after)


def _redacted(authorization: str, answer: Answer) -> Answer:
    """The answer, should it have repeated our credentials in its message, without them."""
    return replace(answer, body=answer.body.replace(authorization.split()[-1].encode(), b"[credentials]"))


def _require_whole(answer: Answer, trace: Trace) -> None:
    if answer.ending is Ending.TOO_LARGE:
        raise OcrAnswerTooLarge("the OCR service's answer is over the limit", trace)
    if answer.ending is Ending.CUT:
        raise OcrAnswerLost(f"the OCR service's answer is {Ending.CUT.value}", trace)
