"""Which files the demo takes, and what they are called in the bucket."""

import os
from pathlib import Path

import pytest

from local.demo.files import MAX_KEY_BYTES, FilesNotUsable, choose, names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.pdf", "b [1].jpg", "scans/2.jpg", "scans/1.jpg", "scans/deep/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_files_and_patterns_give_each_file_once_in_order() -> None:
    chosen = choose(["scans/*.jpg", "a.pdf", "./a.pdf", "b [1].jpg"])
    assert [str(path) for path in chosen] == ["scans/1.jpg", "scans/2.jpg", "a.pdf", "b [1].jpg"]


@pytest.mark.usefixtures("folder")
def test_a_pattern_may_go_deep_and_passes_folders_over() -> None:
    assert {path.name for path in choose(["scans/**"])} == {"1.jpg", "2.jpg", "3.jpg"}


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with pytest.raises(FilesNotUsable) as caught:
        choose(["a.pdf", "missing.pdf", "*.tiff", "scans", "dangling", "pipe"])
    assert str(caught.value).splitlines() == [
        "missing.pdf: there is no such file",
        "*.tiff: there is no such file",
        "scans: is a folder; name the files in it, such as scans/*",
        "dangling: links to a file that is not there",
        "pipe: is no regular file",
    ]


@pytest.mark.usefixtures("folder")
def test_a_pattern_that_matches_folders_alone_is_refused() -> None:
    with pytest.raises(FilesNotUsable, match="no such file"):
        choose(["sca*"])


def test_a_single_file_keeps_its_name() -> None:
    assert names([Path("/far/away/Скан 1+2.pdf")]) == ["Скан 1+2.pdf"]


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert names([Path("/x/in/1.jpg"), Path("/x/in/../out/1.jpg")]) == ["in/1.jpg", "out/1.jpg"]


def test_names_that_are_no_utf_8_stay_apart() -> None:
    paths = [Path(os.fsdecode(b"/x/\xff.jpg")), Path(os.fsdecode(b"/x/\xfe.jpg")), Path("/x/y/2-\ufffd.jpg")]
    given = names(paths)
    assert given == ["\ufffd.jpg", "2-\ufffd.jpg", "y/2-\ufffd.jpg"]


def test_a_number_goes_before_the_name_not_before_its_folder() -> None:
    paths = [Path(os.fsdecode(b"/x/in/\xff.jpg")), Path(os.fsdecode(b"/x/in/\xfe.jpg")), Path("/x/1.jpg")]
    assert names(paths) == ["in/\ufffd.jpg", "in/2-\ufffd.jpg", "1.jpg"]


def test_names_leave_room_for_the_folder_of_the_run_in_a_key() -> None:
    deep = "/".join(["d" * 200] * 6)
    given = names([Path(f"/x/{deep}/1.jpg"), Path("/x/1.jpg")])
    assert given == ["1.jpg", "2-1.jpg"]
    assert all(len(name.encode()) < MAX_KEY_BYTES for name in given)
