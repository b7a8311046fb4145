"""The interface of an engine: it takes a submission and says, at once or later, how and when its recognition ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from local.ocr.submission import Submission


@dataclass(frozen=True)
class Outcome:
    """How a recognition ends: with getRecognition's body, or with an operation's error (code, message, details)."""

    body: bytes = b""
    error: Mapping[str, Any] | None = None


Finish = Callable[[Outcome, float], None]
"""Called once, with the outcome and the seconds from the call until it can be seen."""


class Engine(Protocol):
    """Recognises submissions."""

    def begin(self, submission: Submission, finish: Finish) -> None:
        """Start the recognition; `finish` is called once, from any thread, at once or later."""
        ...

    def close(self) -> None:
        """Afterwards no recognition begins."""
        ...


def failed(code: int, message: str) -> Outcome:
    """An outcome that is an operation's error."""
    return Outcome(error={"code": code, "message": message, "details": []})
