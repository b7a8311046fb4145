"""Pages whose own text tells all that can be read on them, and pages whose own text does not, or which have none."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import Image, ImageDraw

from pagekit.page import RecognisedPage
from unit.pagekit import making, typeset
from unit.pagekit.outputs import drawing
from unit.pagekit.typeset import add_page, lines, shown

RUSSIAN, ENGLISH = drawing.RUSSIAN, drawing.ENGLISH
FRENCH = (
    "Élève à l'école de la République, l'été dernier il a été",
    "très étonné: où étaient passés les pâtés de sa grand-mère?",
    "Ça ne s'était jamais vu, ni à Noël, ni à la Saint-Sylvestre.",
)
TABLE = (
    ("Наименование", "Количество", "Цена, руб."),
    ("Бумага для принтера", "12 пачек", "4 380,00"),
    ("Папка архивная с завязками", "40 штук", "3 200,00"),
    ("Карандаш чернографитный", "100 штук", "1 750,50"),
    ("Ящик для каталожных карточек", "2 штуки", "9 900,00"),
)
UNSEEN = 3
BODY = (lines(RUSSIAN), lines(ENGLISH, y=680))
"""Two paragraphs in the upper part of a page."""


def one(*operators: bytes, **options: Any) -> bytes:
    return making.made(lambda document: add_page(document, *operators, **options))


def changed(change: Callable[[Pdf, Any], object], *operators: bytes) -> bytes:
    """A page with BODY, to which something was done."""
    return making.made(lambda document: change(document, add_page(document, *BODY, *operators)))


# --- text that is enough


def table() -> bytes:
    """Ruled, and the head is shaded."""
    rules = [b"0.9 g 60 765 420 20 re f 0 g 0.7 w"]
    rules += [b"60 %d m 480 %d l S" % (y, y) for y in range(785, 665, -20)]
    rules += [b"%d 785 m %d 685 l S" % (x, x) for x in (60, 270, 380, 480)]
    texts = [
        shown(text, x, 771 - 20 * row, 10)
        for row, cells in enumerate(TABLE)
        for text, x in zip(cells, (64, 274, 384), strict=True)
    ]
    return one(*rules, *texts)


def turned(degrees: int) -> bytes:
    """The text is upright as the page is shown, by its /Rotate."""
    matrix = {90: (0, 1, -1, 0, 595, 0), 180: (-1, 0, 0, -1, 595, 842), 270: (0, -1, 1, 0, 0, 842)}[degrees]

    def draw(document: Pdf) -> None:
        page = add_page(document, b"q %d %d %d %d %d %d cm" % matrix, lines([*RUSSIAN, *ENGLISH], y=500), b"Q")
        page.Rotate = degrees

    return making.made(draw)


def sideways() -> bytes:
    """The text runs up the page, as it is shown."""
    return one(b"q 0 1 -1 0 595 0 cm", lines([*RUSSIAN, *ENGLISH], y=500), b"Q")


def scan(
    texts: Sequence[str] = RUSSIAN, change: Callable[[RecognisedPage], RecognisedPage] | None = None, **options: Any
) -> bytes:
    """A scan with the text unseen over it, as it was recognised or as it is changed."""
    image, page = drawing.page_of(texts)
    return with_layer(image, change(page) if change else page, **options)


def with_layer(image: Image.Image, page: RecognisedPage, **options: Any) -> bytes:
    return making.rendered(making.scans([image], **options), page)[0]


def grainy() -> bytes:
    """A scan of grey paper with noise."""
    image, page = drawing.page_of(ENGLISH)
    paper = Image.blend(image.point([60 + value * 170 // 255 for value in range(256)]), noise(image.size), 0.1)
    return with_layer(paper, page)


def noise(size: tuple[int, int]) -> Image.Image:
    """The same each time."""
    return Image.frombytes("L", size, random.Random(1).randbytes(size[0] * size[1]))


def moved(across: float, down: float) -> Callable[[RecognisedPage], RecognisedPage]:
    """The text stands so many pixels beside what it says."""
    return lambda page: drawing.moved_page(page, lambda x, y: (x + across, y + down), (page["width"], page["height"]))


def in_form(document: Pdf, page: Any) -> None:
    """The text is drawn by a form."""
    operators = page.Contents.read_bytes()
    form = document.make_stream(operators, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 595, 842]))
    form.Resources = Dictionary(Font=page.Resources.Font)
    page.Resources.XObject.Form = form
    page.Contents = document.make_stream(b"/Form Do")


def french() -> bytes:
    def draw(document: Pdf) -> None:
        page = add_page(document)
        texts = [text.encode("cp1252").hex().encode() for text in FRENCH]
        shows = [b"1 0 0 1 60 %d Tm <%b> Tj" % (700 - 16 * row, text) for row, text in enumerate(texts)]
        making.add_operators(page, b"BT /F 11 Tf %b ET" % b" ".join(shows))

    return making.made(draw)


def link(document: Pdf, page: Any) -> None:
    page.Annots = Array(
        [Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([60, 775, 200, 790]), Border=Array([0, 0, 0]))]
    )


def field(document: Pdf, page: Any, value: str = "Ivan Petrov, Yaroslavl", kind: Name = Name.Tx) -> Any:
    """A field of a form with this value, and with the picture of it that its program made."""
    operators = b"BT /R 11 Tf 2 4 Td (%b) Tj ET" % value.encode()
    shows = document.make_stream(operators, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 18]))
    shows.Resources = Dictionary(Font=page.Resources.Font)
    widget = document.make_indirect(
        Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=kind, T="name", F=4, Rect=Array([60, 500, 260, 518]))
    )
    widget.V, widget.AP = String(value), Dictionary(N=shows)
    page.Annots = Array([widget])
    document.Root.AcroForm = Dictionary(Fields=Array([widget]))
    return widget


def box_to_tick(document: Pdf, page: Any, state: Name) -> None:
    """The group of boxes has a value, whichever of them is ticked."""
    box = field(document, page, "v" if state == Name.On else "", Name.Btn)
    box.AP, box.V, box.AS = Dictionary(N=Dictionary({str(state): box.AP.N})), Name.Other, state


def signed(document: Pdf, page: Any) -> None:
    """The value is a signature that shows next to nothing."""
    field(document, page, "v", Name.Sig).V = Dictionary(Type=Name.Sig)


UNDERLINED = b"0.6 w 60 777 m 290 777 l S 60 761.5 m 120 761.5 l S"
SQUARES = b"".join(b"60 %d m 300 %d l S %d 300 m %d 540 l S " % (y, y, y - 240, y - 240) for y in range(300, 541, 12))
FRAME = b"1 w 40 40 515 762 re S"
DARK_HEAD = b"0.1 0.2 0.5 rg 0 800 595 42 re f 1 g " + shown("Общество любителей старины", 60, 815, 16) + b" 0 g"
TINTED = b"1 0.98 0.85 rg 0 0 595 842 re f 0 g"
OUTSIDE = shown("crop mark, plate 7, cyan", 60, 860)

TELLS_ALL: dict[str, bytes] = {
    "russian": one(*BODY[:1]),
    "english": one(lines(ENGLISH)),
    "french": french(),
    "both": one(*BODY),
    "small print": one(lines([*RUSSIAN, *ENGLISH], size=6)),
    "large letters": one(lines(RUSSIAN[:3], x=20, size=18)),
    "two columns": one(lines(RUSSIAN, x=20, size=9), lines(ENGLISH, x=310, size=9)),
    "a table": table(),
    **{f"turned by {degrees}": turned(degrees) for degrees in (90, 180, 270)},
    "sideways": sideways(),
    "underlined": one(*BODY, UNDERLINED),
    "framed": one(*BODY, FRAME),
    "beside squares": one(*BODY, SQUARES),
    "light letters on a dark ground": one(*BODY, DARK_HEAD),
    "on tinted paper": one(TINTED, *BODY),
    "text outside the page": one(*BODY, OUTSIDE),
    "text in a form": changed(in_form),
    "a link": changed(link),
    "an empty field": changed(lambda document, page: field(document, page, "")),
    "a box that is not ticked": changed(lambda document, page: box_to_tick(document, page, Name.Off)),
    "names by the encoding alone": one(*BODY, names=None),
    "a scan with its text": scan(),
    "a scan with its text, english": scan(ENGLISH),
    "a scan with its text, grainy": grainy(),
    "a scan with its text, askew": with_layer(*drawing.tilted(*drawing.page_of(RUSSIAN), 1)),
    "a scan with its text, lying": scan(rotate=90),
    "a scan with its text, cropped": scan(margin=30),
}


# --- text that is not enough, or none


def photo() -> Image.Image:
    """Without any sharp edge."""
    return noise((12, 8)).resize((300, 200), Image.Resampling.BICUBIC)


def with_picture(image: Image.Image, left: float, bottom: float, width: float) -> bytes:
    """A page of text with a picture below it."""

    def draw(document: Pdf, page: Any) -> None:
        page.Resources.XObject.Picture = making.grey_picture(document, image)
        height = width * image.height / image.width
        page.contents_add(b"q %f 0 0 %f %f %f cm /Picture Do Q" % (width, height, left, bottom))

    return changed(draw)


def photo_in_form(document: Pdf, page: Any) -> None:
    """The form is a unit high and wide, and drawn larger."""
    form = document.make_stream(b"/Picture Do", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]))
    form.Resources = Dictionary(XObject=Dictionary(Picture=making.grey_picture(document, photo())))
    page.Resources.XObject.Form = form
    page.contents_add(b"q 300 0 0 200 60 200 cm /Form Do Q")


def signature() -> Image.Image:
    """A scrawl of a thin pen."""
    image = Image.new("L", (340, 120), 255)
    draw = ImageDraw.Draw(image)
    for left in range(10, 300, 42):
        draw.arc((left, 20, left + 60, 90), 120, 420, fill=40, width=3)
    return image


def note(text: str, grey: int) -> Image.Image:
    """A few words that somebody wrote."""
    image = Image.new("L", (400, 60), 255)
    ImageDraw.Draw(image).text((10, 10), text, fill=grey, font=drawing.font(36))
    return image


STROKES = b"1.2 w 300 150 m 320 200 330 120 350 170 c 360 200 370 130 390 165 c 400 190 420 140 440 160 c S"
CHART = b"1.5 w 80 300 m 150 420 200 250 270 380 c 330 470 380 300 460 430 c S 80 300 m 460 300 l S 80 300 m 80 440 l S"
SLANTED = b"q 0.8 0.6 -0.6 0.8 300 20 cm 0.6 g " + shown("КОПИЯ ВЕРНА", 0, 0, 60) + b" Q"
STAMP = b"2 w 0 0 0.6 RG 400 250 m 400 277.6 377.6 300 350 300 c 322.4 300 300 277.6 300 250 c"
STAMP += b" 300 222.4 322.4 200 350 200 c 377.6 200 400 222.4 400 250 c S"
MANY = lines([*RUSSIAN, *ENGLISH] * 3, y=800)
NOBODY_SEES = "words that nobody sees"
COVERED = b"1 g 50 640 500 150 re f 0 g"


def remark(document: Pdf, page: Any) -> None:
    """Somebody wrote on the page with a viewer."""
    field(document, page)
    page.Annots[0].Subtype = Name.FreeText


def pen(document: Pdf, page: Any) -> None:
    """Somebody wrote right on the words with a viewer."""
    shows = document.make_stream(b"1 w 0 4 m 10 12 10 -4 20 4 c 30 12 30 -4 40 4 c S")
    shows.Type, shows.Subtype, shows.BBox = Name.XObject, Name.Form, Array([0, 0, 40, 8])
    strokes = Dictionary(Type=Name.Annot, Subtype=Name.Ink, F=4, Rect=Array([100, 779, 140, 787]))
    strokes.AP = Dictionary(N=shows)
    page.Annots = Array([strokes])


def garbled(page: RecognisedPage) -> RecognisedPage:
    """What a poor program reads where Russian is printed and it knows English alone."""
    swaps = str.maketrans("абвгдежзиклмнопрстуфхцчшщыьэюя", "a6BrAe}K3uKJlMHonpcTy<pxU4WmbE")
    return _with_texts(page, lambda text: text.translate(swaps))


def half(page: RecognisedPage) -> RecognisedPage:
    """Every other line is missing."""
    return {**page, "blocks": [{**block, "lines": block["lines"][::2]} for block in page["blocks"]]}


def without_a_word(page: RecognisedPage) -> RecognisedPage:
    """One word of all is missing."""
    [first, *rest] = page["blocks"][0]["lines"]
    words = [word for word in first["words"] if word["text"] != "оказания"]
    first = {**first, "text": " ".join(word["text"] for word in words), "words": words}
    return {**page, "blocks": [{**page["blocks"][0], "lines": [first, *rest]}]}


def _with_texts(page: RecognisedPage, change: Callable[[str], str]) -> RecognisedPage:
    blocks = [
        {
            **block,
            "lines": [
                {
                    **line,
                    "text": change(line["text"]),
                    "words": [{**word, "text": change(word["text"])} for word in line["words"]],
                }
                for line in block["lines"]
            ],
        }
        for block in page["blocks"]
    ]
    return {**page, "blocks": blocks}  # type: ignore[typeddict-item]


def shifted(letter: str) -> str:
    """Letters of a font that counts from another one: "This" becomes "Wklv"."""
    return letter.translate(str.maketrans(ascii_letters, ascii_letters[3:] + ascii_letters[:3]))


def swapped(letter: str) -> str:
    """What KOI8-R becomes where it is taken for another coding of Cyrillic."""
    try:
        return letter.encode("koi8-r").decode("cp1251")
    except UnicodeError:
        return letter


def nameless(document: Pdf, page: Any) -> None:
    """Letters are drawn by procedures, without names."""
    names = [Name("/g1")] * 256
    page.Resources.Font.R = Dictionary(
        Type=Name.Font,
        Subtype=Name.Type3,
        FontBBox=Array([0, 0, 1000, 1000]),
        FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
        CharProcs=Dictionary(g1=document.make_stream(b"1000 0 d0 0 0 700 700 re f")),
        Encoding=Dictionary(Differences=Array([0, *names])),
        FirstChar=0,
        LastChar=255,
        Widths=Array([500] * 256),
    )


def broken_content(document: Pdf, page: Any) -> None:
    """The checksum of what the page draws is wrong."""
    packed = zlib.compress(page.Contents.read_bytes())
    page.Contents = document.make_stream(packed[:-1] + bytes([packed[-1] ^ 1]), Filter=Name.FlateDecode)


def text_twice() -> bytes:
    """Text that can be seen, and another program's unseen text over it."""
    return one(*BODY, lines(RUSSIAN, x=60.5, y=779, mode=UNSEEN), lines(ENGLISH, x=60.5, y=679, mode=UNSEEN))


def scan_with(operators: bytes) -> bytes:
    """A scan with unseen text in Roboto."""

    def draw(document: Pdf) -> None:
        image, _ = drawing.page_of(RUSSIAN)
        page = add_page(document, size=(595, 298))
        page.Resources.XObject.Scan = making.grey_picture(document, image)
        page.Contents = document.make_stream(b"q 595 0 0 298 0 0 cm /Scan Do Q\n" + operators)

    return making.made(draw)


TELLS_NOT_ALL: dict[str, bytes] = {
    "a scan": making.scans([drawing.page_of(RUSSIAN)[0]]),
    "an empty page": one(),
    "a page number": one(shown("17", 295, 40)),
    "a heading": one(shown("Приложение № 3", 60, 780, 16)),
    "little but numbers": one(lines(["Итого 1 234 567 890,00"] * 8)),
    "a scan with a page number": scan_with(shown("17", 295, 20)),
    "a scan with a scanner's stamp": scan_with(shown("Scanned with a scanner", 60, 20)),
    "a scan with its text moved across": scan(change=moved(60, 0)),
    "a scan with its text moved down": scan(change=moved(0, 60)),
    "a scan with its text garbled": scan(change=garbled),
    "a scan with half its text": scan(change=half),
    "a scan with a word missing": scan(change=without_a_word),
    "a number in ink": with_picture(note("17", 60), 420, 200, 150),
    "a tick": one(*BODY, b"1.2 w 400 300 m 405 292 l 415 312 l S"),
    "a note between lines": with_picture(note("в двух томах", 90), 300, 750, 120),
    "a photo": with_picture(photo(), 60, 200, 300),
    "a photo in a form": changed(photo_in_form),
    "a small photo": with_picture(photo(), 500, 40, 40),
    "a signature": with_picture(signature(), 320, 200, 120),
    "a small signature": with_picture(signature(), 320, 200, 50),
    "a signature in strokes": one(*BODY, STROKES),
    "a note in pencil": with_picture(note("Согласовано 4 мая", 170), 320, 200, 120),
    "a scanned paragraph": with_picture(drawing.page_of(RUSSIAN)[0], 60, 100, 480),
    "a signature under slanted letters": one(lines([*RUSSIAN, *ENGLISH] * 4), STROKES, SLANTED),
    "a stamp": one(*BODY, STAMP),
    "a drawing": one(*BODY, CHART),
    "a filled field": changed(field),
    "a digit in a field": changed(lambda document, page: field(document, page, "7")),
    "a ticked box": changed(lambda document, page: box_to_tick(document, page, Name.On)),
    "a small signature in a field": changed(signed),
    "a remark": changed(remark),
    "a pen on the words": changed(pen),
    "given as latin-1": one(*BODY, names=typeset.as_latin_1),
    "given as latin-1 among english": one(lines(RUSSIAN[:1]), lines(ENGLISH, y=680), names=typeset.as_latin_1),
    "a letter given as a private code": one(*BODY, names=lambda letter: letter.replace("е", "\ue001")),
    "given as private codes": one(*BODY, names=typeset.as_private),
    "given as nothing": one(*BODY, names=lambda letter: "\ufffd"),
    "given as other codes": one(lines(ENGLISH), names=shifted),
    "given in another coding of Cyrillic": one(lines(RUSSIAN), names=swapped),
    "letters without names": making.made(lambda document: nameless(document, add_page(document, lines(ENGLISH)))),
    "white on white": one(b"1 g", *BODY),
    "partly white on white": one(*BODY, b"1 g", lines(RUSSIAN, y=500)),
    "unseen text beside what is seen": one(*BODY, lines(RUSSIAN, y=500, mode=UNSEEN)),
    "a few words of many white on white": one(MANY, b"1 g", shown(NOBODY_SEES, 60, 100)),
    "a few words of many unseen": one(MANY, shown(NOBODY_SEES, 60, 100, mode=UNSEEN)),
    "a few words of many unseen on others": one(MANY, shown(NOBODY_SEES, 60, 800, mode=UNSEEN)),
    "covered": one(*BODY, COVERED),
    "text twice": text_twice(),
    "spaced letters": one(lines([" ".join(text.replace(" ", "")) for text in RUSSIAN], size=8)),
    "broken": changed(broken_content),
}
