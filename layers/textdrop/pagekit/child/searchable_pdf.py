"""A searchable PDF that is made in the child process."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from typing import BinaryIO

from pagekit.child.document import SENT_WHOLE_BYTES
from pagekit.child.messages import Message
from pagekit.child.process import Child, ChildDied, Reply
from pagekit.errors import NotRenderable
from pagekit.outputs.page_bounds import bounded
from pagekit.page import RecognisedPage


def searchable_pdf(
    child: Child,
    source: BinaryIO,
    media_type: str,
    pages: Iterable[tuple[int, RecognisedPage | None]],
    to: BinaryIO,
    drawn: Collection[int] = (),
    own_text: Collection[int] = (),
) -> Sequence[str]:
    """As `pagekit.outputs.searchable_pdf`, in the child. Returns its warnings. Raises NotRenderable at a page that is
    out of bounds."""
    size = source.seek(0, io.SEEK_END)
    waiting = bounded(pages)
    warnings: Sequence[str] = ()
    failure: Exception | None = None

    def answer(message: Message, content: bytes) -> Reply:
        nonlocal failure, warnings
        try:
            if "read" in message:
                start, length = message["read"]
                source.seek(start)
                return {}, source.read(length)
            if "next" in message:
                following = next(waiting, None)
                return ({} if following is None else {"number": following[0], "recognised": _laid(following[1])}), b""
            if "piece" in message:
                to.write(content)
        except Exception as error:  # noqa: BLE001 - raised when the child has come to its end
            failure = failure or error
            return ({"failed": True}, b"") if "piece" not in message else None
        if "not_renderable" in message:
            failure = failure or NotRenderable(message["not_renderable"])
        elif "rendered" in message:
            warnings = message["rendered"][2]
        return None

    task = {"task": "searchable pdf", "media_type": media_type, "drawn": sorted(drawn), "own_text": sorted(own_text)}
    source.seek(0)
    whole = source.read(size) if size <= SENT_WHOLE_BYTES else b""
    try:
        child.run({**task, "size": size}, whole, answer)
    except ChildDied:
        raise NotRenderable("The file takes too much time or memory to be written again.") from None
    if failure is not None:
        raise failure
    return warnings


def _laid(page: RecognisedPage | None) -> RecognisedPage | None:
    """What of a page is laid over it."""
    return None if page is None else {**page, "text": "", "tables": [], "entities": [], "markdown": None}
