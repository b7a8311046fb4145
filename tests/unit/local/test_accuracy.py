"""The rate of wrong characters, by examples counted by hand."""

from __future__ import annotations

import pytest

from local.accuracy import character_error_rate


@pytest.mark.parametrize(
    ("expected", "actual", "rate"),
    [
        ("договор", "договор", 0.0),
        ("ten chars.", "ten  chars.\n", 0.0),
        ("one\ntwo", "one\ftwo", 0.0),
        ("ten chars.", "ten charz.", 0.1),
        ("ten chars.", "tenchars.", 0.1),
        ("ten chars.", "ten charsss.", 0.2),
        ("kitten", "sitting", 3 / 6),
        ("ab", "ba", 1.0),
        ("abcd", "", 1.0),
        ("a", "xyz", 3.0),
        ("", "", 0.0),
        (" \n", "\f", 0.0),
        ("", "x", 1.0),
    ],
)
def test_the_share_of_wrong_characters(expected: str, actual: str, rate: float) -> None:
    assert character_error_rate(expected, actual) == pytest.approx(rate)
