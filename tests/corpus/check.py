"""One file: what would be sent of it, and its searchable PDF, beside what viewers show. Run as a process of its own."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

import pagekit_calls
from corpus.viewers import PDFIUM, PILLOW, POPPLER, Viewer, different, inked, lost, page_size
from pagekit.errors import NotRenderable, Refusal
from pagekit.prepared import Document, How
from unit.pagekit.outputs import drawing

# What two renderings of one page by one viewer may differ in; what a picture, scaled, may differ from another viewer's.
_NOISE_CELLS = 2
_SHARE_OF_INK = 0.02
_INVISIBLE = 3
# For the viewers: pdfium takes memory without end where a form draws itself.
_MOST_BYTES = 4_000_000_000
_FORM_DEPTH = 8
_WORDS = ("Zebra", "quagga", "Образец", "найден")


@dataclass
class Finding:
    """`how` counts pages by how they were prepared, or "refused: reason"; `differences` are kind, page (0: the file)
    and what differs."""

    name: str
    pages: int = 0
    how: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, int, str]] = field(default_factory=list)
    searchable: str = ""


class _File:
    """An upload and its viewers; pictures of what differs are kept in `pictures`."""

    def __init__(self, path: Path, pictures: Path) -> None:
        self.path = path
        self.is_pdf = path.suffix.lower() == ".pdf"
        self.viewers = (PDFIUM, POPPLER) if self.is_pdf else (PILLOW,)
        self.pages = {viewer.name: viewer.pages(path) for viewer in self.viewers}
        self.finding = Finding(f"{path.parent.name}/{path.name}")
        self._pictures = pictures
        self._shown: dict[tuple[str, int], Image.Image | None] = {}

    def shown(self, viewer: Viewer, number: int) -> Image.Image | None:
        if (viewer.name, number) not in self._shown:
            self._shown[viewer.name, number] = viewer.raster(self.path, number, page_size(self.path, number))
        return self._shown[viewer.name, number]

    def differs(self, kind: str, page: int, what: str, *pictures: Image.Image | None) -> None:
        """Keeps the difference, and the pictures side by side: what is shown, then what is sent."""
        self.finding.differences.append((kind, page, what))
        there = [picture for picture in pictures if picture is not None]
        if there:
            beside = Image.new("L", (sum(picture.width + 10 for picture in there), there[0].height), 128)
            for place, picture in enumerate(there):
                beside.paste(picture, (sum(before.width + 10 for before in there[:place]), 0))
            name = f"{self.finding.name.replace('/', '-')}-{page}-{kind}-{what.split(' ')[0]}.png"
            self._pictures.mkdir(parents=True, exist_ok=True)
            beside.save(self._pictures / name)


def check(path: Path, pictures: Path) -> Finding:
    file = _File(path, pictures)
    content = path.read_bytes()
    try:
        document = pagekit_calls.opened(content)
    except Refusal as refusal:
        file.finding.how[f"file refused: {refusal.reason}"] += 1
        _check_refused(file, 0, refusal)
        return file.finding
    file.finding.pages = document.facts.pages
    if document.facts.attachments:
        file.finding.warnings["attachments"] += 1
    for name, pages in file.pages.items():
        if pages is not None and pages != document.facts.pages:
            file.differs("pages", 0, f"{name} counts {pages:,} pages, and {document.facts.pages:,} are sent")
    numbers = _sample(document.facts.pages)
    with tempfile.TemporaryDirectory() as folder:
        sent = {number: _check_page(file, document, number, Path(folder) / f"sent-{number}.pdf") for number in numbers}
        recognised = {number: how for number, how in sent.items() if how is not None}
        if recognised:
            _check_searchable(file, content, document, recognised, Path(folder) / "searchable.pdf")
    return file.finding


def _sample(pages: int) -> list[int]:
    """Up to six pages: the first three, that in the middle, the last two."""
    return sorted({1, 2, 3, (pages + 1) // 2, pages - 1, pages} & set(range(1, pages + 1)))


def _check_refused(file: _File, page: int, refusal: Refusal) -> None:
    for viewer in file.viewers:
        for number in [page] if page else _sample(file.pages[viewer.name] or 0):
            shown = file.shown(viewer, number)
            if shown is not None and inked(shown) > _NOISE_CELLS:
                file.differs("refused", number, f"{viewer.name} shows it; {refusal.reason}: {refusal.what}", shown)
                break


def _check_page(file: _File, document: Document, number: int, place: Path) -> How | None:
    """How the page was prepared; None if it is refused."""
    try:
        sent = document.page(number)
    except Refusal as refusal:
        file.finding.how[f"page refused: {refusal.reason}"] += 1
        _check_refused(file, number, refusal)
        return None
    file.finding.how[sent.preparation.how] += 1
    file.finding.warnings.update(sent.preparation.warnings)
    place.write_bytes(sent.content)
    size = page_size(file.path, number)
    is_picture = sent.media_type != "application/pdf"
    as_sent = {viewer: (PILLOW if is_picture else viewer).raster(place, 1, size) for viewer in file.viewers}
    none_shows_it = not any(file.shown(viewer, number) for viewer in file.viewers)
    for viewer, picture in as_sent.items():
        shown = file.shown(viewer, number)
        if shown is not None:
            _compare(file, number, viewer.name, shown, picture, exact=not is_picture)
        elif none_shows_it and picture is not None and inked(picture) > _NOISE_CELLS:
            file.differs("added", number, f"{viewer.name} shows what is sent, and none shows the page", picture)
    return sent.preparation.how


def _compare(
    file: _File,
    number: int,
    name: str,
    shown: Image.Image,
    sent: Image.Image | None,
    *,
    exact: bool = True,
    kind: str = "",
) -> None:
    """Not `exact`: two programs' letters stand a little beside each other's, so only what is missing counts, and what
    pdfium or Pillow shows elsewhere."""
    if sent is None:
        if inked(shown) > _NOISE_CELLS:
            file.differs(kind or "lost", number, f"{name} does not open it", shown)
        return
    few = _NOISE_CELLS if exact else max(_NOISE_CELLS, _SHARE_OF_INK * inked(shown))
    missing = lost(shown, sent)
    more = lost(sent, shown) if name != POPPLER.name or exact else 0
    others = different(shown, sent) if exact else 0
    if max(missing, more, others) > few:
        kind = kind or ("lost" if missing > few else "added" if more > few else "otherwise")
        file.differs(kind, number, f"{name}: {missing} cells missing, {more} added, {others} different", shown, sent)


def _check_searchable(file: _File, content: bytes, document: Document, sent: dict[int, How], place: Path) -> None:
    """Whether the searchable PDF looks like the upload, and has the text that was recognised, unseen, and no other.

    A page that shows its text already is left as it is.
    """
    letter = 30 if file.is_pdf else 12
    size = (1000, 1000) if file.is_pdf else page_size(file.path, 1)
    recognised = drawing.page_of([" ".join(_WORDS[:2]), " ".join(_WORDS[2:])], size=size, letter=letter)[1]
    pages = [(number, recognised) for number in sent]
    drawn = [number for number, how in sent.items() if how == How.DRAWN]
    try:
        made, warnings = pagekit_calls.searchable(content, document.facts.media_type, pages, drawn)
    except NotRenderable as refusal:
        file.finding.searchable = refusal.what
        return
    file.finding.searchable = "made, with a warning" if warnings else "made"
    place.write_bytes(made)
    ours = "".join("".join(line.split()) for line in drawing.lines_of(recognised))
    for number in sent:
        before = file.shown(file.viewers[0], number)
        after = PDFIUM.raster(place, number, page_size(file.path, number))
        if before is not None:
            is_same = file.is_pdf and number not in drawn
            _compare(file, number, "looks", before, after, exact=is_same, kind="searchable")
        seen, unseen = _text(place, number)
        if not any(word in unseen for word in _WORDS):
            if not seen and not warnings:
                file.differs("searchable", number, "lacks the recognised text")
        elif Counter(unseen) - Counter(ours):
            file.differs("searchable", number, f"has unseen text beside ours ({len(unseen)} letters)")


def _text(path: Path, number: int) -> tuple[str, str]:
    """The page's letters: those that can be seen, and those that are shown in render mode 3."""
    found: dict[bool, list[str]] = {False: [], True: []}
    with pypdfium2.PdfDocument(path) as pdf:
        page = pdf[number - 1]
        text = page.get_textpage()
        for item in page.get_objects(max_depth=_FORM_DEPTH):
            if item.type == pdfium.FPDF_PAGEOBJ_TEXT:
                length = pdfium.FPDFTextObj_GetText(item, text, None, 0)
                buffer = (pdfium.FPDF_WCHAR * (length // 2))()
                pdfium.FPDFTextObj_GetText(item, text, buffer, length)
                is_unseen = pdfium.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE
                found[is_unseen].append(bytes(buffer).decode("utf-16-le", "replace").rstrip("\0"))
    return "".join("".join(found[False]).split()), "".join("".join(found[True]).split())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    print(json.dumps(vars(check(Path(sys.argv[1]), Path(sys.argv[2])))))
