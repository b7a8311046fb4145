"""The ledger: one row for each run that has ended, and the sums of each day.

A row is put once, just before its run becomes final, from the run's own operations. It never changes but for its key,
which is removed when the document is deleted. So nothing is counted twice, and no row is hot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from textdrop.core import prices
from textdrop.core.documents import Billed, Document, Outcome
from textdrop.core.policy import DAY_SECONDS
from textdrop.core.prices import Prices


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended. Times are epoch seconds; `ended_at` is when the row was made.

    The service took `submitted` pages in this run; of these it failed to recognise, and does not bill, `unbilled`. It
    may have taken `unconfirmed` more. `kept` pages were recognised in an earlier run, `reused` ones for another
    document or as another page, and `skipped` ones have text of their own in the file. `cost` is that of the billed
    pages, a decimal as text, "" if unknown. `replaces` is the outcome of the run before, if the ledger has it. `key` is
    "" once the document is deleted.
    """

    document_id: str
    run: int
    outcome: Outcome
    ended_at: float
    began_at: float
    outcome_at: float
    key: str = ""
    reason: str = ""
    model: str = ""
    languages: tuple[str, ...] = ()
    pages: int = 0
    recognized: int = 0
    submitted: int = 0
    unconfirmed: int = 0
    unbilled: int = 0
    kept: int = 0
    reused: int = 0
    skipped: int = 0
    cost: str = ""
    currency: str = ""
    replaces: Outcome | None = None

    @property
    def paid(self) -> int:
        """How many pages are billed."""
        return self.submitted - self.unbilled


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """A position in the history of one month and outcome: right after this run."""

    ended_at: float
    document_id: str
    run: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Runs by `ended_at`, and the position after them (None: the end)."""

    runs: tuple[Run, ...]
    after: HistoryCursor | None


@dataclass(frozen=True, slots=True)
class DaySums:
    """The sums of the runs that ended on a day (UTC), "2026-11-29"; `until` says for each outcome up to when.

    `rev` grows with every write; 0: there is no row. `outcomes`, `replaced` (by the outcome of the run before) and
    `reasons` count runs; `models` has the sums of `_SUMMED` by model; `costs` has decimals as text, by model and
    currency. `unpriced` counts paid pages without a price.
    """

    day: str
    rev: int = 0
    until: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    models: dict[str, dict[str, int]] = field(default_factory=dict)
    costs: dict[str, dict[str, str]] = field(default_factory=dict)


_SUMMED = ("runs", "recognized", "paid", "unconfirmed", "kept", "reused", "skipped", "unpriced")


def run_of(document: Document, now: float, price_list: Prices) -> Run:
    """The row of the document's run, which has its outcome."""
    model = document.options.model if document.options else ""
    billed = document.billed or Billed()
    spent = prices.cost(price_list, model, billed.paid)
    return Run(
        document_id=document.id,
        run=document.run,
        outcome=document.outcome or Outcome.FAILED,
        ended_at=now,
        began_at=document.run_began_at,
        outcome_at=document.outcome_at or now,
        key=document.source.key,
        reason=str(document.problem.reason) if document.problem else "",
        model=model,
        languages=document.options.languages if document.options else (),
        pages=document.pages,
        recognized=document.pages_with_text,
        submitted=billed.submitted,
        unconfirmed=billed.unconfirmed,
        unbilled=billed.unbilled,
        kept=document.pages_kept,
        reused=document.pages_reused,
        skipped=document.pages_skipped,
        cost="" if spent is None else str(spent),
        currency=price_list.currency,
        replaces=document.ended_before,
    )


def day(at: float) -> str:
    """The day of a time, in UTC: "2026-11-29"."""
    return _day(int(at // DAY_SECONDS))


@lru_cache(10_000)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_SECONDS, UTC).strftime("%Y-%m-%d")


def month(at: float) -> str:
    """The month of a time, in UTC: "2026-11"."""
    return day(at)[:7]


def day_began_at(of: str) -> float:
    """When a day begins, in epoch seconds."""
    return datetime.fromisoformat(of).replace(tzinfo=UTC).timestamp()


def added(sums: DaySums, outcome: Outcome, runs: Iterable[Run], until: float) -> DaySums:
    """The sums with these runs of one outcome added. They must be all runs between the end of the sums and `until`."""
    outcomes, replaced, reasons = dict(sums.outcomes), dict(sums.replaced), dict(sums.reasons)
    models = {model: dict(counts) for model, counts in sums.models.items()}
    costs = {model: dict(amounts) for model, amounts in sums.costs.items()}
    for run in runs:
        _count(outcomes, str(run.outcome))
        if run.replaces is not None:
            _count(replaced, str(run.replaces))
        if run.reason:
            _count(reasons, run.reason)
        unpriced = 0 if run.cost else run.paid
        of_model = models.setdefault(run.model, {})
        # In a run without text none of these is among the recognised pages.
        unsent = (min(pages, run.recognized) for pages in (run.kept, run.reused, run.skipped))
        counts = (1, run.recognized, run.paid, run.unconfirmed, *unsent, unpriced)
        for name, more in zip(_SUMMED, counts, strict=True):
            _count(of_model, name, more)
        if run.cost:
            amounts = costs.setdefault(run.model, {})
            amounts[run.currency] = str(Decimal(amounts.get(run.currency, "0")) + Decimal(run.cost))
    return replace(
        sums,
        until={**sums.until, str(outcome): until},
        outcomes=outcomes,
        replaced=replaced,
        reasons=reasons,
        models=models,
        costs=costs,
    )


def _count(counts: dict[str, int], name: str, more: int = 1) -> None:
    counts[name] = counts.get(name, 0) + more


def as_cost(amount: Decimal | None, price_list: Prices) -> dict[str, Any]:
    """A cost as results, notices and answers show it: `amount` is a decimal as text, None where a price is unknown."""
    return {
        "amount": None if amount is None else f"{amount.normalize():f}",
        "currency": price_list.currency,
        "prices_of": price_list.noted or None,
    }


def total(amounts: Iterable[Mapping[str, str]], currency: str) -> Decimal:
    """The sum of the amounts in that currency."""
    return sum((Decimal(each[currency]) for each in amounts if currency in each), Decimal(0))
