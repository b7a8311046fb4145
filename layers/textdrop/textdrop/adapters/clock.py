"""The system's clock and random numbers."""

from __future__ import annotations

import random
import time
import uuid


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def chance(self) -> float:
        return random.random()

    def token(self) -> str:
        return str(uuid.uuid4())
