"""As an operator would, by the command alone: `make archive OBJECTS=1000`.

A bucket with scans in it becomes the source of a local stack of its own. Its objects are estimated and backfilled; one
folder is cancelled meanwhile; the OCR service refuses a tenth, which is retried; one folder is deleted; the results
come to a folder as a tree. Each step's time is printed, and what the OCR service itself counted: no page may be paid
twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import scans
from documentation import command
from e2e.whole_stack import WholeStack, running
from local import servers, stack
from steps import Broken, expect, step

STATE = stack.ROOT / ".local" / "archive"
BUCKET = "archive-of-ours"
RECOGNITION = ["--seconds", "2", "--spread", "0.4"]
IMAGE_BYTES = 4_000
UNWANTED, PRIVATE = "scans/unwanted/", "scans/2024/private/"
KEPT = ("scans/2023/", "scans/2024/")
TEXT, ERROR = ".txt", ".error.json"


def main() -> int:
    """0: all was as it should be."""
    count = int(os.environ.get("OBJECTS") or "1000")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    began = time.monotonic()
    try:
        with running(STATE, "table", RECOGNITION) as (env, account):
            whole = WholeStack(env, STATE, account)
            objects = fill(whole, count)
            with step(f"the stack takes uploads from the bucket of {count} objects"):
                stack.up(
                    STATE,
                    engine="table",
                    real_credentials=None,
                    say=print,
                    ocr_options=RECOGNITION,
                    chosen={"SourceBucketName": BUCKET, "SourcePrefix": "scans/"},
                )
            operate(whole, objects)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    print(f"all was as it should be; {time.monotonic() - began:.0f} s in all")
    return 0


def fill(whole: WholeStack, count: int) -> dict[str, bytes]:
    """The bucket with its objects, by key: a tenth is not wanted, a twentieth private, and some are outside."""
    s3: Any = whole.account.s3
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    objects = {}
    for number, content in enumerate(scans.images(count, IMAGE_BYTES)):
        folder = UNWANTED if number % 10 == 0 else PRIVATE if number % 20 == 1 else KEPT[number % 2]
        objects[f"{folder}{number:05d}.jpg"] = content
    outside = {f"other/{number}.jpg": b"not asked for" for number in range(20)}
    with step(f"{count} objects into the bucket"), ThreadPoolExecutor(8) as putting:
        everything = (objects | outside).items()
        list(putting.map(lambda each: s3.put_object(Bucket=BUCKET, Key=each[0], Body=each[1]), everything))
    whole.shell(
        f"cd '{STATE / 'tmp'}'\n" + command("docs/parameters.md", "existing bucket").replace("my-archive", BUCKET)
    )
    return objects


def operate(whole: WholeStack, objects: dict[str, bytes]) -> None:
    """What an operator does, step by step. Raises Broken."""
    wanted = {key for key in objects if not key.startswith(UNWANTED)}
    whole.tell_ocr("faults", {"kind": "reject", "rate": 0.1})
    with step("textdrop estimate"):
        estimate = textdrop(whole, "estimate", "scans/")
        print(f"  {json.dumps(estimate)[:400]}")
    expect(whole.paid() == {}, "the estimate has paid for something")
    with step("textdrop backfill"):
        textdrop(whole, "backfill", "scans/", "--yes")
    with step("textdrop cancel of the unwanted"):
        textdrop(whole, "cancel", "--prefix", UNWANTED, "--yes", may_fail=True)
    with step("textdrop watch, until nothing is in flight"):
        textdrop(whole, "watch")
    listed = [document["key"] for document in documents(whole, "list", "--outcome", "failed")]
    refused = set(listed) & wanted
    print(f"  {len(refused)} of {len(wanted)} refused")
    expect(len(wanted) // 20 < len(refused) < len(wanted) // 5, f"{len(refused)} failed")
    again = textdrop(whole, "backfill", "scans/", "--yes")
    expect(again["new"] == 0, f"a second backfill took {again}")
    whole.tell_ocr("calm", {})
    with step("textdrop retry of what failed"):
        textdrop(whole, "retry", "--outcome", "failed", "--yes", "--wait", may_fail=True)
    succeeded = {document["key"] for document in documents(whole, "list", "--outcome", "succeeded")}
    expect(wanted <= succeeded, f"{len(wanted - succeeded)} were not read")
    counted = whole.paid()
    paid_unwanted = sum(counted.get(digest(objects[key]), 0) for key in objects.keys() - wanted)
    unwanted = len(objects) - len(wanted)
    print(f"  {sum(counted.values())} pages paid, {paid_unwanted} of {unwanted} unwanted ones before the cancel")
    expect(max(counted.values()) == 1, "a page was paid for twice")
    expect(sum(counted.values()) == len(wanted) + paid_unwanted, "pages were paid for that nobody asked for")
    summary = textdrop(whole, "summary")
    print(f"  {json.dumps(summary)[:600]}")
    with step("textdrop delete of a folder"):
        textdrop(whole, "delete", "--prefix", PRIVATE, "--upload", "--yes", may_fail=True)
        whole.wait(lambda: not whole.keys_below(PRIVATE), 120, "results of the private folder are there")
    with tempfile.TemporaryDirectory() as folder:
        with step("textdrop get, as a tree"):
            textdrop(whole, "get", "scans/", folder)
        texts = {path.relative_to(folder).as_posix() for path in Path(folder).rglob(f"*{TEXT}")}
        left = {key for key in wanted if not key.startswith(PRIVATE)}
        names = {f"{key}{TEXT}" for key in left} | {f"{key.removeprefix('scans/')}{TEXT}" for key in left}
        wrong = f"{len(texts)} texts, {len(left)} expected: {sorted(texts)[:3]}"
        expect(len(texts) == len(left) and texts <= names, wrong)
    expect(whole.paid() == counted, "something was paid for afterwards")


def textdrop(whole: WholeStack, *arguments: str, may_fail: bool = False) -> Any:
    """The command's JSON. Raises Broken when it ends with what it should not."""
    command_line = [str(stack.ROOT / ".venv" / "bin" / "textdrop"), *arguments, "--json"]
    environment = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "LANG", "LC_ALL")}
    done = subprocess.run(
        command_line, env=environment | dict(whole.env), capture_output=True, text=True, check=False, cwd=STATE
    )
    if done.returncode not in ((0, 1) if may_fail else (0,)):
        told = done.stderr[-2000:] + done.stdout[-500:]
        raise Broken(f"textdrop {' '.join(arguments)} ended with {done.returncode}: {told}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def documents(whole: WholeStack, *arguments: str) -> Sequence[dict[str, Any]]:
    """The documents that the command lists."""
    found: Sequence[dict[str, Any]] = textdrop(whole, *arguments, "--limit", "100000")["documents"]
    return found


def digest(content: bytes) -> str:
    """Its SHA-256."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
