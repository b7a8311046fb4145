"""Where the words of a recognised page stand: lines with a direction, and on each a stretch for every word.

Extraction tools, and readers who select text, make lines out of letters that share a base line and a size. So a line's
words get the same base line and height, those of the whole line, and each the stretch of it that its own box covers.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from pagekit.page import Block, Line, RecognisedPage

# Words are separated by at least this much of the line's height, even if their boxes touch.
_MIN_GAP = 0.12
# But a word gives up no more than this much of its own stretch for that.
_MAX_GIVEN_AWAY = 0.25
_RIGHT_TO_LEFT = ("R", "AL")
# Characters of these Unicode blocks are only looked up if one of them occurs.
_RIGHT_TO_LEFT_LETTERS = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_SPREAD_OF_A_STRAIGHT_LINE = 0.2
# Lines that climb more than this are not taken for lines.
_STEEPEST = 0.5
# Letters of different heights make the centres of a level line's words climb or fall a little.
_MIN_SLOPE = 0.01
_MIN_WORDS, _MIN_LINES = 3, 3
_LEVEL = 0.9999
# A longer line without words of its own is treated as one word with blanks in it: no line has so many letters.
_LONGEST_SPREAD = 10_000


Corners = Sequence[Sequence[float]]


class Stretch(NamedTuple):
    """A word on its line, from `start` to `end`, in pixels from the line's origin; a blank follows it or not.

    `centre` is that of its box, on the page.
    """

    text: str
    start: float
    end: float
    blank_after: bool
    centre: tuple[float, float]


class PlacedLine(NamedTuple):
    """`x` and `y`: where its base line begins; (`dx`, `dy`): the unit vector along which it runs; `height` of its
    letters, which stand at a right angle to its left. In pixels of the page, y pointing down."""

    x: float
    y: float
    dx: float
    dy: float
    height: float
    stretches: tuple[Stretch, ...]


class _Word(NamedTuple):
    text: str
    blank_after: bool
    polygon: Corners


def placed_lines(page: RecognisedPage) -> Iterator[PlacedLine]:
    """The page's lines, block by block, in the service's order; lines without text are left out.

    Text is never left out for lack of a box: words without one share the line's, lines without one the block's.
    """
    whole = _rectangle(0, 0, page["width"], page["height"])
    slope = _slope_of_page(page)
    for block in page["blocks"]:
        around = block["polygon"] if _is_area(block["polygon"]) else whole
        for number, line in enumerate(block["lines"]):
            placed = _placed(line, page["rotate"], slope, _strip(around, number, block))
            if placed is not None:
                yield placed


def _placed(line: Line, rotate: int, slope: float, substitute: Corners) -> PlacedLine | None:
    words = _words(line)
    polygon = line["polygon"] if _is_area(line["polygon"]) else substitute
    if words is None or not all(_is_area(word.polygon) for word in words):
        words = _evenly_spread(line["text"], polygon, _direction(polygon, [], rotate))
    if not words:
        return None
    direction = _direction(polygon, words, rotate)
    spans = [_span(word.polygon, direction) for word in words]
    if slope and _is_level(direction):
        direction, spans = _slanted(words, direction, slope)
    elif _is_slanted(spans):
        direction, spans = _slanted(words, direction, _slope(words, direction))
    dx, dy = direction
    top, base = min(span.top for span in spans), max(span.base for span in spans)
    if _runs_right_to_left(words):
        # In the order in which a page shows it: readers reverse it again.
        order = sorted(range(len(words)), key=lambda index: spans[index].start)
        spans = [spans[index] for index in order]
        words = [_Word(_as_shown(words[index].text), True, words[index].polygon) for index in order]
    origin = min(span.start for span in spans)
    stretches = _stretches(words, spans, base - top, origin)
    return PlacedLine(dx * origin - dy * base, dy * origin + dx * base, dx, dy, base - top, stretches)


def _words(line: Line) -> list[_Word] | None:
    """The line's words, and whether a blank follows each; None if they do not match the line's text."""
    text = " ".join(line["text"].split())
    words: list[_Word] = []
    end = 0
    for word in line["words"]:
        wanted = " ".join(word["text"].split())
        start = text.find(wanted, end)
        if not wanted:
            continue
        if start < 0 or text[end:start].strip():
            return None
        if words and start == end:
            words[-1] = words[-1]._replace(blank_after=False)
        words.append(_Word(wanted, True, word["polygon"]))
        end = start + len(wanted)
    return None if text[end:].strip() else words


def _evenly_spread(text: str, polygon: Corners, direction: tuple[float, float]) -> list[_Word]:
    """Words of the text, each with its share of a line's polygon."""
    dx, dy = direction
    span = _span(polygon, direction)
    words = text.split() if len(text) <= _LONGEST_SPREAD else [" ".join(text.split())]
    letter = (span.end - span.start) / max(sum(map(len, words)) + len(words) - 1, 1)
    spread, start = [], span.start
    for word in words:
        end = start + letter * len(word)
        corners = ((start, span.top), (end, span.top), (end, span.base), (start, span.base))
        spread.append(
            _Word(word, True, [[dx * along - dy * across, dy * along + dx * across] for along, across in corners])
        )
        start = end + letter
    return spread


def _direction(polygon: Corners, words: list[_Word], rotate: int) -> tuple[float, float]:
    """The unit vector along which the line runs: along that side of its polygon which its words follow.

    Polygons should begin at the top left of the text, but those of a turned page may begin at the top left of the page.
    So if a line has several words, their order decides; otherwise its first side, unless that is exactly level; and
    finally the page's turn.
    """
    corners = [*polygon, polygon[0]]
    sides = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in itertools.pairwise(corners)]
    first = _unit(sides[0])
    wanted = (math.cos(math.radians(rotate)), math.sin(math.radians(rotate)))
    if len(words) > 1 and not _runs_right_to_left(words):
        (x1, y1), (x2, y2) = _centre(words[0].polygon), _centre(words[-1].polygon)
        wanted = _unit((x2 - x1, y2 - y1)) or wanted
    elif first is not None and first[0] < math.cos(math.pi / 4):
        wanted = first
    best = max(range(4), key=lambda index: _cosine(sides[index], wanted))
    (x1, y1), (x2, y2) = sides[best], sides[best - 2]
    return _unit((x1 - x2, y1 - y2)) or wanted


def _is_slanted(spans: list[_Span]) -> bool:
    """Whether the words climb or fall so much along the line that no level strip contains a part of each."""
    common = min(span.base for span in spans) - max(span.top for span in spans)
    return common < _SPREAD_OF_A_STRAIGHT_LINE * median(span.base - span.top for span in spans)


def _slope_of_page(page: RecognisedPage) -> float:
    """How much the lines climb or fall on a page whose boxes are level nevertheless; 0 if they hardly do."""
    lines, along, across = 0, 0.0, 0.0
    for block in page["blocks"]:
        for line in block["lines"]:
            words = line["words"]
            if len(words) < _MIN_WORDS or not _is_area(line["polygon"]) or not _is_level(_unit_of(line["polygon"])):
                continue
            (x1, y1), (x2, y2) = _centre(words[0]["polygon"]), _centre(words[-1]["polygon"])
            dx, dy = _nearest_axis(x2 - x1, y2 - y1)
            lines += 1
            along += dx * (x2 - x1) + dy * (y2 - y1)
            across += dx * (y2 - y1) - dy * (x2 - x1)
    if lines < _MIN_LINES or abs(across) <= _MIN_SLOPE * along:
        return 0.0
    return max(min(across / along, _STEEPEST), -_STEEPEST)


def _is_level(direction: tuple[float, float]) -> bool:
    return max(map(abs, direction)) > _LEVEL


def _slope(words: list[_Word], direction: tuple[float, float]) -> float:
    """How much the words' centres move across the direction for each pixel along it (least squares)."""
    dx, dy = direction
    points = [(dx * x + dy * y, dx * y - dy * x) for x, y in (_centre(word.polygon) for word in words)]
    middle_along = sum(along for along, _ in points) / len(points)
    middle_across = sum(across for _, across in points) / len(points)
    spread = sum((along - middle_along) ** 2 for along, _ in points)
    slope = sum((along - middle_along) * (across - middle_across) for along, across in points) / spread if spread else 0
    return max(min(slope, _STEEPEST), -_STEEPEST)


def _slanted(
    words: list[_Word], direction: tuple[float, float], slope: float
) -> tuple[tuple[float, float], list[_Span]]:
    """The direction, turned so as to follow the slope, and what words with level boxes around them cover along it."""
    dx, dy = direction
    angle = math.atan(slope)
    cosine, sine = math.cos(angle), abs(math.sin(angle))
    followed = (dx * math.cos(angle) - dy * math.sin(angle), dy * math.cos(angle) + dx * math.sin(angle))
    spans = []
    for word in words:
        level = _span(word.polygon, direction)
        width, height = level.end - level.start, level.base - level.top
        # A level box is as wide as the word's width and height together extend, and as high.
        inner_width = max(width * cosine - height * sine, width / 2) / (cosine**2 - sine**2)
        inner_height = max(height * cosine - width * sine, height / 4) / (cosine**2 - sine**2)
        x, y = _centre(word.polygon)
        along, across = followed[0] * x + followed[1] * y, followed[0] * y - followed[1] * x
        half = inner_height / 2
        spans.append(_Span(along - inner_width / 2, along + inner_width / 2, across - half, across + half))
    return followed, spans


class _Span(NamedTuple):
    """What a polygon covers, along a direction and across it."""

    start: float
    end: float
    top: float
    base: float


def _span(polygon: Corners, direction: tuple[float, float]) -> _Span:
    dx, dy = direction
    along = [dx * x + dy * y for x, y in polygon]
    across = [dx * y - dy * x for x, y in polygon]
    return _Span(min(along), max(along), min(across), max(across))


def _stretches(words: list[_Word], spans: list[_Span], height: float, origin: float) -> tuple[Stretch, ...]:
    """Each word up to the end of its box, or a little less, so that the next one begins after a gap."""
    stretches = []
    for index, (word, span) in enumerate(zip(words, spans, strict=True)):
        end = span.end
        following = spans[index + 1].start if index + 1 < len(spans) else math.inf
        if word.blank_after:
            gap = min(_MIN_GAP * height, _MAX_GIVEN_AWAY * (span.end - span.start))
            end = min(end, following - gap)
        elif following > span.start and following != math.inf:
            end = following
        # A word that begins before the one it follows has its own position.
        if end <= span.start:
            end = span.end
        stretches.append(Stretch(word.text, span.start - origin, end - origin, word.blank_after, _centre(word.polygon)))
    return tuple(stretches)


def _runs_right_to_left(words: list[_Word]) -> bool:
    if not any(_RIGHT_TO_LEFT_LETTERS.search(word.text) for word in words):
        return False
    letters = [unicodedata.bidirectional(character) for word in words for character in word.text]
    return letters.count("L") < sum(kind in _RIGHT_TO_LEFT for kind in letters)


def _as_shown(text: str) -> str:
    """A word with its letters in the order in which they stand on the page, from the left."""
    return text[::-1] if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text) else text


def _strip(around: Corners, number: int, block: Block) -> Corners:
    """The strip of the block's box into which a line without a box of its own is put."""
    left, right = min(x for x, _ in around), max(x for x, _ in around)
    top, bottom = min(y for _, y in around), max(y for _, y in around)
    share = (bottom - top) / len(block["lines"])
    return _rectangle(left, top + share * number, right, top + share * (number + 0.9))


def _rectangle(left: float, top: float, right: float, bottom: float) -> Corners:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _is_area(polygon: Corners) -> bool:
    corners = [*polygon, polygon[0]]
    pairs = itertools.pairwise(corners)
    return len(polygon) == 4 and sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs) != 0


def _centre(polygon: Corners) -> tuple[float, float]:
    return sum(x for x, _ in polygon) / len(polygon), sum(y for _, y in polygon) / len(polygon)


def _unit_of(polygon: Corners) -> tuple[float, float]:
    """Along its first side."""
    (x1, y1), (x2, y2) = polygon[:2]
    return _unit((x2 - x1, y2 - y1)) or (1.0, 0.0)


def _nearest_axis(x: float, y: float) -> tuple[int, int]:
    if abs(x) >= abs(y):
        return (1, 0) if x >= 0 else (-1, 0)
    return (0, 1) if y >= 0 else (0, -1)


def _unit(vector: tuple[float, float]) -> tuple[float, float] | None:
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length) if length else None


def _cosine(vector: tuple[float, float], unit: tuple[float, float]) -> float:
    length = math.hypot(*vector)
    return (vector[0] * unit[0] + vector[1] * unit[1]) / length if length else -2.0
