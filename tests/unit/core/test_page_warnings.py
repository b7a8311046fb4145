"""What is said of pages that were recognised, and of attached files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pagekit.prepared import How, PageWarning, Preparation
from textdrop.core import page_numbers, page_warnings
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Source, WarnedPages

CUT = Preparation(How.CUT)
DRAWN = Preparation(How.DRAWN, warnings=(PageWarning.DAMAGED, PageWarning.MISSING_FONT))
DOCUMENT = Document("d1", Source("b", "k"), DocumentState.RECOGNIZING, 0.0)


def recognized(page: int, prepared: Preparation | None = CUT, has_words: bool = True) -> Operation:
    return Operation("d1", 1, page, OperationState.RECOGNIZED, prepared=prepared, has_words=has_words)


def test_pages_are_named_by_warning_in_the_order_of_the_list() -> None:
    operations = [recognized(page, DRAWN if page in (2, 3, 4, 9) else CUT, page != 7) for page in (9, *range(1, 9))]
    assert page_warnings.of(operations) == (
        WarnedPages(PageWarning.DAMAGED, 4, "2-4, 9"),
        WarnedPages(PageWarning.MISSING_FONT, 4, "2-4, 9"),
        WarnedPages(PageWarning.NO_WORDS, 1, "7"),
    )


@pytest.mark.parametrize(
    "operation",
    [
        recognized(1),
        recognized(1, replace(CUT, blank=True), has_words=False),
        replace(recognized(1, DRAWN, has_words=False), state=OperationState.FAILED),
    ],
    ids=["sound", "blank", "failed"],
)
def test_nothing_is_said_of_a_sound_a_blank_and_a_failed_page(operation: Operation) -> None:
    assert page_warnings.of([operation]) == ()


def test_a_page_of_an_older_version_that_brought_no_word_is_named() -> None:
    assert [each.warning for each in page_warnings.of([recognized(1, None, has_words=False)])] == [PageWarning.NO_WORDS]


def test_of_very_many_pages_the_first_are_named() -> None:
    [found] = page_warnings.of([recognized(page, DRAWN) for page in range(1, 2_000, 2)])[:1]
    assert found.count == 1_000
    assert found.pages.startswith("1, 3, 5")
    assert found.pages.endswith(", …")
    assert len(found.pages) <= page_numbers.MAX_CHARACTERS + 3


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        (DOCUMENT, []),
        (
            replace(DOCUMENT, warned_pages=(WarnedPages(PageWarning.NO_WORDS, 1, "7"),), attachments=1),
            [
                "No word was recognised on page 7: see whether there is any on it.",
                "The upload has 1 file attached, which was not read: save what is attached and upload it separately.",
            ],
        ),
        (
            replace(DOCUMENT, warned_pages=(WarnedPages(PageWarning.LOW_RESOLUTION, 2, "1, 3"),), attachments=12),
            [
                "2 pages (1, 3) had less than 150 dots per inch for the OCR service: small letters may be read wrong.",
                "The upload has 12 files attached, which were not read: save what is attached and upload it "
                "separately.",
            ],
        ),
    ],
)
def test_they_are_said_in_sentences(document: Document, sentences: list[str]) -> None:
    assert page_warnings.sentences(document) == sentences
