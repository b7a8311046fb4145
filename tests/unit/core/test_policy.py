"""The numbers that were decided (docs/states.md, docs/reliability.md), each where something else relies on it."""

from __future__ import annotations

import pytest

from textdrop.core.policy import Policy

POLICY = Policy()
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@pytest.mark.parametrize(
    ("decided", "number"),
    [
        ("workers that died are counted to five", POLICY.max_attempts == 5),
        ("a page that breaks the service is tried forty times", POLICY.max_breakdowns == 40),
        ("outputs are given up after twenty failures", POLICY.render_failures == 20),
        ("whoever shares a message is held for a minute", POLICY.delivery_seconds == MINUTE),
        ("a page is paid for three times at most", POLICY.max_unconfirmed == 3),
        ("a lease outlasts its worker by 5 s", POLICY.lease_margin_seconds == 5.0),
        ("a source may be forbidden for a day", POLICY.forbidden_seconds == DAY),
        ("a recheck comes after a quarter of an hour", POLICY.recheck_seconds == 15 * MINUTE),
        ("what was handed out is handed out again after as long", POLICY.handed_out_seconds == 15 * MINUTE),
        ("the service keeps results for three days", POLICY.result_kept_seconds == 3 * DAY),
        ("a wait begins at 1 s", POLICY.backoff_first_seconds == 1.0),
        ("and never outlasts five minutes", POLICY.max_backoff_seconds == 5 * MINUTE),
        ("nor does a throttle's", POLICY.max_throttle_seconds == 5 * MINUTE),
        ("a throttle is at least a second's", POLICY.throttle_pause_seconds == 1.0),
        ("a pause lets one probe through a minute", POLICY.probe_seconds == MINUTE),
        ("ten refusals in a row pause", POLICY.refusals_before_pause == 10),
        ("three failures in a row pause", POLICY.failures_before_pause == 3),
        ("a slot is reserved a second ahead", POLICY.slot_ahead_seconds == 1.0),
        ("and lost after a tenth", POLICY.slot_late_seconds == 0.1),
        ("a tick is missed after 20 s", POLICY.tick_lease_seconds == 20.0),
        ("and renewed every 5 s", POLICY.tick_renew_seconds == 5.0),
        ("the index has settled after 2 s", POLICY.tick_settle_seconds == 2.0),
        ("a message that failed comes again after a minute", POLICY.message_retry_first_seconds == MINUTE),
        ("and after half an hour at the latest", POLICY.max_message_retry_seconds == 30 * MINUTE),
        ("a lost event is found after an hour", POLICY.reconcile_after_seconds == HOUR),
        ("a dead letter is sent back three times", POLICY.max_redrives == 3),
        ("a long document gives way after half a minute", POLICY.slice_seconds == 30.0),
        ("and after three pages that could not be sent", POLICY.max_failures_in_slice == 3),
    ],
)
def test_numbers_are_as_decided(decided: str, number: bool) -> None:
    assert number, decided
