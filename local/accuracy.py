"""How well a text was read."""

from __future__ import annotations


def character_error_rate(expected: str, actual: str) -> float:
    """The share of wrong characters: insertions, deletions and substitutions that turn `actual` into `expected`
    (the Levenshtein distance), divided by the length of `expected`. 0.0 is perfect; it can be over 1.0.

    Any run of white space, as well as a page break, counts as one space. Where nothing is expected, any text at all
    is 1.0.
    """
    expected, actual = " ".join(expected.split()), " ".join(actual.split())
    if not expected:
        return 1.0 if actual else 0.0
    distances = list(range(len(actual) + 1))
    for row, wanted in enumerate(expected, 1):
        diagonal, distances[0] = distances[0], row
        for column, got in enumerate(actual, 1):
            change = diagonal + (wanted != got)
            diagonal = distances[column]
            distances[column] = min(change, diagonal + 1, distances[column - 1] + 1)
    return distances[-1] / len(expected)
