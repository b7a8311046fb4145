"""Upgrades in place: `make upgrade FROM=fcb47db`.

A stack deployed from that commit, with work in flight, is deployed again from this checkout. Everything comes to its
one outcome, is paid for once, and has its files and notices; buckets, table and queues are the same ones.
"""

from __future__ import annotations

import os
import signal
import sys

from local.deployment import DeploymentFailed
from local.processes import ProcessFailed
from soak import promises
from upgrade.former import FormerFailed
from upgrade.run import NotEnded, upgrade


def main() -> int:
    """0: nothing was lost."""
    commit = os.environ.get("FROM") or "fcb47db"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    try:
        run = upgrade(commit)
    except NotEnded as failure:
        print(f"\nBROKEN: {failure}")
        return 1
    except (FormerFailed, DeploymentFailed, ProcessFailed) as failure:
        print(f"upgrade: {failure}", file=sys.stderr)
        return 2
    broken = [*run.changed, *promises.broken(run.evidence)]
    submits = run.evidence.ocr["submits"]
    print("\nin flight when this checkout was deployed:")
    print("\n".join(f"  {count:4} {what}" for what, count in run.in_flight.items()))
    print("\n".join(f"{seconds:.0f} s: {what}" for what, seconds in run.seconds.items()))
    print(
        f"{len(run.evidence.puts)} uploads, {submits['accepted']} pages paid for, {len(run.evidence.notices)} notices"
    )
    print("\n".join(f"BROKEN: {line}" for line in broken[:50]))
    print(f"{len(broken)} things are wrong" if broken else "nothing was lost, every promise was kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
