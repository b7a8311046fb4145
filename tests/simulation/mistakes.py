"""Mistakes planted one at a time, and how many histories it takes to find each: `make mistakes`.

A mistake replaces a function of the program, a call of a port, or a part of a rule of the state table, for as long as
it is planted. What replaces it is given what was right as its first argument.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial, wraps
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import world
from fakes.buckets import FakeResults
from fakes.caps import FakeReservations, FakeSentPages
from fakes.control import FakeQuota, FakeVersionedRow
from fakes.documents import FakeDocuments, FakeNewest
from fakes.ledger import FakeLedger
from fakes.messages import FakeNotices, FakeQueue
from fakes.ocr import FakeOcr
from fakes.reconciling import FakeDeadLetters
from simulation.trial import Broken, by_chance
from textdrop.core import billing, caps, deliveries, events, keys, reconciling, results, reuse, states, window
from textdrop.core.caps import Caps
from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import Document, DueKind, OperationState, Outcome
from textdrop.core.errors import OcrError, OcrSecretUnreadable
from textdrop.core.keys import TABLES
from textdrop.core.observations import NotDone, NotTaken
from textdrop.core.operation_rules import OPERATION_RULES
from textdrop.core.pause import Exchange
from textdrop.core.rules import Rule
from textdrop.core.schedule import Schedule, Step
from textdrop.core.window import SPAN_SECONDS
from textdrop.usecases import (
    accept,
    ask,
    deliver,
    files,
    keep,
    outputs,
    pages,
    publish,
    ready,
    reserve,
    send,
    submit,
    sweep,
    tick,
)
from textdrop.usecases.sent import SourceGone
from textdrop.usecases.source import PageSource

HISTORIES_MOST = 10_000

Wrong = Callable[..., Any]
Planted = AbstractContextManager[object]


def instead(right: Wrong, wrong: Wrong | None) -> Wrong:
    """A function that calls `wrong` with the right one and its arguments. One that no longer fits ends the program:
    it must not count as found."""
    if wrong is None:
        return right

    @wraps(right)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return wrong(right, *arguments, **named)
        except (AttributeError, NameError, TypeError) as error:
            raise SystemExit(f"planted where it does not fit: {error!r}") from error

    return call


def around(owner: object, name: str, wrong: Wrong) -> Planted:
    """Within it `owner`'s function is `wrong`, which is called with the right one and its arguments."""
    return patch.object(owner, name, instead(getattr(owner, name), wrong))


@contextmanager
def rule(name: str, when: Wrong | None = None, then: Wrong | None = None) -> Iterator[None]:
    """Within it the rule of this id has another `when` or `then`, called with the right one and its arguments."""

    def changed(right: Rule[Any, Any]) -> Rule[Any, Any]:
        return replace(right, when=instead(right.when, when), then=instead(right.then, then))

    with ExitStack() as planted:
        for table, rules in (("DOCUMENT_RULES", DOCUMENT_RULES), ("OPERATION_RULES", OPERATION_RULES)):
            wrong = tuple(changed(right) if right.id == name else right for right in rules)
            planted.enter_context(patch.object(states, table, wrong))
        assert name in {right.id for right in states.RULES}
        yield


@contextmanager
def only_after(early: tuple[type, str], late: tuple[type, str], which: Wrong | None = None) -> Iterator[None]:
    """Within it a worker's `early` calls (those that `which` names) take place after its next `late` one; or not at
    all, if it does not come to that or the `late` one has no effect."""
    held: dict[object, list[Callable[[], Any]]] = {}

    def hold(right: Wrong, self: Any, *arguments: Any) -> Any:
        if which is not None and not which(*arguments):
            return right(self, *arguments)
        held.setdefault(self.faults.hub.current, []).append(partial(right, self, *arguments))
        return None

    def let_go(right: Wrong, self: Any, *arguments: Any) -> Any:
        calls = held.pop(self.faults.hub.current, [])
        done = right(self, *arguments)
        for call in calls if done is not False else []:
            call()
        return done

    with around(*early, hold), around(*late, let_go):
        yield


def never(right: Wrong, *arguments: Any) -> bool:
    """A condition that never holds."""
    return False


def with_policy(owner: object, name: str, **changes: float) -> Planted:
    """Within it a use case's function has another policy."""
    return around(
        owner,
        name,
        lambda right, ports, *rest: right(replace(ports, policy=replace(ports.policy, **changes)), *rest),
    )


@contextmanager
def no_deadline() -> Iterator[None]:
    """Within it nothing checks whether there is time left to write a file."""
    with ExitStack() as planted:
        for module in (files, publish, outputs):
            planted.enter_context(around(module, "check_deadline", lambda right, ports, deadline: None))
        yield


def short_lease(right: Wrong, row: Any, seen: Any, now: float, policy: Any) -> Any:
    decision = right(row, seen, now, policy)
    if row is None or decision.row is None or not hasattr(seen, "lease_until"):
        return decision
    return replace(decision, row=replace(decision.row, due_at=now + 1.0))


def write_over(right: Wrong, self: FakeDocuments, before: Any, after: Any) -> bool:
    stored = self.rows[before.id]
    right(self, stored, replace(after, rev=stored.rev + 1))
    return True


def write_operation_over(right: Wrong, self: FakeDocuments, before: Any, after: Any) -> Any:
    return right(self, self.operations.get((after.document_id, after.run, after.page)), after)


def post_again(right: Wrong, *arguments: Any) -> Any:
    try:
        return right(*arguments)
    except OcrError:
        return right(*arguments)


def shorter(row: Any, seen: Any) -> Any:
    """The document as if it had only those pages that are final."""
    return replace(row, pages=sum(operation.final for operation in seen.operations))


def notice_first(right: Wrong, ports: Any, document: Any, *rest: Any) -> None:
    body = results.notice(document, [], ports.prices, ports.results.bucket, ports.results.prefix, True, True)
    ports.notices[0].publish(body, results.notice_attributes(document))
    right(ports, document, *rest)


class ReadOnce:
    """The port of the newest uploads, but what is read of it later is never newer."""

    def __init__(self, right: Any) -> None:
        self.update_if_newer, self.expect_outputs = right.update_if_newer, right.expect_outputs

    def read(self, source: Any) -> None:
        return None


def stays_unavailable(right: Wrong, pause: Any, exchange: Exchange, *rest: Any) -> Any:
    after = right(pause, exchange, *rest)
    if after is None or exchange is not Exchange.ACCEPTED:
        return after
    return replace(after, unavailable_since=pause.unavailable_since, unavailable_at=pause.unavailable_at)


def unavailable_until_probed(right: Wrong, pause: Any, accepted_at: float) -> float:
    if pause.unavailable_since is None:
        return 0.0
    return float(pause.probe_at + 1000.0 - max(pause.unavailable_since, accepted_at))


def unreadable_is_unreachable(right: Wrong, rev: int, error: OcrError) -> Any:
    exchange, seen = right(rev, error)
    return Exchange.NOT_SENT if isinstance(error, OcrSecretUnreadable) else exchange, seen


def empty_window(right: Wrong, per_second: int, now: float) -> Any:
    return right(per_second, now - 2 * SPAN_SECONDS)


def uncounted_status(right: Wrong, self: Any, job: Any, at: float) -> None:
    right(self, job, at - 2 * SPAN_SECONDS if job.step is Step.STATUS else at)


def at_any_rev(right: Wrong, ports: Any, resume: Any, deadline: float) -> None:
    row = ports.documents.rows.get(resume.document_id)
    right(ports, resume if row is None else replace(resume, rev=row.rev), deadline)


def ends_unsent(right: Wrong, ports: Any, run: Any) -> bool:
    kept, run.to_deliver = run.to_deliver, []
    ended = bool(right(ports, run))
    run.to_deliver = [] if ended else kept
    return ended


def uncounted(right: Wrong, letter: Any, policy: Any) -> Any:
    again = right(letter, policy)
    return again and replace(again, redriven=letter.redriven)


def keeps_any(right: Wrong, ports: Any, document: Any, *rest: Any) -> Iterator[Any]:
    """The operations of all earlier runs, whatever their options."""
    for run in range(document.run - 1, 0, -1):
        if operations := ports.documents.read_operations(document.id, run):
            yield operations


class AllPages:
    """The results, but every page that there may be is listed."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def list_keys(self, prefix: str) -> list[str]:
        runs = range(1, self._document.run)
        return [keys.page(self._document.id, run, page) for run in runs for page in range(1, 10)]


def keeps_lost(right: Wrong, ports: Any, document: Any, *rest: Any) -> Any:
    return right(replace(ports, results=AllPages(document)), document, *rest)


def shows_last(right: Any) -> property:
    """What an upload's names are to show, but always the last run with an outcome."""
    return property(lambda row: right.fget(row if row.outcome is None else replace(row, before=None)))


def blind(right: Wrong, *arguments: Any, **named: Any) -> Any:
    seen = right(*arguments, **named)
    return None if isinstance(seen, SourceGone) else seen


def put_over(right: Wrong, self: FakeLedger, run: Any) -> Any:
    self.rows.pop((run.document_id, run.run), None)
    return right(self, run)


@contextmanager
def all_paid() -> Iterator[None]:
    """Within it a page that was kept counts as paid, wherever that is counted."""

    def count(right: Wrong, operations: Any) -> Any:
        return right([replace(operation, paid_run=0) for operation in operations])

    with around(billing, "billed", count), around(sweep, "billed", count):
        yield


def without_unconfirmed(right: Wrong, operations: Any) -> Any:
    taken = [operation for operation in operations if operation.state is not OperationState.SUBMITTING]
    return right([replace(operation, unconfirmed=0) for operation in taken])


def as_rows_tell(right: Wrong, ports: Any, document: Any) -> int:
    right(ports, document)
    return billing.submits(ports.documents.read_operations(document.id, document.run))


def kept_by_cancelled(right: Wrong, ports: Any, held: Any, made: int) -> Any:
    return held if held.outcome is Outcome.CANCELLED else right(ports, held, made)


class AnyDay:
    """The ledger's days, each of which is any other."""

    def day(self, now: float) -> AnyDay:
        return self

    def __ne__(self, other: object) -> bool:
        return False


def newest_first(right: Wrong, self: FakeDocuments, kind: DueKind, *rest: Any) -> Any:
    found = right(self, kind, *rest)
    return found[::-1] if kind is DueKind.HELD else found


def room_for_all(right: Wrong, ports: Any, limits: Any, until: float) -> Any:
    return right(ports, Caps(10**6) if limits.is_on else limits, until)


def stays_on_both(right: Wrong, *arguments: Any) -> Any:
    asked = right(*arguments)
    return asked and replace(asked, changes={day: pages for day, pages in asked.changes.items() if pages > 0})


MISTAKES: dict[str, Callable[[], Planted]] = {
    "the files of an older upload's tables stay": lambda: around(
        FakeResults,
        "delete",
        lambda right, self, names: right(self, [name for name in names if TABLES not in name]),
    ),
    "an output that was made is forgotten at the next": lambda: rule(
        "rendered", then=lambda right, row, seen, *rest: right(replace(row, renderings=()), seen, *rest)
    ),
    "a document is rendered for ever, whoever dies of it": lambda: rule("rendering_given_up", when=never),
    "deliver takes a document whatever rev its message has": lambda: around(deliver, "_deliver", at_any_rev),
    "a document whose delivery died goes with others": lambda: around(
        deliveries, "goes_alone", lambda right, document, *rest: right(replace(document, attempts=0), *rest)
    ),
    "a tick ends with documents that it has not sent": lambda: around(tick, "_ended", ends_unsent),
    "the attempts of a delivery are not counted": lambda: rule(
        "delivery_taken", then=lambda right, row, *rest: replace(right(row, *rest), attempts=row.attempts)
    ),
    "an outcome is replaced that was told": lambda: rule(
        "delivery_attempts_exhausted", when=lambda right, row, *rest: right(replace(row, step=None), *rest)
    ),
    "a lease that ends long before its holder does": lambda: around(states, "decide_document", short_lease),
    "the late end of a pass writes over another's row": lambda: around(FakeDocuments, "write", write_over),
    "a page's row is written whatever it has become": lambda: around(
        FakeDocuments, "write_operation", write_operation_over
    ),
    "the row says recognised before the result is stored": lambda: only_after(
        (FakeResults, "put"), (FakeDocuments, "write_operation"), lambda key, *_: "/pages/" in key
    ),
    "the POST is repeated when its answer is lost": lambda: around(FakeOcr, "submit", post_again),
    "the intent is not written before the POST": lambda: around(
        send, "_put_intent", lambda right, ports, row, seen: row
    ),
    "an intent left behind is not counted as unconfirmed": lambda: rule(
        "intent_stale", then=lambda right, row, *rest: replace(right(row, *rest), unconfirmed=row.unconfirmed)
    ),
    "a lost answer is taken for a refusal to take the page": lambda: patch.object(send, "AnswerLost", NotTaken),
    "a late acceptance is thrown away": lambda: rule("accepted_late", when=never),
    "the set of unfinished pages counts as empty when it is not": lambda: rule(
        "concluded",
        when=lambda right, row, seen, *rest: right(shorter(row, seen), seen, *rest),
        then=lambda right, row, seen, *rest: replace(right(shorter(row, seen), seen, *rest), pages=row.pages),
    ),
    "nobody concludes a document whose last page is final": lambda: rule(
        "every_page_sent",
        then=lambda right, row, seen, now, policy: replace(
            right(row, seen, now, policy), due_at=now + 10 * policy.recheck_seconds
        ),
    ),
    "the notice is sent before the files are written": lambda: around(deliver, "write_files", notice_first),
    "final before the notice was accepted": lambda: only_after((FakeNotices, "publish"), (FakeDocuments, "write")),
    "the newest upload is not raised": lambda: around(
        FakeNewest, "update_if_newer", lambda right, self, source, newest: newest
    ),
    "which upload is newest is not read again": lambda: around(
        deliver,
        "publish",
        lambda right, ports, *rest: right(replace(ports, newest=ReadOnce(ports.newest)), *rest),
    ),
    "an older error stays beside a newer text": lambda: around(FakeResults, "exists", lambda right, self, key: False),
    "a name that was never there is deleted": lambda: around(FakeResults, "exists", lambda right, self, key: True),
    "a slot is used however late": lambda: with_policy(send, "_at_slot", slot_late_seconds=float("inf")),
    "slots are reserved half as far apart": lambda: around(
        FakeQuota, "reserve", lambda right, self, slots, seconds, *rest: right(self, slots, seconds / 2, *rest)
    ),
    "a tick begins as if nobody had asked in the second before": lambda: around(window, "full", empty_window),
    "asks for statuses are not counted": lambda: around(Schedule, "began", uncounted_status),
    "a pause runs the deadline of unavailability": lambda: around(
        send, "unavailable_seconds", unavailable_until_probed
    ),
    "a secret that cannot be read counts as no connection": lambda: around(send, "_refused", unreadable_is_unreachable),
    "an acceptance does not end unavailability": lambda: around(send, "observed", stays_unavailable),
    "an ask without an answer runs the page's deadline": lambda: patch.object(
        ask, "AskFailed", lambda asked_at, *rest: NotDone(asked_at + 1000.0, *rest)
    ),
    "an orderly return uses up an attempt": lambda: rule(
        "returned", then=lambda right, row, *rest: replace(right(row, *rest), attempts=row.attempts)
    ),
    "attempts are not counted": lambda: rule(
        "taken", then=lambda right, row, *rest: replace(right(row, *rest), attempts=row.attempts)
    ),
    "a document that is handed out has no due time any more": lambda: around(
        FakeDocuments, "postpone", lambda right, self, due, due_at: right(self, due, due_at + 1e9)
    ),
    "the options are resolved anew for every page": lambda: around(
        FakeOcr,
        "prepare",
        lambda right, self, content, media_type, *_: right(self, content, media_type, ("ru", "en"), "page"),
    ),
    "a file is written though the lease may end meanwhile": no_deadline,
    "reconcile writes its cursor before it sends what it found": lambda: only_after(
        (FakeQueue, "send"), (FakeVersionedRow, "write")
    ),
    "reconcile takes uploads from before the table": lambda: around(
        reconciling, "candidates", lambda right, sources, since, until: right(sources, 0.0, until)
    ),
    "a dead letter goes back without being counted": lambda: around(reconciling, "redriven", uncounted),
    "a dead letter is deleted before it goes back": lambda: only_after(
        (FakeDeadLetters, "redrive"), (FakeDeadLetters, "delete")
    ),
    "messages that failed are not given back": lambda: around(world, "batch_failures", lambda right, failed: right(())),
    "an upload to another bucket is taken for the stack's": lambda: around(
        accept, "is_foreign", lambda right, *asked: False
    ),
    "a retry keeps pages whatever the model was": lambda: around(keep, "_runs_before", keeps_any),
    "a retry keeps a page whose stored result is gone": lambda: around(submit, "keep_recognised", keeps_lost),
    "a kept page counts as paid": all_paid,
    "a page that runs is given up at once by the next run": lambda: around(
        keep, "_of_this_run", lambda right, operation, *rest: replace(right(operation, *rest), deadline_at=0.0)
    ),
    "nobody sends a kept page that brought nothing": lambda: rule("pages_unsent", when=never),
    "a retry does not wait for who may still be sending": lambda: around(
        submit, "_is_still_sent", lambda right, *arguments: False
    ),
    "a run with fewer pages takes the names": lambda: patch.object(Document, "shown", shows_last(Document.shown)),
    "a thread does not see that its document was cancelled": lambda: around(
        pages, "_stopped", lambda right, *arguments, is_first: right(*arguments, is_first=True)
    ),
    "pages that a cancelled document has not sent may still be sent": lambda: around(
        deliver, "transition_operation", lambda right, *arguments: None
    ),
    "an upload that was deleted is sent on": lambda: around(pages, "_stopped", blind),
    "what is deleted is swept only once": lambda: rule(
        "delete_asked", then=lambda right, row, seen, now, *rest: replace(right(row, seen, now, *rest), sweep_at=now)
    ),
    "what stays of a deleted document has its key": lambda: rule(
        "deleted", then=lambda right, row, *rest: replace(right(row, *rest), source=row.source)
    ),
    "a deletion does not give the names back": lambda: around(sweep, "publish", lambda right, *arguments: None),
    "the ledger is written after the notice": lambda: only_after((FakeLedger, "put"), (FakeNotices, "publish")),
    "a run in the ledger is written over": lambda: around(FakeLedger, "put", put_over),
    "pages are reserved whether or not a cap has room": lambda: around(
        FakeReservations, "_is_over", lambda right, *arguments: False
    ),
    "what may have been sent does not count within a cap": lambda: around(billing, "submits", without_unconfirmed),
    "what a deleted document has not sent is given back twice": lambda: around(sweep, "_close_ledger", as_rows_tell),
    "what a cancelled document has not sent is not given back": lambda: around(deliver, "give_back", kept_by_cancelled),
    "what moves to another day stays on its own too": lambda: around(caps, "reservation", stays_on_both),
    "a page is sent though its day has ended": lambda: patch.object(send, "ledger", AnyDay()),
    "of the held documents the newest is released first": lambda: around(FakeDocuments, "due", newest_first),
    "held documents are released beyond the caps": lambda: around(tick, "release_held", room_for_all),
    "nobody is told that a document is held": lambda: around(deliver, "_tell_hold", lambda right, *arguments: None),
    "a document that waits for a person keeps others waiting": lambda: around(
        caps, "smaller_cap", lambda right, *arguments: None
    ),
    "documents stay held when the caps are turned off": lambda: around(
        tick, "release_held", lambda right, ports, limits, until: right(ports, limits, until) if limits.is_on else 0
    ),
    "on a new day nobody waits for who is held": lambda: around(
        reserve, "_others_wait", lambda right, *arguments: False
    ),
    "a release by hand goes by the caps": lambda: around(
        reserve, "release", lambda right, *arguments, **named: right(*arguments, **(named | {"by_hand": False}))
    ),
    "a page is claimed over whoever has": lambda: around(
        FakeSentPages,
        "claim",
        lambda right, self, before, after: right(self, self.rows.get(after.fingerprint), after),
    ),
    "a page that another model read counts as the same": lambda: around(
        reuse,
        "fingerprint",
        lambda right, content, media_type, options: right(
            content, media_type, replace(options, model="", languages=())
        ),
    ),
    "a reused page has no result of its own": lambda: around(ready, "_has_result", lambda right, *arguments: True),
    "a page whose result is gone is reused": lambda: around(
        ready, "_has_result", lambda right, *arguments: right(*arguments) or True
    ),
    "what was sent is found by a document that was deleted": lambda: around(
        FakeSentPages, "forget", lambda right, *arguments: None
    ),
    "a page with text of its own is sent": lambda: around(PageSource, "own_text", lambda right, self, number: None),
    "a plus sign in an event's key is not read as a space": lambda: patch.object(events, "unquote_plus", unquote),
}
"""What each does, and how it is planted."""


def histories_until_found(name: str, most: int = HISTORIES_MOST) -> tuple[int, Broken | None]:
    """How many histories ran, and the one that broke a promise, if one did."""
    with MISTAKES[name]():
        for seed in range(1, most + 1):
            broken = by_chance(seed)
            if broken is not None:
                return seed, broken
    return most, None


def main() -> int:
    """0: each was found. Arguments: words of the names of those to plant."""
    named = sys.argv[1:]
    chosen = [name for name in MISTAKES if not named or any(word in name for word in named)]
    missed = 0
    for name in chosen:
        began = time.monotonic()
        histories, broken = histories_until_found(name)
        missed += broken is None
        found = f"{broken.promise[:60]}" if broken else "NOT FOUND"
        print(f"{histories:>6} histories  {time.monotonic() - began:5.1f} s  {found:4}  {name}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
