"""The processor time and the memory of a process and all that it starts, as seen from outside: /proc, so Linux."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Measured:
    """`peak_bytes` is the most that all processes held at one time. `ended`: why it was ended from outside, if it was;
    `left`: how many processes outlived it."""

    seconds: float
    peak_bytes: int
    code: int
    out: str
    ended: str
    left: int


def measured(command: list[str], *, max_bytes: int, max_seconds: float) -> Measured:
    """Runs a command; ends it, and all that it started, over that memory or processor time, or when it stands still."""
    used: dict[int, float] = {}
    peak_bytes, ended, stops_at = 0, "", time.monotonic() + 4 * max_seconds
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            resident = 0
            for each in _family(process.pid):
                seconds, held = _used(each)
                used[each] = max(seconds, used.get(each, 0.0))
                resident += held
                peak_bytes = max(peak_bytes, _peak_bytes(each))
            peak_bytes = max(peak_bytes, resident)
            if not ended:
                if resident > max_bytes:
                    ended = "took more memory than the function has"
                elif sum(used.values()) > max_seconds or time.monotonic() > stops_at:
                    ended = "took too long"
                for each in _family(process.pid) if ended else ():
                    _kill(each)
            time.sleep(_PAUSE_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        left = [each for each in used if each != process.pid and _used(each)[1]]
        if left:
            time.sleep(1)
        left = [each for each in left if _used(each)[1]]
        for each in left:
            _kill(each)
        out.seek(0)
        seconds = max(sum(used.values()), usage.ru_utime + usage.ru_stime)
        return Measured(seconds, peak_bytes, process.returncode, out.read(), ended, len(left))


def _family(pid: int) -> list[int]:
    """The process and all that came of it."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in _read(children).split()]
    return found


def _used(pid: int) -> tuple[float, int]:
    """Processor time in seconds and resident bytes now; 0 and 0 if there is no such process any more."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if not fields or fields[0] == "Z":
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE_BYTES


def _peak_bytes(pid: int) -> int:
    """What the process held at most, which no sample may have seen. (ru_maxrss counts who started it, too.)"""
    found = re.search(r"VmHWM:\s*(\d+) kB", _read(Path(f"/proc/{pid}/status")))
    return int(found[1]) * 1024 if found else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
