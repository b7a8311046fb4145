"""Reuse: which pages are the same, and what is done with one by who has claimed it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Options, Source
from textdrop.core.policy import Policy
from textdrop.core.reuse import Reuse, SentPage, decide, fingerprint, wait_seconds

POLICY = Policy()
NOW = 1_800_000_000.0
OPTIONS = Options(("ru", "en"), "page")
PAGE = fingerprint(b"bytes", "image/png", OPTIONS)

# --- the fingerprint --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [replace(OPTIONS, languages=("en", "ru")), replace(OPTIONS, pages="2", reuse=True, model_from="request")]
)
def test_the_order_of_languages_and_what_the_service_does_not_see_make_no_other_page(options: Options) -> None:
    assert fingerprint(b"bytes", "image/png", options) == PAGE


def test_another_content_media_type_model_or_language_makes_another_page() -> None:
    others = [
        fingerprint(b"byte", "image/png", OPTIONS),
        fingerprint(b"bytes", "image/jpeg", OPTIONS),
        fingerprint(b"bytes", "image/png", replace(OPTIONS, model="table")),
        fingerprint(b"bytes", "image/png", replace(OPTIONS, languages=("ru",))),
        fingerprint(b"bytes", "image/png", replace(OPTIONS, languages=("ru", "en", "de"))),
        fingerprint(b"g\nbytes", "image/pn", OPTIONS),  # where one ends and the next begins is part of it
    ]
    assert len({PAGE, *others}) == 7
    assert all(len(each) == 64 for each in others)


# --- what is done -----------------------------------------------------------------------------------------------------

MINE = Operation("mine", 2, 3, OperationState.WAITING)
SENT = SentPage(PAGE, "other", 1, 7, claimed_at=NOW - 5.0)
MY_CLAIM = replace(SENT, document_id="mine", run=2, page=3)
SENDER = Document("other", Source("uploads", "y.png"), DocumentState.RECOGNIZING, NOW)
WAITING = Operation("other", 1, 7, OperationState.WAITING)
RUNNING = replace(WAITING, state=OperationState.RUNNING, submitted_at=NOW - 60.0, deadline_at=NOW + 60.0)
RECOGNIZED = replace(WAITING, state=OperationState.RECOGNIZED)
FAILED = replace(WAITING, state=OperationState.FAILED)
KEPT_SECONDS, WAIT_SECONDS = POLICY.result_kept_seconds, POLICY.reuse_wait_seconds


@pytest.mark.parametrize(
    ("sent", "of", "sender", "expected"),
    [
        (None, None, None, Reuse.CLAIM),
        (MY_CLAIM, None, None, Reuse.SEND),
        (replace(MY_CLAIM, claimed_at=NOW - WAIT_SECONDS / 2 + 1), None, None, Reuse.SEND),
        # Before others may take it over, it is claimed anew.
        (replace(MY_CLAIM, claimed_at=NOW - WAIT_SECONDS / 2), None, None, Reuse.CLAIM),
        # It was taken by the service.
        (SENT, RECOGNIZED, None, Reuse.TAKE),
        (replace(SENT, claimed_at=0.0), RECOGNIZED, None, Reuse.TAKE),
        (replace(SENT, document_id="mine"), RECOGNIZED, None, Reuse.TAKE),
        (SENT, RUNNING, None, Reuse.TAKE),
        (SENT, replace(RUNNING, deadline_at=NOW), None, Reuse.CLAIM),
        (SENT, replace(RUNNING, submitted_at=NOW - KEPT_SECONDS + 1, deadline_at=NOW + 1e6), None, Reuse.TAKE),
        (SENT, replace(RUNNING, submitted_at=NOW - KEPT_SECONDS, deadline_at=NOW + 1e6), None, Reuse.CLAIM),
        (SENT, FAILED, SENDER, Reuse.CLAIM),
        # It was claimed, and then its own text was found usable.
        (SENT, replace(RECOGNIZED, own_text=True), None, Reuse.CLAIM),
        # It is about to be sent.
        (SENT, None, SENDER, Reuse.WAIT),
        (SENT, WAITING, SENDER, Reuse.WAIT),
        (SENT, replace(WAITING, state=OperationState.SUBMITTING), SENDER, Reuse.WAIT),
        (SENT, None, replace(SENDER, state=DocumentState.ACCEPTED), Reuse.WAIT),
        (replace(SENT, document_id="mine", run=2), None, replace(SENDER, run=2), Reuse.WAIT),
        (replace(SENT, claimed_at=NOW - WAIT_SECONDS + 1), WAITING, SENDER, Reuse.WAIT),
        # It is not, or for too long.
        (replace(SENT, claimed_at=NOW - WAIT_SECONDS), WAITING, SENDER, Reuse.CLAIM),
        (SENT, WAITING, replace(SENDER, run=2), Reuse.CLAIM),
        (SENT, None, None, Reuse.CLAIM),
        *(
            (SENT, WAITING, replace(SENDER, state=state), Reuse.CLAIM)
            for state in DocumentState
            if state not in (DocumentState.ACCEPTED, DocumentState.RECOGNIZING)
        ),
    ],
)
def test_what_is_done_with_a_page_that_was_claimed(
    sent: SentPage | None, of: Operation | None, sender: Document | None, expected: Reuse
) -> None:
    assert decide(MINE, sent, of, sender, NOW, POLICY) is expected


@pytest.mark.parametrize(("waited", "wait"), [(0.0, 1.0), (0.5, 1.0), (7.0, 7.0), (60.0, 60.0), (800.0, 60.0)])
def test_the_longer_it_has_waited_the_later_it_looks_again(waited: float, wait: float) -> None:
    assert wait_seconds(replace(SENT, claimed_at=NOW - waited), NOW) == wait
