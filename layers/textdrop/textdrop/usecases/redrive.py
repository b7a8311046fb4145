"""Dead letters: each goes back to the uploads queue, a few times at most, and then stays where it can be seen."""

from __future__ import annotations

from textdrop.core import reconciling
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import DeadLetter
from textdrop.ports import ReconcilePorts

MAX_FAILURES = 3
"""After so many failures the rest of the dead letters waits for the next run."""


def redrive(ports: ReconcilePorts, until: float) -> bool:
    """Every dead letter was handled once. True: the time was up before that, and some went back, so there may be more.

    Each is sent before it is deleted: a crash between the two leaves it twice, never not at all. One that fails holds
    up neither the others nor the caller.
    """
    seen: set[str] = set()
    redriven = failures = 0
    try:
        while ports.clock.now() < until:
            fresh = [letter for letter in ports.dead_letters.receive() if letter.id not in seen]
            if not fresh:
                return False
            for letter in fresh:
                seen.add(letter.id)
                try:
                    redriven += _redrive_one(ports, letter)
                except StoreUnavailable as error:
                    ports.journal.failed("redrive_failed", error, message_id=letter.id)
                    failures += 1
                    if failures == MAX_FAILURES:
                        return False
    except StoreUnavailable as error:
        ports.journal.failed("redrive_failed", error)
        return False
    return redriven > 0


def _redrive_one(ports: ReconcilePorts, letter: DeadLetter) -> bool:
    """Whether it went back."""
    again = reconciling.redriven(letter, ports.policy)
    told = again or letter
    if again is not None:
        ports.dead_letters.redrive(again)
        ports.dead_letters.delete(letter)
    ports.journal.noted(
        "message_kept" if again is None else "message_redriven",
        message_id=letter.id,
        redriven=told.redriven,
        first_sent_at=told.first_sent_at,
        former_ids=" ".join(letter.former_ids),
        cause=told.cause,
    )
    return again is not None
