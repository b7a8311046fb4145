"""The engine that really reads: a few threads, each with a tesserocr engine of its own, which releases the GIL."""

import logging
import queue
from concurrent.futures import ThreadPoolExecutor

from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import DecodingError, decode
from local.ocr.protocol import DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, result_line
from local.ocr.reading import Reader
from local.ocr.recognition import Finish, Outcome, failed
from local.ocr.submission import MARKDOWN_MODELS, TABLE_MODEL, Submission
from local.ocr.words import ReadingError

log = logging.getLogger("local.ocr")

WORKERS = 2


class TesseractEngine:
    """Reads Latin letters, and Cyrillic ones if a language has them."""

    def __init__(self) -> None:
        """Afterwards every worker is ready. Raises tessdata.TessdataError."""
        folder = tessdata.prepare()
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        for _ in range(WORKERS):
            self._readers.put(Reader(folder))
        self._workers = ThreadPoolExecutor(WORKERS, "ocr")

    def begin(self, submission: Submission, finish: Finish) -> None:
        self._workers.submit(self._work, submission, finish)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _work(self, submission: Submission, finish: Finish) -> None:
        reader = self._readers.get()
        outcome = _recognise(reader, submission)
        self._readers.put(reader)
        finish(outcome, 0.0)


def _recognise(reader: Reader, submission: Submission) -> Outcome:
    try:
        image = decode(submission.content, submission.mime_type)
        page = reader.read(image, submission.languages, tables=submission.model == TABLE_MODEL)
        return Outcome(result_line(text_annotation(page, markdown=submission.model in MARKDOWN_MODELS), 0))
    except DecodingError as failure:
        return failed(INVALID_ARGUMENT, str(failure))
    except ReadingError as failure:
        return failed(DEADLINE_EXCEEDED, str(failure))
    except Exception as failure:  # noqa: BLE001 - a hostile page must not end the worker; its operation says so
        log.error("recognition raised %s", type(failure).__name__)
        return failed(INTERNAL, "recognition failed")
