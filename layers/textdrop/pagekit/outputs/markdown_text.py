"""Recognised text as Markdown that reads as the text: nothing in it is taken for syntax, HTML or a link.

This covers CommonMark and GitHub's dialect, and what other dialects read into braces, dollars and tildes. What a viewer
makes of a bare address, such as a link, is the viewer's own doing.
"""

from __future__ import annotations

import re

_SYNTAX = re.compile(r"[\\`*_{}\[\]<#|~$]|&(?=#?\w+;)")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|\Z)")
_BLOCK_START = re.compile(r">|[-+](?=\s|\Z)|--|=+\Z")


def escaped(text: str) -> str:
    """Text on one line, to stand within a line of Markdown."""
    return _SYNTAX.sub(r"\\\g<0>", text)


def escaped_block(text: str) -> str:
    """Text on one line, to begin a paragraph or an item: it does not begin a list, quotation or rule either."""
    inline = escaped(text)
    if _BLOCK_START.match(inline):
        return "\\" + inline
    return _NUMBER.sub(r"\1\\\2", inline, count=1) if _NUMBER.match(inline) else inline
