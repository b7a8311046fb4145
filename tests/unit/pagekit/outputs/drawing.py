"""Pages drawn with words at known places: what a perfect recognition of them would say."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from importlib import resources

from PIL import Image, ImageDraw, ImageFont

from pagekit.page import Block, Line, Polygon, RecognisedPage, Word
from unit.pagekit.outputs.set_page import polygons_of, rectangle, turned_point, upright

SIZE = (1240, 620)
DPI = 150

ENGLISH = (
    "Thank you for your order of 3 March. We are pleased to",
    "confirm that the two hundred copies of the parish history",
    "will be ready on Friday, 29 March, and that the price stays",
    "at 1,480 pounds, delivery included. I am a (very) glad man!",
)
RUSSIAN = (
    "Договор оказания услуг № 5, город Ярославль",
    "Исполнитель обязуется подготовить описание архивных дел",
    "Заказчика за период с 1961 по 1985 год, а Заказчик обязуется",
    "принять эту работу и оплатить её: «Северный ветер» в срок.",
)
Place = Callable[[float, float], Iterable[float]]


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    content = resources.files("font_roboto").joinpath("files", "Roboto-Regular.ttf").read_bytes()
    return ImageFont.truetype(io.BytesIO(content), size)


def page_of(
    *columns: Sequence[str], size: tuple[int, int] = SIZE, letter: int = 26
) -> tuple[Image.Image, RecognisedPage]:
    """A page with a block of lines in each column. Boxes of words are as tight as their letters."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    blocks: list[Block] = []
    width = (size[0] - 100) // max(len(columns), 1)
    for number, lines in enumerate(columns):
        placed = [
            _drawn(draw, text, 100 + number * width, 120 + row * letter * 2, letter) for row, text in enumerate(lines)
        ]
        blocks.append(Block(type="text", polygon=around(placed), languages=["en"], lines=placed))
    text = "".join(f"{line['text']}\n" for block in blocks for line in block["lines"])
    return image, RecognisedPage(
        width=size[0], height=size[1], rotate=0, text=text, blocks=blocks, tables=[], entities=[], markdown=None
    )


def turned(image: Image.Image, page: RecognisedPage, degrees: int) -> tuple[Image.Image, RecognisedPage]:
    """The page lying turned clockwise, and what the service sees of it: polygons begin at the top left of the text."""
    lying = image.rotate(-degrees, expand=True)
    moved = moved_page(page, lambda x, y: turned_point(x, y, degrees, *image.size), lying.size)
    moved["rotate"] = degrees
    return lying, moved


def tilted(
    image: Image.Image, page: RecognisedPage, degrees: float, *, upright_boxes: bool = False
) -> tuple[Image.Image, RecognisedPage]:
    """The page turned clockwise by a few degrees around its middle."""
    middle_x, middle_y = image.width / 2, image.height / 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def place(x: float, y: float) -> tuple[float, float]:
        x, y = x - middle_x, y - middle_y
        return middle_x + x * cosine - y * sine, middle_y + x * sine + y * cosine

    slanted = image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255)
    moved = moved_page(page, place, image.size)
    if upright_boxes:
        for polygon in polygons_of(moved):
            polygon[:] = upright(polygon)
    return slanted, moved


def around(shapes: Iterable[Word] | Iterable[Line]) -> Polygon:
    return upright([point for shape in shapes for point in shape["polygon"]])


def lines_of(page: RecognisedPage) -> list[str]:
    return [line["text"] for block in page["blocks"] for line in block["lines"]]


def words_of(page: RecognisedPage) -> list[Word]:
    return [word for block in page["blocks"] for line in block["lines"] for word in line["words"]]


def _drawn(draw: ImageDraw.ImageDraw, text: str, left: float, top: float, size: int) -> Line:
    words: list[Word] = []
    for word in text.split():
        draw.text((left, top), word, fill=0, font=font(size))
        box = draw.textbbox((left, top), word, font=font(size))
        words.append(Word(text=word, polygon=rectangle(*map(round, box))))
        left += draw.textlength(word + " ", font=font(size))
    return Line(text=text, polygon=around(words), words=words)


def moved_page(page: RecognisedPage, place: Place, size: tuple[int, int]) -> RecognisedPage:
    moved = deepcopy(page)
    for polygon in polygons_of(moved):
        polygon[:] = [[round(value) for value in place(x, y)] for x, y in polygon]
    moved["width"], moved["height"] = size
    return moved
