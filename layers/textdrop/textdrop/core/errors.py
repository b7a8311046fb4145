"""Every error of textdrop, as one tree. The class carries the decision; nobody reads a message to decide.

What is wrong with a file is an error of pagekit (`pagekit.errors`).

TextdropError
├── SettingsError             the deployment is wrong; nothing is tried until that is mended
├── InvalidOptions            the upload's options cannot be used; never tried again, and the user is told why
├── RequestRefused            a request to control is wrong, or cannot be carried out now; the caller is told why
├── ObjectGone                the source is no longer there
│   └── ObjectDeleted         it was deleted, not replaced: its pages that were not sent are not wanted
├── OcrError                  the OCR service, or the way to it
│   ├── OcrUnreachable        nothing was sent, or not all of it: again, after a backoff
│   ├── OcrSecretUnreadable   the secret cannot be read, nothing was sent: again; three in a row pause all
│   ├── OcrUnavailable        the service itself answered that it failed: again, after a backoff
│   ├── OcrAnswerLost         sent, and no answer that can be trusted: it may have been accepted
│   ├── OcrThrottled          over a quota: again, later; no attempt is used up
│   ├── OcrCredentialsRefused the key was refused: everybody pauses
│   │   └── OcrCredentialsMissing  there is no key that can be used: everybody pauses
│   ├── OcrRejected           the service refuses this document: never again
│   ├── OcrOperationUnknown   the service does not know the operation (any more, or yet)
│   ├── OcrAnswerTooLarge     a result over our limit: never again
│   └── OcrAnswerMalformed    an answer that cannot be read whole: ask again
└── StoreUnavailable          a cloud service failed or throttled us: the row's due time brings it back
    ├── ObjectForbidden       the source is there and may not be read: again for a day, then never
    └── HistoryMissing        the table of a former stack has no index `history` yet: its operator adds it
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a document, or one of its pages, has no text. A closed list: users write programs against it."""

    UNSUPPORTED_TYPE = "unsupported_type"
    EMPTY_FILE = "empty_file"
    OBJECT_GONE = "object_gone"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    FILE_TOO_LARGE = "file_too_large"
    IMAGE_TOO_LARGE = "image_too_large"
    TOO_MANY_PAGES = "too_many_pages"
    XFA_FORM = "xfa_form"
    INVALID_OPTIONS = "invalid_options"
    REJECTED_BY_OCR = "rejected_by_ocr"
    FAILED_IN_OCR = "failed_in_ocr"
    OCR_UNAVAILABLE = "ocr_unavailable"
    SUBMIT_UNCONFIRMED = "submit_unconfirmed"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    RESULT_EXPIRED = "result_expired"
    CANCELLED = "cancelled"
    SOURCE_DELETED = "source_deleted"
    INTERNAL = "internal"


SKIPPED: frozenset[Reason] = frozenset({Reason.UNSUPPORTED_TYPE, Reason.EMPTY_FILE, Reason.OBJECT_GONE})
"""Reasons that mean "there was nothing to recognise". They give the outcome `skipped`; all others give `failed`."""


class TextdropError(Exception):
    """The root. Never raised itself."""


class SettingsError(TextdropError):
    """The deployment's settings are missing or wrong; the message names every one of them."""


class InvalidOptions(TextdropError):
    """The upload's options cannot be used. `what` says which, `advice` what to do; `allowed` what may be named instead,
    for whoever has not uploaded yet."""

    def __init__(self, what: str, advice: str, allowed: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.allowed = allowed or advice


class Refused(StrEnum):
    """Why control refuses a request."""

    BAD_REQUEST = "bad_request"
    UNAVAILABLE = "unavailable"
    TOO_NEW = "too_new"


class RequestRefused(TextdropError):
    """Control refuses the request. `what` says what is wrong, `advice` what to do: one plain sentence each. The error's
    message has neither, as they may quote the request."""

    def __init__(self, code: Refused, what: str, advice: str) -> None:
        super().__init__(str(code))
        self.code = code
        self.what = what
        self.advice = advice


class ObjectGone(TextdropError):
    """The version of the object that was uploaded is no longer in the bucket."""


class ObjectDeleted(ObjectGone):
    """The version was deleted, or the object itself: in a bucket with versions its current version is a delete
    marker."""


class StoreUnavailable(TextdropError):
    """A storage, queue or notification service failed or throttled us. The call may or may not have taken effect."""


class ObjectForbidden(StoreUnavailable):
    """The uploaded object may not be read: by a policy, a customer's key that our role may not use, or an archive
    class."""


class HistoryMissing(StoreUnavailable):
    """The table has no index `history`: it was made by a stack of a version before that index."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What identifies one exchange with the OCR service, for logs and for the service's support.

    `status` is the HTTP status (0: there was no answer), `code` the gRPC code of the body (0: none), `message` the
    service's own words, at most 500 characters. The rest are ids ("" where the service gave none).
    """

    status: int = 0
    code: int = 0
    message: str = ""
    client_request_id: str = ""
    request_id: str = ""
    server_trace_id: str = ""


class OcrError(TextdropError):
    """The OCR service, or the way to it. `trace` says which exchange."""

    def __init__(self, what: str, trace: Trace | None = None) -> None:
        super().__init__(what)
        self.trace = trace if trace is not None else Trace()


class OcrUnreachable(OcrError):
    """The request was not sent, or not whole: no connection, no time left, no token, or an interrupted body. Safe to
    repeat, even for a submit."""


class OcrSecretUnreadable(OcrError):
    """The secret with the credentials could not be read in time: denied, deleted or throttled. Nothing was sent, so
    this says nothing about the OCR service. Safe to repeat, even for a submit."""


class OcrUnavailable(OcrError):
    """A 5xx that carries the service's own error body: it did not do what was asked. Safe to repeat, even for a
    submit."""


class OcrAnswerLost(OcrError):
    """Sent, but no answer that can be trusted: a connection lost or timed out after sending, 499, 502, 504, or any
    5xx without the service's own body. A submit may have been accepted, and billed."""


class OcrThrottled(OcrError):
    """429: over a quota. `retry_after_seconds` is what the service asks for, None if it names no time."""

    def __init__(
        self,
        what: str,
        trace: Trace | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(what, trace)
        self.retry_after_seconds = retry_after_seconds


class OcrCredentialsRefused(OcrError):
    """401 or 403. For a submit this concerns every document, not just this one."""


class OcrCredentialsMissing(OcrCredentialsRefused):
    """The secret holds no credentials yet, none in a known form, or a key that IAM refuses. Nothing was sent."""


class OcrRejected(OcrError):
    """A 4xx about this very request: sending it again would be refused again."""


class OcrOperationUnknown(OcrError):
    """404, or code 9, for an operation's status or result: not ready yet, expired, or never known. The caller knows its
    age."""


class OcrAnswerTooLarge(OcrError):
    """An answer of more bytes, values or levels than we read."""


class OcrAnswerMalformed(OcrError):
    """An answer that is cut short or cannot be understood."""
