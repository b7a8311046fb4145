"""One bucket, as the contract tests of its ports see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contract.moto_aws import MotoBucket
from fakes import FakeBucket
from textdrop import ports

ODD_KEYS = [
    "a b/c+d.pdf",
    "Счёт № 7.pdf",
    "\U0001f600?&=#%2F%.png",
    "a//b/../c",
    "tab\tline\nreturn\r\x01.txt",
    "'\"<>&",
]
"""Keys that are hard to carry."""


@dataclass(frozen=True)
class Store:
    """One bucket, as an uploader sees it and through its ports, and what can go wrong, as for `Rows`."""

    bucket: FakeBucket | MotoBucket
    sources: ports.Sources
    results: ports.Results
    uploads: ports.UploadListing
    uploads_under: Callable[[str], ports.UploadListing]
    below: Callable[[str], ports.Results]
    """The results below a prefix of the bucket."""
    pass_time: Callable[[], None]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]


def never() -> None:
    """The deadline is far."""
