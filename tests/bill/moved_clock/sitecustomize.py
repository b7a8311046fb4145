"""In a process that has this folder on its path, time runs ahead by as many seconds as the file CLOCK_AHEAD says."""

import os
import time
from pathlib import Path

_real = time.time
_READ_SECONDS = 0.1
_ahead = [0.0, 0.0]  # by how much, and when that was read


def _moved() -> float:
    now = _real()
    if now > _ahead[1] + _READ_SECONDS:
        _ahead[1] = now
        _ahead[0] = float(Path(os.environ["CLOCK_AHEAD"]).read_text("ascii") or 0.0)
    return now + _ahead[0]


if "CLOCK_AHEAD" in os.environ:
    time.time = _moved
