"""All that a run has left behind, gathered when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local.demo.progress import document_id
from soak.site import FUNCTIONS, Site
from soak.uploads import Upload
from textdrop.core import keys
from textdrop.core.documents import Document, Operation


@dataclass(frozen=True, slots=True)
class Put:
    """An upload as it was made: which document it is to be."""

    upload: Upload
    document: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is when all is quiet.

    `puts` are in the order they were made. `files` are the objects of the results bucket but for the pages as received,
    `notices` the bodies as they came, repeats too. `logs` are by function, `emulator_log` is what the emulator wrote
    itself. `accepted_again` and `notices_again` are what came of sending every event once more.
    """

    puts: Sequence[Put]
    documents: Mapping[str, Document]
    operations: Mapping[str, Sequence[Operation]]
    due: int
    dead_letters: int
    files: Mapping[str, bytes]
    notices: Sequence[str]
    ocr: Mapping[str, Any]
    logs: Mapping[str, Sequence[str]]
    emulator_log: str
    private: Sequence[str]
    accepted_again: int = 0
    notices_again: int = 0


def documents_of(puts: Sequence[Put]) -> set[str]:
    """The ids of all documents that there are to be."""
    return {put.document for put in puts}


def put(site: Site, upload: Upload) -> Put:
    """Makes the upload."""
    bucket = site.account.uploads_bucket
    answer = site.account.s3.put_object(Bucket=bucket, Key=upload.key, Body=upload.content, Metadata=upload.metadata)
    return Put(upload, document_id(bucket, upload.key, answer["VersionId"]))


def files(site: Site) -> dict[str, bytes]:
    """The objects of the results bucket by key, but for the pages as received."""
    wanted = [key for key in site.result_keys() if not (key.startswith(keys.OWN_FOLDER) and "/pages/" in key)]
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(wanted, threads.map(site.result, wanted), strict=True))


def logs(site: Site) -> dict[str, list[str]]:
    """What each function has logged."""
    return {name: site.function_log(name) for name in FUNCTIONS}


def faults_met(ocr_log: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often which fault struck the OCR service's answers: (target, kind)."""
    met: Counter[tuple[str, str]] = Counter()
    for line in ocr_log:
        _, found, told = line.partition(" fault met ")
        if found:
            said = dict(part.split("=", 1) for part in told.split())
            met[said["target"], said["kind"]] += 1
    return met
