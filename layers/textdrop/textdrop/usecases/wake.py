"""The wake: tells the tick that there is something to ask for or to hand out."""

from __future__ import annotations

from textdrop.core.errors import StoreUnavailable
from textdrop.ports import WakePorts


def wake(ports: WakePorts) -> None:
    """A running tick will refresh again before it ends; if none runs, one has been invoked. Failing is harmless: the
    schedule invokes poll once a minute."""
    now = ports.clock.now()
    try:
        row = ports.tick.wake(now)
        if row.state == "idle" and ports.tick.start(now, now + ports.policy.tick_lease_seconds):
            ports.poller.invoke()
    except StoreUnavailable as error:
        ports.journal.failed("wake_failed", error)
