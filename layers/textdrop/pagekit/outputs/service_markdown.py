"""The OCR service's own Markdown, without what a page could do harm with.

Whoever writes a page can have HTML, a link or an image read from it. The service's Markdown is passed on as it is, but
that (docs/decisions/0013):

- a space is put after "<", so that no HTML begins; what is bold, lowered and the like, and line breaks, stay where the
  tags have no attributes, are not the first of their line, and end on it;
- a space is put between "](" and "]:", so that there are no links, images and references, whose text then stands with
  their address beside it;
- a fence of code is one only at the beginning of a line, and is closed at the page's end, so that no page swallows the
  next ones; after spaces or the marker of a list or quotation it gets a backslash before it.

A space does so in text, code and formulas alike, where a backslash or an entity would be seen.
"""

from __future__ import annotations

import re

from pagekit.outputs.plain_text import plain

# What may stand before the first tag or the fence of a line and leave it that: spaces, markers of lists and quotations.
_BEFORE = r"(?:[^\S\n]|[>*+\-\d.)])"
_FIRST_TAG = re.compile(rf"(?m)^({_BEFORE}*)<(?=\S)")
# A tag's end counts only where nothing between could make it another thing: code, an escape, another cell.
_TAG = re.compile(
    r"<(b|i|u|s|em|strong|del|ins|sub|sup)>[^<\n`\\|]*</\1>|<br ?/?>|<(?=[^\s=])",
)
_LINK = re.compile(r"\](?=[(:])")
_FENCE = re.compile(r"(`{3,})[^`]*\Z|(~{3,}).*\Z")
_OTHER_FENCE = re.compile(rf"\A({_BEFORE}+)(?=```|~~~)")


def harmless(markdown: str) -> str:
    """The service's Markdown of one page, which can only show text, and ends where the page does."""
    text = _FIRST_TAG.sub(r"\1< ", plain(markdown).strip("\n"))
    text = _LINK.sub("] ", _TAG.sub(lambda found: found[0] if found[0] != "<" else "< ", text))
    return "\n".join(_fenced(text.split("\n")))


def _fenced(lines: list[str]) -> list[str]:
    """The lines with every fence of code closed, each at the beginning of its line."""
    written: list[str] = []
    fence = ""
    for line in lines:
        if fence:
            written.append(line)
            if _closes(line, fence):
                fence = ""
            continue
        found = _FENCE.match(line)
        if found:
            fence = found[1] or found[2]
        written.append(line if found else _OTHER_FENCE.sub(r"\1\\", line))
    return [*written, fence] if fence else written


def _closes(line: str, fence: str) -> bool:
    """Whether the line is at most three spaces, at least the fence, and white space."""
    found = line.rstrip(" \t").lstrip(" ")
    return found.startswith(fence) and not found.strip(fence[0]) and not line.startswith(" " * 4)
