"""reconcile's handler: what it takes from its event, and the metrics that it leaves."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.reconcile.handler import handler
from textdrop import bootstrap
from textdrop.core.events import MessageMalformed
from textdrop.observability import LambdaJournal
from world import World

CONTEXT: Any = SimpleNamespace(
    function_name="textdrop-reconcile",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:textdrop-reconcile",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 900_000,
)
SCHEDULED = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An upload came a minute ago, and its event did not."""
    world = World()
    world.upload_unheard("a.png", b"1")
    world.clock.advance(60.0)
    ports = replace(world.reconcile_ports, journal=LambdaJournal())
    monkeypatch.setattr(bootstrap, "reconcile", lambda: ports)
    return world


@pytest.mark.parametrize("event", [SCHEDULED, {}, {"textdrop": "continue"}, {"older_than_seconds": None}])
def test_the_schedule_gives_events_an_hour(world: World, event: dict[str, Any]) -> None:
    assert handler(event, CONTEXT) == {"ended": "ended"}
    assert world.queue == []


@pytest.mark.parametrize(("seconds", "found"), [(0, 1), (59.5, 1), (61, 0)])
def test_a_user_says_how_old_an_upload_must_be(world: World, seconds: float, found: int) -> None:
    assert handler({"older_than_seconds": seconds}, CONTEXT) == {"ended": "ended"}
    assert len(world.queue) == found


@pytest.mark.parametrize("given", ["0", -1, True, float("nan"), float("inf"), [0]])
def test_what_is_no_age_is_refused(world: World, given: object) -> None:
    with pytest.raises(MessageMalformed, match="older_than_seconds"):
        handler({"older_than_seconds": given}, CONTEXT)
    assert world.queue == []
    assert world.progress.row.rev == 0
