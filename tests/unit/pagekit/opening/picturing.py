"""Images for the tests, as PictureDocument prepares them: bytes in, pages or a refusal out."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from pagekit.errors import Refusal
from pagekit.images import can_be_sent
from pagekit.kinds import media_type
from pagekit.limits import FileLimits
from pagekit.pictures.document import PictureDocument
from pagekit.prepared import PreparedPage

LIMITS = FileLimits()


def is_sent_as_it_is(content: bytes, limits: FileLimits = LIMITS) -> bool:
    """Whether it is; then PictureDocument leaves it alone, too."""
    kind = media_type(content)
    assert kind is not None
    is_sent = can_be_sent(content, kind, limits)
    assert not is_sent or prepared(content, limits).content == content
    return is_sent


def document(content: bytes, limits: FileLimits = LIMITS) -> PictureDocument:
    kind = media_type(content)
    assert kind is not None
    return PictureDocument(io.BytesIO(content), kind, limits)


def prepared(content: bytes, limits: FileLimits = LIMITS, page: int = 1) -> PreparedPage:
    return document(content, limits).page(page)


def picture(content: bytes, limits: FileLimits = LIMITS, page: int = 1) -> Image.Image:
    """What is sent, decoded."""
    return decoded(prepared(content, limits, page).content)


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def refusal(content: bytes, limits: FileLimits = LIMITS, page: int = 1) -> Refusal:
    with pytest.raises(Refusal) as caught:
        prepared(content, limits, page)
    assert caught.value.what.endswith(".")
    assert caught.value.advice.endswith(".")
    return caught.value


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of their pixels, of 255."""
    assert one.size == other.size
    first, second = one.convert("RGB").tobytes(), other.convert("RGB").tobytes()
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


def pixels(image: Image.Image, mode: str) -> Any:
    return image.convert(mode).tobytes()
