"""Page numbers as people write them: "1-3, 7"."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CHARACTERS = 500


def named(numbers: Sequence[int]) -> str:
    """[1, 2, 3, 7] → "1-3, 7". The numbers are in order."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def shortened(ranges: str, most: int = MAX_CHARACTERS) -> str:
    """Rows and notices are small: of very many ranges only the first are named; the result names all."""
    if len(ranges) <= most:
        return ranges
    return ranges[: ranges.rindex(", ", 0, most)] + ", …"
