"""What is known of each upload: the state of its row, its notice, and whether it is over."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAITING, UPLOADING, UPLOADED = "waiting", "uploading", "uploaded"
ORDER = (WAITING, UPLOADING, UPLOADED, "accepted", "recognizing", "delivering", "final")
"""States as they follow on each other: three of the upload itself, then those of its row."""


def document_id(bucket: str, key: str, version_id: str) -> str:
    """The id of the document that an upload becomes, and so the partition key of its row."""
    name = json.dumps([bucket, key, version_id], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Upload:
    """One file on its way, uploaded with its metadata. Times are in seconds of one monotonic clock."""

    name: str
    key: str
    path: Path
    metadata: Mapping[str, str] = field(default_factory=dict)
    document: str = ""
    state: str = WAITING
    uploaded_at: float | None = None
    ended_at: float | None = None
    notice: Mapping[str, Any] | None = None
    failure: str = ""
    """Why the file could not be uploaded."""

    @property
    def over(self) -> bool:
        """Nothing more is to be waited for."""
        return self.notice is not None or bool(self.failure)

    @property
    def outcome(self) -> str | None:
        """The outcome's word, once the notice is here."""
        return None if self.notice is None else str(self.notice["outcome"])

    @property
    def reason(self) -> str | None:
        """The reason's word; None where there is no reason to give."""
        return None if self.notice is None else self.notice["reason"]

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """What the notice says of the files that there are, by their kinds."""
        return {kind: place for kind, place in (self.notice or {}).get("files", {}).items() if place}

    @property
    def warnings(self) -> Sequence[str]:
        """What is missing in the results, in plain words."""
        return [] if self.notice is None else list(self.notice["warnings"])

    @property
    def seconds(self) -> float | None:
        """From when the bucket had the file to when its notice arrived."""
        if self.uploaded_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.uploaded_at)


def see_state(upload: Upload, state: str) -> bool:
    """Take note of a state; whether that is news. Reads may be old: a state never goes back."""
    if upload.over or state not in ORDER or ORDER.index(state) <= ORDER.index(upload.state):
        return False
    upload.state = state
    return True


def see_notice(uploads: Mapping[str, Upload], body: str, now: float) -> Upload | None:
    """The upload (of these, by key) that is over by this notice; None for a repeat, or a notice of something else."""
    notice = parse(body)
    upload = uploads.get(str(notice["source"].get("key"))) if notice else None
    if upload is None or upload.over:
        return None
    upload.notice, upload.ended_at, upload.state = notice, now, ORDER[-1]
    return upload


def parse(body: str) -> Mapping[str, Any] | None:
    """The notice of a message's body; None when it is none."""
    try:
        notice = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notice, dict):
        return None
    notice = {"reason": None, "what": None, "advice": None, "warnings": [], **notice}
    needed = {"document": str, "outcome": str, "source": dict, "files": dict, "warnings": list}
    return notice if all(isinstance(notice.get(name), kind) for name, kind in needed.items()) else None
