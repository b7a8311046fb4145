"""Which mutants there are of a module, which are left out, and which tests try them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutation import noise, trial
from mutation.mutants import Module, Mutant, omissions
from mutation.reach import Reach
from mutation.running import Order

TEXT = '''\
"""Words."""
from dataclasses import dataclass, replace

LIMIT = 3
Either = int | str


@dataclass(frozen=True, slots=True)
class Row:
    """A row."""

    count: int | None = 0


def step(row: Row, log: list[str]) -> Row | None:
    """Words."""
    log.append("ü"); log.append("step")
    if row.count is None or (row.count > LIMIT and log):
        raise ValueError
    row = replace(
        row,
        count=row.count + 1,
    )
    return replace(row, count=0)


RULES = (
    lambda row: row.count == 1,
)
'''
MODULE = Module("core/example.py", TEXT)


def changes(mutants: list[Mutant]) -> set[tuple[str, str]]:
    return {(TEXT[mutant.start : mutant.end].strip(), mutant.new) for mutant in mutants}


def at(old: str, new: str = "", operator: str = "Planted") -> Mutant:
    assert TEXT.count(old) == 1
    return Mutant(operator, TEXT.index(old), TEXT.index(old) + len(old), new)


def test_effects_fields_and_parts_of_conditions_are_left_out() -> None:
    kept, _ = noise.sorted_out(MODULE, omissions(MODULE))
    assert changes(kept) == {
        ('log.append("ü")', "pass"),
        ('log.append("step")', "pass"),
        ("raise ValueError", "pass"),
        ("count=row.count + 1,", ""),
        (", count=0", ""),
        ("row.count is None or", ""),
        ("or (row.count > LIMIT and log)", ""),
        ("row.count > LIMIT and", ""),
        ("and log", ""),
    }


@pytest.mark.parametrize(
    ("mutant", "rule"),
    [
        (at("int | None", "int & None"), "annotations"),
        (at("Row | None", "Row & None"), "annotations"),
        (at("= int |", "= int &"), "type aliases"),
        (at("frozen=True", "frozen=False"), "dataclass options"),
        (at("count == 1", "count is 1", "ReplaceComparisonOperator_Eq_Is"), "is and =="),
        (at("count == 1", "count = 1"), "does not compile"),
        (at("count == 1", "count != 1"), None),
        (at("= 3", "= 4"), None),
        (at("None = 0", "None = 1"), None),
    ],
)
def test_what_says_nothing_of_the_tests_is_left_out_by_rule(mutant: Mutant, rule: str | None) -> None:
    kept, left_out = noise.sorted_out(MODULE, [mutant])
    assert kept == ([] if rule else [mutant])
    assert left_out == {name: int(name == rule) for name in noise.RULES}


def test_a_mutant_is_named_by_what_a_reader_sees() -> None:
    mutant = at("row.count + 1", "row.count - 1")
    assert MODULE.scope(mutant) == "step"
    assert MODULE.shown(mutant) == ("count=row.count + 1,", "count=row.count - 1,")
    assert mutant.source(TEXT) == TEXT.replace("row.count + 1", "row.count - 1")


# --- which tests try it ---


def lines_of(text: str) -> int:
    return MODULE.line(TEXT.index(text))


def reach() -> Reach:
    body = range(lines_of("log.append"), lines_of("return replace") + 1)
    return Reach(
        {"a.py::one": 1.0, "a.py::two": 2.0, "b.py::one": 3.0},
        {
            MODULE.name: {
                **dict.fromkeys(body, frozenset({"a.py::one"})),
                lines_of("if row.count"): frozenset({"a.py::one", "b.py", "17"}),
                lines_of("raise"): frozenset(),
                lines_of("lambda row"): frozenset({"", "a.py::two"}),
            }
        },
    )


@pytest.mark.parametrize(
    ("mutant", "tests", "seeds"),
    [
        (at("row.count + 1", "row.count - 1"), {"a.py::one"}, []),
        (at("row.count >", "row.count <"), {"a.py::one", "b.py::one"}, [17]),
        (at("raise ValueError", "pass"), set(), []),
        (at("count == 1", "count != 1"), {"a.py::two"}, []),
        (at("LIMIT = 3", "LIMIT = 4"), {"a.py::one", "a.py::two", "b.py::one"}, list(range(1, trial.HISTORIES + 1))),
    ],
)
def test_a_mutant_is_tried_by_who_reaches_its_statement(mutant: Mutant, tests: set[str], seeds: list[int]) -> None:
    assert reach().of(MODULE, mutant) == (tests, seeds)


def test_tests_whose_cases_the_mutant_may_change_are_made_anew() -> None:
    order = Order(MODULE, replace(reach(), tests={**reach().tests, "c.py::slow": 99.0}), [])
    for mutant, tests in ((at("row.count >", "row.count <"), ["b.py::one"]), (at("count == 1", "count != 1"), [])):
        stages, _ = order.stages(mutant)
        assert [test for stage in order.made_anew(mutant, stages) for test in stage.tests] == tests


def test_what_has_killed_before_comes_first_and_the_slowest_not_at_all() -> None:
    mutant = at("LIMIT = 3", "LIMIT = 4")
    some = replace(reach(), tests={"a.py::one": 1.0, "a.py::two": 2.0, "b.py::one": 1.0, "c.py::slow": 29.0})
    for killers, order in (
        ([], ["a.py::one", "b.py::one", "a.py::two"]),
        (["b.py::one"], ["b.py::one", "a.py::one", "a.py::two"]),
        (["a.py::two"], ["a.py::two", "a.py::one", "b.py::one"]),
    ):
        stages, _ = Order(MODULE, some, killers).stages(mutant)
        assert [test for stage in stages for test in stage.tests] == order
        assert sorted(seed for stage in stages for seed in stage.seeds) == list(range(1, trial.HISTORIES + 1))
