"""What the control function answers, as plain JSON. Times are RFC 3339; texts for people are in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from textdrop.core import billing, caps, ledger, page_numbers, page_ranges, prices, results
from textdrop.core.caps import Caps, Used
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    DueKind,
    Hold,
    Operation,
    OperationState,
    Outcome,
    Period,
)
from textdrop.core.errors import RequestRefused
from textdrop.core.ledger import DaySums, Run
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause, why_paused
from textdrop.core.policy import Policy
from textdrop.core.prices import Prices
from textdrop.core.requests import VERSION
from textdrop.core.results import timestamp

IN_FLIGHT = frozenset({DocumentState.ACCEPTED, DocumentState.RECOGNIZING, DocumentState.HELD, DocumentState.DELIVERING})
MAX_PAGES_CHARACTERS = 20_000

_PAUSED = {
    BY_OPERATOR: "by request",
    str(Exchange.REJECTED): "the OCR service refused many pages in a row",
    str(Exchange.CREDENTIALS_REFUSED): "the OCR service refuses the credentials",
    str(Exchange.SECRET_UNREADABLE): "the secret with the credentials cannot be read",
    str(Exchange.NOT_SENT): "the OCR service cannot be reached",
    str(Exchange.UNCONFIRMED): "the OCR service's answers are lost",
}


def answered(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request that was carried out."""
    return _sendable({"version": VERSION, "ok": True, "answer": answer})


def refused(error: RequestRefused) -> dict[str, Any]:
    """The answer to a request that was refused."""
    said = {"code": str(error.code), "what": error.what, "advice": error.advice}
    return _sendable({"version": VERSION, "ok": False, "error": said})


def document(
    row: Document,
    paused: Pause,
    price_list: Prices,
    limits: Caps,
    results_bucket: str,
    results_prefix: str,
    asked: str | None = None,
) -> dict[str, Any]:
    """A document. Its files are the run's own, which stay whatever is uploaded under the key later; None until they are
    written."""
    billed = row.billed or Billed()
    ended = row.outcome is not None
    total = row.pages
    finished = total if ended else total - len(row.unfinished)
    model = row.options.model if row.options else None
    shows_files = row.state is DocumentState.FINAL
    return {
        **({} if asked is None else {"asked": asked}),
        "document": row.id,
        "key": row.source.key,
        "bucket": row.source.bucket,
        "version_id": row.source.version_id or None,
        "run": row.run,
        "state": str(row.state),
        "outcome": str(row.outcome) if row.outcome else None,
        "reason": str(row.problem.reason) if row.problem else None,
        "what": row.problem.what if row.problem else None,
        "advice": row.problem.advice if row.problem else None,
        "pages": {
            "total": total,
            "recognized": row.pages_recognized,
            "failed": finished - row.pages_recognized,
            "finished": finished,
            "paid": billed.paid,
            "unconfirmed": billed.unconfirmed,
            "kept": row.pages_kept,
            "reused": row.pages_reused,
            "skipped": row.pages_skipped,
        },
        "model": model,
        "cost": None
        if row.billed is None
        else ledger.as_cost(prices.cost(price_list, model or "", billed.paid), price_list),
        "accepted_at": timestamp(row.accepted_at),
        "began_at": timestamp(row.run_began_at),
        "outcome_at": timestamp(row.outcome_at),
        "due_at": timestamp(row.due_at),
        "waiting_for": waiting_for(row, paused, limits),
        "hold": _hold(row.hold, limits) if row.hold else None,
        "files": results.files(row, results_bucket, results_prefix, published=False) if shows_files else None,
        **({"removed": {"objects": row.removed.objects, "rows": row.removed.rows}} if row.removed else {}),
    }


def waiting_for(row: Document, paused: Pause, limits: Caps) -> str | None:
    """What the document waits for, in plain words; None while a worker has it, and once it has ended."""
    if row.hold is not None:
        return _held_for(row.hold, limits)
    if row.due_kind is None or row.attempts:
        return None
    if row.state is DocumentState.DELETING:
        return "the last sweep" if row.removed and row.removed.objects + row.removed.rows else "removal"
    if row.due_kind is DueKind.DELIVER:
        return "delivery"
    if row.due_kind is DueKind.RECHECK:
        return "the OCR service"
    if why_paused(paused):
        return f"the end of a pause: {_PAUSED.get(why_paused(paused), why_paused(paused))}"
    if row.consecutive_failures:
        return "the next try, after a failure"
    return "a free slot, after all live uploads" if row.due_kind is DueKind.BACKFILL else "a free slot"


def _hold(hold: Hold, limits: Caps) -> dict[str, Any]:
    return {
        "period": str(hold.period),
        "pages": hold.pages,
        "waits_for_a_person": caps.smaller_cap(limits, hold.pages) is not None,
    }


def _held_for(hold: Hold, limits: Caps) -> str:
    pages = "1 page" if hold.pages == 1 else f"{hold.pages:,} pages"
    smaller = caps.smaller_cap(limits, hold.pages)
    if smaller is not None:
        return f"a person: {pages} are more than the whole cap of {_cap(limits, smaller)} (textdrop release)"
    if not limits.most(hold.period):
        return f"its turn: there is no cap of pages a {hold.period} any more"
    return f"the next {hold.period} (UTC): the cap of {_cap(limits, hold.period)} has no room for {pages}"


def _cap(limits: Caps, period: Period) -> str:
    return f"{limits.most(period):,} {'page' if limits.most(period) == 1 else 'pages'} a {period}"


def caps_used(limits: Caps, used: Used, now: float) -> dict[str, Any]:
    """How much of each cap is used, and when the next period (UTC) begins; None without caps."""
    return {str(period): _cap_used(limits, used, now, period) for period in Period}


def _cap_used(limits: Caps, used: Used, now: float, period: Period) -> dict[str, Any] | None:
    most, pages = limits.most(period), used.pages(period)
    if not most:
        return None
    return {
        "cap": most,
        "pages_used": pages,
        "percent": round(100 * pages / most, 1),
        "turns_at": timestamp(caps.turn_at(period, now)),
    }


def pause(row: Pause) -> dict[str, Any]:
    """Why nothing but probes is sent ("" if sending is not paused), since when, and when the next probe may be sent."""
    why = why_paused(row)
    by_operator = row.operator_since is not None
    return {
        "why": why,
        "since": timestamp(row.operator_since if by_operator else row.since) if why else None,
        "probe_at": timestamp(row.probe_at) if why and not by_operator else None,
    }


def run(row: Run) -> dict[str, Any]:
    """A run that has ended. Its cost is by the prices of that time."""
    return {
        "run": row.run,
        "outcome": str(row.outcome),
        "reason": row.reason or None,
        "model": row.model or None,
        "began_at": timestamp(row.began_at),
        "ended_at": timestamp(row.ended_at),
        "pages": row.pages,
        "recognized": row.recognized,
        "paid": row.paid,
        "unconfirmed": row.unconfirmed,
        "kept": row.kept,
        "reused": row.reused,
        "skipped": row.skipped,
        "cost": ledger.as_cost(Decimal(row.cost) if row.cost else None, Prices({}, row.currency, "")),
    }


def page_states(row: Document, operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """The pages by state, reason and origin of their text, each group where its first page is. A page without a row
    waits."""
    if row.options is None or not row.file_pages:
        return []
    groups: dict[tuple[str, str | None, str | None], list[int]] = {}
    known = {operation.page: operation for operation in operations}
    for page in sorted(page_ranges.chosen(row.options.pages, row.file_pages, row.file_pages)):
        found = known.get(page)
        reason = str(found.problem.reason) if found and found.problem else None
        source = billing.text_from(found, row.run) if found else None
        state = str(found.state if found else OperationState.WAITING)
        groups.setdefault((state, reason, str(source) if source else None), []).append(page)
    return [
        {
            "pages": page_numbers.shortened(page_numbers.named(numbers), MAX_PAGES_CHARACTERS),
            "state": state,
            "reason": reason,
            "text_from": text_from,
        }
        for (state, reason, text_from), numbers in groups.items()
    ]


def timeline(row: Document, operations: Sequence[Operation], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What happened to the document, in order."""
    ended = {each.run: each for each in runs}
    events: list[tuple[float, str]] = []
    if uploaded_at := row.source.event_at or row.source.last_modified:
        events.append((uploaded_at, "uploaded"))
    events.append((row.accepted_at, "received"))
    for each in runs:
        if each.run > 1:
            events.append((each.began_at, f"run {each.run} began"))
        if each.run != row.run:
            events.append((each.outcome_at, f"run {each.run}: {each.outcome}"))
        events.append((each.ended_at, f"run {each.run} ended"))
    if row.run > 1 and row.run not in ended:
        events.append((row.run_began_at, f"run {row.run} began"))
    sent = [each.submitted_at for each in operations if each.submitted_at and each.is_sent_here]
    if sent:
        events += [(min(sent), "first page sent"), (max(sent), "last page sent so far")]
    done = [each.finished_at for each in operations if each.finished_at and not each.paid_run]
    if done:
        events.append((max(done), "last page finished so far"))
    if row.outcome_at is not None and row.outcome is not None:
        events.append((row.outcome_at, f"run {row.run}: {row.outcome}"))
    if row.hold is not None:
        events.append((row.hold.at, "held"))
    return [{"at": timestamp(at), "what": what} for at, what in sorted(events, key=lambda event: event[0])]


def kept_by_service_until(row: Document, runs: Sequence[Run], now: float, policy: Policy) -> str | None:
    """The latest time by which the OCR service has deleted its last result of the document; None if nothing was
    sent."""
    sent = [each.outcome_at for each in runs if each.submitted or each.unconfirmed]
    if row.outcome is None:
        if row.state is DocumentState.RECOGNIZING or (row.state is DocumentState.HELD and row.reserved):
            sent.append(now)
    elif row.billed is None or row.billed != Billed():
        sent.append(row.outcome_at or now)
    return timestamp(max(sent) + policy.result_kept_seconds) if sent else None


def total_cost(models: Mapping[str, int], price_list: Prices) -> dict[str, Any]:
    """What so many pages of each model cost. If some models have no price there is no amount, and they are named."""
    costs = {model: prices.cost(price_list, model, pages) for model, pages in models.items()}
    unpriced = sorted(model for model, each in costs.items() if each is None)
    amount = None if unpriced else sum((each for each in costs.values() if each is not None), Decimal(0))
    return ledger.as_cost(amount, price_list) | ({"unpriced": unpriced} if unpriced else {})


# --- the summary ------------------------------------------------------------------------------------------------------


_COUNTED = ("pages_recognized", "pages_paid", "pages_unconfirmed", "pages_kept", "pages_reused", "pages_skipped")


def sums(days: Sequence[DaySums], price_list: Prices) -> dict[str, Any]:
    """The part of a summary about what has ended: documents by the outcome of their last run, the number of runs that
    were replaced, and pages and cost by model. Pages kept from an earlier run count as recognised in that run."""
    outcomes = {str(outcome): sum(each.outcomes.get(outcome, 0) for each in days) for outcome in Outcome}
    replaced = {str(outcome): sum(each.replaced.get(outcome, 0) for each in days) for outcome in Outcome}
    reasons: dict[str, int] = {}
    for each in days:
        for reason, count in each.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    models = {
        model: _model(days, model, price_list) for model in sorted({name for each in days for name in each.models})
    }
    return {
        # A run may have replaced one that ended before the first day.
        "documents": {outcome: max(0, count - replaced[outcome]) for outcome, count in outcomes.items()},
        "retried": replaced,
        "reasons": reasons,
        "models": {model: each for model, each in models.items() if model},
        **{name: sum(each[name] for each in models.values()) for name in _COUNTED},
        "cost": _cost(days, price_list),
        "days": [
            {
                "day": each.day,
                "documents": max(0, sum(each.outcomes.values()) - sum(each.replaced.values())),
                "pages_paid": sum(counts.get("paid", 0) for counts in each.models.values()),
                "cost": _cost([each], price_list),
            }
            for each in days
            if each.outcomes
        ],
    }


def _model(days: Sequence[DaySums], model: str, price_list: Prices) -> dict[str, Any]:
    def summed(name: str) -> int:
        return sum(each.models.get(model, {}).get(name, 0) for each in days)

    return {
        "pages_recognized": summed("recognized") - summed("kept"),
        "pages_paid": summed("paid"),
        "pages_unconfirmed": summed("unconfirmed"),
        "pages_kept": summed("kept"),
        "pages_reused": summed("reused"),
        "pages_skipped": summed("skipped"),
        "cost": _cost(days, price_list, model),
    }


def _cost(days: Sequence[DaySums], price_list: Prices, model: str | None = None) -> dict[str, Any]:
    """The total of what runs cost when they ended; without an amount if one had no price, or one in another
    currency."""
    unpriced = set()
    amounts: list[Mapping[str, str]] = []
    for each in days:
        for name in each.models if model is None else {model} & each.models.keys():
            cost = each.costs.get(name, {})
            amounts.append(cost)
            foreign = any(Decimal(amount) for currency, amount in cost.items() if currency != price_list.currency)
            if each.models[name].get("unpriced") or foreign:
                unpriced.add(name)
    amount = None if unpriced else ledger.total(amounts, price_list.currency)
    return ledger.as_cost(amount, price_list) | ({"unpriced": sorted(unpriced)} if unpriced else {})


def oldest(rows: Iterable[Document], now: float) -> dict[str, Any] | None:
    """Of these documents, the one that has been in flight longest. A held document waits for room, not for us; so the
    wait of a released one is counted from its release."""
    active = [row for row in rows if row.state in IN_FLIGHT and row.state is not DocumentState.HELD]
    if not active:
        return None
    row = min(active, key=lambda each: each.waits_since)
    return {
        "document": row.id,
        "key": row.source.key,
        "waiting_seconds": round(max(0.0, now - row.waits_since), 3),
    }


def _sendable(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as Lambda can send it: a key in a row need not be UTF-8."""
    whole: dict[str, Any] = json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    return whole
