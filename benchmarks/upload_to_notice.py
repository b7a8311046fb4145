"""From upload to notice, less the recognition, one image at a time on a warm local stack: `make bench`.

The local OCR service answers from a table after exactly 3 s. Prints every figure, the median and the 95th percentile.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
import uuid
from typing import Any

from PIL import Image

from local import deployment, stack

RECOGNITION_SECONDS = 3.0
WARM_UPS = 3
UPLOADS = 30
WAIT_SECONDS = 120.0
STATE = stack.ROOT / ".local" / "bench"


def image(number: int) -> bytes:
    """A small image unlike any other."""
    buffer = io.BytesIO()
    Image.new("RGB", (400 + number, 300), (number % 256, 255, 255)).save(buffer, "PNG")
    return buffer.getvalue()


def one(aws: dict[str, Any], env: dict[str, str], number: int) -> float:
    """Uploads one image and returns the seconds until its notice was received."""
    key = f"bench/{uuid.uuid4().hex}.png"
    body = image(number)
    began = time.monotonic()
    aws["s3"].put_object(Bucket=env["UPLOADS_BUCKET"], Key=key, Body=body)
    while time.monotonic() < began + WAIT_SECONDS:
        answer = aws["sqs"].receive_message(
            QueueUrl=env["NOTICES_QUEUE_URL"], WaitTimeSeconds=5, MaxNumberOfMessages=10
        )
        received = time.monotonic()
        for message in answer.get("Messages", []):
            aws["sqs"].delete_message(QueueUrl=env["NOTICES_QUEUE_URL"], ReceiptHandle=message["ReceiptHandle"])
            notice = json.loads(message["Body"])
            if notice["source"]["key"] == key:
                if notice["outcome"] != "succeeded":
                    raise RuntimeError(f"{key} ended as {notice['outcome']}: {notice['reason']}")
                return received - began
    raise TimeoutError(f"no notice of {key} within {WAIT_SECONDS:.0f} s")


def main() -> int:
    env = stack.up(STATE, engine="table", real_credentials=None, say=print)
    try:
        session = deployment.session()
        clients: dict[str, Any] = {
            name: session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"], verify=env["AWS_CA_BUNDLE"])
            for name in ("s3", "sqs")
        }
        for number in range(WARM_UPS):
            one(clients, env, number)
        figures = []
        for number in range(UPLOADS):
            seconds = one(clients, env, WARM_UPS + number) - RECOGNITION_SECONDS
            figures.append(seconds)
            print(f"{number + 1:3d}  {seconds:.3f} s", flush=True)
        percentile = statistics.quantiles(figures, n=20)[-1]
        print(
            f"upload to notice, less {RECOGNITION_SECONDS:.0f} s of recognition, {UPLOADS} uploads, warm: "
            f"median {statistics.median(figures):.3f} s, 95th percentile {percentile:.3f} s, "
            f"least {min(figures):.3f} s, most {max(figures):.3f} s"
        )
    finally:
        stack.down(STATE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
