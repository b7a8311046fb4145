"""What a file may be."""

from __future__ import annotations

from pagekit.limits import FileLimits

LIMITS = FileLimits()


def test_a_page_may_be_what_the_service_takes() -> None:
    """10 MB and 20 megapixels, both in powers of ten: so it is right however the service counts."""
    assert (LIMITS.max_bytes, LIMITS.max_pixels) == (10_000_000, 20_000_000)


def test_a_document_may_have_five_thousand_pages_and_two_gigabytes() -> None:
    assert (LIMITS.max_pages, LIMITS.max_document_bytes) == (5_000, 2_000_000_000)
