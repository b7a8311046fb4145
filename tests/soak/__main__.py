"""For real: `make soak DOCUMENTS=500 SEED=1`.

On a local stack of its own, with duplicated and lost events, while functions' processes are killed, a fifth of the OCR
service's answers and a twentieth of the AWS calls fail. Afterwards every promise is checked on what is there.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from local.deployment import DeploymentFailed
from local.processes import ProcessFailed
from soak import promises
from soak.report import report
from soak.run import NotEnded, soak


def main() -> int:
    """0: every promise was kept."""
    count = int(os.environ.get("DOCUMENTS") or "500")
    seed = int(os.environ.get("SEED") or "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    began = time.monotonic()
    print(f"soak: {count} documents, seed {seed}", flush=True)
    try:
        run = soak(count, seed)
    except NotEnded as failure:
        print(f"\nBROKEN: {failure}")
        return 1
    except (DeploymentFailed, ProcessFailed) as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 2
    broken = promises.broken(run.evidence)
    print("\n".join([*report(run), "", *(f"BROKEN: {line}" for line in broken[:50])]))
    print(f"{len(broken)} things are wrong" if broken else "every promise was kept")
    print(f"{count} documents, seed {seed}, {time.monotonic() - began:.0f} s in all")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
