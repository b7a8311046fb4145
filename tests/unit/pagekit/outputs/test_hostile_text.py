"""Whatever stands on a page: its Markdown shows that text, and nothing else comes of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.outputs.markdown import markdown
from pagekit.outputs.plain_text import one_line
from pagekit.page import RecognisedPage
from unit.pagekit.outputs.set_page import bare_table, block, cell, page
from unit.pagekit.outputs.shown import Shown, examples, shown

OURS = {"p", "h1", "h2", "em", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"}
HOSTILE = [
    "# no heading",
    "#",
    "trailing #",
    "* no bullet",
    "- no bullet",
    "+ no bullet",
    "---",
    "- - -",
    "===",
    "> no quotation",
    "1. first",
    "1) first",
    "12345. first",
    "2024. A year",
    "01. first",
    "٣. first",
    "    no code",
    "\tno code",
    "`no code`",
    "``` no fence",
    "~~~ no fence",
    "~~not struck~~",
    "*not* _emphasised_ __at__ **all**",
    "snake_case_name",
    "[no link](javascript:alert(1))",
    "![no image](http://tracker.example/x.png)",
    "[a]: javascript:alert(1)",
    "[^1]: no note",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<javascript:alert(1)>",
    "<a@b.example>",
    "<!-- page 99 -->",
    "<?php x ?>",
    "<![CDATA[x]]>",
    "</p><div onclick=x>",
    "AT&T &amp; &lt;b&gt; &#60; &copy",
    "a | b | c",
    "|---|---|",
    "back\\slash \\* \\",
    "line  \nend",
    "$x < y$ and $$z$$",
    "{.class #id onclick=x}",
    ":::note",
    "null\0byte and \x1b[31m and \x85 and \u2028 and \ud800",
    "a\xadb",
    "\ufeff# no heading",
    "&",
    "\\",
    "!",
    "*",
    "1.",
]
NASTY = st.text(st.sampled_from("abЯ012.-+*_`#<>[]()!|~$&;:\\\"'=/{}^@? \t\n\xad"), max_size=30) | st.text(max_size=20)
KINDS = ["text", "title", "section_header", "caption", "footnote", "picture", "header", "list"]


def render(*pages: RecognisedPage | None) -> Shown:
    return shown("".join(markdown(enumerate(pages, 1))))


def assert_inert(found: Shown, comments: list[str], elements: set[str] = OURS) -> None:
    assert found.elements <= elements
    assert {name for name, _ in found.attributes} <= {"start"}
    assert found.comments == comments


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(NASTY)
@examples(*HOSTILE, "0. a", "• • a", "1. 2. 3", "*")
def test_any_text_is_shown_as_it_is(kind: str, text: str) -> None:
    made = page(block("x", kind), block("The end."))
    made["blocks"][0]["lines"][0]["text"] = text
    made["blocks"][0]["lines"][0]["words"] = []
    found = render(made)
    assert_inert(found, ["page 1"])
    lines = found.lines
    lines.remove("The end.")
    if kind != "header":  # a page number alone goes
        assert comparable(" ".join(lines)) == comparable(one_line(text).replace("\xad", ""))


BULLETS = "•◦▪▫■●○‣⁃∙➢➤►▸❖◆◇*·—–- "


def comparable(text: str) -> str:
    """Bullets become the list's own, and its numbers have the point that browsers give them."""
    return re.sub(r"^([0-9]{1,3})\)", r"\1.", " ".join(text.split()).strip(BULLETS))


@settings(deadline=None)
@given(NASTY)
@examples(*HOSTILE, "0 \xad")
def test_any_cell_is_shown_as_it_is(text: str) -> None:
    rows = bare_table(cell(0, 0, text), cell(0, 1, "head"), cell(1, 0, "left"), cell(1, 1, text))
    found = render(page(tables=[rows]))
    assert_inert(found, ["page 1"])
    # Line ends within a cell may cut a word, which is joined: hyphens.
    expected = one_line(text.replace("\xad", ""))
    if "\n" not in text:
        assert found.lines == [row for row in (expected, "head", "left", expected) if row]


@settings(deadline=None)
@given(st.lists(st.lists(NASTY, min_size=1, max_size=4), min_size=1, max_size=3))
def test_no_page_swallows_the_next(pages: list[list[str]]) -> None:
    made = []
    for rows in pages:
        made.append(page(block("\n".join("x" for _ in rows)), block("The end.", top=900)))
        for each, text in zip(made[-1]["blocks"][0]["lines"], rows, strict=True):
            each["text"] = text
    found = render(*made, None)
    assert_inert(found, [f"page {number}" for number in range(1, len(pages) + 2)], OURS | {"strong"})
    assert found.lines.count("The end.") >= len(pages)
    assert found.lines[-1] == f"Page {len(pages) + 1} could not be recognised."
