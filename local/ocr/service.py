"""The service itself, without sockets: checks requests, keeps operations, counts, and answers as the protocol says."""

import hmac
import json
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.ocr import fault_table
from local.ocr.authorized_key import PublicKey
from local.ocr.faults import FaultRequestError, Faults
from local.ocr.iam import Tokens, check_jwt
from local.ocr.kinds import Course
from local.ocr.protocol import (
    IAM,
    IAM_AUDIENCE,
    IAM_PATH,
    INVALID_ARGUMENT,
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
from local.ocr.quota import WINDOWS
from local.ocr.recognition import Engine, Outcome
from local.ocr.settings import Settings
from local.ocr.submission import Submission, parse_body, read_submission

log = logging.getLogger("local.ocr")

# How often, at most, the operations are searched for those whose results are no longer kept.
EXPIRY_SECONDS = 60


@dataclass
class Operation:
    """An accepted submit. It is done when `finished_at` (epoch seconds) is known and has come.

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

    def done(self, now: float) -> bool:
        return self.seconds_done(now) >= 0

    def seconds_done(self, now: float) -> float:
        """For how long it has been done; negative while it is not."""
        return -math.inf if self.finished_at is None else now - self.finished_at

    @property
    def readable_at(self) -> float | None:
        """When getRecognition first has it; None while that is not known."""
        return None if self.finished_at is None else self.finished_at + self.course.result_late_seconds

    def shown_error(self, now: float) -> Mapping[str, Any] | None:
        """The error in its status."""
        return self.course.error if self.course.error_before_done else self.error if self.done(now) else None


class Service:
    """One OCR service. Safe to call from many threads; `wait` sleeps for the faults that are slow.

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
        self._tokens = Tokens()
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
        """Caller holds the lock, or is alone."""
        window = WINDOWS[self._settings.quota_window]
        self._quotas = {target: window(self._per_second[target]) for target in QUOTA_TARGETS}
        self._operations: dict[str, Operation] = {}
        self._expired_at = self._clock()
        self._asked: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {target: Counter() for target in TARGETS}
        self._not_ready = 0
        self._issued = 0

    def submit(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST recognizeTextAsync: the new operation, or why not. Not idempotent: every acceptance makes another."""

        def act() -> tuple[Answer, str | None]:
            submission = read_submission(parse_body(body), self._settings)
            answer = self._faults.before(SUBMIT, submission.sha256, self._wait)
            if answer is not None:
                return answer, submission.sha256
            return self._accept(submission), submission.sha256

        return self._answer(SUBMIT, self._admitted(SUBMIT, headers, act))

    def status(self, headers: Mapping[str, str], operation_id: str) -> Answer:
        """GET operations/{id}."""
        return self._ask(STATUS, headers, operation_id)

    def result(self, headers: Mapping[str, str], operation_id: str) -> Answer:
        """GET getRecognition: the result's lines, "not ready", or the operation's error."""
        return self._ask(RESULT, headers, operation_id)

    def issue_token(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST iam/v1/tokens: an IAM token for a JWT that is in order, or why not."""

        def act() -> tuple[Answer, str | None]:
            with self._lock:
                self._asked[IAM] += 1
            own = [f"{scheme}://{headers.get('host', '')}{IAM_PATH}" for scheme in ("http", "https")]
            key = check_jwt(parse_body(body).get("jwt"), self._keys, [IAM_AUDIENCE, *own], self._clock())
            answer = self._faults.before(IAM, None, self._wait)
            return (self._issue(key) if answer is None else answer), None

        return self._answer(IAM, act)

    def stats(self) -> dict[str, Any]:
        """What was counted since the start or the last reset.

        `submits` and `asks` count requests with good credentials; `accepted` those that made an operation, whether or
        not the answer arrived; `tokens` requests to IAM, and the tokens issued; `refused` is by target and reason;
        `throttled` by quota alone; `faults` by kind.
        """
        now = self._clock()
        with self._lock:
            operations = list(self._operations.values())
            counts = {
                "submits": {
                    "asked": self._asked[SUBMIT],
                    "accepted": self._accepted.total(),
                    "by_sha256": dict(self._accepted),
                },
                "asks": {STATUS: self._asked[STATUS], RESULT: self._asked[RESULT], "not_ready": self._not_ready},
                "tokens": {"asked": self._asked[IAM], "issued": self._issued},
                "throttled": {target: self._throttled[target] for target in QUOTA_TARGETS},
                "refused": {target: dict(reasons) for target, reasons in self._refused.items()},
            }
        done = [operation for operation in operations if operation.done(now)]
        failed = sum(operation.error is not None for operation in done)
        kept = {"running": len(operations) - len(done), "succeeded": len(done) - failed, "failed": failed}
        return {**counts, "faults": self._faults.struck(), "operations": kept}

    def operations(self) -> list[dict[str, Any]]:
        """The operations since the start or the last reset whose ids are still known, as they were accepted.

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

    def health(self) -> dict[str, Any]:
        """Which engine answers, and what it can do."""
        return {"status": "ok", "engine": self._engine.name, **self._engine.describe()}

    def reset(self) -> None:
        """Afterwards no operation, count or fault is left, and the quotas are full. Tokens go on working."""
        with self._lock:
            self._reset()
        self._faults.clear()
        self._engine.forget()
        log.info("reset")

    def add_fault(self, request: object) -> None:
        """Put a fault in force. Raises FaultRequestError, which names what is allowed."""
        self._faults.add(request)
        if isinstance(request, dict):
            log.info("fault added kind=%s", request["kind"])

    def calm(self) -> None:
        """Afterwards no fault is in force but those for one content."""
        self._faults.calm()
        log.info("calm")

    def administer(self, method: str, name: str, body: bytes) -> Answer:
        """The admin endpoint: stats, operations, health, reset, faults, calm."""
        if (method, name) == ("GET", "stats"):
            return json_answer(self.stats())
        if (method, name) == ("GET", "operations"):
            return json_answer({"operations": self.operations()})
        if (method, name) == ("GET", "health"):
            return json_answer(self.health())
        if (method, name) == ("GET", "faults"):
            return json_answer(fault_table.as_json())
        if (method, name) == ("POST", "reset"):
            self.reset()
            return json_answer({})
        if (method, name) == ("POST", "calm"):
            self.calm()
            return json_answer({})
        if (method, name) == ("POST", "faults"):
            try:
                self.add_fault(json.loads(body))
            except FaultRequestError as failure:
                return json_answer({"error": str(failure)}, 400)
            except (ValueError, RecursionError):
                return json_answer({"error": "the body is not valid JSON"}, 400)
            return json_answer({})
        allowed = "GET stats, GET operations, GET health, GET faults, POST faults, POST calm, POST reset"
        return json_answer({"error": f"no such admin request, allowed: {allowed}"}, 404)

    def _answer(self, target: str, act: Callable[[], tuple[Answer, str | None]]) -> Answer:
        """What every request has in common: the error's shape, the count of refusals, the faults on the answer."""
        sha256 = None
        try:
            answer, sha256 = act()
        except RefusedError as refusal:
            with self._lock:
                self._refused[target][refusal.reason] += 1
            log.info("%s refused reason=%s", target, refusal.reason)
            answer = error_answer(target, refusal.code, refusal.message)
        return self._faults.after(target, sha256, answer, self._wait) if answer.status == 200 else answer

    def _admitted(
        self, target: str, headers: Mapping[str, str], act: Callable[[], tuple[Answer, str | None]]
    ) -> Callable[[], tuple[Answer, str | None]]:
        """`act`, behind the check of the credentials and the quota."""

        def admitted() -> tuple[Answer, str | None]:
            self._authenticate(headers)
            self._take_quota(target)
            return act()

        return admitted

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        wrong: str | None
        if not scheme:
            wrong = "Unauthenticated: no Authorization header"
        elif scheme.lower() == "bearer":
            wrong = None if self._tokens.works(given.strip(), self._clock()) else "The token is invalid"
        elif scheme.lower() == "api-key":
            wrong = None if self._is_api_key(given.strip()) else "Unknown api key"
        else:
            wrong = "Unknown authorization scheme"
        if wrong is not None:
            raise RefusedError(UNAUTHENTICATED, wrong, "unauthenticated")
        folder = headers.get("x-folder-id")
        if folder and self._settings.folder_id is not None and folder != self._settings.folder_id:
            message = "Specified folder ID does not match with service account folder ID"
            raise RefusedError(INVALID_ARGUMENT, message, "folder")

    def _is_api_key(self, given: str) -> bool:
        key = given.encode("utf-8", "replace")
        return any(hmac.compare_digest(key, accepted.encode()) for accepted in self._settings.api_keys)

    def _issue(self, key: PublicKey) -> Answer:
        life = self._faults.token_life(self._settings.iam_token_seconds)
        now = self._clock()
        token = self._tokens.issue(now, life.seconds)
        with self._lock:
            self._issued += 1
        log.info("iam issued key=%s works_seconds=%g", key.key_id, life.seconds)
        return json_answer(token_json(token, now + life.said_seconds))

    def _take_quota(self, target: str) -> None:
        with self._lock:
            self._asked[target] += 1
            within = self._quotas[target].take(self._clock())
            if not within:
                self._throttled[target] += 1
        if not within:
            raise RefusedError(RESOURCE_EXHAUSTED, throttled_message(target, self._per_second[target]), "throttled")

    def _accept(self, submission: Submission) -> Answer:
        course = self._faults.course(submission.sha256)
        now = self._clock()
        operation = Operation(new_operation_id(), submission.sha256, now, course)
        with self._lock:
            self._expire(now)
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

    def _expire(self, now: float) -> None:
        """Caller holds the lock."""
        if now - self._expired_at < EXPIRY_SECONDS:
            return
        self._expired_at = now
        for operation in list(self._operations.values()):
            if self._is_expired(operation, now):
                del self._operations[operation.operation_id]

    def _is_expired(self, operation: Operation, now: float) -> bool:
        """Whether its id is forgotten, with its result."""
        kept = self._settings.results_kept_seconds
        if operation.course.operation_expires:
            kept = min(kept, operation.course.result_kept_seconds)
        return operation.seconds_done(now) >= kept

    def _ask(self, target: str, headers: Mapping[str, str], operation_id: str) -> Answer:
        def act() -> tuple[Answer, str | None]:
            if not operation_id:
                raise RefusedError(INVALID_ARGUMENT, "operation id is empty", "operation_id")
            with self._lock:
                operation = self._operations.get(operation_id)
            sha256 = operation.sha256 if operation else None
            answer = self._faults.before(target, sha256, self._wait)
            if answer is not None:
                return answer, sha256
            now = self._clock()
            if operation is None or self._is_expired(operation, now):
                raise RefusedError(NOT_FOUND, "operation is not found", "not_found")
            return (self._status(operation, now) if target == STATUS else self._result(operation, now)), sha256

        return self._answer(target, self._admitted(target, headers, act))

    def _status(self, operation: Operation, now: float) -> Answer:
        done = operation.done(now)
        finished_at = operation.finished_at if done and operation.finished_at is not None else operation.created_at
        error = operation.shown_error(now)
        value = operation_json(operation.operation_id, operation.created_at, finished_at, done=done, error=error)
        if done and error is None and operation.course.with_response:
            value["response"] = {"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}}
        return json_answer(value)

    def _result(self, operation: Operation, now: float) -> Answer:
        seconds = operation.seconds_done(now)
        told = operation.error is None or operation.course.error_in_result
        if seconds < operation.course.result_late_seconds or not told:
            with self._lock:
                self._not_ready += 1
            return error_answer(RESULT, NOT_FOUND, f"operation data is not ready {operation.operation_id}")
        if seconds >= operation.course.result_kept_seconds:
            raise RefusedError(NOT_FOUND, "operation is not found", "not_found")
        if operation.error is not None:
            return error_answer(RESULT, operation.error["code"], operation.error["message"])
        with self._lock:
            operation.read_at = operation.read_at or now
        log.info("result read operation=%s bytes=%d", operation.operation_id, len(operation.body))
        return Answer(200, operation.body)
