"""The service itself, without sockets: checks requests, keeps operations, counts, and answers as the protocol says."""

import json
import logging
import math
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.ocr.authorized_key import PublicKey
from local.ocr.faults import FaultRequestError, Faults
from local.ocr.iam import check_jwt
from local.ocr.kinds import Course
from local.ocr.protocol import (
    IAM,
    IAM_AUDIENCE,
    IAM_PATH,
    INVALID_ARGUMENT,
    METHODS,
    NOT_FOUND,
    QUOTA_TARGETS,
    RESOURCE_EXHAUSTED,
    RESULT,
    STATUS,
    SUBMIT,
    TARGETS,
    UNAUTHENTICATED,
    Answer,
    RefusedError,
    error_answer,
    json_answer,
    new_operation_id,
    operation_json,
    throttled_message,
    token_json,
)
from local.ocr.quota import TokenBucket
from local.ocr.recognition import Engine, Outcome
from local.ocr.settings import Settings
from local.ocr.submission import Submission, parse_body, read_submission

log = logging.getLogger("local.ocr")

RESULTS_KEPT_SECONDS = 3 * 24 * 3600
IAM_TOKEN_SECONDS = 12 * 3600


@dataclass
class Operation:
    """An accepted submit. It is done when `finished_at` (epoch seconds) is known and has passed.

    `read_at` is when its result was first given out.
    """

    operation_id: str
    sha256: str
    created_at: float
    course: Course
    finished_at: float | None = None
    body: bytes = b""
    error: Mapping[str, Any] | None = None
    read_at: float | None = None

    def seconds_done(self, now: float) -> float:
        """For how long it has been done; negative while it is not."""
        return -math.inf if self.finished_at is None else now - self.finished_at

    @property
    def readable_at(self) -> float | None:
        """When getRecognition first has it; None while that is not known."""
        return None if self.finished_at is None else self.finished_at + self.course.result_late_seconds


@dataclass
class Request:
    """A request while it is served; its content and operation are filled in once they are known."""

    target: str
    sha256: str | None = None
    operation_id: str = ""


class Service:
    """One OCR service. Safe to call from many threads; `wait` sleeps for slow faults.

    `keys`: the authorized keys for which the IAM endpoint issues tokens.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        keys: Sequence[PublicKey] = (),
        clock: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._keys = tuple(keys)
        self._tokens: dict[str, float] = {}
        """The time until which each IAM token works."""
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._faults = Faults(settings.seed)
        self._per_second = {
            SUBMIT: settings.submits_per_second,
            STATUS: settings.status_reads_per_second,
            RESULT: settings.result_reads_per_second,
        }
        self._reset()

    def _reset(self) -> None:
        """The caller holds the lock, or is the only one."""
        self._quotas = {target: TokenBucket(self._per_second[target]) for target in QUOTA_TARGETS}
        self._operations: dict[str, Operation] = {}
        self._asked: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {target: Counter() for target in TARGETS}
        self._issued = 0

    def submit(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST recognizeTextAsync: the new operation, or why not. Not idempotent: every acceptance makes another."""

        def act(request: Request) -> Answer:
            self._admit(request, headers)
            submission = read_submission(parse_body(body))
            request.sha256 = submission.sha256
            return self._faults.before(SUBMIT, submission.sha256, self._wait) or self._accept(submission, request)

        return self._answer(Request(SUBMIT), act)

    def status(self, headers: Mapping[str, str], operation_id: str) -> Answer:
        """GET operations/{id}."""
        return self._ask(Request(STATUS), headers, operation_id, self._status)

    def result(self, headers: Mapping[str, str], operation_id: str) -> Answer:
        """GET getRecognition: the result's lines, "not ready", or the operation's error."""
        return self._ask(Request(RESULT), headers, operation_id, self._result)

    def issue_token(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST iam/v1/tokens: an IAM token for a valid JWT, or why not."""

        def act(_request: Request) -> Answer:
            with self._lock:
                self._asked[IAM] += 1
            own = f"http://{headers.get('host', '')}{IAM_PATH}"
            key = check_jwt(parse_body(body).get("jwt"), self._keys, [IAM_AUDIENCE, own], self._clock())
            return self._faults.before(IAM, None, self._wait) or self._issue(key)

        return self._answer(Request(IAM), act)

    def stats(self) -> dict[str, Any]:
        """What was counted since the start or the last reset.

        `submits` and `asks` count requests with good credentials; `accepted` those that made an operation, whether or
        not the answer arrived; `tokens` requests to IAM, and the tokens issued; `refused` is by target and reason;
        `throttled` by quota alone; `faults` by kind.
        """
        with self._lock:
            return {
                "submits": {
                    "asked": self._asked[SUBMIT],
                    "accepted": self._accepted.total(),
                    "by_sha256": dict(self._accepted),
                },
                "asks": {STATUS: self._asked[STATUS], RESULT: self._asked[RESULT]},
                "tokens": {"asked": self._asked[IAM], "issued": self._issued},
                "throttled": {target: self._throttled[target] for target in QUOTA_TARGETS},
                "refused": {target: dict(reasons) for target, reasons in self._refused.items()},
                "faults": self._faults.struck(),
            }

    def operations(self) -> list[dict[str, Any]]:
        """The operations since the start or the last reset, as they were accepted.

        `sha256` is the content's. In epoch seconds: `accepted_at`; `readable_at`, None while it is not known when the
        result will be readable; `read_at`, when it was first given out, None while it was not.
        """
        with self._lock:
            return [
                {
                    "id": operation.operation_id,
                    "sha256": operation.sha256,
                    "accepted_at": operation.created_at,
                    "readable_at": operation.readable_at,
                    "read_at": operation.read_at,
                }
                for operation in self._operations.values()
            ]

    def reset(self) -> None:
        """Afterwards no operation, count or fault is left, and the quotas are full. Tokens keep working."""
        with self._lock:
            self._reset()
        self._faults.clear()

    def add_fault(self, request: object) -> None:
        """Put a fault in force. Raises FaultRequestError, which names what is allowed."""
        self._faults.add(request)

    def administer(self, method: str, name: str, body: bytes) -> Answer:
        """The admin endpoint: shows what was counted, sets faults, and clears all faults but those for one content."""
        match method, name:
            case "GET", "stats":
                return json_answer(self.stats())
            case "POST", "faults":
                try:
                    self.add_fault(json.loads(body))
                except (FaultRequestError, ValueError) as failure:
                    return json_answer({"error": str(failure)}, 400)
                return json_answer({})
            case "POST", "calm":
                self._faults.calm()
                return json_answer({})
        return json_answer({"error": "no such admin request, allowed: GET stats, POST faults, POST calm"}, 404)

    def _answer(self, request: Request, act: Callable[[Request], Answer]) -> Answer:
        """What is common to every request: the error's shape, the count of refusals, faults on the answer, and the
        log."""
        target = request.target
        try:
            answer = act(request)
        except RefusedError as refusal:
            with self._lock:
                self._refused[target][refusal.reason] += 1
            log.info("%s refused reason=%s", target, refusal.reason)
            answer = error_answer(target, refusal.code, refusal.message)
        if answer.status == 200:
            answer = self._faults.after(target, request.sha256, answer, self._wait)
        about = f" operation={request.operation_id}" if request.operation_id else ""
        status = "none" if answer.cut else answer.status
        log.info("request method=%s target=%s%s status=%s", METHODS[target], target, about, status)
        return answer

    def _admit(self, request: Request, headers: Mapping[str, str]) -> None:
        """Checks the credentials and the quota. Raises RefusedError."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        with self._lock:
            expires_at = self._tokens.get(given, 0.0)
        known = given in self._settings.api_keys if scheme == "Api-Key" else self._clock() < expires_at
        if not known:
            raise RefusedError(UNAUTHENTICATED, "The token is invalid", "unauthenticated")
        with self._lock:
            self._asked[request.target] += 1
            within = self._quotas[request.target].take(self._clock())
            if not within:
                self._throttled[request.target] += 1
        if not within:
            message = throttled_message(request.target, self._per_second[request.target])
            raise RefusedError(RESOURCE_EXHAUSTED, message, "throttled")

    def _issue(self, key: PublicKey) -> Answer:
        expires_at = self._clock() + IAM_TOKEN_SECONDS
        token = f"t1.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(64)}"
        works_until = 0.0 if self._faults.kill_token() else expires_at
        with self._lock:
            self._tokens[token] = works_until
            self._issued += 1
        log.info("iam issued key=%s", key.key_id)
        return json_answer(token_json(token, expires_at))

    def _accept(self, submission: Submission, request: Request) -> Answer:
        course = self._faults.course(submission.sha256)
        now = self._clock()
        operation = Operation(new_operation_id(), submission.sha256, now, course)
        request.operation_id = operation.operation_id
        with self._lock:
            self._operations[operation.operation_id] = operation
            self._accepted[submission.sha256] += 1
        log.info(
            "submit accepted operation=%s type=%s model=%s languages=%s bytes=%d content=%s",
            operation.operation_id,
            submission.mime_type,
            submission.model,
            ",".join(submission.languages),
            len(submission.content),
            submission.sha256[:12],
        )

        def finish(outcome: Outcome, seconds: float) -> None:
            with self._lock:
                operation.error = outcome.error if course.error is None else course.error
                operation.body = outcome.body if operation.error is None else b""
                operation.finished_at = self._clock() + seconds + course.extra_seconds
            took = operation.finished_at - operation.created_at
            code = 0 if operation.error is None else operation.error["code"]
            log.info("recognition operation=%s takes_seconds=%.2f code=%d", operation.operation_id, took, code)

        self._engine.begin(submission, finish)
        return json_answer(operation_json(operation.operation_id, now, now, done=False, error=None))

    def _ask(
        self,
        request: Request,
        headers: Mapping[str, str],
        operation_id: str,
        told: Callable[[Operation, float], Answer],
    ) -> Answer:
        def act(request: Request) -> Answer:
            self._admit(request, headers)
            if not operation_id:
                raise RefusedError(INVALID_ARGUMENT, "operation id is empty", "operation_id")
            with self._lock:
                operation = self._operations.get(operation_id)
            if operation is not None:
                request.sha256, request.operation_id = operation.sha256, operation_id
            answer = self._faults.before(request.target, request.sha256, self._wait)
            if answer is not None:
                return answer
            now = self._clock()
            if operation is None or operation.seconds_done(now) >= RESULTS_KEPT_SECONDS:
                raise RefusedError(NOT_FOUND, "operation is not found", "not_found")
            return told(operation, now)

        return self._answer(request, act)

    def _status(self, operation: Operation, now: float) -> Answer:
        done = operation.seconds_done(now) >= 0
        finished_at = operation.finished_at if done and operation.finished_at is not None else operation.created_at
        error = operation.error if done else None
        return json_answer(
            operation_json(operation.operation_id, operation.created_at, finished_at, done=done, error=error)
        )

    def _result(self, operation: Operation, now: float) -> Answer:
        seconds = operation.seconds_done(now)
        told = operation.error is None or operation.course.error_in_result
        if seconds < operation.course.result_late_seconds or not told:
            return error_answer(RESULT, NOT_FOUND, f"operation data is not ready {operation.operation_id}")
        if operation.error is not None:
            return error_answer(RESULT, operation.error["code"], operation.error["message"])
        with self._lock:
            operation.read_at = operation.read_at or now
        return Answer(200, operation.body)
