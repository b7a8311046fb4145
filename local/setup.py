"""Makes the project's virtual environments, each exactly as its hashed requirement file says.

local/setup.sh runs it with the Python that the environments will have; it needs only the standard library. An
environment stays as it is while its stamp is valid: same requirement file, same Python, same place. One without a stamp
was not finished, and is made from scratch.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "local" / "requirements"
VENVS = ROOT / ".local" / "venv"
UV = VENVS / "uv" / "bin" / "uv"

# Each environment's folder, in the order they are made: uv makes the others.
ENVIRONMENTS = {
    "uv": VENVS / "uv",
    "dev": ROOT / ".venv",
    "sam": VENVS / "sam",
    "ministack": VENVS / "ministack",
    "lambda": VENVS / "lambda",
    "checkov": VENVS / "checkov",
}
ONLY_IF_NAMED = {"checkov"}

NEEDED_BYTES = 4_000_000_000
"""The environments take 0.8 GB, a build 0.3 GB, and a running local stack up to 2.3 GB."""

ADVICE = """\
See the lines above. This step downloads packages from the index that pip uses by default, or from the one in
PIP_INDEX_URL; a proxy is taken from HTTPS_PROXY, a certificate authority from SSL_CERT_FILE.
Then run the same command again: finished environments stay, this one is made from scratch."""


class SetupFailed(Exception):
    """A step of the set-up failed; the message says which and carries the end of its output."""


def fingerprint(name: str, folder: Path) -> str:
    """What the environment depends on: its requirement file, this Python, its place (scripts carry absolute paths)."""
    parts = [(REQUIREMENTS / f"{name}.txt").read_bytes(), sys.version.encode(), sys.base_prefix.encode(), bytes(folder)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_current(name: str, folder: Path) -> bool:
    """Whether the environment was finished for exactly these requirements and this Python."""
    try:
        stamp = (folder / "textdrop.stamp").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stamp == fingerprint(name, folder) and (folder / "bin" / "python").exists()


def has_this_python(folder: Path) -> bool:
    """Whether an existing environment runs on exactly this Python, so that it can be updated in place."""
    python = folder / "bin" / "python"
    if not python.exists():
        return False
    question = "import sys; print(sys.version); print(sys.base_prefix); print(sys.prefix)"
    found = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return found.stdout == f"{sys.version}\n{sys.base_prefix}\n{folder}\n"


def run(*command: str | Path) -> None:
    """Run one step quietly; on failure raise SetupFailed with the end of what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT, check=False
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-25:])
        raise SetupFailed(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{tail}")


def make(name: str, folder: Path) -> None:
    """Make the environment, or update it to its requirement file; the stamp is written last."""
    stamp = folder / "textdrop.stamp"
    fresh = not stamp.exists() or not has_this_python(folder)
    stamp.unlink(missing_ok=True)
    requirements = REQUIREMENTS / f"{name}.txt"
    if name == "uv":
        if fresh:
            run(sys.executable, "-m", "venv", "--clear", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements)
    else:
        if fresh:
            run(UV, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, folder)
        python = folder / "bin" / "python"
        run(UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, requirements)
        if name == "dev":  # textdrop itself, from the checkout, and its command
            own = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
            run(UV, "pip", "install", "--quiet", "--python", python, *own)
    stamp.write_text(fingerprint(name, folder), encoding="ascii")


def main(names: list[str]) -> int:
    """Make the named environments, or all that `make test` needs when none is named; the exit code."""
    unknown = sorted(set(names) - set(ENVIRONMENTS))
    if unknown:
        print(f"setup: no environment {', '.join(unknown)}; there are {', '.join(ENVIRONMENTS)}", file=sys.stderr)
        return 2
    wanted = {"uv", *names} if names else set(ENVIRONMENTS) - ONLY_IF_NAMED
    VENVS.mkdir(parents=True, exist_ok=True)
    with (VENVS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once on a fresh checkout
        stale = [name for name, folder in ENVIRONMENTS.items() if name in wanted and not is_current(name, folder)]
        free, needed = shutil.disk_usage(ROOT).free / 1e9, NEEDED_BYTES / 1e9
        if stale and free < needed:
            told = f"{ROOT} has {free:.1f} GB free and needs {needed:.1f} GB. Free some space, then run it again."
            print(f"setup: {told}", file=sys.stderr)
            return 1
        for name in stale:
            folder = ENVIRONMENTS[name]
            lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            count = sum(line[:1].isalnum() for line in lines)
            print(f"setup: {folder.relative_to(ROOT)} ({count} packages) ...", flush=True)
            start = time.monotonic()
            try:
                make(name, folder)
            except SetupFailed as failure:
                print(f"setup: {folder.relative_to(ROOT)} could not be made.\n{failure}\n\n{ADVICE}", file=sys.stderr)
                return 1
            print(f"setup: {folder.relative_to(ROOT)} ready in {time.monotonic() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
