"""The service's own Markdown passes through, and does nothing but show text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.outputs.markdown import markdown
from pagekit.outputs.service_markdown import harmless
from unit.pagekit.outputs.set_page import block, page
from unit.pagekit.outputs.shown import Shown, examples, shown

ORDINARY = """\
# Договор № 7

Текст *курсивом* и **жирным**, x < 5, H<sub>2</sub>O, строка<br>другая.

1. Пункт
   - подпункт
2. Пункт

| a | b |
| --- | --- |
| 1 | $\\frac{x}{y} \\le 2$ |

> Цитата

```python
if a < b: print("x")
```

$$
f(x) = \\sum_{i=1}^{n} x_i
$$"""

MARKDOWN_ELEMENTS = {
    *["p", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong"],
    *["ul", "ol", "li", "blockquote", "pre", "code", "hr", "br"],
    *["table", "thead", "tbody", "tr", "th", "td", "s", "b", "i", "u", "del", "ins", "sub", "sup"],
}
HOSTILE = [
    "<script>alert(1)</script>",
    "text <img src=x onerror=alert(1)> text",
    "- <iframe src=x>",
    "> <div onclick=x>",
    "1. <details open ontoggle=x>",
    "- 1) > <style>",
    "</div>",
    "<svg/onload=x>",
    "<b onmouseover=x>bold</b>",
    "<b\nonmouseover=x>bold</b>",
    "<br onload=x>",
    "<b>",
    "<!-- page 99 -->",
    "<!--",
    "<?php",
    "<!DOCTYPE html>",
    "<![CDATA[",
    "<javascript:alert(1)>",
    "[x](javascript:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x]( <javascript:alert(1)> )",
    "![x](http://tracker.example/x.png)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[y]:\n  javascript:alert(1)\n\n[y]",
    "[^1]\n\n[^1]: javascript:alert(1)",
    "\\<script>",
    "\\\\<script>x</script>",
    "\\[x](javascript:alert(1))",
    "`<script>` [`x`](javascript:alert(1))",
    "```\nan open fence",
    "~~~~ html\nan open fence\n~~~",
    "- ```\n  an open fence in an item",
    "  ```\nindented",
    "> ```\nquoted",
    "1.  ```\n    an open fence in an item",
    "```\na\n ```\nb",
    "```a`b\n<script>",
    "```\n<b>\n- ```\n```",
    "- a\n  ```\n  b",
    "\t```\n<script>",
    "<b>\n\n```\nx",
    "x\n===\n<b>",
    "    <script>",
    "a\r```\rb",
    "```\n   ```\n<script>",
    "```\n    ```\n<script>",
    "````\n```\n<script>",
    "~~~\n```\n~~~~\n<script>",
    "a <b>",
    "a <s>struck",
]


def render(text: str) -> Shown:
    return shown("".join(markdown([(1, page(markdown=text)), (2, page(block("The end.")))])))


def test_ordinary_markdown_is_passed_on_as_it_is() -> None:
    assert "".join(markdown([(1, page(block("Договор"), markdown=ORDINARY))])) == f"<!-- page 1 -->\n\n{ORDINARY}\n"


PIECES = st.sampled_from(
    [
        *"ab \n\n\n-*>1.`~<>[]():\\!|#=\t",
        "```",
        "~~~",
        "<b>",
        "</b>",
        "<br>",
        "<div>",
        "<script>",
        "](",
        "]: ",
        "- ",
        "  ",
        "    ",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
@examples(*HOSTILE)
def test_any_markdown_only_shows_text(text: str) -> None:
    found = render(text)
    assert found.elements <= MARKDOWN_ELEMENTS
    assert {name for name, _ in found.attributes} <= {"start", "class", "style"}
    for name, value in found.attributes:
        assert name != "class" or (value or "").startswith("language-")
        assert name != "style" or (value or "").startswith("text-align:")
    assert found.comments == ["page 1", "page 2"]
    assert found.lines[-1] == "The end."


@pytest.mark.parametrize(
    "text",
    [
        "inline ```code``` and `a < b`",
        "```\nif a < b:\n  - ```\n\tindented\n```",
        "x <sub>1</sub> and <b>bold</b><br/>",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("text", ["a <s>b", "a <s>b\n</s>", "a <s>`</s>` b", "a <s>b</del>", "| a <s>b | c</s> |"])
def test_nothing_is_struck_out_beyond_its_end(text: str) -> None:
    assert "s" not in render(text).elements


def test_long_runs_take_no_long_time() -> None:
    for run in ("\n", " ", ">", "- ", "<", "](", "`", "<b>", "<b></b>", "```\n"):
        assert harmless("x" + run * (200_000 // len(run)) + "x")
