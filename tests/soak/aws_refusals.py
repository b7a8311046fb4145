"""How each service says that it is too busy, or that it failed: status, headers and body as the SDKs read them."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from xml.sax.saxutils import escape

REQUEST_ID = "00000000-0000-0000-0000-000000000000"


class Why(StrEnum):
    """Why a call was refused before anything was done."""

    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the service's stead."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


# Status and error code, from each service's API reference; those of S3, SQS and SNS for throttling are what they send.
_CODES: dict[tuple[str, Why], tuple[int, str]] = {
    ("dynamodb", Why.THROTTLED): (400, "ProvisionedThroughputExceededException"),
    ("dynamodb", Why.FAILED): (500, "InternalServerError"),
    ("s3", Why.THROTTLED): (503, "SlowDown"),
    ("s3", Why.FAILED): (500, "InternalError"),
    ("sqs", Why.THROTTLED): (400, "RequestThrottled"),
    ("sqs", Why.FAILED): (500, "InternalFailure"),
    ("sns", Why.THROTTLED): (400, "Throttling"),
    ("sns", Why.FAILED): (500, "InternalError"),
    ("lambda", Why.THROTTLED): (429, "TooManyRequestsException"),
    ("lambda", Why.FAILED): (500, "ServiceException"),
    ("secretsmanager", Why.THROTTLED): (400, "ThrottlingException"),
    ("secretsmanager", Why.FAILED): (500, "InternalServiceError"),
}
SERVICES = tuple(dict.fromkeys(service for service, _ in _CODES))
_JSON_TYPES = {
    "dynamodb": ("application/x-amz-json-1.0", "com.amazonaws.dynamodb.v20120810#"),
    "sqs": ("application/x-amz-json-1.0", "com.amazonaws.sqs#"),
    "secretsmanager": ("application/x-amz-json-1.1", ""),
}


def refusal(service: str, why: Why, message: str) -> Refusal:
    """The service's answer, with the message as its words. Raises KeyError for a service that is not in SERVICES."""
    status, code = _CODES[service, why]
    if service == "s3":
        told = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{REQUEST_ID}</RequestId>"
        return Refusal(status, _xml(f"<Error>{told}</Error>"), {"Content-Type": "application/xml"})
    if service == "sns":
        kind = "Receiver" if why is Why.FAILED else "Sender"
        told = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        whole = f"<ErrorResponse>{told}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        return Refusal(status, _xml(whole), {"Content-Type": "text/xml"})
    if service == "lambda":
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        return Refusal(status, json.dumps({"Type": "User", "Message": message}).encode(), headers)
    content_type, namespace = _JSON_TYPES[service]
    body = json.dumps({"__type": namespace + code, "message": message}).encode()
    return Refusal(status, body, {"Content-Type": content_type, "x-amzn-RequestId": REQUEST_ID})


def _xml(inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode()
