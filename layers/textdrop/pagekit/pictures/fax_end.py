"""What is put after the data of a fax to see whether it is whole: libtiff silently fills in what is missing.

A whole page comes out the same with rows of black after it as with rows of white. Codes are those of ITU-T T.4 and T.6.
"""

from __future__ import annotations

GROUP_3, GROUP_4 = 3, 4

_TWO_DIMENSIONS = 1
_END_OF_LINE, _ONE_DIMENSION_FOLLOWS, _HORIZONTAL = "000000000001", "1", "001"
# Runs of 64 dots, and of no dots of the other colour.
_BLACK_64 = "00110101" + "0000001111" + "0000110111"
_WHITE_64 = "11011" + "00110101" + "0000110111"
_RUN_DOTS = 64
_ROWS = 2


def fax_ends(compression: int, options: int, width: int) -> tuple[bytes, bytes] | None:
    """Rows of black, and rows of white, with which a strip of this compression could continue; None if it is no fax.
    `options`: the TIFF tag T4Options."""
    if compression not in (GROUP_3, GROUP_4):
        return None
    start = _END_OF_LINE + (_ONE_DIMENSION_FOLLOWS if options & _TWO_DIMENSIONS else "")
    before_row, before_run = ("", _HORIZONTAL) if compression == GROUP_4 else (start, "")
    runs = -(-width // _RUN_DOTS)
    black, white = (_packed((before_row + (before_run + run) * runs) * _ROWS) for run in (_BLACK_64, _WHITE_64))
    return black, white


def _packed(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
