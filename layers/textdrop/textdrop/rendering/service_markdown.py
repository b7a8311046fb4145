"""The OCR service's own Markdown, without what a page could do harm with.

Whoever writes a page can have HTML, a link or an image read from it. The service's Markdown is passed on as it is, but
that (docs/decisions/0013):

- a space is put after "<", so that no HTML begins; tags for bold, subscripts and the like, and line breaks, without
  attributes and within a line, stay;
- a space is put between "](" and "]:", so that there are no links, images and references, whose text then stands with
  their address beside it;
- a fence of code is one only at the beginning of a line, and is closed at the page's end, so that no page swallows the
  next ones; elsewhere it gets a backslash before it.

A space does so in text, code and formulas alike, where a backslash or an entity would be seen.
"""

from __future__ import annotations

import re

from textdrop.rendering.plain_text import plain

_TAG = r"/?(?:b|i|u|s|em|strong|del|ins|sub|sup)>|br ?/?>"
_HTML = re.compile(rf"<(?!{_TAG})(?=[^\s=])")
# HTML blocks begin with a tag that is the first of its line, even within lists and quotations.
_FIRST_TAG = re.compile(r"(?m)^([\s>*+\-\d.)]*)<(?=\S)")
_LINK = re.compile(r"\](?=[(:])")
_FENCE = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z")
_OTHER_FENCE = re.compile(r"([\s>*+\-\d.)]+)(?=`{3}|~{3})")


def harmless(markdown: str) -> str:
    """The service's Markdown of one page, which does nothing but show text, and ends where the page does."""
    text = plain(markdown).expandtabs(4).strip("\n")
    text = _FIRST_TAG.sub(r"\1< ", text)
    text = _LINK.sub("] ", _HTML.sub("< ", text))
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            is_end = line.startswith(fence) and not line.strip(fence[0] + " ")
            lines.append(_OTHER_FENCE.sub(r"\1\\", line) if not is_end else line)
            fence = "" if is_end else fence
            continue
        found = _FENCE.match(line)
        if found:
            fence = found[1] or found[3]
        lines.append(line if found else _OTHER_FENCE.sub(r"\1\\", line, count=1))
    return "\n".join([*lines, fence] if fence else lines)
