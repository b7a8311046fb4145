"""Recognised text without what no reader of a file can use: control characters, lone surrogates, odd white space."""

from __future__ import annotations

import re

SOFT_HYPHEN = "\N{SOFT HYPHEN}"
_LINE_END = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# What XML cannot hold either, except lone surrogates and non-characters, which become the replacement character.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_BROKEN = re.compile("[\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """The text with "\n" at line ends and without control characters; tabs stay. A lone surrogate, which no encoding
    has, becomes U+FFFD."""
    return _BROKEN.sub("\ufffd", _CONTROL.sub("", _LINE_END.sub("\n", text)))


def one_line(text: str) -> str:
    """The same on one line: every run of white space, including no-break spaces, is one space; none at the ends."""
    return " ".join(plain(text).split())
