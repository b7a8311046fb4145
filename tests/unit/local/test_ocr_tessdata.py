"""Where the engine's language data come from, and what is said when they cannot be had."""

import sys
from pathlib import Path

import pytest

from local.ocr import tessdata
from local.ocr.tessdata import LANGUAGES, SMALLEST_BYTES, TessdataError, prepare

# Stands in for apt-get: `update` makes a list in the private folder, `download` a package, if there was that list.
APT_GET = """#!/bin/sh
for word; do
    case "$word" in
        -oDir::State::lists=*) lists=${word#*lists=} ;;
        -oDir::Cache=*) cache=${word#*Cache=} ;;
    esac
done
[ -d "$lists/partial" ] && [ -d "$cache/archives/partial" ] || { echo "no folder of its own"; exit 100; }
for last; do :; done
case " $* " in
    *" update "*) echo list > "$lists/list" ;;
    *" download "*) [ -e "$lists/list" ] && echo "$last" > "${last}_1.0_all.deb" ;;
esac
"""
# Stands in for dpkg-deb -x: unpacks a folder as Debian's package has it.
DPKG_DEB = """#!/bin/sh
name=$(sed 's/tesseract-ocr-//' "$2")
folder="$3/usr/share/tesseract-ocr/5/tessdata"
mkdir -p "$folder"
head -c 1200000 /dev/zero > "$folder/$name.traineddata"
"""


def language_file(folder: Path, name: str, *, size: int = SMALLEST_BYTES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.traineddata"
    path.write_bytes(bytes(size))
    return path


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="ascii")
    (folder / name).chmod(0o755)


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which English alone came with the Python packages, and no tesseract is installed."""
    language_file(tmp_path / "prefix" / "share" / "tessdata", "eng")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(tessdata, "INSTALLED", tmp_path / "usr")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    program(tmp_path / "bin", "apt-get", APT_GET)
    program(tmp_path / "bin", "dpkg-deb", DPKG_DEB)
    return tmp_path


def test_all_files_come_into_one_folder_and_are_then_left_alone(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(bare_machine / "into")
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.traineddata" for name in LANGUAGES)
    monkeypatch.setenv("PATH", "")
    assert prepare(bare_machine / "into") == folder


@pytest.mark.parametrize("place", ["tesseract-ocr/5/tessdata", "tessdata"])
def test_an_installed_tesseract_is_found(bare_machine: Path, place: str) -> None:
    source = language_file(bare_machine / "usr" / place, "rus", size=SMALLEST_BYTES + 1)
    prepare(bare_machine / "into")
    assert (bare_machine / "into" / "rus.traineddata").read_bytes() == source.read_bytes()


def test_a_broken_file_is_replaced_and_a_broken_source_passed_over(bare_machine: Path) -> None:
    broken = language_file(bare_machine / "into", "rus", size=5_000)
    language_file(bare_machine / "usr" / "tessdata", "rus", size=SMALLEST_BYTES - 1)
    prepare(bare_machine / "into")
    assert broken.stat().st_size > SMALLEST_BYTES


@pytest.mark.parametrize("apt_get", [None, "#!/bin/sh\necho 'E: no such package'\nexit 100\n"])
def test_what_failed_and_what_to_do_is_said(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, apt_get: str | None
) -> None:
    if apt_get:
        program(bare_machine / "bin", "apt-get", apt_get)
    else:
        monkeypatch.setenv("PATH", str(bare_machine / "none"))
    with pytest.raises(TessdataError) as caught:
        prepare(bare_machine / "into")
    for part in (
        "E: no such package" if apt_get else "apt-get",
        "Install tesseract-ocr-rus",
        str(bare_machine / "into"),
    ):
        assert part in str(caught.value)
    assert not (bare_machine / "into" / "rus.traineddata").exists()
