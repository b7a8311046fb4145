"""One long PDF of distinct scans: its time beside pages ÷ quota + one recognition.

200 pages of about 150 KB, at 10 submits a second, functions warm, three repeats. *One recognition*: their times are
lognormal around 3 s, so the last result is not that of the last page. The limit is when the last of them could be read
if every page were sent at once in its slot: the most of `number of the page ÷ quota + its own recognition`, with the
times that the OCR service took. Every page has to be in its place, and be paid for once.

`python -m benchmarks.long_document --pages 2000 --page-kilobytes 20` measures another document, once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import figures, scans, stage
from benchmarks.figures import Figure, Say, within
from local import processes, stack
from local.ocr.table import synthetic_text
from textdrop.adapters.files.document import open_document
from textdrop.core.files import FileLimits

PAGES = 200
PAGE_BYTES = 150_000
REPEATS = 3
WARM_UPS = 6
WAIT_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Run:
    """One document's way. `limit` and `seconds` from its upload, `wrong` are pages out of place."""

    pages: int
    limit: float
    seconds: float
    sending: float
    wrong: list[int]
    accepted: int
    asks: int

    @property
    def over_percent(self) -> float:
        """How far the time lies over the limit."""
        return 100 * (self.seconds / self.limit - 1)


def measure(say: Say) -> list[Figure]:
    """So many repeats of the usual document."""
    return measure_document(say, PAGES, PAGE_BYTES, REPEATS)


def measure_document(say: Say, pages: int, page_bytes: int, repeats: int) -> list[Figure]:
    """Time, pages in place, submits and asks a page, and the functions' peak memory."""
    runs = []
    with stage.standing(say) as standing:
        memory = Memory(stack.Folder(stage.STATE).mark("aws"))
        warm = standing.upload_all({f"warm/{number}.png": stage.image(number) for number in range(WARM_UPS)})
        standing.notices.of([upload.key for upload in warm], WAIT_SECONDS)
        memory.start()
        for repeat in range(repeats):
            path = stage.STATE / "book.pdf"
            scans.book(path, pages, scans.side_of(page_bytes), seed=repeat)
            runs.append(one(standing, path, f"book-{repeat}.pdf", pages))
            say(f"{runs[-1].seconds:.1f} s, {runs[-1].over_percent:+.1f} %")
        memory.end()
    over = [run.over_percent for run in runs]
    submits = max(run.accepted for run in runs) / pages
    wrong = sum(len(run.wrong) for run in runs)
    return [
        within(f"{pages} pages: time over the limit, median of {repeats}", statistics.median(over), 10, "%", 1),
        Figure("least–most", f"{min(over):.1f}–{max(over):.1f} %"),
        Figure(
            "upload to notice",
            " · ".join(f"{run.seconds:.1f}" for run in runs) + " s",
            " · ".join(f"{run.limit:.1f}" for run in runs) + " s",
        ),
        Figure(
            "first to last acceptance",
            " · ".join(f"{run.sending:.1f}" for run in runs) + " s",
            f"{(pages - 1) / stage.SUBMITS_PER_SECOND:.1f} s",
        ),
        Figure("pages out of place", f"{wrong}", "0", wrong == 0),
        within("accepted submits a page", submits, 1.0, "", 2),
        Figure("asks a page, median", f"{statistics.median(run.asks for run in runs) / pages:.2f}"),
        *(
            Figure(f"peak memory of {name.partition('-')[2]}", f"{most:.0f} MB")
            for name, most in sorted(memory.peaks.items())
        ),
    ]


def one(standing: stage.Stage, path: Path, key: str, pages: int) -> Run:
    """Uploads the book and waits for its notice. Raises RuntimeError if it did not succeed."""
    standing.admin("reset", {})
    upload = standing.upload(key, path.read_bytes())
    notice = standing.notices.of([key], pages + 300)[key]
    if notice.body["outcome"] != "succeeded":
        raise RuntimeError(f"{key} ended as {notice.body['outcome']}: {notice.body['reason']}")
    cuts = cut_hashes(path)
    took = {recognition.sha256: recognition.seconds for recognition in standing.recognitions()}
    stats = standing.admin("stats")
    accepted_at = standing.accepted_at()
    return Run(
        pages=pages,
        limit=max(number / stage.SUBMITS_PER_SECOND + took[cut] for number, cut in enumerate(cuts, start=1)),
        seconds=notice.received_at - upload.began_at,
        sending=accepted_at[-1] - accepted_at[0],
        wrong=pages_out_of_place(cuts, json.loads(standing.file(f"{key}.ocr.json"))),
        accepted=stats["submits"]["accepted"],
        asks=stats["asks"]["status"] + stats["asks"]["result"],
    )


def cut_hashes(path: Path) -> list[str]:
    """The SHA-256 of each page as it is sent, in order."""
    document = open_document(path.open("rb"), FileLimits())
    try:
        return [hashlib.sha256(document.page(number)).hexdigest() for number in range(1, document.facts.pages + 1)]
    finally:
        document.close()


def pages_out_of_place(cuts: list[str], result: dict[str, Any]) -> list[int]:
    """The numbers of pages whose text is not that of their own cut."""
    found = [(page["number"], page["text"].strip()) for page in result["pages"]]
    right = [(number, synthetic_text(cut)) for number, cut in enumerate(cuts, start=1)]
    return sorted(number for number, _ in set(right) - set(found))


class Memory(threading.Thread):
    """Watches the functions' processes; `peaks` is the most that any process of each function held, in MB."""

    def __init__(self, mark: str) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, float] = defaultdict(float)
        self._mark = mark
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(1.0):
            for process in processes.find(self._mark):
                name, most = self._look(process)
                if name:
                    self.peaks[name] = max(self.peaks[name], most)

    @staticmethod
    def _look(process: int) -> tuple[str, float]:
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            status = Path(f"/proc/{process}/status").read_text("utf-8")
        except OSError:  # ended meanwhile
            return "", 0.0
        names = [
            entry.split(b"=", 1)[1].decode() for entry in environment if entry.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")
        ]
        peaks = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
        return (names[0], peaks[0]) if names and peaks else ("", 0.0)

    def end(self) -> None:
        """Returns when it no longer watches."""
        self._ended.set()
        self.join()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pages", type=int, default=PAGES, help=f"how many ({PAGES})")
    arguments.add_argument("--page-kilobytes", type=int, default=PAGE_BYTES // 1000, help="how large each is (150)")
    given = arguments.parse_args()
    found = measure_document(print, given.pages, given.page_kilobytes * 1000, repeats=1)
    print("\n".join(figures.lines(found)))
    return 1 if any(figure.reached is False for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
