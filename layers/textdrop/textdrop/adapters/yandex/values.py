"""Values out of JSON that somebody else wrote: whatever comes, a plain value or OcrAnswerMalformed.

proto3 JSON writes 64-bit integers as strings and leaves out what is zero or empty, so a value that is missing, null,
absurd or of another type is read as the empty one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from textdrop.core.errors import OcrAnswerMalformed, Trace

_LARGEST_INTEGER = 2**31 - 1
_NO_TRACE = Trace()
_BLANK = re.compile(r"[ \t\r\n]*")
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def documents(body: bytes, trace: Trace = _NO_TRACE) -> list[Any]:
    """The JSON values that stand in `body` one after another, with or without line ends between them.

    None of them holds NaN, an infinity, an integer over 64 bits or text that cannot be encoded as UTF-8; bytes that
    are no UTF-8 are replaced. Raises OcrAnswerMalformed when anything else is in the body, or a value is cut short.
    """
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    found: list[Any] = []
    try:
        at = _after_blanks(text, 0)
        while at < len(text):
            value, at = _DECODER.raw_decode(text, at)
            found.append(value)
            at = _after_blanks(text, at)
        return _encodable(found) if _SURROGATE_ESCAPE.search(text) else found
    except (ValueError, RecursionError) as error:
        kind = "nested too deeply" if isinstance(error, RecursionError) else "not JSON, or cut short"
        # `from None`: the decoder's error holds the body, which is document text.
        raise OcrAnswerMalformed(f"the OCR service's answer is {kind} ({len(body)} bytes)", trace) from None


def single(body: bytes) -> Any:
    """The one JSON value of a body; None where there is not exactly one."""
    try:
        values = documents(body)
    except OcrAnswerMalformed:
        return None
    return values[0] if len(values) == 1 else None


def integer(value: Any) -> int:
    """An integer within 32 bits, from a number or its decimal string; 0 for anything else."""
    # A page has thousands of coordinates, all of them like this.
    if type(value) is str and len(value) < 10 and value.isascii() and value.isdigit():
        return int(value)
    number = 0
    match value:
        case bool():
            return 0
        case int():
            number = value
        case float() if math.isfinite(value):
            number = round(value)
        case str() if _INTEGER.fullmatch(value.strip()):
            number = int(value)
    return number if abs(number) <= _LARGEST_INTEGER else 0


def text(value: Any) -> str:
    """The string itself; a number as its digits; "" for anything else."""
    match value:
        case str():
            return value
        case bool():
            return ""
        case int() | float():
            return str(value)
    return ""


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def either(record: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is there and not null: one field has a name in each generation of the service."""
    for name in names:
        value = record.get(name)
        if value is not None:
            return value
    return None


def within_depth(value: Any, depth: int) -> bool:
    """Whether no value stands deeper than this, so that others can store and write it."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return depth > 0 and all(within_depth(inner, depth - 1) for inner in value)


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANK.match(text, at)
    return blanks.end() if blanks else at


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(name): _encodable(item) for name, item in value.items()}
    return value


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _bounded(digits: str) -> int | None:
    # Length first: Python refuses to read integers of thousands of digits.
    return int(digits) if len(digits) < 20 else None


def _no_number(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_float=_finite, parse_int=_bounded, parse_constant=_no_number)
