"""Uploading files into the source bucket, and which documents they become."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textdrop.client.access import code, meaning, translated
from textdrop.client.errors import TextdropClientError, UploadRefused
from textdrop.client.models import Document, Options
from textdrop.client.stack import Stack
from textdrop.client.threads import at_once
from textdrop.core.junk import is_junk

PART_BYTES = 8 * 1024 * 1024
"""Larger files are uploaded in parts of this size, as the aws command does, so that ETags can be compared."""
MAX_KEY_BYTES = 1_024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # the characters of a header's name (RFC 9110, 5.6.2)


@dataclass(frozen=True, slots=True)
class Put:
    """What became of one of `of` files: its document, and whether it was already there; or why it was not uploaded."""

    path: Path
    key: str
    document: Document | None = None
    there_already: bool = False
    error: TextdropClientError | None = None
    of: int = 1


def metadata_of(stack: Stack, options: Options | None, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata of an upload with these options. Raises UploadRefused if textdrop or S3 would not accept them."""
    from textdrop.core import options as rules
    from textdrop.core.errors import InvalidOptions

    chosen = {f"{rules.PREFIX}{name}": value for name, value in (options or Options()).given().items()}
    # S3 removes spaces around a value, so with them an upload would never equal what is there.
    wanted = {name.lower(): value.strip() for name, value in (metadata or {}).items()} | chosen
    for name, value in wanted.items():
        if not _NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise UploadRefused(f'The metadata "{name}" has characters that S3 does not accept.', "Write it in ASCII.")
    given = stack.parameters
    try:
        rules.resolve(
            wanted,
            given.get("Languages", "ru en"),
            given.get("Model", "page"),
            given.get("Outputs", ""),
            given.get("Pages", "all"),
            allowed_models=given.get("AllowedModels", ""),
        )
    except InvalidOptions as wrong:
        raise UploadRefused(wrong.what, wrong.allowed) from None
    return wanted


def check_key(stack: Stack, key: str) -> None:
    """Raises UploadRefused if S3 does not accept the key, or the stack takes no uploads under it."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UploadRefused("The file's name is not UTF-8.", "Rename it, or name a key.") from None
    if not 0 < size <= MAX_KEY_BYTES or key.endswith("/"):
        raise UploadRefused(f"A key has from 1 to {MAX_KEY_BYTES} bytes and does not end in /.", "Choose another key.")
    if is_junk(key):
        raise UploadRefused(f"{key} has a name that is ignored as junk.", "Choose another name.")
    if not key.startswith(stack.source_prefix):
        raise UploadRefused(
            f"The stack takes only uploads below {stack.source_prefix}, and the key is {key}.",
            f"Put it below {stack.source_prefix}.",
        )


def put_bytes(s3: Any, stack: Stack, key: str, body: bytes, metadata: Mapping[str, str]) -> Document:
    """The document of these bytes, uploaded under the key."""
    check_key(stack, key)
    wanted = {"Bucket": stack.source_bucket, "Key": key}
    with translated(f"the bucket {stack.source_bucket}", "s3:PutObject"):
        answer = s3.put_object(**wanted, Body=body, Metadata=dict(metadata), ChecksumAlgorithm="SHA256")
    if _version(answer):
        return _document(stack, key, answer)
    return _document(stack, key, _head(s3, stack, key) or answer)


def put_file(s3: Any, stack: Stack, path: Path, key: str, metadata: Mapping[str, str], again: bool = False) -> Put:
    """The file is in the bucket under the key, with that metadata. If the key already has the same content and metadata
    it is not sent, unless `again`. Raises the client's errors."""
    check_key(stack, key)
    try:
        size = path.stat().st_size
        there = None if again else _head(s3, stack, key)
        if there is not None and there.get("Metadata", {}) == metadata and is_same(path, size, there):
            return Put(path, key, _document(stack, key, there), there_already=True)
        if size <= PART_BYTES:
            return Put(path, key, put_bytes(s3, stack, key, path.read_bytes(), metadata))
        from boto3.s3.transfer import TransferConfig

        extra = {"Metadata": dict(metadata), "ChecksumAlgorithm": "SHA256"}
        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
        with translated(f"the bucket {stack.source_bucket}", "s3:PutObject"):
            s3.upload_file(str(path), stack.source_bucket, key, ExtraArgs=extra, Config=config)
    except OSError as failure:
        raise UploadRefused(f"{path} cannot be read: {failure.strerror}.", "Make it readable.") from failure
    head = _head(s3, stack, key)
    if head is None:
        raise UploadRefused(f"{key} was removed right after it was uploaded.", "Find out by whom, and upload it again.")
    return Put(path, key, _document(stack, key, head))


def put_files(
    s3: Any, stack: Stack, files: Sequence[tuple[Path, str]], metadata: Mapping[str, str], again: bool = False
) -> Iterator[Put]:
    """What becomes of each file and its key, in the order in which they are done; several are uploaded at once. If one
    fails the others continue."""

    def put(file: tuple[Path, str]) -> Put:
        path, key = file
        try:
            return put_file(s3, stack, path, key, metadata, again)
        except TextdropClientError as error:
            return Put(path, key, error=error)

    yield from at_once(put, files)


def files_of(paths: Iterable[Path], to: str) -> list[tuple[Path, str]]:
    """Each file and its key below `to`: the file's name or, in a folder that was named, its path with that folder's
    name.

    Junk of operating systems, pipes and devices are left out. Raises UploadRefused if a path does not exist, or two
    files would have the same key.
    """
    found: dict[str, Path] = {}
    for path in paths:
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except OSError as failure:
            raise UploadRefused(f"{path} cannot be read: {failure.strerror}.", "Make it readable.") from failure
        if is_folder:
            above = path if path.name in ("", "..") else path.parent
            pairs = [(file, to + file.relative_to(above).as_posix()) for file in sorted(_inside(path))]
        elif is_file:
            pairs = [(path, to + path.name)]
        else:
            raise UploadRefused(f"{path} is not there.", "Check the name; nothing was uploaded.")
        for file, key in pairs:
            if found.setdefault(key, file) != file:
                raise UploadRefused(f"{found[key]} and {file} would both be {key}.", "Put one of them elsewhere.")
    return [(file, key) for key, file in found.items()]


def _inside(folder: Path) -> Iterator[Path]:
    """The files in the folder and below it. Links are followed, except those that lead back up. Folders that cannot be
    listed, and links to nothing, are included, so that they are reported."""
    unlisted: list[OSError] = []
    for name, folders, files in os.walk(folder, onerror=unlisted.append, followlinks=True):
        here = Path(name)
        above = {here.resolve(), *(each.resolve() for each in here.parents)} if folders else set()
        links = {each for each in folders if (here / each).is_symlink() and (here / each).resolve() in above}
        folders[:] = [each for each in folders if each not in links]
        for file in (here / each for each in files if not is_junk(each)):
            if file.is_file() or (file.is_symlink() and not file.exists()):
                yield file
    yield from (Path(failure.filename) for failure in unlisted)


def is_same(path: Path, size: int, head: Mapping[str, Any]) -> bool:
    """Whether the object that HEAD describes has exactly the file's content, by its ETag or, if that is not made from
    the content (KMS), by its checksum."""
    if head["ContentLength"] != size:
        return False
    etag, checksum = head["ETag"].strip('"'), head.get("ChecksumSHA256", "")
    with path.open("rb") as file:
        if etag == digest(file, "md5", "-" in etag):
            return True
        return bool(checksum) and checksum == digest(file, "sha256", "-" in checksum)


def digest(file: Any, algorithm: str, in_parts: bool) -> str:
    """The digest of an object as S3 writes it: MD5 in hex, SHA-256 in base64; for parts, the digest of their digests
    and the number of parts (S3 user guide, "Checking object integrity")."""
    file.seek(0)
    parts = [_hashed(algorithm, part) for part in iter(lambda: file.read(PART_BYTES), b"")] if in_parts else []
    bare = _hashed(algorithm, b"".join(parts)) if in_parts else hashlib.file_digest(file, _plain(algorithm)).digest()
    text = bare.hex() if algorithm == "md5" else base64.b64encode(bare).decode()
    return f"{text}-{len(parts)}" if in_parts else text


def _plain(algorithm: str) -> Callable[[], Any]:
    return lambda: hashlib.new(algorithm, usedforsecurity=False)


def _hashed(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def _head(s3: Any, stack: Stack, key: str) -> dict[str, Any] | None:
    """HEAD's answer for the key's current version; None if there is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return dict(s3.head_object(Bucket=stack.source_bucket, Key=key, ChecksumMode="ENABLED"))
    except (ClientError, BotoCoreError) as failure:
        if code(failure) in ("404", "NoSuchKey"):
            return None
        raise meaning(failure, f"the bucket {stack.source_bucket}", "s3:GetObject") from failure


def _version(answer: Mapping[str, Any]) -> str:
    version = str(answer.get("VersionId") or "")
    return "" if version == "null" else version


def source_of(bucket: str, key: str, answer: Mapping[str, Any]) -> Any:
    """The upload that S3's answer describes, as the functions see it."""
    from textdrop.core.documents import Source

    at = answer.get("LastModified")
    return Source(
        bucket, key, _version(answer), str(answer["ETag"]).strip('"'), last_modified=at.timestamp() if at else 0.0
    )


def _document(stack: Stack, key: str, answer: Mapping[str, Any]) -> Document:
    from textdrop.core.identity import document_id

    source = source_of(stack.source_bucket, key, answer)
    return Document(document_id(source), key, stack.source_bucket, source.version_id or None)


def delete_version(s3: Any, document: Document) -> bool:
    """The uploaded version of the document is gone. False if it was gone already, or another upload has replaced it;
    and for a deleted document, which has no key any more.

    Without versions the object is removed only if it is still this document's: the key may have a newer upload.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from textdrop.core.identity import document_id

    if not document.key:
        return False
    wanted = {"Bucket": document.bucket, "Key": document.key}
    needed = "s3:DeleteObjectVersion" if document.version_id else "s3:DeleteObject"
    try:
        if document.version_id:
            s3.delete_object(**wanted, VersionId=document.version_id)
            return True
        head = s3.head_object(**wanted)
        if document_id(source_of(document.bucket, document.key, head)) != document.id:
            return False
        s3.delete_object(**wanted, IfMatch=head["ETag"])
    except (ClientError, BotoCoreError) as failure:
        if code(failure) in ("404", "NoSuchKey", "PreconditionFailed", "412"):
            return False
        raise meaning(failure, f"the bucket {document.bucket}", needed) from failure
    return True
