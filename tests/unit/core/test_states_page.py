"""docs/states.md is what the rules do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_type_hints

import pytest

from textdrop.core import states
from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import DocumentState, OperationState
from textdrop.core.operation_rules import OPERATION_RULES
from unit.core import states_page

TEXT = states_page.PAGE.read_text("utf-8")
DOCUMENT_STATES = [str(state) for state in DocumentState]


def test_generated_parts_are_up_to_date() -> None:
    assert states_page.generated(TEXT) == TEXT, f"run: {states_page.COMMAND}"


def test_the_command_stands_on_the_page() -> None:
    assert TEXT.count(f"({states_page.COMMAND})") == len(states_page.PARTS)


def test_a_part_that_is_missing_or_unknown_is_noticed() -> None:
    for wrong in (TEXT.replace("generated: numbers (", "generated: number ("), TEXT + "<!-- generated: text (x) -->\n"):
        with pytest.raises(ValueError, match="each generated part once"):
            states_page.generated(wrong)


def test_every_rule_stands_on_the_page_once() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == [
        rule.id
        for rules in (DOCUMENT_RULES, OPERATION_RULES)
        for seen in dict.fromkeys(rule.seen for rule in rules)
        for rule in rules
        if rule.seen is seen
    ]


def test_every_rule_that_writes_is_an_arrow_and_no_other() -> None:
    arrows = set(re.findall(r"\w+", " ".join(re.findall(r"^    \S+ --> \w+: (.*)$", TEXT, re.MULTILINE))))
    writing = {rule.id for rule in states.RULES if get_type_hints(rule.then)["return"] is not type(None)}
    assert arrows == writing


def test_every_state_is_reached_and_left_until_the_last() -> None:
    for all_states, last in ((DocumentState, {"final"}), (OperationState, {"recognized", "failed"})):
        arrows = re.findall(r"^    (\S+) --> (\S+?)(?:: .*)?$", TEXT, re.MULTILINE)
        for state in all_states:
            assert any(after == state != before for before, after in arrows), f"{state} is never reached"
            assert any(before == state != after for before, after in arrows), f"{state} is never left"
            assert ((str(state), "[*]") in arrows) == (str(state) in last)


def test_a_rule_that_does_something_else_changes_the_page() -> None:
    [pages_known] = [rule for rule in DOCUMENT_RULES if rule.id == "pages_known"]
    idle = tuple(replace(rule, then=lambda *_: None) if rule is pages_known else rule for rule in DOCUMENT_RULES)
    page = states_page.diagram(idle, "accepted", ["final"], DOCUMENT_STATES)
    assert "pages_known" not in page
    assert "pages_known" in states_page.diagram(DOCUMENT_RULES, "accepted", ["final"], DOCUMENT_STATES)


def test_a_rule_that_never_decides_is_noticed() -> None:
    hidden = (replace(DOCUMENT_RULES[0], id="everything", when=lambda *_: True), *DOCUMENT_RULES)
    with pytest.raises(ValueError, match="upload_new decides nothing"):
        states_page.table(hidden, DOCUMENT_STATES)
