"""Compiles the hashed requirement files from pyproject.toml: `make requirements`, UPGRADE=1 for the newest versions.

The environments' files are for every Python from 3.11 on. The layer's file is for Lambda's Linux, so it has no
conditions that depend on the kind of machine, and it has the versions that the tests run with. A file lists the hashes
of the wheels that such a machine can install, and of the source if there is no wheel; uv would list those of every
platform.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "local" / "requirements"
UV = ROOT / ".local" / "venv" / "uv" / "bin" / "uv"
WHEEL = re.compile(r"-(py3|py2\.py3|cp31[1-4]|cp3\d+-abi3)-.*(any|manylinux\w*_(x86_64|aarch64))\.whl$")
LAYER = (
    "pyproject.toml",
    "--extra",
    "functions",
    "--python-platform",
    "x86_64-manylinux_2_28",
    "--constraint",
    str(HERE / "dev.txt"),
)


def main(options: list[str]) -> None:
    """Every requirement file has what pyproject.toml asks for; versions that still fit stay."""
    for name in ("uv", "sam", "ministack", "lambda", "checkov"):
        compiled(HERE / f"{name}.txt", "--universal", "--group", f"pyproject.toml:{name}", *options)
    compiled(HERE / "dev.txt", "--universal", "pyproject.toml", "--all-extras", "--group", "dev", *options)
    compiled(ROOT / "layers" / "dependencies" / "requirements.txt", *LAYER, *options)


def compiled(file: Path, *arguments: str) -> None:
    """The file has each package's version, its condition and the hashes of what can be installed."""
    uv("--output-file", str(file), "--no-annotate", *arguments)
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        uv("--universal", "--output-file", str(lock), str(file))
        packages = tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]
    hashes = {f"{package['name']}=={package['version']}": installable(package) for package in packages}
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        lines.append(" \\\n    ".join([line, *(f"--hash=sha256:{each}" for each in hashes[line.split(" ")[0]])]))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def installable(package: dict[str, Any]) -> list[str]:
    """The SHA-256 of each wheel that fits, in order; of the source if none does."""
    files = [each for each in package.get("wheels", []) if WHEEL.search(each["url"])] or [package["sdist"]]
    return sorted(each["hashes"]["sha256"] for each in files)


def uv(*arguments: str) -> None:
    """One run of `uv pip compile`; ends this program if it fails."""
    command = (UV, "pip", "compile", "--quiet", "--no-header", "--no-emit-index-url", "--python-version", "3.11")
    if subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
