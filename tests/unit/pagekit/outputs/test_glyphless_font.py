"""The font of unseen text: codes for each character in each width, and glyphs with an extent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Pdf

from pagekit.pdf import glyphless_font
from pagekit.pdf.glyphless_font import WIDTHS, GlyphlessFont


def fresh() -> GlyphlessFont:
    return GlyphlessFont(Pdf.new())


@given(st.text("абвxyz😀", min_size=1, max_size=30), st.floats(0, 5_000))
def test_text_is_as_wide_as_it_should_be(text: str, letter: float) -> None:
    codes, width = fresh().encoded(text, letter * len(text))
    assert len(codes) == 4 * len(text)
    nearest = min(max(letter, WIDTHS[0]), WIDTHS[-1]) * len(text)
    assert abs(width - nearest) <= 0.06 * max(letter, WIDTHS[0])


def test_a_character_has_one_code_in_each_width() -> None:
    font = fresh()
    assert font.encoded("abab", 2000)[0] == "0001000200010002"
    assert font.encoded("b", 500)[0] == "0002"
    assert font.encoded("b", 1500)[0] == "0003"


def test_codes_that_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyphless_font, "_PLENTY_OF_CODES", 3)
    monkeypatch.setattr(glyphless_font, "_LAST_CODE", 6)
    font = fresh()
    assert font.encoded("abc", 1500)[0] == "000100020003"
    codes, width = font.encoded("a", 1500)
    assert (codes, width) == ("0001", font.encoded("a", 500)[1])
    assert font.encoded("de", 1000)[0] == "00040005"
    codes, _ = font.encoded("fg", 1000)
    assert codes == "00060006"
    font.written()
    assert b"<0006> <FFFD>" in font.object.ToUnicode.read_bytes()


def test_a_descent_is_stated() -> None:
    """poppler takes none for a mistake, and letters for higher than they are."""
    font = fresh()
    font.encoded("a", 500)
    font.written()
    descriptor = font.object.DescendantFonts[0].FontDescriptor
    assert -5 < descriptor.Descent < 0
    assert descriptor.Ascent == 1000
