"""Documents as Markdown: headings, paragraphs, lists, notes, furniture, failed pages, turned pages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.outputs.markdown import markdown
from pagekit.outputs.reading_frame import box_reader
from pagekit.page import RecognisedPage
from unit.pagekit.outputs.set_page import ADVANCE, HEIGHT, block, line, page
from unit.pagekit.outputs.shown import body, shown

RUSSIAN = """\
   Общество с ограниченной ответственностью «Северный
ветер», далее именуемое Заказчик, заключило настоящий до-
говор о нижеследующем.
   Исполнитель обязуется подготовить описание архивных дел
за период с 1961 по 1985 год."""


def test_a_document_of_all_that_there_is() -> None:
    first = page(
        block("Договор\nоказания услуг", "title"),
        block(RUSSIAN, top=200),
        block("1. Предмет", "section_header", top=400),
        block("1. подготовить опись;\n2. сдать её в архив.", top=450),
        block("Рис. 1. Архив", "caption", top=600),
    )
    assert "".join(markdown([(1, first), (2, None), (3, page())])) == (
        "<!-- page 1 -->\n"
        "\n"
        "# Договор оказания услуг\n"
        "\n"
        "Общество с ограниченной ответственностью «Северный ветер», далее именуемое Заказчик, заключило настоящий"
        " договор о нижеследующем.\n"
        "\n"
        "Исполнитель обязуется подготовить описание архивных дел за период с 1961 по 1985 год.\n"
        "\n"
        "## 1. Предмет\n"
        "\n"
        "1. подготовить опись;\n"
        "2. сдать её в архив.\n"
        "\n"
        "*Рис. 1. Архив*\n"
        "\n"
        "<!-- page 2 -->\n"
        "\n"
        "**Page 2 could not be recognised.**\n"
        "\n"
        "<!-- page 3 -->\n"
    )


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_turned_page_reads_as_an_upright_one(rotate: int) -> None:
    assert body(page(block(RUSSIAN), rotate=rotate)) == body(page(block(RUSSIAN)))
    assert body(page(block(RUSSIAN))).count("\n\n") == 1


PARAGRAPHS = {
    "a gap": """\
The first one is of one line only
and another one of the same length

he said, and so the second begins here
and goes on to its own end as well.""",
    "a short last line": """\
The quarterly report covers the period
from April to June.
Revenue grew by 14 percent, mainly from
new subscriptions.""",
    "an indent": """\
   The first line stands a little in, and
the others do not, up to the very end.
   The second paragraph begins in the same
way, and it ends here.""",
}


@pytest.mark.parametrize("name", PARAGRAPHS)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_paragraph_begins_after(name: str, rotate: int) -> None:
    assert len(body(page(block(PARAGRAPHS[name]), rotate=rotate)).split("\n\n")) == 2


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_boxes_are_those_of_the_upright_page(rotate: int) -> None:
    made = page(block("Слово", left=70, top=300), rotate=rotate)
    assert box_reader(made)(made["blocks"][0]["polygon"]) == (70, 300, 70 + 5 * ADVANCE, 300 + HEIGHT)


@pytest.mark.parametrize(
    "text",
    [
        "The quarterly report covers the period from\nApril to June and the half-year, in which the\nRevenue grew.",
        "The book was read by\nmost of those who had been asked to do so.",  # ended early, but in mid-sentence
        "Bibliography entry that is long enough to\n   hang under its first line, and goes on\n   to the third.",
    ],
)
def test_a_paragraph_goes_on(text: str) -> None:
    assert body(page(block(text))) == " ".join(text.split())


def test_lines_of_an_address_are_measured_by_their_column() -> None:
    long = "Thank you for your order of 3 March. We are\npleased to confirm that the copies of the book\nare ready."
    found = body(page(block("Northfield Works\n14 Canal Street"), block(long, top=200)))
    assert found.split("\n\n")[:2] == ["Northfield Works", "14 Canal Street"]


def test_lines_side_by_side_are_one() -> None:
    made = page(block("Итого:"))
    made["blocks"][0]["lines"].append(line("1 200 руб.", 500, 102))
    assert body(made) == "Итого: 1 200 руб."


def test_a_paragraph_that_a_column_cuts_is_one() -> None:
    left = "The first column ends in the middle of a\nsentence that nobody has yet brought to its\nend, and the con-"
    right = "tinuation stands in the second one."
    found = body(page(block(left), block("1 A note.", "footnote", top=900), block(right, left=600)))
    assert found.split("\n\n")[0].endswith("and the continuation stands in the second one.")
    assert found.split("\n\n")[1:] == ["1 A note."]


LISTS = {
    "bullets": (
        "You need:\n• two eggs\n• a glass of milk\n  and some salt\n• flour",
        "You need:\n\n- two eggs\n- a glass of milk and some salt\n- flour",
    ),
    "an item of two sentences": (
        "• This line is as long as all.\n  Here it goes on, hanging.\n• Another.",
        "- This line is as long as all. Here it goes on, hanging.\n- Another.",
    ),
    "dashes": ("Нужны:\n– паспорт;\n– заявление.", "Нужны:\n\n- паспорт;\n- заявление."),
    "numbers": ("3) one thing;\n4) another.", "3) one thing;\n4) another."),
    "letters": ("Стороны:\nа) обязуются;\nб) вправе.", "Стороны:\n\n- а) обязуются;\n- б) вправе."),
    "numbers that skip": ("1. One.\n2. Two.\n5. Five.\n6. Six.", "1. One.\n2. Two.\n\n5\\. Five.\n\n6. Six."),
    "kinds": ("• a bullet.\n5. A number.", "- a bullet.\n\n5. A number."),
    "list": (
        "a loaf of bread;\nmilk;\n— a very long item that takes more\n  than a line.",
        "- a loaf of bread;\n- milk;\n- a very long item that takes more than a line.",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists(name: str) -> None:
    text, expected = LISTS[name]
    assert body(page(block(text, "list" if name == "list" else "text"))) == expected


@pytest.mark.parametrize(
    "text",
    [
        "— Да, — сказал он.\n— Нет.",  # dialogue
        "It was as cold as it had been in the year of\n1812. Nobody remembered a colder one than\nthat.",
        "В письме говорилось о том, что пункт номер\n5. Предмет договора, не согласован.",
        "Москва – столица.\n– город.",
    ],
)
def test_what_is_no_list(text: str) -> None:
    assert shown(body(page(block(text)))).elements == {"p"}


def test_some_pages_of_a_file_are_marked_by_their_numbers_in_it() -> None:
    assert "".join(markdown([(5, page()), (9, None)])) == (
        "<!-- page 5 -->\n\n<!-- page 9 -->\n\n**Page 9 could not be recognised.**\n"
    )


def running(number: int, head: str = "Annual report      {}", foot: str = "стр. {} из 9") -> RecognisedPage:
    return page(
        block(head.format(number), "header"),
        block(f"Text of page {number}.", top=200),
        block(foot.format(number), "footer", top=1300),
    )


def test_furniture_is_kept_the_first_time() -> None:
    found = shown("".join(markdown([(number, running(number)) for number in (1, 2, 3)])))
    assert found.lines == ["Annual report 1", "Text of page 1.", "Text of page 2.", "Text of page 3."]
    assert found.comments == ["page 1", "page 2", "page 3"]


@pytest.mark.parametrize("foot", ["{}", "- {} -", "Page {}", "{} of 9", "Северный ветер | {}", "ACME      {}"])
def test_page_numbers_do_not_make_a_footer_new(foot: str) -> None:
    pages = [(number, running(number, foot=foot)) for number in (1, 2)]
    second = list(markdown(pages))[1]
    assert second == "\n<!-- page 2 -->\n\nText of page 2.\n"


def test_a_year_is_no_page_number() -> None:
    assert "2024" in body(running(1, foot="2024"))


def test_headers_stand_first_and_footnotes_and_footers_last() -> None:
    blocks = [
        block("Подвал", "footer", top=1300),
        block("1 Сноска.", "footnote", top=1200),
        block("Текст.", top=300),
        block("Шапка", "header", top=20),
    ]
    assert body(page(*blocks)).split("\n\n") == ["Шапка", "Текст.", "1 Сноска.", "Подвал"]


def test_a_page_without_blocks_is_made_from_its_text() -> None:
    made = page(block("", "picture"))
    made["text"] = "Первая строка\nпродолжение\n\n* второй абзац"
    assert body(made) == "Первая строка продолжение\n\n\\* второй абзац"


KINDS = ["text", "section_header", "footnote", "picture", "caption", "title", "list", "unknown"]
WORD = st.text(st.sampled_from("abZЯжё012-–.,;:()*_#<&|\\`•\xad"), min_size=1, max_size=6)
LINES = st.lists(st.lists(WORD, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=5)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), LINES, st.integers(0, 600), st.integers(0, 900)), max_size=5),
    st.sampled_from([0, 90, 180, 270]),
)
def test_every_word_is_shown(blocks: list[tuple[str, list[str], int, int]], rotate: int) -> None:
    made = page(*(block("\n".join(rows), kind, left=x, top=y) for kind, rows, x, y in blocks), rotate=rotate)
    # Hyphens at line ends may go, and with them where a word ends; bullets become the list's own.
    seen = letters(shown(body(made)).text)
    for _, rows, _, _ in blocks:
        for row in rows:
            for word in row.split():
                assert letters(word) in seen


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
