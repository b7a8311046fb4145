"""The ledger: the row of each run, and the sums of many."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core import ledger
from textdrop.core.documents import Billed, Document, DocumentState, Options, Outcome, Problem, Source
from textdrop.core.errors import Reason
from textdrop.core.ledger import DaySums, Run
from textdrop.core.prices import Prices

PROBLEM = Problem(Reason.REJECTED_BY_OCR, "The OCR service refused the page.", "Correct it.")
DOCUMENT = Document(
    "d1",
    Source("uploads", "a/scan.pdf", "v1"),
    DocumentState.DELIVERING,
    accepted_at=100.0,
    run=2,
    began_at=500.0,
    ended_before=Outcome.FAILED,
    options=Options(("ru", "en"), "table"),
    pages=20,
    pages_recognized=18,
    pages_kept=3,
    pages_reused=4,
    pages_skipped=1,
    outcome=Outcome.PARTIAL,
    problem=PROBLEM,
    billed=Billed(12, 3),
    outcome_at=600.0,
)
RUN = Run(
    "d1",
    2,
    Outcome.PARTIAL,
    ended_at=700.0,
    began_at=500.0,
    outcome_at=600.0,
    key="a/scan.pdf",
    reason="rejected_by_ocr",
    model="table",
    languages=("ru", "en"),
    pages=20,
    recognized=18,
    submitted=12,
    unconfirmed=3,
    kept=3,
    reused=4,
    skipped=1,
    cost="14.64",
    currency="RUB",
    replaces=Outcome.FAILED,
)

# --- a run ------------------------------------------------------------------------------------------------------------


def test_a_run_is_what_its_document_came_to() -> None:
    assert ledger.run_of(DOCUMENT, 700.0, Prices()) == RUN


@pytest.mark.parametrize("outcome", Outcome)
def test_a_first_run_of_any_outcome_has_its_row(outcome: Outcome) -> None:
    document = replace(DOCUMENT, run=1, began_at=0.0, ended_before=None, outcome=outcome, pages_kept=0)
    run = ledger.run_of(document, 700.0, Prices())
    assert run == replace(RUN, run=1, began_at=100.0, outcome=outcome, replaces=None, kept=0, recognized=run.recognized)
    assert run.recognized == (18 if outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else 0)


def test_a_document_that_was_never_inspected_has_no_model_and_costs_nothing() -> None:
    document = Document("d1", Source("uploads", "x"), DocumentState.DELIVERING, 100.0, outcome=Outcome.SKIPPED)
    document = replace(document, billed=Billed(), outcome_at=200.0, problem=replace(PROBLEM, reason=Reason.EMPTY_FILE))
    run = ledger.run_of(document, 700.0, Prices())
    assert (run.model, run.languages, run.pages, run.cost, run.reason) == ("", (), 0, "0", "empty_file")


def test_what_a_model_without_a_price_costs_is_not_known() -> None:
    document = replace(DOCUMENT, options=Options(("ru",), "markdown"))
    assert ledger.run_of(document, 700.0, Prices()).cost == ""
    assert ledger.run_of(replace(document, billed=Billed(0, 3)), 700.0, Prices()).cost == "0"


# --- the sums of a day ------------------------------------------------------------------------------------------------


def test_days_and_months_are_those_of_utc() -> None:
    assert [ledger.day(at) for at in (0.0, 86_399.999, 86_400.0)] == ["1970-01-01", "1970-01-01", "1970-01-02"]
    assert ledger.month(nextafter(1_796_083_200.0, 0.0)) == "2026-11", "no time is rounded to the next day"
    assert ledger.month(1_796_083_200.0) == "2026-12"
    assert ledger.day_began_at("2026-12-01") == 1_796_083_200.0


def test_runs_are_added_to_what_there_is() -> None:
    unpriced = replace(RUN, run=1, model="markdown", cost="", reason="", replaces=None, submitted=5)
    sums = ledger.added(DaySums("2026-11-29", rev=3), Outcome.PARTIAL, [RUN, RUN, unpriced], 800.0)
    sums = ledger.added(sums, Outcome.FAILED, [replace(RUN, outcome=Outcome.FAILED, currency="USD", cost="1")], 900.0)
    one = {
        "runs": 3,
        "recognized": 54,
        "paid": 36,
        "unconfirmed": 9,
        "kept": 9,
        "reused": 12,
        "skipped": 3,
        "unpriced": 0,
    }
    other = {
        "runs": 1,
        "recognized": 18,
        "paid": 5,
        "unconfirmed": 3,
        "kept": 3,
        "reused": 4,
        "skipped": 1,
        "unpriced": 5,
    }
    assert sums == DaySums(
        "2026-11-29",
        rev=3,
        until={"partial": 800.0, "failed": 900.0},
        outcomes={"partial": 3, "failed": 1},
        replaced={"failed": 3},
        reasons={"rejected_by_ocr": 3},
        models={"table": one, "markdown": other},
        costs={"table": {"RUB": "29.28", "USD": "1"}},
    )


def test_a_run_without_text_takes_nothing_from_what_was_recognised_before() -> None:
    before = replace(RUN, run=1, recognized=8, kept=0, reused=3, skipped=2)
    cancelled = replace(RUN, outcome=Outcome.CANCELLED, recognized=0)
    sums = ledger.added(DaySums("2026-11-29"), Outcome.PARTIAL, [before], 800.0)
    counts = ledger.added(sums, Outcome.CANCELLED, [cancelled], 800.0).models["table"]
    assert [counts[name] for name in ("recognized", "kept", "reused", "skipped")] == [8, 0, 3, 2]


def test_to_add_nothing_moves_on_how_far_the_sums_reach() -> None:
    sums = ledger.added(DaySums("2026-11-29", outcomes={"failed": 1}), Outcome.FAILED, [], 900.0)
    assert sums == DaySums("2026-11-29", until={"failed": 900.0}, outcomes={"failed": 1})


RUNS = st.builds(
    replace,
    st.just(RUN),
    outcome=st.sampled_from(Outcome),
    model=st.sampled_from(["page", "table", "markdown", ""]),
    submitted=st.integers(0, 5_000),
    cost=st.decimals(0, 10_000, places=4).map(str) | st.just(""),
    replaces=st.none() | st.sampled_from(Outcome),
)


@given(runs=st.lists(RUNS, max_size=30), split=st.integers(0, 30))
def test_in_however_many_steps_they_are_added_the_sums_are_the_same(runs: list[Run], split: int) -> None:
    def sums_of(*parts: list[Run]) -> DaySums:
        sums = DaySums("2026-11-29")
        for part in parts:
            for outcome in Outcome:
                sums = ledger.added(sums, outcome, [run for run in part if run.outcome is outcome], 900.0)
        return sums

    whole = sums_of(runs)
    assert sums_of(runs[:split], runs[split:]) == replace(whole, costs=sums_of(runs[:split], runs[split:]).costs)
    amounts = [Decimal(amount) for of_model in whole.costs.values() for amount in of_model.values()]
    assert sum(amounts) == sum(Decimal(run.cost) for run in runs if run.cost)
    assert sum(whole.outcomes.values()) == len(runs)
    assert sum(of["paid"] for of in whole.models.values()) == sum(run.paid for run in runs)


# --- costs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "shown"), [("0", "0"), ("0.0000", "0"), ("1.3210", "1.321"), ("1300", "1300"), ("1E+3", "1000")]
)
def test_a_cost_is_a_plain_decimal_number(amount: str, shown: str) -> None:
    assert ledger.as_cost(Decimal(amount), Prices()) == {"amount": shown, "currency": "RUB", "prices_of": "2026-05"}


def test_a_cost_that_is_not_known_has_no_amount() -> None:
    assert ledger.as_cost(None, Prices(noted="", currency="USD")) == {
        "amount": None,
        "currency": "USD",
        "prices_of": None,
    }


def test_what_is_in_another_currency_is_not_added() -> None:
    assert ledger.total([{"RUB": "1.5", "USD": "9"}, {"RUB": "2"}, {"USD": "1"}], "RUB") == Decimal("3.5")
    assert ledger.total([], "RUB") == 0
