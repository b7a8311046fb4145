"""Eighty good uploads by themselves, then among twenty bad ones: `python -m benchmarks.neighbours`.

The bad ones are hostile files and documents that meet a fault of the OCR service (`local.hundred`). Prints how long the
eighty took from upload to notice in both, less nothing: the quota of 10 submits a second is a part of it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import urllib.request
from typing import Any

from local import deployment, hundred, stack

STATE = stack.ROOT / ".local" / "bench"
REPEATS = 3
WAIT_SECONDS = 180.0


def admin(env: dict[str, str], name: str, body: object) -> None:
    """One request to the local OCR service's admin endpoint."""
    request = urllib.request.Request(f"{env['OCR_BASE_URL']}/_admin/{name}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10):
        pass


def run(aws: dict[str, Any], env: dict[str, str], uploads: list[hundred.Upload], folder: str) -> dict[str, float]:
    """Uploads all, waits for all notices; seconds from upload to notice by key, of the good ones.

    Raises RuntimeError when one ended otherwise than it must, TimeoutError when a notice does not come.
    """
    admin(env, "reset", {})
    for upload in uploads:
        if upload.fault:
            admin(env, "faults", upload.fault_request)
    began, seconds = {}, {}
    waiting = {f"{folder}/{upload.key}": upload for upload in uploads}
    for key, upload in list(waiting.items()):
        began[key] = time.monotonic()
        aws["s3"].put_object(Bucket=env["UPLOADS_BUCKET"], Key=key, Body=upload.content)
    until = time.monotonic() + WAIT_SECONDS
    while waiting:
        if time.monotonic() > until:
            raise TimeoutError(f"no notice of {sorted(waiting)}")
        answer = aws["sqs"].receive_message(
            QueueUrl=env["NOTICES_QUEUE_URL"], WaitTimeSeconds=1, MaxNumberOfMessages=10
        )
        received = time.monotonic()
        for message in answer.get("Messages", []):
            aws["sqs"].delete_message(QueueUrl=env["NOTICES_QUEUE_URL"], ReceiptHandle=message["ReceiptHandle"])
            notice = json.loads(message["Body"])
            key = notice["source"]["key"]
            if key not in waiting:
                continue
            upload = waiting.pop(key)
            if (notice["outcome"], notice["reason"]) != (upload.outcome, upload.reason):
                raise RuntimeError(f"{key} ended as {notice['outcome']}: {notice['reason']}")
            if upload.is_good:
                seconds[key] = received - began[key]
    return seconds


def main() -> int:
    env = stack.up(STATE, engine="table", real_credentials=None, say=print)
    try:
        session = deployment.session()
        aws: dict[str, Any] = {
            name: session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"])
            for name in ("s3", "sqs")
        }
        among = hundred.uploads()
        alone = [upload for upload in among if upload.is_good]
        run(aws, env, alone[:10], "warm-up")
        for repeat in range(REPEATS):
            for name, uploads in (("alone", alone), ("among bad ones", among)):
                figures = sorted(run(aws, env, uploads, f"{repeat} {name}").values())
                print(
                    f"{name:>14}: {len(figures)} good uploads, median {statistics.median(figures):.2f} s, "
                    f"95th percentile {figures[int(0.95 * len(figures))]:.2f} s, last {figures[-1]:.2f} s",
                    flush=True,
                )
    finally:
        stack.down(STATE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
