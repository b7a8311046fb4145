"""Where the engine's language data come from, and what is said when they cannot be had."""

import struct
import sys
from pathlib import Path

import pytest

from local.ocr import tessdata
from local.ocr.tessdata import SMALLEST_BYTES, TessdataError, defect, prepare

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
{ printf '\\030\\000\\000\\000'; head -c 1200000 /dev/zero; } > "$folder/$name.traineddata"
"""


def language_file(folder: Path, name: str, *, size: int = 1_200_000, parts: int = 24) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.traineddata"
    path.write_bytes(struct.pack("<i", parts) + bytes(size - 4))
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
    monkeypatch.setattr(tessdata, "INSTALLED_PLACES", (str(tmp_path / "usr" / "*" / "tessdata"),))
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    program(tmp_path / "bin", "apt-get", APT_GET)
    program(tmp_path / "bin", "dpkg-deb", DPKG_DEB)
    return tmp_path


def test_all_files_come_into_one_folder(bare_machine: Path) -> None:
    languages = prepare(bare_machine / "into")
    assert (languages.names, languages.missing) == (("eng", "rus", "osd"), {})
    assert sorted(path.name for path in languages.folder.iterdir()) == [
        "eng.traineddata",
        "osd.traineddata",
        "rus.traineddata",
    ]
    assert all(defect(languages.folder / f"{name}.traineddata", name) is None for name in languages.names)


def test_what_is_there_and_sound_is_left_alone(bare_machine: Path) -> None:
    prepare(bare_machine / "into")
    for name in ("apt-get", "dpkg-deb"):
        (bare_machine / "bin" / name).unlink()
    before = {path: path.stat().st_mtime_ns for path in (bare_machine / "into").iterdir()}
    prepare(bare_machine / "into")
    assert {path: path.stat().st_mtime_ns for path in (bare_machine / "into").iterdir()} == before


@pytest.mark.parametrize("place", ["usr/4.00/tessdata", "usr/5/tessdata"])
def test_an_installed_tesseract_is_found(bare_machine: Path, place: str) -> None:
    source = language_file(bare_machine / place, "rus", parts=17)
    prepare(bare_machine / "into")
    assert (bare_machine / "into" / "rus.traineddata").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("inner", ["", "tessdata"])
def test_a_folder_in_the_environment_is_found(bare_machine: Path, monkeypatch: pytest.MonkeyPatch, inner: str) -> None:
    source = language_file(bare_machine / "own" / inner, "rus", parts=18)
    monkeypatch.setenv("TESSDATA_PREFIX", str(bare_machine / "own"))
    prepare(bare_machine / "into")
    assert (bare_machine / "into" / "rus.traineddata").read_bytes() == source.read_bytes()


def test_a_broken_file_is_replaced_and_a_broken_source_passed_over(bare_machine: Path) -> None:
    language_file(bare_machine / "into", "rus", size=5_000)
    language_file(bare_machine / "usr" / "5" / "tessdata", "rus", parts=0x3C68746D)
    prepare(bare_machine / "into")
    assert defect(bare_machine / "into" / "rus.traineddata", "rus") is None


@pytest.mark.parametrize(
    ("size", "parts", "said"),
    [
        (SMALLEST_BYTES["rus"] - 1, 24, "expected at least"),
        (2_000_000, 0, "does not begin"),
        (2_000_000, -5, "does not"),
    ],
)
def test_each_file_is_checked(tmp_path: Path, size: int, parts: int, said: str) -> None:
    assert said in str(defect(language_file(tmp_path, "rus", size=size, parts=parts), "rus"))


def test_a_file_that_is_not_there_is_a_defect(tmp_path: Path) -> None:
    assert "cannot be read" in str(defect(tmp_path / "rus.traineddata", "rus"))


def test_no_debian_says_how_to_get_the_data(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bare_machine / "none"))
    with pytest.raises(TessdataError) as caught:
        prepare(bare_machine / "into")
    message = str(caught.value)
    for part in (
        "no Debian or Ubuntu",
        "apt-get install tesseract-ocr-rus",
        "TESSDATA_PREFIX",
        str(bare_machine / "into"),
    ):
        assert part in message


def test_a_download_that_fails_shows_what_apt_said(bare_machine: Path) -> None:
    program(bare_machine / "bin", "apt-get", "#!/bin/sh\necho 'E: no such package'\nexit 100\n")
    with pytest.raises(TessdataError, match="E: no such package"):
        prepare(bare_machine / "into")
    assert not (bare_machine / "into" / "rus.traineddata").exists()


def test_the_engine_does_without_orientation(bare_machine: Path) -> None:
    language_file(bare_machine / "usr" / "5" / "tessdata", "rus")
    program(bare_machine / "bin", "apt-get", "#!/bin/sh\nexit 100\n")
    languages = prepare(bare_machine / "into")
    assert languages.names == ("eng", "rus")
    assert "tesseract-ocr-osd" in languages.missing["osd"]


def test_the_command_prints_the_folder_or_what_to_do(
    bare_machine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    into = bare_machine / "into"
    assert tessdata.main(["--into", str(into)]) == 0
    assert capsys.readouterr().out == f"{into}: eng rus osd\n"
    monkeypatch.setenv("PATH", str(bare_machine / "none"))
    assert tessdata.main(["--into", str(bare_machine / "other")]) == 1
    assert "What to do" in capsys.readouterr().err
