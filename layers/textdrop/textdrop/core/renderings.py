"""What results say about outputs that are missing."""

from __future__ import annotations

from textdrop.core.documents import Output, Rendering

_NONE = {
    Output.MARKDOWN: "There is no Markdown",
    Output.TABLES: "There are no tables",
    Output.SEARCHABLE_PDF: "There is no searchable PDF",
}


def missing(output: Output, why: str) -> Rendering:
    """There is no such output; `why` is a plain sentence without any of the document's text."""
    return Rendering(output, warnings=(f"{_NONE[output]}. {why}",))


def failed(output: Output, tries: int) -> Rendering:
    """Making this output failed so often within one pass."""
    return missing(output, f"Making it failed {tries} times.")


def out_of_time(output: Output) -> Rendering:
    """A pass that began with this output ran out of time before it was whole."""
    return missing(output, "It takes longer than one delivery may.")


def given_up(output: Output, attempts: int) -> Rendering:
    """No pass finished this output: so many died, or, if none did, too many failed."""
    why = f"Making it broke off {attempts} times." if attempts else "Making it failed again and again."
    return missing(output, why)
