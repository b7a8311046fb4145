"""Results from the results bucket as a tree of files."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textdrop.client.access import translated
from textdrop.client.errors import TextdropClientError
from textdrop.client.stack import Stack
from textdrop.client.threads import at_once

OWN = ".textdrop/"
"""Below this are the documents' own files, which are never fetched as a tree."""
KINDS: Mapping[str, str] = {
    "text": r"\.txt$",
    "json": r"\.ocr\.json$",
    "error": r"\.error\.json$",
    "markdown": r"\.md$",
    "pdf": r"\.searchable\.pdf$",
    "tables": r"\.tables\.xlsx$|\.tables/[^/]*\.csv$",
}
"""The kinds of files that can be chosen, and how their names end."""
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one file: where it is now, and whether it was already there; or why it was not fetched."""

    key: str
    path: Path | None = None
    size: int = 0
    there_already: bool = False
    error: str | None = None


def fetch(s3: Any, stack: Stack, prefix: str, folder: Path, only: Sequence[str] = ()) -> Iterator[Fetched]:
    """What becomes of each result of the uploads whose keys begin with the prefix, in the order in which they are done.

    A file's path in the folder is the part of its key after the prefix's last "/". A file that is already there, as in
    the bucket, is not fetched; others appear whole or not at all. `only` names some of KINDS. A key that would lead out
    of the folder, or cannot be a file here, is refused; the others are fetched. Raises TextdropClientError.
    """
    ends = re.compile("|".join(KINDS[kind] for kind in only))
    behind = stack.results_prefix + prefix[: prefix.rfind("/") + 1]

    def wanted() -> Iterator[Mapping[str, Any]]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=stack.results_bucket, Prefix=stack.results_prefix + prefix
        )
        with translated(f"the bucket {stack.results_bucket}", "s3:ListBucket"):
            for page in pages:
                for found in page.get("Contents", []):
                    below = found["Key"].removeprefix(stack.results_prefix)
                    if not below.startswith(OWN) and not below.endswith("/") and ends.search(below):
                        yield found

    def one(found: Mapping[str, Any]) -> Fetched:
        key = found["Key"]
        try:
            path = path_of(folder, key.removeprefix(behind))
            if _is_there(path, found):
                return Fetched(key, path, found["Size"], there_already=True)
            with translated(f"the object {key}", "s3:GetObject"):
                _write(s3, stack.results_bucket, found, path)
        except (ValueError, TextdropClientError) as refused:
            return Fetched(key, error=str(refused))
        except OSError as failure:
            return Fetched(key, error=f"It cannot be written: {failure.strerror}.")
        return Fetched(key, path, found["Size"])

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise TextdropClientError(f"{folder} cannot be made: {failure.strerror}.", "Name another folder.") from failure
    return at_once(one, wanted())


def path_of(folder: Path, name: str) -> Path:
    """Where the file of this name is in the folder. Raises ValueError for a name that leads out of it."""
    segments = re.split(r"[/\\]", name) if os.sep == "\\" else name.split("/")
    if any(segment in ("", ".", "..") or "\0" in segment for segment in segments) or _DRIVE.match(name):
        raise ValueError("Its name cannot be a path in a folder.")
    path = folder.joinpath(*segments)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise ValueError("A link in the folder leads out of it.")
    return path


def _is_there(path: Path, found: Mapping[str, Any]) -> bool:
    """Whether the file is the object: the same size, and the same MD5, or the same time if the ETag is not an MD5."""
    if not path.is_file() or path.stat().st_size != found["Size"]:
        return False
    etag = found["ETag"].strip('"')
    with path.open("rb") as file:
        if etag == hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest():
            return True
    return int(path.stat().st_mtime) == int(found["LastModified"].timestamp())


def _write(s3: Any, bucket: str, found: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.parent / f".{threading.get_ident():x}-{os.getpid():x}.part"
    try:
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"]
        with fresh.open("wb") as file:
            for piece in body.iter_chunks(1 << 20):
                file.write(piece)
        at = found["LastModified"].timestamp()
        os.utime(fresh, (at, at))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
