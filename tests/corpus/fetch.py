"""Real files to render: those that projects about PDF and images ship in their sources.

From source packages of Python's index, by pip in an environment of its own, and of Debian, by apt-get with lists and a
cache of its own. Each is fetched once. What cannot be had is reported, and left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import venv
from pathlib import Path

SDISTS = ("ocrmypdf", "pikepdf", "pyhanko", "pypdf", "pypdfium2")
DEBIAN_SOURCES = ("leptonlib", "libpdfbox2-java", "okular", "pdf.js", "qpdf")
ENDINGS = (".pdf", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".jp2", ".heic", ".avif")
SECONDS = 600


class NotToBeHad(Exception):
    """A package cannot be fetched; the message says why."""


def fetch(into: Path) -> dict[str, str]:
    """Afterwards the folder has one for each package that could be had; the reasons for the others, by name."""
    missing: dict[str, str] = {}
    into = into.resolve()
    for name in (*SDISTS, *DEBIAN_SOURCES):
        folder = into / name
        if folder.exists():
            continue
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into) as temporary:
            place = Path(temporary)
            try:
                archive = _sdist(name, place) if name in SDISTS else _debian_source(name, place)
                _unpack(archive, place / "files")
            except NotToBeHad as reason:
                missing[name] = str(reason)
                continue
            (place / "files").rename(folder)
    return missing


def _sdist(name: str, place: Path) -> Path:
    venv.create(place / "pip", with_pip=True)
    pip = [str(place / "pip" / "bin" / "python"), "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    _run([*pip, "--dest", str(place / "archive"), name], place)
    return _only(place / "archive", "*.tar.gz")


def _debian_source(name: str, place: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise NotToBeHad("this is no Debian or Ubuntu machine (apt-get was not found)")
    for folder in ("state/lists/partial", "cache/archives/partial", "parts", "archive"):
        (place / folder).mkdir(parents=True)
    _write_sources_of_sources(place / "parts")
    options = [
        "-q",
        f"-oDir::State={place / 'state'}",
        f"-oDir::State::lists={place / 'state' / 'lists'}",
        "-oDir::State::status=/dev/null",
        f"-oDir::Cache={place / 'cache'}",
        "-oDir::Etc::sourcelist=/dev/null",
        f"-oDir::Etc::sourceparts={place / 'parts'}",
        "-oAPT::Sandbox::User=",  # as root, apt would else become a user who cannot write into the private folders
        "-oAcquire::Languages=none",
    ]
    _run(["apt-get", *options, "update"], place)
    _run(["apt-get", *options, "source", "--download-only", name], place / "archive")
    return _only(place / "archive", "*.orig.tar.*")


def _write_sources_of_sources(into: Path) -> None:
    """This machine's own package sources, asked for sources instead of programs."""
    settings = Path("/etc/apt")
    for path in [settings / "sources.list", *(settings / "sources.list.d").glob("*")]:
        if path.suffix in (".list", ".sources") and path.exists():
            text = path.read_text(errors="replace")
            kind = re.compile(r"^deb (?=.)" if path.suffix == ".list" else r"^(Types:) *deb *$", re.MULTILINE)
            text = kind.sub("deb-src " if path.suffix == ".list" else r"\1 deb-src", text)
            (into / path.name).write_text(text)


def _unpack(archive: Path, into: Path) -> None:
    """The PDFs and images of an archive, in one folder, under names of their own."""
    into.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() and member.name.lower().endswith(ENDINGS) else None
            if content is not None:
                name = "-".join(Path(member.name).parts[1:])
                (into / name).write_bytes(content.read())


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise NotToBeHad("nothing was downloaded")
    return found[0]


def _run(command: list[str], folder: Path) -> None:
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive", PIP_DISABLE_PIP_VERSION_CHECK="1")
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"{Path(command[0]).name} took longer than {SECONDS} s") from None
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise NotToBeHad(f"{Path(command[0]).name}: {''.join(last)}")
