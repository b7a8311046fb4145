"""Whether what a PDF gives for its text reads like words, whatever the language."""

from __future__ import annotations

import pytest

from pagekit.pdf.readable import is_readable

RUSSIAN = (
    "Договор оказания услуг № 5, город Ярославль. Исполнитель обязуется подготовить описание архивных дел Заказчика за "
    "период с 1961 по 1985 год, а Заказчик обязуется принять эту работу и оплатить её в срок."
)
ENGLISH = (
    "Thank you for your order of 3 March. We are pleased to confirm that the two hundred copies of the parish history "
    "will be ready on Friday, 29 March, and that the price stays at 1,480 pounds, delivery included."
)
READABLE = {
    "russian": RUSSIAN,
    "english": ENGLISH,
    "capitals": RUSSIAN.upper(),
    "ukrainian": "Виконавець зобов'язується підготувати опис архівних справ Замовника за період з 1961 до 1985 року, а "
    "Замовник зобов'язується прийняти цю роботу й оплатити її своєчасно.",
    "kazakh": "Тапсырыс беруші осы жұмысты қабылдап, оның ақысын уақытында төлеуге міндеттенеді, ал орындаушы мұрағат "
    "істерінің сипаттамасын дайындауға міндетті.",
    "polish": "Wykonawca zobowiązuje się sporządzić opis akt archiwalnych Zamawiającego, a Zamawiający przyjmie tę "
    "pracę i zapłaci za nią w terminie: źdźbło, ćma, łąka, żółw.",
    "vietnamese": "Bên thuê có nghĩa vụ trả đủ tiền thuê nhà đúng thời hạn đã được hai bên thỏa thuận trong hợp đồng, "
    "và phải giữ gìn nhà cửa sạch sẽ cho đến ngày trả lại.",
    "french": "Élève à l'école de la République, l'été dernier il a été très étonné: où étaient passés les pâtés de sa "
    "grand-mère? Ça ne s'était jamais vu, ni à Noël, ni à Pâques.",
    "german": "Die Straße über den Fluß führte zur GmbH & Co. KG, größer als früher; dort hörte man hübsche Mädchen "
    "öfter süße Lieder üben und über Äpfel, Öl und Übermut plaudern.",
    "greek": "Ο ανάδοχος υποχρεούται να συντάξει περιγραφή των αρχειακών φακέλων του πελάτη και ο πελάτης υποχρεούται "
    "να πληρώσει την εργασία αυτή εγκαίρως.",
    "addresses": f"{ENGLISH} https://example.com/a?page=2&from=Index_Main someBody@example.com www.Example.com/q?a=b",
}
UNREADABLE = {
    "too few": "Приложение № 3 к договору оказания услуг от 3 марта 2026 года, лист 17",
    "numbers": "1 234 567 890,00 " * 50,
    "latin-1": RUSSIAN.encode("cp1251", "replace").decode("latin-1"),
    "latin-1 among words": ENGLISH + " " + "Äîãîâîð îêàçàíèÿ óñëóã",
    "taken for central european": RUSSIAN.encode("iso8859-5", "replace").decode("cp1250", "replace"),
    "utf-8 taken for latin-1": RUSSIAN.encode().decode("latin-1"),
    "another coding of Cyrillic": RUSSIAN.encode("koi8-r", "replace").decode("cp1251", "replace"),
    "two scripts in a word": RUSSIAN.translate(str.maketrans("аеос", "aeoc")),
    "capitals within": "Russian that was read as EngLisH: NcnoAHuTeAb oбsIзyeTcA noAroToBuTb " + ENGLISH,
    "digits within": ENGLISH.translate(str.maketrans("tnr", "714")),
    "signs within": ENGLISH.replace("ea", "e]a").replace("ou", "o\\u").replace("ri", "r^i"),
    "moved by a constant": "".join(chr(ord(letter) + 3) if letter.isalpha() else letter for letter in ENGLISH.lower()),
    "without vowels": "".join(letter for letter in ENGLISH if letter not in "aeiou"),
    "spaced": " ".join(RUSSIAN.replace(" ", "")),
    "without blanks": "".join(filter(str.isalpha, RUSSIAN)).lower(),
    "replaced": RUSSIAN.replace("а", "\ufffd"),
    "a few replaced": RUSSIAN.replace("б", "\ufffd"),
    "private": RUSSIAN.replace("а", "\ue001"),
    "hebrew": "החוזה נחתם בעיר ירושלים ביום הראשון של חודש מרץ והצדדים מתחייבים לשלם את מלוא הסכום במועד שנקבע בו " * 2,
    "chinese": "合同双方应当按照约定履行各自的义务并在规定的期限内支付全部款项" * 5,
}


@pytest.mark.parametrize("case", READABLE)
def test_words(case: str) -> None:
    assert is_readable(READABLE[case].split())


@pytest.mark.parametrize("case", UNREADABLE)
def test_no_words(case: str) -> None:
    assert not is_readable(UNREADABLE[case].split())
