"""The engine that really reads: a few threads, each with a tesserocr engine of its own, which releases the GIL."""

import logging
import queue
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import DecodingError, decode
from local.ocr.protocol import DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, result_line
from local.ocr.reading import Reader, ReadingError
from local.ocr.recognition import Finish, Outcome, failed
from local.ocr.submission import MARKDOWN_MODELS, TABLE_MODEL, Submission

log = logging.getLogger("local.ocr")


@dataclass(frozen=True)
class _Job:
    content: Path
    mime_type: str
    model: str
    finish: Finish


class TesseractEngine:
    """Reads English and Russian. What waits for a worker waits in files, so that a long queue takes no memory."""

    name = "tesseract"

    def __init__(self, folder: Path, workers: int) -> None:
        """Language data are in `folder` afterwards, and every worker is ready. Raises tessdata.TessdataError."""
        self._languages = tessdata.prepare(folder)
        for name, reason in self._languages.missing.items():
            log.warning("without %s, each page's four turns are tried: %s", name, reason)
        self._waiting = tempfile.TemporaryDirectory(prefix="textdrop-ocr-")
        self._numbered = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        with_orientation = "osd" in self._languages.names
        for number in range(workers):
            reader = Reader(self._languages.folder, with_orientation=with_orientation)
            threading.Thread(target=self._work, args=(reader,), name=f"ocr-{number}", daemon=True).start()

    def begin(self, submission: Submission, finish: Finish) -> None:
        with self._lock:
            self._numbered += 1
            content = Path(self._waiting.name) / str(self._numbered)
        content.write_bytes(submission.content)
        self._jobs.put(_Job(content, submission.mime_type, submission.model, finish))

    def describe(self) -> dict[str, Any]:
        return {"languages": list(self._languages.names), "waiting": self._jobs.qsize()}

    def forget(self) -> None:
        while True:
            try:
                self._jobs.get_nowait().content.unlink(missing_ok=True)
            except queue.Empty:
                return

    def close(self) -> None:
        self.forget()
        self._waiting.cleanup()

    def _work(self, reader: Reader) -> None:
        while True:
            job = self._jobs.get()
            job.finish(self._recognise(reader, job), 0.0)

    def _recognise(self, reader: Reader, job: _Job) -> Outcome:
        try:
            content = job.content.read_bytes()
            job.content.unlink()
            page = reader.read(decode(content, job.mime_type), tables=job.model == TABLE_MODEL)
            return Outcome(result_line(text_annotation(page, markdown=job.model in MARKDOWN_MODELS), 0))
        except DecodingError as failure:
            return failed(INVALID_ARGUMENT, str(failure))
        except ReadingError as failure:
            return failed(DEADLINE_EXCEEDED, str(failure))
        except Exception as failure:  # noqa: BLE001 - a hostile page must not end the worker; its operation says so
            log.error("recognition raised %s", type(failure).__name__)
            return failed(INTERNAL, "recognition failed")
