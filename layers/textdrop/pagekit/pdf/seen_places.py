"""Which places of a page have text that can be seen."""

from __future__ import annotations

from collections.abc import Iterable

from pagekit.pdf.page_geometry import Matrix
from pagekit.pdf.shown_text import SeenText

_BAND_PIXELS = 32
_Span = tuple[float, float, float, float]


class SeenPlaces:
    """The rectangles around texts, by bands of the page, so that only a few need to be compared for each place."""

    def __init__(self, seen: Iterable[SeenText], to_pixels: Matrix, height: int) -> None:
        self._bands: dict[int, list[_Span]] = {}
        last_band = height // _BAND_PIXELS
        for text in seen:
            corners = [to_pixels.applied(x, y) for x, y in text]
            left, right = min(x for x, _ in corners), max(x for x, _ in corners)
            top, bottom = min(y for _, y in corners), max(y for _, y in corners)
            first, last = int(max(top, 0)) // _BAND_PIXELS, int(min(bottom, height)) // _BAND_PIXELS
            for band in range(first, min(last, last_band) + 1):
                self._bands.setdefault(band, []).append((left, top, right, bottom))

    def has(self, x: float, y: float) -> bool:
        """Whether there is text at this place, in pixels."""
        return any(
            left <= x <= right and top <= y <= bottom
            for left, top, right, bottom in self._bands.get(int(y) // _BAND_PIXELS, ())
        )
