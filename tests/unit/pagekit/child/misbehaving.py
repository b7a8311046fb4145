"""A child that does what its task says: `python -m unit.pagekit.child.misbehaving`."""

from __future__ import annotations

import os
import signal
import sys

from pagekit.child.messages import receive, send


def main() -> None:
    tasks = 0
    while (received := receive(sys.stdin.buffer)) is not None:
        tasks += 1
        match received[0]["task"]:
            case "die":
                os._exit(1)
            case "die where others were before" if tasks > 1:
                os._exit(1)
            case "answer, then die":
                send(sys.stdout.buffer, {"answer": tasks})
                os._exit(1)
            case "take too long":
                os.kill(os.getpid(), signal.SIGXCPU)
            case "talk nonsense":
                sys.stdout.buffer.write(b"nonsense\n")
                sys.stdout.buffer.flush()
                continue
            case "count gigabytes":
                sys.stdout.buffer.write(b'{"bytes": 9000000000}\n')
                sys.stdout.buffer.flush()
                continue
            case "end":
                send(sys.stdout.buffer, {"done": "ends"})
                return
            case "say what you inherited":
                send(sys.stdout.buffer, {"environment": dict(os.environ)})
        send(sys.stdout.buffer, {"answer": tasks})
        send(sys.stdout.buffer, {"done": "stays"})


if __name__ == "__main__":
    main()
