"""Values from JSON that somebody else wrote: whatever comes, the result is a plain value, OcrAnswerTooLarge or
OcrAnswerMalformed.

proto3 JSON writes 64-bit integers as strings and leaves out what is zero or empty, so a value that is missing, null,
absurd or of another type is read as the empty one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from textdrop.core.errors import OcrAnswerMalformed, OcrAnswerTooLarge, OcrError, Trace

MAX_COUNTS = {b"{": 360_000, b"[": 150_000, b",": 700_000}
"""Objects, lists and commas in a body that is read; see docs/decisions/0023. A page of 10 MB has 330,000, 100,000 and
560,000."""
MAX_BACKSLASHES = 700_000
"""The decoder treats each escape in a string, and what is between two of them, as a string of its own."""
MAX_DEPTH = 64
"""Nested objects and lists; a real result has 12 levels."""
MAX_DOCUMENTS = 100
"""JSON values in a body; a real result has one for each page."""
SINGLE_BYTES = 100_000
"""The most bytes of a body of one small value: an operation, an error, a token; real ones have under a few thousand."""

_LARGEST_INTEGER = 2**31 - 1
_NO_TRACE = Trace()
_BLANK = re.compile(r"[ \t\r\n]*")
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_UNMARKED = bytes(set(range(256)) - set(b'"{}[],'))
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# A pair of them or a lone one, and before it the backslashes that stand for themselves.
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*+)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_LONE_CHARACTERS = len(r"\udfff")


def documents(body: bytes, trace: Trace = _NO_TRACE) -> list[Any]:
    """The JSON values that follow each other in `body`, with or without line ends in between.

    None of them contains NaN, an infinity, an integer over 64 bits or text that cannot be encoded as UTF-8; bytes that
    are not UTF-8 are replaced. Raises OcrAnswerTooLarge, before anything is parsed, for a body whose values would take
    too much memory or nest too deeply; OcrAnswerMalformed if anything else is in the body, or a value is truncated.
    """
    _require_bounded(body, trace)
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if _SURROGATE_ESCAPE.search(text):
        text = _SURROGATES.sub(_encodable, text)
    found: list[Any] = []
    try:
        at = _after_blanks(text, 0)
        while at < len(text):
            if len(found) == MAX_DOCUMENTS:
                raise OcrAnswerTooLarge("the OCR service's answer holds too many values", trace)
            value, at = _DECODER.raw_decode(text, at)
            found.append(value)
            at = _after_blanks(text, at)
    except ValueError:
        # `from None`: the decoder's error holds the body, which is document text.
        raise OcrAnswerMalformed(
            f"the OCR service's answer is not JSON, or cut short ({len(body)} bytes)", trace
        ) from None
    return found


def single(body: bytes) -> Any:
    """The one small JSON value of a body; None if there is not exactly one, or it is over SINGLE_BYTES."""
    try:
        values = documents(body) if len(body) <= SINGLE_BYTES else []
    except OcrError:
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


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list. Anything else in it contains nothing that could be read."""
    return [item for item in items(value) if isinstance(item, dict)]


def either(record: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is present and not null: each generation of the service has its own name for a
    field."""
    for name in names:
        value = record.get(name)
        if value is not None:
            return value
    return None


def within_depth(value: Any, depth: int) -> bool:
    """Whether no value is nested deeper than this, so that others can store and write it."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return depth > 0 and all(within_depth(inner, depth - 1) for inner in value)


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANK.match(text, at)
    return blanks.end() if blanks else at


def _require_bounded(body: bytes, trace: Trace) -> None:
    """Raises OcrAnswerTooLarge. What is inside strings does not count."""
    if body.count(b"\\") > MAX_BACKSLASHES:
        raise OcrAnswerTooLarge(f"the OCR service's answer holds too many escapes ({len(body)} bytes)", trace)
    # Of nearly all strings only the quotes are left, and go at once.
    marked = _ESCAPE.sub(b"", body).translate(None, _UNMARKED).replace(b'""', b"")
    marks = b"".join(marked.split(b'"')[::2])
    if any(marks.count(mark) > most for mark, most in MAX_COUNTS.items()):
        raise OcrAnswerTooLarge(f"the OCR service's answer holds too many values ({len(body)} bytes)", trace)
    brackets = marks.translate(_AS_LISTS, b",")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    # A truncated body leaves its brackets open; the decoder refuses it.
    if b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH:
        raise OcrAnswerTooLarge(f"the OCR service's answer is nested too deeply ({len(body)} bytes)", trace)


def _encodable(found: re.Match[str]) -> str:
    backslashes, escapes = found.groups()
    return f"{backslashes}\\ufffd" if len(escapes) == _LONE_CHARACTERS else found[0]


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _bounded(digits: str) -> int | None:
    # Length first: Python refuses to read integers of thousands of digits.
    return int(digits) if len(digits) < 20 else None


def _no_number(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_float=_finite, parse_int=_bounded, parse_constant=_no_number)
