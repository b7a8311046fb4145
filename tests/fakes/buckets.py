"""Buckets in memory, with or without versions."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

import schemas
from fakes.faults import Fake, Faults, effect
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectGone, StoreUnavailable
from textdrop.ports import Clock, SourceObject


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; a delete marker has no body."""

    version_id: str
    body: bytes | None
    etag: str = ""
    last_modified: float = 0.0
    content_type: str = "binary/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)


class FakeBucket:
    """Objects by key, each a list of versions, oldest first. Without versions a list has one."""

    def __init__(self, name: str, clock: Clock, *, versioned: bool = True) -> None:
        self.name = name
        self.versions: dict[str, list[Version]] = {}
        self._clock = clock
        self._versioned = versioned
        self._made = 0

    def put(
        self,
        key: str,
        body: bytes,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
    ) -> Source:
        """Stores the object; returns it as an event tells of it."""
        now = self._clock.now()
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        named = dict(metadata or {})
        self._add(key, Version(self._next_version(), body, etag, float(int(now)), content_type, named))
        return Source(
            bucket=self.name,
            key=key,
            version_id=self.versions[key][-1].version_id,
            etag=etag,
            size=len(body),
            sequencer=f"{self._made:016X}",
            event_at=now,
        )

    def delete(self, key: str) -> None:
        """As DeleteObject without a version: a marker where there are versions, else nothing is left."""
        if self._versioned:
            self._add(key, Version(self._next_version(), None))
        else:
            self.versions.pop(key, None)

    def forget(self, key: str, version_id: str) -> None:
        """Deletes one version for ever."""
        self.versions[key] = [version for version in self.versions[key] if version.version_id != version_id]

    def find(self, key: str, version_id: str = "") -> Version | None:
        """That version, or the newest; None where there is none or it is a delete marker."""
        found = [version for version in self.versions.get(key, []) if version_id in ("", version.version_id)]
        return found[-1] if found and found[-1].body is not None else None

    def keys(self) -> list[str]:
        """The keys of all objects there are, as a listing shows them."""
        return sorted((key for key in self.versions if self.find(key) is not None), key=str.encode)

    def version_counts(self) -> dict[str, int]:
        """How many versions each key has, delete markers among them."""
        return {key: len(versions) for key, versions in sorted(self.versions.items()) if versions}

    def unfinished_uploads(self) -> int:
        """Uploads in several parts that were neither completed nor aborted."""
        return 0

    def content_type(self, key: str) -> str:
        """The content type of the object there is."""
        version = self.find(key)
        if version is None:
            raise KeyError(key)
        return version.content_type

    def _next_version(self) -> str:
        self._made += 1
        return f"version-{self._made:06d}" if self._versioned else ""

    def _add(self, key: str, version: Version) -> None:
        self.versions[key] = [*self.versions.get(key, []), version] if self._versioned else [version]


class SourceFile(io.BytesIO):
    """An upload's content, fetched each time when it is read from the beginning."""

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        super().__init__()
        self._fetch = fetch

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            self.write(self._fetch())
            self.seek(0)
        return super().read(size)


class FakeSources(Fake):
    """Uploads in fake buckets, by their names."""

    port = "sources"

    def __init__(self, buckets: Sequence[FakeBucket], faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._buckets = {bucket.name: bucket for bucket in buckets}

    @effect
    def head(self, source: Source) -> SourceObject:
        version, _ = self._find(source)
        seen = Source(
            bucket=source.bucket,
            key=source.key,
            version_id=source.version_id,
            etag=version.etag,
            size=len(version.body or b""),
            sequencer=source.sequencer,
            event_at=source.event_at,
            last_modified=version.last_modified,
        )
        metadata = {name.lower(): value for name, value in version.metadata.items()}
        is_current = self._buckets[source.bucket].find(source.key) is version
        return SourceObject(seen, metadata, lambda: SourceFile(partial(self.read, seen)), is_current)

    @effect
    def read(self, source: Source) -> bytes:
        """What reading in a SourceObject's file fetches: of a version that there is, whatever is newer."""
        bucket = self._buckets.get(source.bucket)
        version = bucket.find(source.key, source.version_id) if bucket else None
        if version is None or version.body is None:
            raise ObjectDeleted("no such version")
        if not source.version_id and source.etag and source.etag != version.etag:
            raise ObjectGone("another ETag")
        return version.body

    def _find(self, source: Source) -> tuple[Version, bytes]:
        bucket = self._buckets.get(source.bucket)
        version = bucket.find(source.key, source.version_id) if bucket else None
        if version is None or version.body is None or bucket is None or bucket.find(source.key) is None:
            raise ObjectDeleted("no such version, or a delete marker")
        if not source.version_id and source.etag and source.etag != version.etag:
            raise ObjectGone("another ETag")
        return version, version.body


class FakeResults(Fake):
    """The results bucket over a fake bucket. What documents end in is held against the published schemas."""

    port = "results"

    def __init__(
        self, store: FakeBucket, faults: Faults | None = None, total_seconds: float = 5.0, prefix: str = ""
    ) -> None:
        super().__init__(faults)
        self.bucket = store.name
        self.prefix = prefix
        self.total_seconds = total_seconds
        self._store = store
        self._removed_before = 0

    @effect
    def put(self, key: str, body: bytes, content_type: str) -> None:
        schemas.check_file(key, body)
        self._store.put(self._whole(key), body, content_type=content_type)

    def put_file(self, key: str, file: BinaryIO, content_type: str, check_deadline: Callable[[], None]) -> None:
        body = file.read()
        check_deadline()
        self.put(key, body, content_type)

    @effect
    def get(self, key: str) -> bytes | None:
        version = self._store.find(self.prefix + key)
        return None if version is None else version.body

    @effect
    def copy(self, key: str, to: str) -> None:
        version = self._store.find(self.prefix + key)
        if version is None or version.body is None:
            raise StoreUnavailable(f"there is no {key!r} to copy")
        self._store.put(self._whole(to), version.body, version.metadata, version.content_type)

    def join(self, keys: Sequence[str], to: str, check_deadline: Callable[[], None]) -> None:
        parts: list[Version] = []
        for key in keys:
            check_deadline()
            parts.append(self.upload_part(key))
        check_deadline()
        self.complete(parts, to)

    @effect
    def upload_part(self, key: str) -> Version:
        """One part of what is joined; nothing is to be seen of it yet."""
        return self._part(key)

    @effect
    def complete(self, parts: Sequence[Version], to: str) -> None:
        """The end of what is joined, whatever has become of its parts' objects."""
        body = b"".join(part.body or b"" for part in parts)
        self._store.put(self._whole(to), body, content_type=parts[0].content_type)

    def _part(self, key: str) -> Version:
        version = self._store.find(self.prefix + key)
        if version is None:
            raise StoreUnavailable(f"there is no {key!r} to join")
        return version

    @effect
    def list_keys(self, prefix: str) -> list[str]:
        there = self._store.keys()
        return [key.removeprefix(self.prefix) for key in there if key.startswith(self.prefix + prefix)]

    @effect
    def exists(self, key: str) -> bool:
        return self._store.find(self.prefix + key) is not None

    @effect
    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            if _is_utf8(key):
                self._store.delete(self.prefix + key)

    @effect
    def remove(
        self, prefix: str, wanted: Callable[[str], bool], check_deadline: Callable[[], None], *, current: bool
    ) -> int:
        check_deadline()
        removed = self._removed_before if self.repeated else 0
        for key in [key for key in self._store.versions if key.startswith(self.prefix + prefix)]:
            if wanted(key.removeprefix(self.prefix)):
                there = self._store.versions[key]
                kept = there[-1:] if not current and there and there[-1].body is not None else []
                self._store.versions[key] = kept
                removed += len(there) - len(kept)
        self._removed_before = removed
        return removed

    def _whole(self, key: str) -> str:
        whole = self.prefix + key
        if len(whole.encode()) > 1024:
            raise StoreUnavailable("KeyTooLongError")
        return whole


def _is_utf8(key: str) -> bool:
    return key.encode(errors="replace").decode() == key
