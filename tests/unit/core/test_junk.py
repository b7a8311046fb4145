"""Which names are junk: by the key's last segment alone."""

from __future__ import annotations

import pytest

from textdrop.core.junk import is_junk


@pytest.mark.parametrize(
    "key",
    [
        ".DS_Store",
        "a b/.DS_Store",
        "Thumbs.db",
        "photos/THUMBS.DB",
        "thumbs.db",
        "desktop.ini",
        "x/y/Desktop.ini",
        "~$report.docx",
        "inbox/~$",
        "._scan.pdf",
        "inbox/._scan.pdf",
    ],
)
def test_what_systems_and_office_programs_leave_behind_is_junk(key: str) -> None:
    assert is_junk(key)


@pytest.mark.parametrize(
    "key",
    [
        ".ds_store",
        ".DS_Store/scan.pdf",
        "._folder/scan.pdf",
        "~$folder/",
        "a.DS_Store",
        "Thumbs.db.pdf",
        "my desktop.ini",
        "~report.docx",
        "$~report.docx",
        "_.scan.pdf",
        ".scan.pdf",
        "a._b",
        "thumbs.db/",
    ],
)
def test_what_only_resembles_junk_is_an_upload(key: str) -> None:
    assert not is_junk(key)
