"""An earlier commit of this project, deployed as its own `make up` would do it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from local import servers, setup
from local.servers import ROOT

PROGRAM = """
import sys
from pathlib import Path
from local import stack
stack.up(Path(sys.argv[1]), engine="table", real_credentials=None, say=print, ocr_options=sys.argv[2:])
"""


CUT = """
import hashlib, io, json, sys
from pathlib import Path
from pagekit.child.process import Child
from pagekit.limits import FileLimits
from pagekit.opening import open_document
child = Child()
cut = []
for path in sys.argv[1:]:
    opened = open_document(io.BytesIO(Path(path).read_bytes()), FileLimits(), child)
    pages = range(1, opened.facts.pages + 1)
    cut.append([hashlib.sha256(opened.page(page).content).hexdigest() for page in pages])
print(json.dumps(cut))
"""


class FormerFailed(Exception):
    """The earlier commit could not be set up or deployed; the message says why."""


def checked_out(commit: str, folder: Path) -> None:
    """The folder has the commit's files, and environments as it asks for: ours where it asks for the same."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        told = archive.stderr.decode().strip()
        raise FormerFailed(f"{told}\nThe history down to {commit} is needed: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    others = []
    for requirements in sorted((folder / "local" / "requirements").glob("*.txt")):
        name = requirements.stem
        if name in setup.ONLY_IF_NAMED:
            continue
        ours = ROOT / "local" / "requirements" / requirements.name
        place = Path(".venv") if name == "dev" else Path(".local", "venv", name)
        # Where uv has to make others, it is made there too: setup would write into ours.
        if ours.exists() and ours.read_bytes() == requirements.read_bytes() and (ROOT / place).exists():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).symlink_to(ROOT / place)
        else:
            others.append(name)
    if others:
        (folder / ".local" / "venv" / "uv").unlink(missing_ok=True)
        _run(["sh", "local/setup.sh", *others], folder)


def deployed(folder: Path, state: Path, ocr_options: Sequence[str]) -> None:
    """The commit of this folder is deployed in a local stack of that state folder, which goes on running."""
    _run([folder / ".venv" / "bin" / "python", "-c", PROGRAM, state, *ocr_options], folder)


def cut(folder: Path, files: Sequence[Path]) -> list[list[str]]:
    """The SHA-256 of each page of the files, in order, as the commit of this folder sends it."""
    command: list[str | Path] = [folder / ".venv" / "bin" / "python", "-c", CUT, *files]
    environment = servers.plain_environment() | {"PYTHONPATH": f"{folder}/layers/textdrop"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FormerFailed(f"{folder} could not cut pages: {done.stderr[-2000:]}")
    pages: list[list[str]] = json.loads(done.stdout)
    return pages


def _run(command: Sequence[str | Path], folder: Path) -> None:
    if subprocess.run(command, cwd=folder, env=servers.plain_environment(), check=False).returncode:
        raise FormerFailed(f"{' '.join(map(str, command[:3]))} ... in {folder} failed: see above")
