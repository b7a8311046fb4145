"""One run: files go in, progress is shown until each is over, results come to a local folder."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.demo import account as aws
from local.demo.account import Account
from local.demo.progress import UPLOADED, UPLOADING, Upload, document_id, see_notice, see_state
from local.demo.screen import Screen

UPLOADS_AT_ONCE = 4
REFRESH_SECONDS = 1
TEXT_SHOWN_BYTES = 65536


def follow(account: Account, uploads: Sequence[Upload], queue_url: str, screen: Screen, limit_seconds: float) -> None:
    """Each upload is over when this returns, unless the time limit came first."""
    by_key = {upload.key: upload for upload in uploads}
    limit = time.monotonic() + limit_seconds
    screen.show(uploads, time.monotonic())
    executor = ThreadPoolExecutor(UPLOADS_AT_ONCE, "upload")
    try:
        sent: list[Future[None]] = [executor.submit(_send, account, upload) for upload in uploads]
        while not all(upload.over for upload in uploads) and time.monotonic() < limit:
            for body in aws.receive(account, queue_url, REFRESH_SECONDS if all(map(Future.done, sent)) else 0):
                see_notice(by_key, body, time.monotonic())
            under_way = {upload.document: upload for upload in uploads if upload.document and not upload.over}
            for document, state in aws.states(account, list(under_way)).items():
                see_state(under_way[document], state)
            screen.show(uploads, time.monotonic())
            for future in filter(Future.done, sent):
                future.result()  # raises what `_send` did not expect
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _send(account: Account, upload: Upload) -> None:
    see_state(upload, UPLOADING)
    try:
        version = aws.put(account, upload.path, upload.key, upload.metadata)
    except (OSError, ClientError, BotoCoreError) as error:
        upload.failure = f"{type(error).__name__}: {error}"
        return
    upload.uploaded_at = time.monotonic()
    upload.document = document_id(account.uploads_bucket, upload.key, version)
    see_state(upload, UPLOADED)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Local copies of an upload's files: their endings, and the one with its text, if there is one."""

    endings: tuple[str, ...] = ()
    text: Path | None = None


def fetch(account: Account, upload: Upload, folder: Path) -> Fetched:
    """The upload's files are below the folder, each called like the upload with an ending.

    A name that the file system does not take is replaced by the document's id.
    """
    endings, text = [], None
    for kind, place in upload.files.items():
        bucket, key = place["bucket"], place["key"]
        for result_key in aws.keys_below(account, bucket, key) if "count" in place else [key]:
            ending = local_ending(upload.key, result_key)
            path = _download(account, upload, bucket, result_key, folder, ending)
            endings.append(ending)
            text = path if kind == "text" else text
    return Fetched(tuple(endings), text)


def _download(account: Account, upload: Upload, bucket: str, key: str, folder: Path, ending: str) -> Path:
    path = folder / (upload.name + ending)
    try:
        aws.download(account, bucket, key, path)
    except OSError:  # too long a name, or a file where a folder is needed
        path = folder / ((upload.notice or {})["document"] + ending)
        aws.download(account, bucket, key, path)
    return path


def local_ending(key: str, result_key: str) -> str:
    """What the local copy of a result adds to the upload's name: what the result's key adds to the upload's key."""
    if result_key.startswith(key):
        return result_key.removeprefix(key)
    return "." + result_key.split("/", 3)[-1]  # under the document's own name, .textdrop/documents/<id>/


def beginning(path: Path) -> str:
    """The first few thousand characters of a text."""
    with path.open("rb") as file:
        return file.read(TEXT_SHOWN_BYTES).decode("utf-8", "ignore")


def keep_notices(uploads: Sequence[Upload], path: Path) -> None:
    """The notices are in the file, one a line, in the order of the uploads."""
    lines = [json.dumps(upload.notice, ensure_ascii=False) + "\n" for upload in uploads if upload.notice]
    path.write_text("".join(lines), encoding="utf-8", errors="replace")
