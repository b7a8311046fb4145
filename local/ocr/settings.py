"""The settings of the local OCR service: quotas (the documented ones by default), and how engines behave."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_API_KEY = "local-test-key"


@dataclass(frozen=True)
class Settings:
    """All settings of one server."""

    engine: str = "tesseract"
    """`tesseract` really reads; `table` answers from a table after a set time."""
    port: int = 0
    """On 127.0.0.1; 0 means any free one."""
    api_keys: tuple[str, ...] = (DEFAULT_API_KEY,)
    authorized_keys: tuple[Path, ...] = ()
    """Files of authorized keys; with their public parts the IAM endpoint checks JWTs."""

    submits_per_second: float = 10
    status_reads_per_second: float = 50
    result_reads_per_second: float = 50

    seed: int = 0
    """For faults by rate and for the table engine's times."""
    seconds: float = 3.0
    """Table engine: the median time of a recognition."""
    spread: float = 0.0
    """Table engine: sigma of the lognormal distribution of these times; 0 makes all equal."""
    table: Path | None = None
    """Table engine: a JSON file, content's sha256 → {"text" | "annotation" | "error"}."""
