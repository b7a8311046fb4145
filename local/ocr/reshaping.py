"""Makes of a sound answer's body the other bodies that the service, or something on the way, is known to send.

Each function takes the bytes of one or several JSON documents and gives the bytes to send in their place. A body that
holds no JSON, because another fault has already broken it, stays as it is.
"""

import json
import re
from collections.abc import Callable
from typing import Any

Value = dict[str, Any]

# What a page's result can do without: everything but its size, its text and where that stands.
# fmt: off
INESSENTIAL = frozenset((
    "entities", "tables", "markdown", "pictures", "rotate", "languages", "textSegments", "layoutType", "orientation",
    "entityIndex",
))
# fmt: on
UNKNOWN = {"unknownField": "new", "unknownObject": {"confidence": 0.5, "list": [1, None, {"deep": True}]}}
_CAPITAL = re.compile("[A-Z]")


def documents(body: bytes) -> list[Value]:
    """The JSON objects that stand in a body one after another; none when there is anything else in it."""
    text = body.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    found: list[Value] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return []
        if not isinstance(value, dict):
            return []
        found.append(value)
    return found


def lines(values: list[Value]) -> bytes:
    """JSON Lines, as getRecognition sends them; one value is also what the other methods send."""
    return b"".join(_compact(value) + b"\n" for value in values)


def each(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """A reshaping that makes every document of a body another."""

    def reshape(body: bytes) -> bytes:
        found = documents(body)
        return lines([change(value) for value in found]) if found else body

    return reshape


def pretty_printed(body: bytes) -> bytes:
    """Every document over several lines, indented."""
    found = documents(body)
    return "\n".join(json.dumps(value, ensure_ascii=False, indent=2) for value in found).encode() if found else body


def with_blank_lines(body: bytes) -> bytes:
    """Blank lines before, between and after the lines."""
    return b"\n\r\n" + body.replace(b"\n", b"\n\n\r\n") + b" \n"


def without_last_newline(body: bytes) -> bytes:
    """The last line does not end."""
    return body.rstrip(b"\n")


def concatenated(body: bytes) -> bytes:
    """Two pages, with nothing between them."""
    return b"".join(_compact(value) for value in in_pages(documents(body), 2)) or body


def out_of_order(body: bytes, pages: int) -> bytes:
    """The result in so many pages, the last first."""
    return lines(in_pages(documents(body), pages)[::-1]) or body


def with_missing_page(body: bytes, pages: int) -> bytes:
    """The result in so many pages, without one between the first and the last."""
    split = in_pages(documents(body), pages)
    return lines(split[: pages // 2] + split[pages // 2 + 1 :]) or body


def error_in_stream(body: bytes, error: Value) -> bytes:
    """The result in two pages, with an error in the second's place."""
    return lines([*in_pages(documents(body), 2)[:1], error]) if documents(body) else body


def truncated(body: bytes, share: float) -> bytes:
    """The first part of the body, and nothing that says it is not whole."""
    return body[: int(len(body) * share)]


def padded(body: bytes, size: int) -> bytes:
    """At least `size` bytes, by an unknown field in the first document."""
    found = documents(body)
    if not found or len(body) >= size:
        return body
    return lines([{**found[0], "unknownField": "x" * (size - len(body))}, *found[1:]])


def not_utf8(body: bytes) -> bytes:
    """Every letter that is not ASCII as one byte of Windows-1251, or as 0xFF where that has none; others as ever."""
    text = body.decode("utf-8", "replace")
    return b"".join(letter.encode("cp1251", "ignore") or b"\xff" for letter in text)


def bare(document: Value) -> Any:
    """The page itself, without `result` around it."""
    return document.get("result", document)


def page_alone(document: Value) -> Value:
    """The number of a page without anything of it."""
    page = document.get("result", {}).get("page", "0")
    return {"result": {"page": page}}


def blank_page(document: Value) -> Value:
    """A page on which nothing was found."""
    return _with_annotation(document, {"blocks": [], "entities": [], "tables": [], "fullText": ""})


def without_full_text(document: Value) -> Value:
    """No `fullText`: the text stands in the lines alone."""
    return _with_annotation(document, {}, drop="fullText")


def without_blocks(document: Value) -> Value:
    """No `blocks`: the text stands in `fullText` alone."""
    return _with_annotation(document, {}, drop="blocks")


def with_unknown_fields(value: Any) -> Any:
    """Fields nobody knows in every object."""
    if isinstance(value, dict):
        return {**{key: with_unknown_fields(item) for key, item in value.items()}, **UNKNOWN}
    return [with_unknown_fields(item) for item in value] if isinstance(value, list) else value


def with_nulls(value: Any) -> Any:
    """Null for whatever is inessential, empty, zero or false."""
    if isinstance(value, dict):
        return {key: None if _inessential(key, item) else with_nulls(item) for key, item in value.items()}
    return [with_nulls(item) for item in value] if isinstance(value, list) else value


def with_missing_fields(value: Any) -> Any:
    """Without whatever is inessential, empty, zero or false: proto3 JSON may leave it out."""
    if isinstance(value, dict):
        return {key: with_missing_fields(item) for key, item in value.items() if not _inessential(key, item)}
    return [with_missing_fields(item) for item in value] if isinstance(value, list) else value


def of_wrong_types(value: Any) -> Any:
    """A text for every list, and a list for every text."""
    if isinstance(value, dict):
        return {key: of_wrong_types(item) for key, item in value.items()}
    if isinstance(value, list):
        return "list"
    return [value] if isinstance(value, str) else value


def snake_case(document: Value) -> Value:
    """The older shape, as documentation still prints it: no fullText, and a line's text in its first alternative."""
    annotation = document.get("result", {}).get("textAnnotation")
    if annotation is None:
        return document
    blocks = [_old_block(block) for block in annotation.get("blocks", [])]
    old = {**_only(annotation, "width", "height", "entities"), "blocks": blocks}
    return {"result": {**_only(document["result"], "page"), "text_annotation": old}}


def in_pages(found: list[Value], number: int) -> list[Value]:
    """The first document, one page's result, as the results of so many pages: its text line by line, in order.

    Where there are fewer lines than pages, the last pages are blank. Tables, entities and pictures stay on the first.
    """
    annotation = found[0].get("result", {}).get("textAnnotation") if found else None
    if annotation is None:
        return found
    total = sum(len(block.get("lines", [])) for block in annotation.get("blocks", []))
    share = max(1, -(-total // number))
    pages = [_page_of(annotation, page * share, (page + 1) * share) for page in range(number)]
    for page in pages[1:]:
        page.update(tables=[], entities=[], pictures=[])
    return [{"result": {"textAnnotation": page, "page": str(at)}} for at, page in enumerate(pages)]


def _page_of(annotation: Value, begin: int, end: int) -> Value:
    """The lines from `begin` up to `end` as a page of their own."""
    blocks = []
    kept: list[Value] = []
    at = 0
    for block in annotation.get("blocks", []):
        block_lines = block.get("lines", [])
        chosen = block_lines[max(0, begin - at) : max(0, end - at)]
        at += len(block_lines)
        if chosen:
            first, stop = _span(chosen[0])[0], sum(_span(chosen[-1]))
            segments = [{"startIndex": str(first), "length": str(stop - first)}]
            blocks.append({**block, "lines": chosen, "textSegments": segments})
            kept += chosen
    text = "".join(f"{line.get('text', '')}\n" for line in kept)
    return {**annotation, "blocks": _moved(blocks, _span(kept[0])[0] if kept else 0), "fullText": text}


def _span(line: Value) -> tuple[int, int]:
    """Where a line begins in `fullText`, and its length."""
    segment = (line.get("textSegments") or [{}])[0]
    return int(segment.get("startIndex", 0)), int(segment.get("length", 0))


def _moved(value: Any, start: int) -> Any:
    """With every text segment so many characters nearer to the beginning."""
    if isinstance(value, dict):
        return {
            key: str(int(item) - start) if key == "startIndex" else _moved(item, start) for key, item in value.items()
        }
    return [_moved(item, start) for item in value] if isinstance(value, list) else value


def _old_block(block: Value) -> Any:
    old_lines = []
    for line in block.get("lines", []):
        words = [_only(word, "boundingBox", "text", "entityIndex") for word in line.get("words", [])]
        old_lines.append({**_only(line, "boundingBox"), "alternatives": [{**_only(line, "text"), "words": words}]})
    return _renamed({**_only(block, "boundingBox", "languages"), "lines": old_lines})


def _only(value: Value, *names: str) -> Value:
    return {name: value[name] for name in names if name in value}


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {_CAPITAL.sub(lambda found: f"_{found[0].lower()}", key): _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _with_annotation(document: Value, fields: Value, *, drop: str = "") -> Value:
    annotation = document.get("result", {}).get("textAnnotation")
    if annotation is None:
        return document
    changed = {key: value for key, value in {**annotation, **fields}.items() if key != drop}
    return {"result": {**document["result"], "textAnnotation": changed}}


def _inessential(key: str, value: Any) -> bool:
    return key in INESSENTIAL or value in ("0", "", [], {}, False, None)


def _compact(value: Value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
