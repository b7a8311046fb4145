"""What is said of outputs that are missing."""

from __future__ import annotations

from textdrop.core.documents import Output, Rendering

_NONE = {
    Output.MARKDOWN: "There is no Markdown",
    Output.TABLES: "There are no tables",
    Output.SEARCHABLE_PDF: "There is no searchable PDF",
}


def missing(output: Output, why: str) -> Rendering:
    """There is no such output; `why` is a sentence, in plain words and without any of the document's text."""
    return Rendering(output, warnings=(f"{_NONE[output]}. {why}",))


def failed(output: Output, tries: int) -> Rendering:
    """Making this output failed so often, within one pass."""
    return missing(output, f"Making it failed {tries} times.")


def out_of_time(output: Output) -> Rendering:
    """The render function's time was over before this output was whole."""
    return missing(output, "It takes longer than the render function has.")


def given_up(output: Output, attempts: int) -> Rendering:
    """The render function never came to an end with this output, in so many passes that died."""
    return missing(output, f"Making it broke off {attempts} times." if attempts else "It could not be made in time.")
