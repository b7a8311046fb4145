"""How much a page can have for an output to be laid out from it.

Recognised pages come from a service that may be wrong. A page of more than this would take minutes or hundreds of
megabytes; within it every output takes seconds at most. No real page comes near: a dense newspaper page has some 10,000
words in 3,000 lines, with 80,000 letters, which are given as words, as lines and as the whole text. An output is then
refused, rather than made without the page; text and JSON have all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pagekit.errors import NotRenderable
from pagekit.page import RecognisedPage

MOST = {"blocks": 10_000, "lines": 20_000, "words": 50_000, "tables": 200, "cells": 20_000, "characters": 1_000_000}


def bounded(pages: Iterable[tuple[int, RecognisedPage | None]]) -> Iterator[tuple[int, RecognisedPage | None]]:
    """The pages, as they come. Raises NotRenderable at a page with more than MOST."""
    for number, page in pages:
        for what, count in counted(page).items() if page is not None else ():
            if count > MOST[what]:
                raise NotRenderable(
                    f"The OCR service gave {count:,} {what} for page {number:,}; "
                    f"of a page with more than {MOST[what]:,} no such file is made."
                )
        yield number, page


def counted(page: RecognisedPage) -> dict[str, int]:
    """How many there are of everything that MOST bounds; characters are those of all texts together."""
    lines = [line for block in page["blocks"] for line in block["lines"]]
    cells = [cell for table in page["tables"] for cell in table["cells"]]
    characters = len(page["text"]) + len(page["markdown"] or "")
    characters += sum(len(code) for block in page["blocks"] for code in block["languages"])
    characters += sum(len(line["text"]) + sum(len(word["text"]) for word in line["words"]) for line in lines)
    characters += sum(len(cell["text"]) for cell in cells)
    return {
        "blocks": len(page["blocks"]),
        "lines": len(lines),
        "words": sum(len(line["words"]) for line in lines),
        "tables": len(page["tables"]),
        "cells": len(cells),
        "characters": characters,
    }
