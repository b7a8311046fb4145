"""Eighty good uploads by themselves, then among twenty bad ones, beside one another.

The bad ones are hostile files and documents that meet a fault of the OCR service (`local.hundred`); recognitions take
exactly 3 s. Seconds from upload to notice, less nothing: the quota of 10 submits a second is a part of it, and ten of
the twenty take a slot each. Three repeats in turn.
"""

from __future__ import annotations

import statistics

from benchmarks import stage
from benchmarks.figures import Figure, Say
from local import hundred

REPEATS = 3
WARM_UPS = 10
WAIT_SECONDS = 180.0


def measure(say: Say) -> list[Figure]:
    """Median, 95th percentile and last of the good ones, of each repeat."""
    among = hundred.uploads()
    alone = [upload for upload in among if upload.is_good]
    found: dict[str, list[list[float]]] = {"alone": [], "among bad ones": []}
    with stage.standing(say, spread=0.0) as standing:
        run(standing, alone[:WARM_UPS], "warm-up")
        for repeat in range(REPEATS):
            for name, uploads in (("alone", alone), ("among bad ones", among)):
                found[name].append(sorted(run(standing, uploads, f"{repeat} {name}")))
                say(f"{name}: median {statistics.median(found[name][-1]):.2f} s")
    shares = {"median": 0.5, "95th percentile": 0.95, "last": 1.0}
    told = {
        name: {title: [stage.percentile(seconds, share) for seconds in repeats] for title, share in shares.items()}
        for name, repeats in found.items()
    }
    return [
        Figure(
            f"{len(alone)} good uploads among {len(among) - len(alone)} bad ones: {title}",
            _told(told["among bad ones"][title]),
            f"{_told(told['alone'][title])} alone",
        )
        for title in shares
    ]


def _told(repeats: list[float]) -> str:
    return " · ".join(f"{seconds:.1f}" for seconds in repeats) + " s"


def run(standing: stage.Stage, uploads: list[hundred.Upload], folder: str) -> list[float]:
    """Uploads all, waits for all notices; seconds from upload to notice of the good ones.

    Raises RuntimeError when one ended otherwise than it must, TimeoutError when a notice does not come.
    """
    standing.admin("reset", {})
    for upload in uploads:
        if upload.fault:
            standing.admin("faults", upload.fault_request)
    began = {upload.key: standing.upload(f"{folder}/{upload.key}", upload.content) for upload in uploads}
    notices = standing.notices.of([put.key for put in began.values()], WAIT_SECONDS)
    seconds = []
    for upload in uploads:
        put = began[upload.key]
        notice = notices[put.key]
        if (notice.body["outcome"], notice.body["reason"]) != (upload.outcome, upload.reason):
            raise RuntimeError(f"{put.key} ended as {notice.body['outcome']}: {notice.body['reason']}")
        if upload.is_good:
            seconds.append(notice.received_at - put.began_at)
    return seconds
