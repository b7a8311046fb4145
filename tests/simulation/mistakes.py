"""Mistakes planted one at a time, and how many histories it takes to find each: `make mistakes`.

A mistake is a change of the source of one function, or of one rule. It is put into the running program, and taken out.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from simulation.trial import Broken, by_chance
from textdrop.core.rules import Rule

HISTORIES_MOST = 5_000


@dataclass(frozen=True)
class Mistake:
    """In the module (under `textdrop`), `old`, which stands there once, becomes `new`."""

    name: str
    module: str
    old: str
    new: str


MISTAKES = (
    Mistake(
        "the files of an older upload's tables stay",
        "usecases.deliver",
        "stale = (*keys.SUFFIXES, *_tables(ports, source.key))",
        "stale = keys.SUFFIXES",
    ),
    Mistake(
        "an output that was made is forgotten at the next",
        "core.document_rules",
        "renderings=(*row.renderings, seen.rendering)",
        "renderings=(seen.rendering,)",
    ),
    Mistake(
        "a document is rendered for ever, whoever dies of it",
        "core.document_rules",
        "return row.attempts >= policy.render_attempts or now > (row.outcome_at or now) + policy.render_seconds",
        "return False",
    ),
    Mistake(
        "no lease: a delivery is taken though it is held",
        "core.document_rules",
        "row.state is _DELIVERING and (row.due_at or 0.0) > now,",
        "False,",
    ),
    Mistake(
        "a lease that ends long before its holder does",
        "usecases.transitions",
        "decision = states.decide_document(before, seen, ports.clock.now(), ports.policy)\n",
        "decision = states.decide_document(before, seen, ports.clock.now(), ports.policy)\n"
        "    from dataclasses import replace as changed\n"
        "    if decision.row is not None and hasattr(seen, 'lease_until'):\n"
        "        decision = changed(decision, row=changed(decision.row, due_at=ports.clock.now() + 1.0))\n",
    ),
    Mistake(
        "the late end of a go writes over another's row",
        "usecases.transitions",
        "if decision.row is None or not ports.documents.write(before, decision.row):\n        return None",
        "if decision.row is None:\n        return None\n    stored = ports.documents.read(before.id) or before\n"
        "    import dataclasses\n    decision = dataclasses.replace(decision, row=dataclasses.replace("
        "decision.row, rev=stored.rev + 1))\n    ports.documents.write(stored, decision.row)",
    ),
    Mistake(
        "a page's row is written whatever it has become",
        "usecases.transitions",
        "if not ports.documents.write_operation(before if before.holder_rev else None, decision.row):",
        "stored = ports.documents.read_operation(before.document_id, before.run, before.page)\n"
        "    if not ports.documents.write_operation(stored, decision.row):",
    ),
    Mistake(
        "the row says recognised before the result is stored",
        "usecases.ask",
        "ports.results.put(key, body, keys.CONTENT_TYPES[keys.JSON])\n            return Recognised()",
        "transition_operation(ports, operation, Recognised())\n"
        "            ports.results.put(key, body, keys.CONTENT_TYPES[keys.JSON])\n            return Recognised()",
    ),
    Mistake(
        "the POST is repeated when its answer is lost",
        "usecases.send",
        "submitted = ports.ocr.submit(body, intent.client_request_id)",
        "try:\n            submitted = ports.ocr.submit(body, intent.client_request_id)\n"
        "        except OcrError:\n            submitted = ports.ocr.submit(body, intent.client_request_id)",
    ),
    Mistake(
        "the intent is not written before the POST",
        "usecases.send",
        "intent = _put_intent(ports, considered, seen)",
        "intent = considered",
    ),
    Mistake(
        "an intent left behind is not counted as unknown",
        "core.operation_rules",
        'lambda row, seen, now, policy: _back_to_waiting(row, unconfirmed=1),\n    ),\n    Rule(\n        "unconf',
        'lambda row, seen, now, policy: _back_to_waiting(row, unconfirmed=0),\n    ),\n    Rule(\n        "unconf',
    ),
    Mistake(
        "a lost answer is taken for a refusal to take the page",
        "usecases.send",
        "lost = exchange is Exchange.UNCONFIRMED",
        "lost = False",
    ),
    Mistake(
        "a late acceptance is thrown away",
        "core.operation_rules",
        "row.state is _WAITING or (row.state is _SUBMITTING and row.holder_rev > seen.holder_rev)",
        "False",
    ),
    Mistake(
        "the set of unfinished pages counts as empty when it is not",
        "usecases.ask",
        "operations = operations or ports.documents.read_operations(row.id, row.run)",
        "operations = operations or ports.documents.read_operations(row.id, row.run)\n"
        "        from dataclasses import replace as changed\n"
        "        row = changed(row, pages=sum(operation.final for operation in operations))",
    ),
    Mistake(
        "nobody concludes a document whose last page is final",
        "core.document_rules",
        "due_at=now + policy.recheck_seconds,",
        "due_at=now + 10 * policy.recheck_seconds,",
    ),
    Mistake(
        "the notice goes out before the files are written",
        "usecases.deliver",
        "    if document.step is Step.FILES:\n",
        "    if document.step is Step.FILES:\n        ports.notices.publish(results.notice("
        "document, [], ports.results.bucket, True, True), results.notice_attributes(document))\n",
    ),
    Mistake(
        "final before the notice was accepted",
        "usecases.deliver",
        "    ports.notices.publish(body, results.notice_attributes(document))\n"
        "    if transition_document(ports, document, NoticeAccepted()) is None:\n        raise NotOurs\n",
        "    if transition_document(ports, document, NoticeAccepted()) is None:\n        raise NotOurs\n"
        "    ports.notices.publish(body, results.notice_attributes(document))\n",
    ),
    Mistake(
        "the newest upload is not raised",
        "usecases.deliver",
        "newest = ports.newest.update_if_newer(source, Newest(identity.order(source), document.id))",
        "newest = Newest(identity.order(source), document.id)",
    ),
    Mistake(
        "which upload is newest is not looked at again",
        "usecases.deliver",
        "        again = ports.newest.read(source)\n",
        "        return newest\n        again = ports.newest.read(source)\n",
    ),
    Mistake(
        "an older error stays beside a newer text",
        "usecases.deliver",
        "if suffix not in shown])",
        "if suffix not in shown][:1])",
    ),
    Mistake(
        "a slot is used however late",
        "usecases.send",
        "if now <= slot + ports.policy.slot_late_seconds:",
        "if True:",
    ),
    Mistake(
        "slots are reserved half as far apart",
        "core.quota",
        "return 1.0 / (submits_per_second * factor(quota, now))",
        "return 0.5 / (submits_per_second * factor(quota, now))",
    ),
    Mistake(
        "a pause runs the deadline of unavailability",
        "core.pause",
        "return max(0.0, pause.unavailable_at - max(pause.unavailable_since, accepted_at))",
        "return pause.probe_at + 1000.0 - max(pause.unavailable_since, accepted_at)",
    ),
    Mistake(
        "an acceptance does not end unavailability",
        "core.pause",
        "return Pause(rev=pause.rev, operator_since=pause.operator_since)",
        "return replace(pause, since=None, failures=0, refusals=0)",
    ),
    Mistake(
        "an ask without an answer runs the page's deadline",
        "usecases.ask",
        "case OcrUnreachable() | OcrUnavailable() | OcrAnswerLost() | OcrCredentialsMissing():\n"
        "            return AskFailed(asked_at)",
        "case OcrUnreachable() | OcrUnavailable() | OcrAnswerLost() | OcrCredentialsMissing():\n"
        "            return NotDone(asked_at + 1000.0)",
    ),
    Mistake(
        "an orderly return uses up an attempt",
        "core.document_rules",
        "due_at=seen.due_at,\n        attempts=0,",
        "due_at=seen.due_at,\n        attempts=row.attempts,",
    ),
    Mistake(
        "attempts are not counted",
        "core.document_rules",
        "due_at=seen.lease_until,\n        attempts=row.attempts + 1,\n        submit_passes=row.submit_passes + 1,",
        "due_at=seen.lease_until,\n        attempts=row.attempts,\n        submit_passes=row.submit_passes + 1,",
    ),
    Mistake(
        "a document that is handed out has no due time any more",
        "usecases.tick",
        "document = ports.documents.postpone(due, ports.clock.now() + ports.policy.handed_out_seconds)",
        "document = ports.documents.postpone(due, ports.clock.now() + 1e9)",
    ),
    Mistake(
        "the options are resolved anew for every page",
        "usecases.send",
        'options = document.options or Options(languages=(), model="")',
        'options = Options(languages=("ru", "en"), model="page")',
    ),
    Mistake(
        "a file is written though the lease may end meanwhile",
        "usecases.time_left",
        "if ports.clock.now() + ports.results.total_seconds > deadline:",
        "if False:",
    ),
    Mistake(
        "reconcile writes its mark before it sends what it found",
        "usecases.reconcile",
        "            sent = _send_lost(ports, listed, since, current)\n            found += sent\n"
        "            after = reconciling.advanced(current, listed, sent, ports.clock.now())\n"
        "            if not ports.progress.write(current, after):\n"
        '                return "overtaken"\n',
        "            after = reconciling.advanced(current, listed, 0, ports.clock.now())\n"
        "            if not ports.progress.write(current, after):\n"
        '                return "overtaken"\n'
        "            found += _send_lost(ports, listed, since, current)\n",
    ),
    Mistake(
        "reconcile takes uploads from before the table",
        "core.reconciling",
        "if int(since) <= source.last_modified <= until}",
        "if source.last_modified <= until}",
    ),
    Mistake(
        "a dead letter goes back without being counted",
        "core.reconciling",
        "redriven=letter.redriven + 1,",
        "redriven=letter.redriven,",
    ),
    Mistake(
        "a dead letter is deleted before it goes back",
        "usecases.redrive",
        "        ports.dead_letters.redrive(again)\n        ports.dead_letters.delete(letter)\n",
        "        ports.dead_letters.delete(letter)\n        ports.dead_letters.redrive(again)\n",
    ),
    Mistake(
        "messages that failed are not given back",
        "usecases.accept",
        "for message_id in failed]}",
        "for message_id in ()]}",
    ),
    Mistake(
        "a plus sign in an event's key is not read as a space",
        "core.events",
        'key = unquote_plus(_text(seen["key"]), errors="strict")',
        'key = unquote_plus(_text(seen["key"]).replace("+", "%2B"), errors="strict")',
    ),
)


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """Within it the program has the mistake. Raises ValueError when its place is not there, or is there twice."""
    module = importlib.import_module(f"textdrop.{mistake.module}")
    source = Path(module.__file__ or "").read_text("utf-8")
    if source.count(mistake.old) != 1:
        raise ValueError(
            f"{mistake.name}: its place is in {mistake.module} {source.count(mistake.old)} times, not once"
        )
    changed = {"__name__": module.__name__}
    exec(compile(source.replace(mistake.old, mistake.new), module.__file__ or "", "exec"), changed)
    right = dict(_functions(vars(module), module.__name__))
    wrong = dict(_functions(changed, module.__name__))
    kept = {name: function.__code__ for name, function in right.items()}
    try:
        for name, function in right.items():
            if not function.__closure__:
                function.__code__ = wrong[name].__code__
        yield
    finally:
        for name, function in right.items():
            function.__code__ = kept[name]


def _functions(names: dict[str, Any], module: str) -> Iterator[tuple[str, FunctionType]]:
    """The functions that a module defines, those of its rules too, by a name of their own."""
    for name, value in names.items():
        if isinstance(value, FunctionType) and value.__module__ == module:
            yield name, value
        elif isinstance(value, tuple) and value and isinstance(value[0], Rule):
            for rule in value:
                for part, function in (("when", rule.when), ("then", rule.then)):
                    if isinstance(function, FunctionType) and function.__name__ == "<lambda>":
                        yield f"{name} {rule.id} {part}", function


def histories_until_found(mistake: Mistake, most: int = HISTORIES_MOST) -> tuple[int, Broken | None]:
    """How many histories ran, and the one that broke a promise, if one did."""
    with planted(mistake):
        for seed in range(1, most + 1):
            broken = by_chance(seed)
            if broken is not None:
                return seed, broken
    return most, None


def main() -> int:
    """0: each was found. Arguments: words of the names of those to plant."""
    missed = 0
    named = sys.argv[1:]
    chosen = [mistake for mistake in MISTAKES if not named or any(word in mistake.name for word in named)]
    for mistake in chosen:
        began = time.monotonic()
        histories, broken = histories_until_found(mistake)
        missed += broken is None
        found = f"{broken.promise[:60]}" if broken else "NOT FOUND"
        print(f"{histories:>6} histories  {time.monotonic() - began:5.1f} s  {found:4}  {mistake.name}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
