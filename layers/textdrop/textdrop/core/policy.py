"""The numbers that decisions are made with, as data, so that a simulation can run with others."""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in seconds."""

    # A row and who has it.
    max_attempts: int = 5
    max_unconfirmed: int = 3
    lease_margin_seconds: float = 5.0
    # No function runs for longer than 15 minutes: whoever was at work so long ago no longer is.
    longest_lease_seconds: float = 960.0
    forbidden_seconds: float = DAY_SECONDS
    recheck_seconds: float = 900.0
    handed_out_seconds: float = 900.0
    backoff_first_seconds: float = 1.0
    max_backoff_seconds: float = 300.0

    # Sending a document's pages: a pass sends them for so long before others get their turn, and ends when so many
    # pages have failed to be sent.
    slice_seconds: float = 30.0
    max_failures_in_slice: int = 3
    # How often a page is tried that the service itself fails to take. With the backoff that is longer than any outage.
    max_breakdowns: int = 40
    # How long a page waits for the same page of another document to be sent, before it is sent itself.
    reuse_wait_seconds: float = 900.0

    # In the service, which forgets a result after three days.
    deadline_base_seconds: float = 3600.0
    deadline_page_seconds: float = 10.0
    result_kept_seconds: float = 3 * DAY_SECONDS

    # The pause: so many refusals, or unconfirmed or failed submits, in a row across documents begin it. A failure that
    # is written down later than `late_report_seconds` begins no time of unavailability.
    probe_seconds: float = 60.0
    refusals_before_pause: int = 10
    failures_before_pause: int = 3
    late_report_seconds: float = 1.0

    # The quota. A slot that is used later than `slot_late_seconds` would let a stalled worker burst.
    throttle_pause_seconds: float = 1.0
    max_throttle_seconds: float = 300.0
    slot_ahead_seconds: float = 1.0
    slot_late_seconds: float = 0.1

    tick_lease_seconds: float = 20.0
    tick_renew_seconds: float = 5.0
    tick_settle_seconds: float = 2.0
    tick_stay_seconds: float = 10.0

    # Delivery. A document with more pages than `single_pass_max_pages` is joined from segments, in several passes if
    # need be. A segment ends with `segment_pages` or `segment_bytes`, and none begins with less than `segment_seconds`
    # left.
    single_pass_max_pages: int = 100
    segment_pages: int = 500
    segment_bytes: int = 16_000_000
    segment_seconds: float = 60.0
    # After so many deaths over a document's outputs, or failures in a row, it is delivered without those missing.
    render_attempts: int = 2
    render_failures: int = 20
    # How long a document is held that shares its message with others: if one kills the function, they wait no longer.
    delivery_seconds: float = 60.0

    # A message that could not be taken in comes again after the first time, then after twice the time whenever it fails
    # again, up to the maximum: the queue's own visibility timeout.
    message_retry_first_seconds: float = 60.0
    max_message_retry_seconds: float = 1800.0

    # An upload as old as this has a row, or its event is lost.
    reconcile_after_seconds: float = 3600.0
    # How often a dead letter goes back to the uploads queue.
    max_redrives: int = 3
    # After so many failures in a row a document of a backfill fails whose source may not be read: only a few documents
    # of backfills are on their way at a time, and those after it would wait.
    max_backfill_failures: int = 3
    # A run's row appears in the ledger at most this long after its time.
    sum_after_seconds: float = 1200.0

    def deadline_seconds(self, pages: int) -> float:
        """How long a document of so many pages may take in the service before its operations are given up."""
        return self.deadline_base_seconds + self.deadline_page_seconds * max(pages, 1)
