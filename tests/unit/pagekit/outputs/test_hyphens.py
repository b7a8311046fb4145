"""Cut words are joined; words with a hyphen of their own keep it."""

from __future__ import annotations

import pytest

from pagekit.outputs.hyphens import joined, vocabulary


@pytest.mark.parametrize(
    ("cut", "word"),
    [
        # Cut by the line's end.
        ("догово-|ра", "договора"),
        ("Соглаше-|ние", "Соглашение"),
        ("ле-|то", "лето"),
        ("по-|нять", "понять"),
        ("по-|тому", "потому"),
        ("по-|этому", "поэтому"),
        ("соба-|ка", "собака"),
        ("из-|вестно", "известно"),
        ("quar-|terly", "quarterly"),
        ("un-|known", "unknown"),
        ("self-|ish", "selfish"),
        ("long-|er", "longer"),
        ("well-|ness", "wellness"),
        ("con‐|tract", "contract"),
        ("con\xad|tract", "contract"),
        ("con¬|tract", "contract"),
        ("con\xadtr\xad|act", "contract"),
        ("(до-|говор),", "(договор),"),
        # With a hyphen of its own.
        ("что-|нибудь", "что-нибудь"),
        ("кто-|либо", "кто-либо"),
        ("какого-|то", "какого-то"),
        ("из-|за", "из-за"),
        ("Из-|под", "Из-под"),
        ("кое-|что", "кое-что"),
        ("всё-|таки", "всё-таки"),
        ("по-|русски", "по-русски"),
        ("по-|моему", "по-моему"),
        ("во-|первых", "во-первых"),
        ("в-|третьих", "в-третьих"),
        ("давай-|ка", "давай-ка"),
        ("научно-|технический", "научно-технический"),
        ("купли-|продажи", "купли-продажи"),
        ("Санкт-|Петербург", "Санкт-Петербург"),
        ("well-|known", "well-known"),
        ("well-|being", "well-being"),
        ("long-|term", "long-term"),
        ("evidence-|based", "evidence-based"),
        ("so-|called", "so-called"),
        ("state-of-|the-art", "state-of-the-art"),
        ("state-|of-the-art", "state-of-the-art"),
        ("e-|mail", "e-mail"),
        ("COVID-|19", "COVID-19"),
        ("COVID-|like", "COVID-like"),
        ("10-|15", "10-15"),
        ("5-|го", "5-го"),
        ("web-|сайт", "web-сайт"),
        ("СОГЛАШЕ-|НИЕ", "СОГЛАШЕ-НИЕ"),
        # No word is cut.
        ("Москва -|столица", "Москва - столица"),
        ("Москва –|столица", "Москва – столица"),
        ("-|столица", "- столица"),
        ("Москва|-|столица", "Москва - столица"),
        ("дата-|«вторник»", "дата- «вторник»"),
        ("one|two", "one two"),
    ],
)
def test_joined(cut: str, word: str) -> None:
    assert joined(cut.split("|"), frozenset()) == word


@pytest.mark.parametrize(
    ("elsewhere", "cut", "word"),
    [
        ("Журнально-газетный отдел", "журнально-|газетный", "журнально-газетный"),
        ("журнальногазетный отдел", "журнально-|газетный", "журнальногазетный"),
        ("a wellknown man", "well-|known", "wellknown"),
        ("a co\xadoperative", "co-|operative", "cooperative"),
        ("a co‑operative", "co-|operative", "co-operative"),
    ],
)
def test_a_word_is_joined_as_it_stands_elsewhere_on_the_page(elsewhere: str, cut: str, word: str) -> None:
    lines = cut.split("|")
    assert joined(lines, vocabulary([elsewhere, *lines])) == word
