"""Which documents share a message, and which delivery may use all the time there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textdrop.core.deliveries import MAX_BYTES_TOGETHER, MAX_TOGETHER, goes_alone, messages, takes_long
from textdrop.core.documents import Document, DocumentState, Options, Outcome, Output, Resume, Source
from textdrop.core.policy import Policy

POLICY = Policy()
MANY_PAGES = POLICY.single_pass_max_pages + 1
SMALL = Document(
    "small", Source("uploads", "a.png"), DocumentState.DELIVERING, 0.0, rev=3, pages=1, outcome=Outcome.SUCCEEDED
)


def sizes(documents: list[Document]) -> list[int]:
    return [len(group) for group in messages(documents, POLICY).together]


def test_small_ones_go_together_up_to_a_number_and_a_size() -> None:
    assert sizes([]) == []
    assert sizes([SMALL] * (2 * MAX_TOGETHER + 1)) == [MAX_TOGETHER, MAX_TOGETHER, 1]
    half = replace(SMALL, pages=2, result_bytes=MAX_BYTES_TOGETHER // 4)
    assert sizes([half, half, SMALL, half]) == [3, 1]
    [[resume]] = messages([SMALL], POLICY).together
    assert (resume.document_id, resume.rev) == ("small", 3)


@pytest.mark.parametrize(
    ("document", "long"),
    [
        (replace(SMALL, attempts=1), False),
        (replace(SMALL, pages=MANY_PAGES), True),
        (replace(SMALL, options=Options(("ru",), "page", outputs=(Output.MARKDOWN,))), True),
        (replace(SMALL, pages=2, result_bytes=MAX_BYTES_TOGETHER // 2 + 1), True),
    ],
    ids=["its worker died", "many pages", "outputs", "much to read"],
)
def test_one_goes_alone_whose_worker_died_or_that_takes_long(document: Document, long: bool) -> None:
    assert goes_alone(document, POLICY)
    assert takes_long(document, POLICY) == long
    sent = messages([SMALL, document, SMALL], POLICY)
    assert sent.together == ((Resume("small", 3), Resume("small", 3)),)
    assert sent.alone == ((Resume(document.id, document.rev),),)
    assert not goes_alone(replace(SMALL, result_bytes=MAX_BYTES_TOGETHER), POLICY)
