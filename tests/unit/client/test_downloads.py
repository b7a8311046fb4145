"""Which results are fetched, where they come to lie, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from textdrop.client import Textdrop
from textdrop.client.downloads import path_of
from unit.client.conftest import Clock
from unit.client.fake_stack import RESULTS, FakeStack, fake_stack


def put(stack: FakeStack, *keys: str) -> None:
    for key in keys:
        stack.s3.put_object(Bucket=RESULTS, Key=key, Body=key.encode())


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_names_are_behind_the_last_slash_of_the_prefix(textdrop: Textdrop, stack: FakeStack, tmp_path: Path) -> None:
    put(stack, "in/2019-a.txt", "in/2019/b.txt", "in/2020.txt", ".textdrop/documents/x/result.txt")
    assert not [each for each in textdrop.get("in/2019", tmp_path / "one") if each.error]
    assert names(tmp_path / "one") == ["2019-a.txt", "2019/b.txt"]
    list(textdrop.get("", tmp_path / "all"))
    assert names(tmp_path / "all") == ["in/2019-a.txt", "in/2019/b.txt", "in/2020.txt"]


def test_results_below_a_prefix_of_the_bucket(tmp_path: Path, clock: Clock) -> None:
    with fake_stack(parameters={"ResultsPrefix": "ocr/"}) as stack:
        put(stack, "ocr/in/a.txt", "in/a.txt", "ocr/.textdrop/b.txt", "ocr/in/folder/")
        given: Any = stack
        [done] = Textdrop(session=given).get("", tmp_path)
        assert (done.key, names(tmp_path)) == ("ocr/in/a.txt", ["in/a.txt"])


def test_some_kinds_alone(textdrop: Textdrop, stack: FakeStack, tmp_path: Path) -> None:
    suffixes = (".txt", ".ocr.json", ".error.json", ".md", ".searchable.pdf", ".tables.xlsx", ".tables/0001-01.csv")
    put(stack, *(f"a.pdf{suffix}" for suffix in suffixes))
    kinds = ("text", "json", "error", "markdown", "pdf")
    for kind, suffix in zip(kinds, suffixes, strict=False):
        assert [each.key for each in textdrop.get("", tmp_path / kind, [kind])] == [f"a.pdf{suffix}"]
    several = sorted(each.key for each in textdrop.get("", tmp_path / "two", ["tables", "text"]))
    assert several == ["a.pdf.tables.xlsx", "a.pdf.tables/0001-01.csv", "a.pdf.txt"]


def test_what_is_there_unchanged_is_not_fetched_again(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stack, "a.txt", "b.txt", "c.txt", "d.txt")
    list(textdrop.get("", tmp_path))
    (tmp_path / "b.txt").write_bytes(b"B.txt")
    os.utime(tmp_path / "b.txt", (0, 0))
    (tmp_path / "c.txt").write_bytes(b"c")
    os.utime(tmp_path / "d.txt", (0, 0))
    there = {each.key: each.there_already for each in textdrop.get("", tmp_path)}
    assert there == {"a.txt": True, "b.txt": False, "c.txt": False, "d.txt": True}
    assert (tmp_path / "b.txt").read_bytes() == b"b.txt"
    # Of an object whose ETag is no MD5, the time tells, to the second.
    real = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=RESULTS).build_full_result()
    for found in real["Contents"]:
        found["ETag"] = '"x-2"'

    class Pages:
        def paginate(self, **_: object) -> list[dict[str, Any]]:
            return [real]

    monkeypatch.setattr(stack.s3, "get_paginator", lambda _: Pages())
    there = {each.key: each.there_already for each in textdrop.get("", tmp_path)}
    assert there == {"a.txt": True, "b.txt": True, "c.txt": True, "d.txt": False}


def test_a_fetch_that_breaks_off_leaves_what_was_there(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stack, "a.txt")
    (tmp_path / "a.txt").write_bytes(b"before")

    class Body:
        def iter_chunks(self, _: int) -> Any:
            yield b"a"
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(stack.s3, "get_object", lambda **_: {"Body": Body()})
    [done] = textdrop.get("", tmp_path)
    assert done.error == "It cannot be written: Input/output error."
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"before"


def test_a_name_that_is_a_file_and_a_folder_is_told(textdrop: Textdrop, stack: FakeStack, tmp_path: Path) -> None:
    put(stack, "a.txt", "a.txt/b.txt")
    (tmp_path / "a.txt").mkdir()
    done = {each.key: each.error for each in textdrop.get("", tmp_path)}
    assert done["a.txt/b.txt"] is None
    assert done["a.txt"] is not None


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "a//b", "./a", "C:/x", "c:x", "a/\0b", "..", "a/.."]
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a path"):
        path_of(tmp_path, name)


def test_links_that_lead_out_of_the_folder_are_not_followed(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path
) -> None:
    put(stack, "away/a.txt", "b..c.txt")
    (tmp_path / "away").symlink_to("/etc")
    done = {each.key: each.error for each in textdrop.get("", tmp_path)}
    assert done == {"away/a.txt": "A link in the folder leads out of it.", "b..c.txt": None}
