"""What a request to AWS is, told from the outside: service, operation, and which try of which call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_TRY = re.compile(r"attempt=(\d+)(?:; *max=(\d+))?")
# The sub-resource in the query names the operation; the first that is there decides.
_S3_OF_QUERY = {
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "list-type"): "ListObjectsV2",
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
}
_S3_OF_METHOD = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True, slots=True)
class Call:
    """One try of one call. `call_id` is the same for all tries of a call ("" where the client names none); `attempt`
    counts from 1, and `last` says that the client makes no further one."""

    service: str
    operation: str
    call_id: str = ""
    attempt: int = 1
    last: bool = True


def read_call(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """The call that a request is. Names of `headers` are in lower case. What cannot be told is "unknown"."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    service = scope[1] if scope else "unknown"
    tried = _TRY.search(headers.get("amz-sdk-request", ""))
    attempt = int(tried[1]) if tried else 1
    return Call(
        service,
        _operation(service, method, path, headers, body),
        headers.get("amz-sdk-invocation-id", ""),
        attempt,
        tried is None or tried[2] is None or attempt >= int(tried[2]),
    )


def _operation(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    parts = urlsplit(path)
    if service == "s3":
        query = parse_qs(parts.query, keep_blank_values=True)
        for (known, name), operation in _S3_OF_QUERY.items():
            if known == method and name in query:
                return operation
        if method == "PUT" and "x-amz-copy-source" in headers:
            return "CopyObject"
        return _S3_OF_METHOD.get(method, "unknown")
    if service == "lambda" and parts.path.endswith("/invocations"):
        return "Invoke"
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace")).get("Action", ["unknown"])[0]
    return "unknown"
