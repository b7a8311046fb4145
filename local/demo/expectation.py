"""Whether a document ended as it should."""

from local.accuracy import character_error_rate
from local.demo import view
from local.demo.progress import Upload
from local.samples import Sample

MOST_WRONG = 0.05
"""Share of a sample's characters that may be wrong for it to count as read."""


def judge(upload: Upload, text: str | None, sample: Sample | None) -> tuple[bool, str]:
    """Whether a document ended as it should, and a remark on that. The user's own (no sample) may have any outcome."""
    if not upload.over:
        return False, "the time is over"
    if sample is None:
        return upload.notice is not None, ""
    expected = view.ending_words(sample.outcome, sample.reason)
    if view.ending(upload) != expected:
        return False, f"expected: {expected}"
    if text is None:
        return True, "as expected"
    missing = [output for output in _outputs(sample) if output.replace("-", "_") not in upload.files]
    if missing:
        return False, f"expected outputs: {', '.join(missing)}"
    rate = character_error_rate(sample.text, text)
    if rate > MOST_WRONG:
        return False, f"{rate:.1%} of characters wrong (expected: at most {MOST_WRONG:.0%})"
    return True, f"{rate:.1%} of characters wrong" if sample.text else "as expected"


def _outputs(sample: Sample) -> list[str]:
    """The outputs that it asks for, by their words in the metadata; in a notice they have "_" for "-"."""
    return sample.metadata.get("ocr-outputs", "").split()
