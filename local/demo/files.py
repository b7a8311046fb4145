"""Which files are uploaded, and under which keys."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

MAX_KEY_BYTES = 1024  # Amazon S3 user guide, "Naming Amazon S3 objects"
FOLDER_BYTES = 100  # at most, of the run's folder and a number that keeps names apart


class FilesNotUsable(Exception):
    """Something named is no file that can be uploaded; the message has a line for each."""


def choose(named: Sequence[str]) -> list[Path]:
    """The files that are named, each once, in the order of their naming; a pattern stands for what it matches, sorted.

    A path that exists is that file, whatever characters it has. Raises FilesNotUsable, which tells of all that is
    wrong.
    """
    chosen: dict[Path, Path] = {}
    wrong = []
    for name in named:
        literal = Path(name)
        if literal.exists() or literal.is_symlink():
            problem = _problem(literal)
            matches = [] if problem else [literal]
            wrong += [problem] if problem else []
        else:
            # Folders that a pattern matched are passed over.
            found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
            matches = [path for path in map(Path, found) if not path.is_dir()]
            wrong += [problem for problem in map(_problem, matches) if problem]
            if not matches:
                wrong.append(f"{name}: there is no such file")
        for match in matches:
            chosen.setdefault(_absolute(match), match)
    if wrong:
        raise FilesNotUsable("\n".join(wrong))
    return list(chosen.values())


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return f"{path}: is a folder; name the files in it, such as {path / '*'}"
    if not path.is_file():
        return f"{path}: " + ("is no regular file" if path.exists() else "links to a file that is not there")
    if not os.access(path, os.R_OK):
        return f"{path}: may not be read"
    return None


def _absolute(path: Path) -> Path:
    """Without `.` and `..`, but with links as they are: the name that was given stays."""
    return Path(os.path.normpath(path.absolute()))


def names(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its path below the folder that all have in common, so two files never have the same one.

    S3's keys are UTF-8: other bytes become U+FFFD, and where that makes names equal, a number keeps them apart. A name
    that leaves no room for the run's folder is cut to the file's own.
    """
    absolute = [_absolute(path) for path in paths]
    top = Path(os.path.commonpath([path.parent for path in absolute])) if absolute else Path()
    given: list[str] = []
    for path in absolute:
        wanted = PurePosixPath(os.fsencode(path.relative_to(top)).decode("utf-8", "replace"))
        if len(str(wanted).encode()) > MAX_KEY_BYTES - FOLDER_BYTES:
            wanted = PurePosixPath(wanted.name)
        name, number = str(wanted), 2
        while name in given:
            name, number = str(wanted.with_name(f"{number}-{wanted.name}")), number + 1
        given.append(name)
    return given
