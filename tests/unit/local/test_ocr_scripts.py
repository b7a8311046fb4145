"""Latin and Cyrillic look-alikes are settled word by word."""

import pytest

from local.ocr.scripts import languages, settle_line, wants_cyrillic

LATIN_A, LATIN_O, LATIN_C, LATIN_P = "A", "O", "C", "p"
CYRILLIC_A, CYRILLIC_O, CYRILLIC_C, CYRILLIC_E = "А", "О", "С", "е"


@pytest.mark.parametrize(
    ("read", "settled"),
    [
        ([f"Д{LATIN_O}гов{LATIN_O}р".replace("O", "o")], ["Договор"]),
        ([f"th{CYRILLIC_E}r{CYRILLIC_E}"], ["there"]),
        (["отчёт", "за", LATIN_A, "квартал"], ["отчёт", "за", CYRILLIC_A, "квартал"]),
        (["point", CYRILLIC_A, "is", "here"], ["point", LATIN_A, "is", "here"]),
        (["по", "Wi-Fi-сети", "дома"], ["по", "Wi-Fi-сети", "дома"]),
        (["№58-" + LATIN_A, "от", "июня"], ["№58-" + CYRILLIC_A, "от", "июня"]),
        (["OCR", "для", "всех"], ["OCR", "для", "всех"]),
        (["3", "482", "000"], ["3", "482", "000"]),
        (["дr"], ["дr"]),
        ([LATIN_A + CYRILLIC_O + CYRILLIC_C], [CYRILLIC_A + CYRILLIC_O + CYRILLIC_C]),
        ([], []),
    ],
)
def test_settles_each_run_of_letters(read: list[str], settled: list[str]) -> None:
    assert settle_line(read) == settled


def test_languages_are_named_by_their_share_of_letters() -> None:
    assert languages(["договор", "No", "58"]) == ("ru", "en")
    assert languages(["see", "отчёт", "overleaf"]) == ("en", "ru")
    assert languages(["1,205,300"]) == ()


def test_cyrillic_is_wanted_by_its_languages_and_where_any_is() -> None:
    assert [wants_cyrillic(asked) for asked in ((), ("*",), ("ru",), ("en", "ru"), ("de", "kk"))] == [True] * 5
    assert [wants_cyrillic(asked) for asked in (("en",), ("de", "fr"), ("zh", "en"))] == [False] * 3
