"""What is uploaded, and how each page of it must end: from a seed, with the OCR service's table of texts."""

from __future__ import annotations

import atexit
import hashlib
import io
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import Image, ImageDraw

import hundred
from pagekit.child.process import Child
from pagekit.limits import FileLimits
from pagekit.opening import open_document
from textdrop.core import options
from textdrop.core.documents import Output
from textdrop.core.errors import Reason

TEXT, KEY = "canary-of-the-text", "canary-of-the-key"
WORDS, AWS_WORDS, LANGUAGE = "canary-of-the-services-words", "canary-of-the-words-of-aws", "canary-language"
"""Stand in every text, in every key, in what the OCR service and AWS say of a failure, and in a wrong option: none may
stand where it does not belong."""

PDFS, REUPLOADS, FAULTY, LOST = 0.05, 0.05, 0.02, 0.02
"""Shares of the uploads: PDFs of several pages, uploads over an upload, pages that the service refuses or fails to
recognise, uploads whose event is lost."""
ASKED = ("markdown,tables,searchable-pdf", "markdown,searchable-pdf", "markdown,searchable-pdf")
"""What they ask for, in turn. The OCR service finds no tables here."""
REJECT = {"kind": "reject", "rate": 1, "message": f"bad image, {WORDS}"}
FAIL = {"kind": "failing_operation", "rate": 1, "message": f"no text, {WORDS}"}
_CHILD = Child()
atexit.register(_CHILD.close)
OVERLARGE = {"kind": "large_body", "rate": 1}


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent: the SHA-256 of its bytes, its text, or why it must fail and by which fault."""

    sha256: str
    text: str = ""
    reason: Reason | None = None
    fault: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """One version to be put. `pages` are those that are sent; a file that is refused has none, and `refused` says why
    and as which outcome. `is_lost`: it has no event."""

    key: str
    content: bytes
    pages: tuple[Page, ...] = ()
    refused: tuple[str, Reason] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What it asks for besides text and JSON, in the order in which it is made."""
        asked = self.metadata.get(options.OUTPUTS, "").split(",")
        return tuple(output for output in Output if output in asked)


def uploads(count: int, seed: int) -> list[Upload]:
    """So many uploads in the order they are to be made. No two pages have the same bytes."""
    chance = random.Random(seed)
    asked = itertools.cycle(ASKED)
    made = [
        Upload(_key(upload.key), upload.content, refused=(upload.outcome, Reason(upload.reason)))
        for upload in hundred.uploads()
        if upload.reason is not None and not upload.fault
    ]
    wrong = {options.LANGUAGES: LANGUAGE}
    made.append(
        Upload(
            _key("wrong option.png"), hundred.image(70_000), refused=("failed", Reason.INVALID_OPTIONS), metadata=wrong
        )
    )
    faulty = _share(count, FAULTY)
    made += [_image(f"rejected {n}", 40_000 + n, REJECT, Reason.REJECTED_BY_OCR) for n in range(faulty)]
    made += [_image(f"failing {n}", 50_000 + n, FAIL, Reason.FAILED_IN_OCR) for n in range(faulty)]
    made.append(_image("overlarge", 60_000, OVERLARGE, Reason.INTERNAL))
    # Half of the PDFs ask for outputs: those with a page that is refused, and as many others.
    pdfs = [pdf(n, chance.randint(3, 8), chance) for n in range(_share(count, PDFS))]
    made += [_asking(pdf, next(asked)) if n % 4 < 2 else pdf for n, pdf in enumerate(pdfs)]
    made += [replace(_image(f"lost {n}", 30_000 + n), is_lost=True) for n in range(_share(count, LOST))]
    again = _share(count, REUPLOADS)
    plain = [_image(f"scan {n}", 10_000 + n) for n in range(max(again, count - len(made) - again))]
    # Of those put over others every third asks, and of the others every fifteenth, some of which others are put over.
    over = [replace(_image(f"{n} over another", 20_000 + n), key=plain[n * 2 // 3].key) for n in range(again)]
    over = [_asking(upload, next(asked)) if n % 3 == 0 else upload for n, upload in enumerate(over)]
    made += [_asking(upload, next(asked)) if n % 15 == 1 else upload for n, upload in enumerate(plain)]
    chance.shuffle(made)
    # Each comes somewhere after what it is put over.
    for upload in over:
        first = next(place for place, other in enumerate(made) if other.key == upload.key)
        made.insert(chance.randint(first + 1, len(made)), upload)
    return made


def table(made: Sequence[Upload]) -> dict[str, dict[str, str]]:
    """The OCR service's table for these uploads."""
    return {page.sha256: {"text": page.text} for upload in made for page in upload.pages}


def faults(made: Sequence[Upload]) -> list[dict[str, object]]:
    """What to tell the OCR service of single contents."""
    return [{**page.fault, "sha256": page.sha256} for upload in made for page in upload.pages if page.fault]


def _share(count: int, share: float) -> int:
    return max(1, round(count * share))


def _image(name: str, number: int, fault: dict[str, object] | None = None, reason: Reason | None = None) -> Upload:
    content = hundred.image(number)
    return Upload(_key(f"{name}.png"), content, (_page(content, name, reason, fault),))


def _asking(upload: Upload, outputs: str) -> Upload:
    return replace(upload, metadata={options.OUTPUTS: outputs})


def _key(name: str) -> str:
    return f"{KEY}/ключ №7 + {name}"


def _page(content: bytes, name: str, reason: Reason | None = None, fault: dict[str, object] | None = None) -> Page:
    text = f"{TEXT} {name}\nдоговор № {name}"
    return Page(hashlib.sha256(content).hexdigest(), text, reason, fault or {})


def pdf(number: int, pages: int, chance: random.Random) -> Upload:
    """Every fourth has a page that the service refuses."""
    content = _pdf_of([f"document {number} page {page}" for page in range(1, pages + 1)])
    opened = open_document(io.BytesIO(content), FileLimits(), _CHILD)
    bad = chance.randint(1, pages) if number % 4 == 0 else 0
    sent = []
    for page in range(1, pages + 1):
        own = (Reason.REJECTED_BY_OCR, REJECT) if page == bad else (None, None)
        sent.append(_page(opened.page(page).content, f"document {number} page {page}", *own))
    opened.close()
    return Upload(_key(f"pages {number}.pdf"), content, tuple(sent))


def _pdf_of(texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    pages = [Image.new("L", (200, 200), 255) for _ in texts]
    for page, text in zip(pages, texts, strict=True):
        ImageDraw.Draw(page).text((20, 80), text, fill=0)
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()
