"""What a function does with hostile files, and with honest ones at the same time: run as a process that stands for it.

`python -m hostile.function open|layer HOSTILE… -- HONEST…` prints one line of JSON: what became of each file, and once
more of the honest ones when the hostile ones are done.
"""

from __future__ import annotations

import hashlib
import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pagekit_calls
from pagekit.errors import NotRenderable, Refusal
from unit.pagekit.outputs import drawing


def sample(pages: int) -> list[int]:
    return sorted({1, (pages + 1) // 2, pages})


def open_file(content: bytes) -> str:
    """As submit does it: the outcome of the file or of the first page, the middle one and the last."""
    try:
        document = pagekit_calls.opened(content)
    except Refusal as refusal:
        return f"refused: {refusal.reason}"
    became = []
    for number in sample(document.facts.pages):
        try:
            page = document.page(number)
            became.append(f"{page.preparation.how} {hashlib.sha256(page.content).hexdigest()[:12]}")
        except Refusal as refusal:
            became.append(f"refused: {refusal.reason}")
    document.close()
    return f"{document.facts.pages:,} pages: {', '.join(became)}"


def layer_file(content: bytes) -> str:
    """As the searchable PDF is made when the sampled pages were recognised, with text on them."""
    try:
        document = pagekit_calls.opened(content)
    except Refusal as refusal:
        return f"refused: {refusal.reason}"
    recognised = drawing.page_of(drawing.ENGLISH)[1]
    pages = [(number, recognised) for number in sample(document.facts.pages)]
    document.close()
    try:
        made, rendered = pagekit_calls.searchable(content, document.facts.media_type, pages)
    except NotRenderable as refusal:
        return f"no searchable PDF: {refusal.what}"
    return f"searchable PDF: {rendered.layered} pages with a layer {hashlib.sha256(made).hexdigest()[:12]}"


WAYS = {"open": open_file, "layer": layer_file}


def outcome(way: str, path: str) -> str:
    """What becomes of a file; an error that is no refusal is one outcome too, and a wrong one."""
    try:
        return WAYS[way](Path(path).read_bytes())
    except Exception as error:  # noqa: BLE001 - none is expected, and the table names it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"raised {type(error).__name__} in {Path(place.filename).name}:{place.lineno}"


def main() -> None:
    way, *paths = sys.argv[1:]
    hostile, honest = paths[: paths.index("--")], paths[paths.index("--") + 1 :]
    with ThreadPoolExecutor(len(hostile) + 1) as threads:
        became = [threads.submit(outcome, way, path) for path in hostile]
        beside = [threads.submit(outcome, way, path).result() for path in honest]
    after = [outcome(way, path) for path in honest]
    print(json.dumps({"outcomes": [each.result() for each in became], "beside": beside, "after": after}))


if __name__ == "__main__":
    main()
