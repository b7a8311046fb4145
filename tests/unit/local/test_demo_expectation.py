"""When the demo says that a document ended as it should."""

from dataclasses import replace
from pathlib import Path

from local.demo.expectation import judge
from local.demo.progress import Upload
from local.samples import Sample

READ = Sample(Path("a.png"), "succeeded", "", "a hundred characters, or nearly", "a page")
DAMAGED = Sample(Path("a.png"), "failed", "damaged", "", "half a file")


def ended(outcome: str, reason: str | None = None, files: tuple[str, ...] = ()) -> Upload:
    there = {name: {"bucket": "b", "key": "k"} for name in files}
    notice = {"outcome": outcome, "reason": reason, "files": {"tables": None, **there}}
    return Upload("a.png", "a.png", Path("a.png"), notice=notice)


def test_the_users_own_file_may_have_any_outcome_but_must_have_one() -> None:
    assert judge(ended("failed", "damaged"), None, None) == (True, "")
    assert judge(Upload("a", "a", Path("a"), failure="gone"), None, None) == (False, "")
    assert judge(Upload("a", "a", Path("a"), state="recognizing"), None, None) == (False, "the time is over")


def test_a_sample_must_have_its_outcome_and_its_reason() -> None:
    assert judge(ended("failed", "damaged"), None, DAMAGED) == (True, "as expected")
    assert judge(ended("failed", "encrypted"), None, DAMAGED) == (False, "expected: failed: damaged")
    assert judge(ended("failed", "damaged"), None, READ) == (False, "expected: succeeded")


def test_a_sample_must_be_read_well() -> None:
    assert judge(ended("succeeded"), "a hundred characters, or nearl\n", READ) == (True, "3.2% of characters wrong")
    assert judge(ended("succeeded"), "a hundred", READ) == (
        False,
        "71.0% of characters wrong (expected: at most 5%)",
    )


def test_a_sample_must_have_the_outputs_it_asks_for() -> None:
    asking = replace(READ, metadata={"ocr-outputs": "searchable-pdf tables"})
    partly = ended("succeeded", files=("text", "searchable_pdf"))
    assert judge(partly, READ.text, asking) == (False, "expected outputs: tables")
    whole = ended("succeeded", files=("text", "searchable_pdf", "tables"))
    assert judge(whole, READ.text, asking) == (True, "0.0% of characters wrong")
    refused = replace(DAMAGED, metadata=asking.metadata)
    assert judge(ended("failed", "damaged"), None, refused) == (True, "as expected")
