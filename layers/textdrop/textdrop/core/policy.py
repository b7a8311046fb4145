"""The numbers that decisions are made with. All are data, so that a simulation can run with others."""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds.

    `result_kept_seconds`: the service forgets a result after three days. `slot_late_seconds`: a slot used later than
    this would let a stalled worker burst. `max_breakdowns`: so often a page is tried that the service itself fails to
    take, which with the backoff is longer than any outage may last; `..._before_pause`: so many refusals, unconfirmed
    or connect failures in a row across documents pause submitting. `late_report_seconds`: a failure that is written
    down so late begins no time of unavailability. `slice_seconds`: so long one pass sends a document's pages before
    others get their turn; `max_failures_in_slice`: so many pages in a pass may fail to be sent before it ends.

    A document of more than `single_pass_max_pages` is assembled in segments, which may be done in several passes. A
    segment ends with `segment_pages` or `segment_bytes`, and none begins with less than `segment_seconds` left: a tick
    that is out of time waits for what its workers have begun, and nobody is asked for meanwhile.

    `render_attempts`: so often a delivery may die over a document's outputs, `render_failures`: so often in a row it
    may fail there, before the document is delivered without those that were not made. `delivery_seconds`: so long a
    document is held that others share a message with: if one kills the function, the others wait no longer.

    `message_retry_first_seconds`: a message that could not be taken in comes again after so long, and after twice the
    time whenever it fails again, up to `max_message_retry_seconds`, the queue's own visibility timeout.

    `reconcile_after_seconds`: an upload this old has been heard of, or its event is lost; `max_redrives`: so often a
    dead letter goes back to the uploads queue.

    `max_backfill_failures`: after so many failures in a row a document of a backfill fails whose source may not be
    read: only so many of a backfill are on their way at a time, and those behind them would wait.

    `longest_lease_seconds`: no function runs for longer than 15 minutes, so whoever was at work then no longer is.
    `sum_after_seconds`: no row of the ledger comes later than this with a time of before.

    `reuse_wait_seconds`: so long a page waits for the same page of another document to be sent, before it is itself.
    """

    max_attempts: int = 5
    max_unconfirmed: int = 3
    max_breakdowns: int = 40
    lease_margin_seconds: float = 5.0
    slice_seconds: float = 30.0
    max_failures_in_slice: int = 3
    forbidden_seconds: float = DAY_SECONDS
    recheck_seconds: float = 900.0
    handed_out_seconds: float = 900.0
    single_pass_max_pages: int = 100
    segment_pages: int = 500
    segment_bytes: int = 16_000_000
    segment_seconds: float = 60.0
    deadline_base_seconds: float = 3600.0
    deadline_page_seconds: float = 10.0
    result_kept_seconds: float = 3 * DAY_SECONDS
    backoff_first_seconds: float = 1.0
    max_backoff_seconds: float = 300.0
    probe_seconds: float = 60.0
    refusals_before_pause: int = 10
    failures_before_pause: int = 3
    late_report_seconds: float = 1.0
    throttle_pause_seconds: float = 1.0
    max_throttle_seconds: float = 300.0
    slot_ahead_seconds: float = 1.0
    slot_late_seconds: float = 0.1
    tick_lease_seconds: float = 20.0
    tick_renew_seconds: float = 5.0
    tick_settle_seconds: float = 2.0
    tick_stay_seconds: float = 10.0
    render_attempts: int = 2
    render_failures: int = 20
    delivery_seconds: float = 60.0
    message_retry_first_seconds: float = 60.0
    max_message_retry_seconds: float = 1800.0
    reconcile_after_seconds: float = 3600.0
    max_redrives: int = 3
    max_backfill_failures: int = 3
    longest_lease_seconds: float = 960.0
    sum_after_seconds: float = 1200.0
    reuse_wait_seconds: float = 900.0

    def deadline_seconds(self, pages: int) -> float:
        """How long a document of so many pages may take in the service before its operations are given up."""
        return self.deadline_base_seconds + self.deadline_page_seconds * max(pages, 1)
