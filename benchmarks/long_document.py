"""One long PDF of distinct scans on the local stack: `python -m benchmarks.long_document --pages 200`.

The local OCR service answers from a table after exactly 3 s, at 10 submits a second. Prints how it ended, whether every
page is in its place, submits and asks a page, the time beside pages ÷ quota + one recognition, and the peak memory of
each function's processes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

from local import deployment, processes, stack
from local.ocr.table import synthetic_text
from textdrop.adapters.files.document import open_document
from textdrop.core.files import FileLimits

RECOGNITION_SECONDS = 3.0
SUBMITS_PER_SECOND = 10.0
STATE = stack.ROOT / ".local" / "bench"


def book(path: Path, pages: int, page_bytes: int) -> None:
    """A PDF of so many scans, each about so large and unlike any other."""
    noise = random.Random(1)
    side = max(8, int(page_bytes**0.5))
    with pikepdf.new() as document:
        for _ in range(pages):
            image = Image.frombytes("L", (side, side), noise.randbytes(side * side))
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=93)
            scan = document.make_stream(buffer.getvalue())
            scan.Type, scan.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            scan.Width = scan.Height = side
            scan.ColorSpace, scan.BitsPerComponent = pikepdf.Name.DeviceGray, 8
            scan.Filter = pikepdf.Name.DCTDecode
            page = document.add_blank_page(page_size=(595, 842))
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=scan))
            page.Contents = document.make_stream(b"q 595 0 0 842 0 0 cm /Scan Do Q")
        document.save(path)


class Memory(threading.Thread):
    """Watches the functions' processes; `peaks` is the most that any process of each function held, in MB."""

    def __init__(self, mark: str) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, float] = defaultdict(float)
        self._mark = mark
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.5):
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


def notice_of(aws: dict[str, Any], env: dict[str, str], key: str, wait_seconds: float) -> dict[str, Any]:
    """The notice of the upload. Raises TimeoutError."""
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        answer = aws["sqs"].receive_message(
            QueueUrl=env["NOTICES_QUEUE_URL"], WaitTimeSeconds=5, MaxNumberOfMessages=10
        )
        for message in answer.get("Messages", []):
            notice: dict[str, Any] = json.loads(message["Body"])
            if notice["source"]["key"] == key:
                return notice
    raise TimeoutError(f"no notice of {key} within {wait_seconds:.0f} s")


def pages_out_of_place(path: Path, result: dict[str, Any]) -> list[int]:
    """The numbers of pages whose text is not that of their own cut."""
    wrong = []
    document = open_document(path.open("rb"), FileLimits())
    for number, page in enumerate(result["pages"], start=1):
        text = synthetic_text(hashlib.sha256(document.page(number)).hexdigest())
        if (page["number"], page["text"].strip()) != (number, text):
            wrong.append(number)
    document.close()
    return wrong


def measure(env: dict[str, str], pages: int, page_bytes: int) -> bool:
    """Uploads the book, waits for its notice and prints the figures. Whether everything came out right."""
    session = deployment.session()
    aws: dict[str, Any] = {
        name: session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"])
        for name in ("s3", "sqs")
    }
    path = STATE / "book.pdf"
    book(path, pages, page_bytes)
    ideal = pages / SUBMITS_PER_SECOND + RECOGNITION_SECONDS
    print(
        f"{pages} pages, {path.stat().st_size / 1e6:.1f} MB; pages ÷ quota + one recognition: {ideal:.1f} s", flush=True
    )
    memory = Memory(stack.Folder(STATE).mark("aws"))
    memory.start()
    began = time.monotonic()
    aws["s3"].put_object(Bucket=env["UPLOADS_BUCKET"], Key="book.pdf", Body=path.read_bytes())
    notice = notice_of(aws, env, "book.pdf", 10 * ideal + 300)
    seconds = time.monotonic() - began
    memory.end()
    stored = aws["s3"].get_object(Bucket=env["RESULTS_BUCKET"], Key="book.pdf.ocr.json")["Body"].read()
    wrong = pages_out_of_place(path, json.loads(stored))
    with urllib.request.urlopen(f"{env['OCR_BASE_URL']}/_admin/stats", timeout=10) as answer:
        stats = json.load(answer)
    asks = stats["asks"]["status"] + stats["asks"]["result"]
    print(
        f"outcome {notice['outcome']}, pages recognized {notice['pages']['recognized']}, out of place {wrong or 'none'}"
    )
    print(f"time {seconds:.1f} s, {100 * (seconds / ideal - 1):+.1f} % of the ideal; result {len(stored) / 1e6:.1f} MB")
    accepted = stats["submits"]["accepted"]
    print(f"accepted submits {accepted} ({accepted / pages:.2f} a page), throttled {stats['throttled']['submit']}")
    print(f"asks {asks} ({asks / pages:.2f} a page)")
    for name, most in sorted(memory.peaks.items()):
        print(f"peak memory of {name}: {most:.0f} MB")
    return notice["outcome"] == "succeeded" and not wrong and accepted == pages


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pages", type=int, default=200, help="how many (200)")
    arguments.add_argument("--page-kilobytes", type=int, default=150, help="how large each is (150)")
    given = arguments.parse_args()
    env = stack.up(STATE, engine="table", real_credentials=None, say=print)
    try:
        right = measure(env, given.pages, given.page_kilobytes * 1000)
    finally:
        stack.down(STATE)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
