"""The sample documents: what they are, that they are the same each time, and what the look into them says."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageOps

from local.ocr import ruled_tables
from local.samples import Sample, main, write_samples
from pagekit.errors import Refusal
from pagekit.limits import FileLimits
from textdrop.core import options
from textdrop.core.documents import Output
from textdrop.core.errors import SKIPPED, Reason
from unit.pagekit.opening.opening import inspected as inspect

ONE_PAGE = FileLimits(max_pages=1)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return write_samples(tmp_path_factory.mktemp("samples") / "made")


def named(samples: list[Sample], name: str) -> Sample:
    return next(sample for sample in samples if sample.path.name == name)


def test_each_sample_is_refused_or_accepted_as_it_says(samples: list[Sample]) -> None:
    for sample in samples:
        content = sample.path.read_bytes()
        if sample.reason is None:
            assert inspect(content, ONE_PAGE).pages == 1
            assert sample.outcome == "succeeded"
        else:
            with pytest.raises(Refusal) as caught:
                inspect(content, ONE_PAGE)
            assert caught.value.reason == sample.reason
            assert sample.outcome == ("skipped" if Reason(sample.reason) in SKIPPED else "failed")


def test_the_folder_holds_the_samples_and_they_are_small(samples: list[Sample]) -> None:
    folder = samples[0].path.parent
    assert {path.name for path in folder.iterdir()} == {sample.path.name for sample in samples}
    assert sum(sample.path.stat().st_size for sample in samples) < 1_000_000


def test_names_have_what_names_have(samples: list[Sample]) -> None:
    names = "".join(sample.path.name for sample in samples)
    assert set(" +№д") <= set(names)


def test_they_are_the_same_each_time(samples: list[Sample], tmp_path: Path) -> None:
    for before, after in zip(samples, write_samples(tmp_path), strict=True):
        assert before.path.read_bytes() == after.path.read_bytes()


def test_the_photo_lies_on_its_side_until_exif_turns_it(samples: list[Sample]) -> None:
    photo = named(samples, "photo of a notice.jpg").path
    with Image.open(photo) as image:
        assert image.getexif()[0x0112] == 6
        assert image.width > 0
        turned = ImageOps.exif_transpose(image)
    assert turned.width < turned.height


def test_a_page_has_ink_and_a_blank_one_has_none(samples: list[Sample]) -> None:
    for name, darkest in (("letter.png", 25), ("договор №5 + приложение.png", 25), ("blank page.png", 255)):
        with Image.open(named(samples, name).path) as image:
            assert image.size == (1240, 1754)
            assert image.getextrema() == (darkest, 255)


def test_the_true_texts_are_as_long_as_a_real_page(samples: list[Sample]) -> None:
    words = {sample.path.name: len(sample.text.split()) for sample in samples}
    assert 150 <= words["letter.png"] <= 250
    assert 140 <= words["договор №5 + приложение.png"] <= 250
    assert words["blank page.png"] == 0


def test_the_price_list_has_a_ruled_table_and_its_metadata_asks_for_it(samples: list[Sample]) -> None:
    [priced] = [sample for sample in samples if sample.table]
    assert priced.metadata["ocr-model"] == "table"
    assert all(text in priced.text for row in priced.table for text in row)
    with Image.open(priced.path) as image:
        found = ruled_tables.find(image)
    assert found is not None
    xs, ys = found
    assert (len(ys) - 1, len(xs) - 1) == (len(priced.table), len(priced.table[0]))


def test_what_samples_are_uploaded_with_is_understood(samples: list[Sample]) -> None:
    for sample in samples:
        resolved = options.resolve(sample.metadata, "ru en", "page")
        assert Output.MARKDOWN in resolved.outputs
        assert (Output.TABLES in resolved.outputs) == bool(sample.table)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["--into", str(tmp_path / "file")]) == 1
    assert "could not be written" in capsys.readouterr().err


def test_the_command_lists_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--into", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(tmp_path.iterdir()))
    assert any("half a scan.pdf" in line and line.endswith("damaged") for line in lines)
