"""The OCR service in memory: it has no idempotency, bills every acceptance, and forgets results."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from fakes.faults import Fake, Faults, effect
from pagekit.page import RecognisedPage
from textdrop.core.answers import NotReady, OperationDescription, OperationStatus, Recognition, Submitted
from textdrop.core.errors import (
    OcrAnswerMalformed,
    OcrOperationUnknown,
    OcrRejected,
    OcrSecretUnreadable,
    OcrUnavailable,
    Trace,
)
from textdrop.ports import Clock

INVALID_ARGUMENT, INTERNAL = 3, 13


@dataclass(frozen=True, slots=True)
class Failure:
    """How the recognition of a content ends, if not with a page: the service's code and message."""

    code: int = INTERNAL
    message: str = "recognition failed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One submit that the service took, and billed."""

    operation_id: str
    content: bytes
    client_request_id: str
    ready_at: float
    languages: tuple[str, ...] = ()
    model: str = ""


def page(text: str) -> RecognisedPage:
    """A page with this text and nothing else."""
    return RecognisedPage(width=100, height=100, rotate=0, text=text, blocks=[], tables=[], entities=[], markdown=None)


def synthetic_text(content: bytes) -> str:
    """The text of a content that the table does not hold: as the local OCR service's, so that both can be compared."""
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"Content {digest}\nСодержимое {digest}"


class FakeOcr(Fake):
    """`table`: content → its page or failure. A recognition takes `seconds`, by the clock.

    `accepted` are the submits that were billed, in order, whether or not their answer arrived: a fault `after`
    `ocr.submit` loses an answer, one `before` it is a refusal. `asked` counts asks by operation, `asked_at` is when the
    last was. Without `error_in_result` only the status tells that a recognition failed: its result is never ready.
    Without `secret_readable` nothing is sent, as the secret with the key cannot be read.
    """

    port = "ocr"

    def __init__(
        self,
        clock: Clock,
        faults: Faults | None = None,
        table: Mapping[bytes, RecognisedPage | Failure] | None = None,
        seconds: float = 0.0,
        kept_seconds: float = 3 * 86_400.0,
        submit_total_seconds: float = 5.0,
        submit_bytes_per_second: float = 2.0**17,
        ask_total_seconds: float = 5.0,
    ) -> None:
        super().__init__(faults)
        self.table: dict[bytes, RecognisedPage | Failure] = dict(table or {})
        self.seconds = seconds
        self.kept_seconds = kept_seconds
        self.submit_total_seconds = submit_total_seconds
        self.submit_bytes_per_second = submit_bytes_per_second
        self.ask_total_seconds = ask_total_seconds
        self.accepted: list[Accepted] = []
        self.asked: Counter[str] = Counter()
        self.asked_at: dict[str, float] = {}
        self.error_in_result = True
        self.secret_readable = True
        self.clock_offset: float | None = None
        self._clock = clock

    @property
    def billed(self) -> Counter[bytes]:
        """How often each content was accepted."""
        return Counter(accepted.content for accepted in self.accepted)

    def clock_offset_seconds(self) -> float | None:
        return self.clock_offset

    def prepare(self, content: bytes, media_type: str, languages: Sequence[str], model: str) -> bytes:
        settings = {"mimeType": media_type, "languageCodes": list(languages), "model": model}
        return json.dumps({"content": base64.b64encode(content).decode(), **settings}).encode()

    def submit_seconds(self, body_bytes: int) -> float:
        return self.submit_total_seconds + body_bytes / self.submit_bytes_per_second

    @effect
    def submit(self, body: bytes, client_request_id: str) -> Submitted:
        trace = Trace(client_request_id=client_request_id)
        self._read_secret()
        asked = json.loads(body)
        content = base64.b64decode(asked["content"])
        if not content:
            raise OcrRejected("content is empty", replace(trace, status=400, code=INVALID_ARGUMENT))
        operation_id = f"operation{len(self.accepted) + 1:011d}"
        ready_at = self._clock.now() + self.seconds
        languages, model = tuple(asked["languageCodes"]), asked["model"]
        self.accepted.append(Accepted(operation_id, content, client_request_id, ready_at, languages, model))
        return Submitted(_described(operation_id), replace(trace, status=200))

    @effect
    def result(self, operation_id: str) -> Recognition | NotReady:
        trace = Trace(status=200)
        self._read_secret()
        accepted = self._asked_for(operation_id)
        if accepted is None or self._clock.now() < accepted.ready_at:
            return NotReady(replace(trace, status=404, code=5))
        outcome = self._outcome(accepted)
        if isinstance(outcome, Failure):
            if not self.error_in_result:
                return NotReady(replace(trace, status=404, code=5))
            kind = OcrRejected if outcome.code == INVALID_ARGUMENT else OcrUnavailable
            raise kind(f"the recognition failed ({outcome.code})", Trace(code=outcome.code, message=outcome.message))
        return Recognition(json.dumps(outcome, ensure_ascii=False).encode(), bool(outcome["text"].strip()), trace)

    @effect
    def status(self, operation_id: str) -> OperationStatus:
        self._read_secret()
        accepted = self._asked_for(operation_id)
        if accepted is None:
            raise OcrOperationUnknown("no such operation", Trace(status=404, code=5))
        outcome = self._outcome(accepted)
        if isinstance(outcome, Failure) and self._clock.now() >= accepted.ready_at:
            return OperationStatus(outcome.code, outcome.message, Trace(status=200))
        return OperationStatus(trace=Trace(status=200))

    def read_page(self, body: bytes) -> RecognisedPage:
        try:
            found = json.loads(body)
        except ValueError:
            raise OcrAnswerMalformed("not JSON") from None
        if not isinstance(found, dict) or found.keys() != RecognisedPage.__annotations__.keys():
            raise OcrAnswerMalformed("not a page")
        return cast(RecognisedPage, found)

    def _read_secret(self) -> None:
        if not self.secret_readable:
            raise OcrSecretUnreadable("secretsmanager.GetSecretValue: AccessDeniedException")

    def _asked_for(self, operation_id: str) -> Accepted | None:
        self.asked[operation_id] += 1
        self.asked_at[operation_id] = self._clock.now()
        for accepted in self.accepted:
            if accepted.operation_id == operation_id:
                return accepted if self._clock.now() < accepted.ready_at + self.kept_seconds else None
        return None

    def _outcome(self, accepted: Accepted) -> RecognisedPage | Failure:
        return self.table.get(accepted.content) or page(synthetic_text(accepted.content))


def _described(operation_id: str) -> OperationDescription:
    return OperationDescription(id=operation_id, description="OCR async recognition")
