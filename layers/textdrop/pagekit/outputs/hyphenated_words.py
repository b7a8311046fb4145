"""Russian and English words that are written with a hyphen, as far as their parts show it."""

from __future__ import annotations

import re


def is_hyphenated(head: str, tail: str) -> bool:
    """Whether the hyphen between `head` and `tail`, both in lower case, is part of the word. Either may have further
    hyphens."""
    before, first = head.rpartition("-")[2], tail.partition("-")[0]
    return _is_russian(before, first) or _is_english(before, first, within="-" in head, goes_on="-" in tail)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PRONOUNS = re.compile(
    r"(?:кто|кого|кому|кем|ком|что|чего|чему|чем|чём|чей|чья|чьё|чье|чьи|где|куда|когда|откуда|почему|зачем|отчего"
    r"|сколько|как|как(?:ой|ая|ое|ие|ого|ому|им|ом|ую|их|ими)|так|там|тот|та|те)\Z"
)
_ADVERB = re.compile(r"(?:\w{2,}(?:ски|цки|ьи)|\w+[ое]му)\Z")
_ONE_WORD = _words("потому поэтому почему посему")
_ORDINAL = re.compile(r"\w{3,}[ыи]х\Z")
_COMMANDS = _words("ну нате дай дайте давай давайте скажи скажите смотри смотрите погоди постой иди")
_RUSSIAN_HEADS = _words("""
    кое кой вице экс обер унтер интернет онлайн бизнес северо юго научно социально военно общественно культурно учебно
    финансово торгово производственно материально организационно информационно технико экономико программно хозяйственно
    уголовно гражданско историко физико химико медико лечебно проектно строительно ремонтно кредитно денежно товарно
    приёмо приемо погрузочно монтажно нормативно санитарно жилищно расчётно расчетно
""")
_TRADE = re.compile(r"купл[яиюей]+\Z")
_RUSSIAN_TAILS = _words("либо нибудь таки")

_ENGLISH_HEADS = _words("well self half cross long short high low")
_ENDINGS = _words("ish ishly ishness less ness hood ing ings ed er ers est ly en ens ened age ages al")
_ENGLISH_TAILS = _words("based known term level called oriented looking sized scale")
_LINKS = _words("of the in to and by on up at a for")


def _is_russian(before: str, first: str) -> bool:
    return (
        first in _RUSSIAN_TAILS
        or before in _RUSSIAN_HEADS
        or (first == "то" and _PRONOUNS.match(before) is not None)
        or (first == "ка" and before in _COMMANDS)
        or (before == "из" and first in ("за", "под"))
        or (before == "по" and before + first not in _ONE_WORD and _ADVERB.match(first) is not None)
        or (before == "во" and _ORDINAL.match(first) is not None)
        or (_TRADE.match(before) is not None and first.startswith("продаж"))
    )


def _is_english(before: str, first: str, *, within: bool, goes_on: bool) -> bool:
    return (
        (before in _LINKS and within)
        or (first in _LINKS and goes_on)
        or (before in _ENGLISH_HEADS and first not in _ENDINGS)
        or (first in _ENGLISH_TAILS and len(before) >= 3)
        or (before, first) == ("so", "called")
    )
