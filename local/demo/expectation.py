"""Whether a document ended as it should."""

from local.accuracy import character_error_rate
from local.demo.run import Upload
from local.samples import Sample

MOST_WRONG = 0.05
"""Share of a sample's characters that may be wrong for it to count as read."""


def judge(upload: Upload, text: str | None, sample: Sample | None) -> tuple[bool, str]:
    """Whether a document ended as it should, and a remark on that. The user's own (no sample) may have any outcome."""
    if not upload.files:
        return False, "" if upload.told else "the time is over"
    if sample is None:
        return True, ""
    expected = ": ".join(filter(None, (sample.outcome, sample.reason)))
    if upload.ending != expected:
        return False, f"expected: {expected}"
    if text is None:
        return True, "as expected"
    asked = sample.metadata.get("ocr-outputs", "").split()
    endings = {"searchable-pdf": ".searchable.pdf", "markdown": ".md", "tables": ".tables.xlsx"}
    missing = [output for output in asked if endings[output] not in upload.files]
    if missing:
        return False, f"expected outputs: {', '.join(missing)}"
    rate = character_error_rate(sample.text, text)
    if rate > MOST_WRONG:
        return False, f"{rate:.1%} of characters wrong (expected: at most {MOST_WRONG:.0%})"
    return True, f"{rate:.1%} of characters wrong" if sample.text else "as expected"
