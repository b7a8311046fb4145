"""Files that say what is in them: "pages:3 bad:2" is a document of three pages whose second is damaged.

"scaled" is an image that is sent with half its pixels each way, "attached:2" has two files attached, "text:2" has text
of its own on its second page; of "same:2" all pages from the second on are alike.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from pagekit.page import RecognisedPage
from pagekit.prepared import How, PageWarning, Preparation, PreparedPage


class KilledError(BaseException):
    """The worker's process died: nothing of ours may catch it."""


class FakeDocument:
    """An opened file. A page of several is the file's content with the page's number behind it: b"pages:3 #2"."""

    def __init__(self, file: BinaryIO, limits: FileLimits) -> None:
        self._file = file
        content = self._read()
        if not content:
            raise Refusal(Reason.EMPTY_FILE, "The file is empty.", "Upload it again.")
        if content.startswith(b"damaged"):
            raise Refusal(Reason.DAMAGED, "The file is damaged.", "Send it again.")
        if content.startswith(b"killer"):
            raise KilledError
        told = dict(re.findall(rb"(pages|bad|deadly|drawn|attached|text|same):(\d+)", content))
        pages = int(told.get(b"pages", 1))
        if pages > limits.max_pages:
            raise Refusal(Reason.TOO_MANY_PAGES, f"The most is {limits.max_pages} pages.", "Split it.")
        self.facts = FileFacts(
            "application/pdf" if pages > 1 else "image/png", pages, attachments=int(told.get(b"attached", 0))
        )
        names = (b"bad", b"deadly", b"drawn", b"text")
        self._bad, self._deadly, self._drawn, self._text = (int(told.get(name, 0)) for name in names)
        self._same = int(told.get(b"same", pages))

    def page(self, number: int) -> PreparedPage:
        content = self._read()
        if number == self._deadly:
            raise KilledError
        if number == self._bad:
            raise Refusal(Reason.DAMAGED, f"Page {number} is damaged.", "Scan it again.")
        if self.facts.pages == 1:
            scaled = Preparation(How.SCALED, 0.5, (PageWarning.LOW_RESOLUTION,))
            return PreparedPage(content, "image/png", scaled if b"scaled" in content else Preparation(How.AS_IS))
        if number == self._drawn:
            return PreparedPage(content + b" #%d" % number, "image/png", Preparation(How.DRAWN))
        return PreparedPage(content + b" #%d" % min(number, self._same), "application/pdf", Preparation(How.CUT))

    def own_text(self, number: int) -> RecognisedPage | None:
        if number != self._text:
            return None
        text = f"Own text of page {number}"
        return RecognisedPage(
            width=100, height=100, rotate=0, text=text, blocks=[], tables=[], entities=[], markdown=None
        )

    def close(self) -> None:
        self._file.close()

    def _read(self) -> bytes:
        self._file.seek(0)
        return self._file.read()
