"""What the local OCR service can be told: limits and quotas (the documented ones by default), how engines behave."""

from dataclasses import dataclass
from pathlib import Path

from local.ocr.tessdata import DEFAULT_FOLDER

DEFAULT_API_KEY = "local-test-key"


@dataclass(frozen=True)
class Settings:
    """All settings of one server; limits and quotas default to the service's documented numbers."""

    engine: str = "tesseract"
    """`tesseract` reads, `table` answers from a table after a set time."""
    port: int = 0
    """Of 127.0.0.1; 0 takes a free one."""
    certificate: Path | None = None
    """A PEM file of a certificate and its key, to serve over TLS; None: plain HTTP."""
    api_keys: tuple[str, ...] = (DEFAULT_API_KEY,)
    authorized_keys: tuple[Path, ...] = ()
    """Files of authorized keys whose public part the IAM endpoint accepts JWTs by."""
    iam_token_seconds: float = 12 * 3600
    """For how long an IAM token works."""
    folder_id: str | None = None
    """The only `x-folder-id` accepted where one is sent; None: not looked at."""

    submits_per_second: float = 10
    status_reads_per_second: float = 50
    result_reads_per_second: float = 50
    quota_window: str = "bucket"
    """`bucket`: a token bucket of one second's worth; `sliding`: no more than the number in any second."""

    max_content_bytes: int = 10_000_000
    max_pixels: int = 20_000_000
    max_pdf_pages: int = 1
    results_kept_seconds: float = 3 * 24 * 3600

    seed: int = 0
    """Of faults by rate and of the table engine's times."""
    seconds: float = 3.0
    """Table engine: the median time of a recognition."""
    spread: float = 0.0
    """Table engine: sigma of the lognormal distribution of these times; 0 makes all equal."""
    table: Path | None = None
    """Table engine: a JSON file, content's sha256 → {"text" | "annotation" | "error"}."""

    tessdata: Path = DEFAULT_FOLDER
    """Tesseract engine: the folder of its language data, filled if it is not."""
    workers: int = 2
    """Tesseract engine: recognitions at once."""
