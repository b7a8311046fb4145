"""What a document's owner should know about recognised pages, and about files in the upload that were not read."""

from __future__ import annotations

from collections.abc import Sequence

from pagekit.prepared import PageWarning
from textdrop.core import page_numbers
from textdrop.core.documents import Document, Operation, OperationState, WarnedPages

_SENTENCES = {
    PageWarning.DAMAGED: "The file is damaged on {pages}, which was read as a viewer shows it: compare the text with "
    "the original.",
    PageWarning.LOW_RESOLUTION: "{pages} had less than 150 dots per inch for the OCR service: small letters may be "
    "read wrong.",
    PageWarning.MISSING_FONT: "A font is missing in the file on {pages}: letters may be missing or read wrong.",
    PageWarning.NO_WORDS: "No word was recognised on {pages}: see whether there is any on it.",
}
_ATTACHED = "The upload has {files} attached, which {were} not read: save what is attached and upload it separately."


def of(operations: Sequence[Operation]) -> tuple[WarnedPages, ...]:
    """The warnings on recognised pages, in the order of the list of warnings."""
    by_warning: dict[PageWarning, list[int]] = {warning: [] for warning in PageWarning}
    for operation in sorted(operations, key=lambda operation: operation.page):
        if operation.state is not OperationState.RECOGNIZED:
            continue
        prepared = operation.prepared
        found = set(prepared.warnings) if prepared is not None else set()
        if not operation.has_words and not (prepared is not None and prepared.blank):
            found.add(PageWarning.NO_WORDS)
        for warning in found:
            by_warning[warning].append(operation.page)
    return tuple(
        WarnedPages(warning, len(numbers), page_numbers.shortened(page_numbers.named(numbers)))
        for warning, numbers in by_warning.items()
        if numbers
    )


def sentences(document: Document) -> list[str]:
    """The warnings on the document's pages and attached files, as sentences."""
    found = []
    for each in document.warned_pages:
        pages = f"page {each.pages}" if each.count == 1 else f"{each.count} pages ({each.pages})"
        sentence = _SENTENCES[each.warning].format(pages=pages)
        found.append(sentence[0].upper() + sentence[1:])
    if document.attachments:
        files, were = ("1 file", "was") if document.attachments == 1 else (f"{document.attachments} files", "were")
        found.append(_ATTACHED.format(files=files, were=were))
    return found
