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
from pagekit.kinds import media_type
from pagekit.prepared import How
from unit.pagekit.outputs import drawing


def open_file(path: Path) -> str:
    """As submit does it: what becomes of the file, or of its first page, the middle one and the last."""
    try:
        document = pagekit_calls.opened(path.read_bytes())
    except Refusal as refusal:
        return f"refused: {refusal.reason}"
    became = []
    pages = document.facts.pages
    for number in sorted({1, (pages + 1) // 2, pages}):
        try:
            page = document.page(number)
            became.append(f"{number} {page.preparation.how} {_digest(page.content)}")
        except Refusal as refusal:
            became.append(f"{number} refused: {refusal.reason}")
    document.close()
    return f"{pages} pages: {', '.join(became)}"


def layer_file(path: Path) -> str:
    """As the searchable PDF is made, when text was recognised on the pages that opening it gave: they stand in a file
    beside it, each with how it was prepared."""
    content = path.read_bytes()
    kind = media_type(content)
    assert kind is not None
    prepared = {int(number): how for number, how in json.loads(path.with_suffix(".pages").read_text()).items()}
    recognised = drawing.page_of(drawing.ENGLISH)[1]
    drawn = [number for number, how in prepared.items() if how == How.DRAWN]
    try:
        made, _ = pagekit_calls.searchable(content, kind, [(number, recognised) for number in prepared], drawn)
    except NotRenderable as refusal:
        return f"no searchable PDF: {refusal.what}"
    return f"searchable PDF: {_digest(made)}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


WAYS = {"open": open_file, "layer": layer_file}


def outcome(way: str, path: str) -> str:
    """What becomes of a file; an error that is no refusal is one outcome too, and a wrong one."""
    try:
        return WAYS[way](Path(path))
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
