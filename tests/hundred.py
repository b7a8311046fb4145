"""A hundred uploads, every fifth of them hostile or met by a fault of the OCR service: none may harm the others."""

import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import pikepdf
from PIL import Image, ImageDraw

from unit.pagekit import making

EVERY = 5


@dataclass(frozen=True, slots=True)
class Upload:
    """What is uploaded, what the OCR service is told to do with it, and how it must end."""

    key: str
    content: bytes
    outcome: str = "succeeded"
    reason: str | None = None
    fault: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """One of the eighty."""
        return self.reason is None and not self.fault

    @property
    def fault_request(self) -> dict[str, Any]:
        """What to tell the local OCR service, to strike this upload alone."""
        return {**self.fault, "sha256": hashlib.sha256(self.content).hexdigest()}


def uploads(count: int = 100) -> list[Upload]:
    """So many uploads, every fifth of them bad, each content unlike any other."""
    bad = islice(cycle([*_hostile(), *_faulty()]), count // EVERY)
    listed = []
    for number in range(count):
        if number % EVERY == EVERY - 1:
            listed.append(next(bad))
        else:
            listed.append(Upload(f"good/{number:03d}.png", image(number)))
    return [
        upload
        if upload.is_good
        else Upload(f"{number:03d} {upload.key}", upload.content, upload.outcome, upload.reason, upload.fault)
        for number, upload in enumerate(listed)
    ]


def image(number: int, size: tuple[int, int] = (320, 120)) -> bytes:
    """A small picture with a number on it."""
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).text((40, 30), f"No {1000 + number}", fill=0, font_size=56)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _hostile() -> Iterator[Upload]:
    pdf = making.pdf()
    huge = making.png_of(making.png_header(60_000, 60_000), making.png_chunk(b"IDAT"), making.png_chunk(b"IEND"))
    # An object stream that would unpack to 300 MB; strings that are read to the end of the file, as they have none;
    # and a list of pages that contains itself.
    bomb = making.stream(zlib.compress(bytes(300_000_000), 9), b"/Type /ObjStm /N 3 /First 20 /Filter /FlateDecode")
    endless, looped = b"<< /A (without end >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"
    yield Upload("half.pdf", pdf[: len(pdf) // 2], "failed", "damaged")
    locked = making.resaved(pdf, encryption=pikepdf.Encryption(owner="o", user="u"))
    yield Upload("locked.pdf", locked, "failed", "encrypted")
    yield Upload("nothing.pdf", b"", "skipped", "empty_file")
    yield Upload("letter.docx", b"PK\x03\x04" + b"word/document.xml" * 9, "skipped", "unsupported_type")
    yield Upload("huge.png", huge, "failed", "image_too_large")
    few_rows = making.png_chunk(b"IDAT", zlib.compress(bytes(50 * 101)))
    cut = making.png_of(making.png_header(100, 100), few_rows, making.png_chunk(b"IEND"))
    yield Upload("rows missing.png", cut, "failed", "damaged")
    yield Upload("bomb.pdf", _damaged_pdf([bomb]), "failed", "damaged")
    yield Upload("endless strings.pdf", _damaged_pdf([endless] * 10_000), "failed", "damaged")
    yield Upload("looped.pdf", _damaged_pdf([looped]), "failed", "damaged")
    yield Upload("zeros.jpg", bytes(100_000), "skipped", "unsupported_type")


def _faulty() -> Iterator[Upload]:
    met: list[tuple[dict[str, Any], str, str | None]] = [
        ({"kind": "reject", "rate": 1}, "failed", "rejected_by_ocr"),
        ({"kind": "failing_operation", "rate": 1}, "failed", "failed_in_ocr"),
        ({"kind": "5xx", "count": 1, "target": "submit"}, "succeeded", None),
        ({"kind": "lost_answer", "count": 1, "target": "submit"}, "succeeded", None),
        ({"kind": "429", "count": 1, "retry_after": 1, "target": "submit"}, "succeeded", None),
        ({"kind": "cut_body", "count": 2, "target": "result"}, "succeeded", None),
        ({"kind": "wrong_types", "count": 2, "target": "result"}, "succeeded", None),
        ({"kind": "5xx", "count": 2, "target": "result"}, "succeeded", None),
        ({"kind": "slow_recognition", "rate": 1, "seconds": 8}, "succeeded", None),
        ({"kind": "large_body", "rate": 1, "target": "result"}, "failed", "internal"),
    ]
    for number, (fault, outcome, reason) in enumerate(met, start=500):
        yield Upload(f"{fault['kind']}.png", image(number), outcome, reason, fault)


def _damaged_pdf(objects: list[bytes]) -> bytes:
    return making.with_broken_table(making.pdf(dict(enumerate([making.CATALOG, *objects], start=1))))
