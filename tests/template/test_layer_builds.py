"""The layers build on a stranger's machine, whatever Python, pip and settings it has, or say what is missing."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from template.cloudformation import ROOT

BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
"""Outside of any virtual environment, so that pip's setting for those bites."""
SETTINGS = {"require-virtualenv": "1", "user": "1", "constraint": "/missing", "prefix": "/missing", "root": "/missing"}


def script(path: Path, lines: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    path.chmod(0o700)
    return path


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python with pip, which does not start with the libraries of another program."""
    [packages] = (ROOT / ".local" / "venv" / "uv" / "lib").glob("python3.*/site-packages")
    refuses = '[ -z "$LD_LIBRARY_PATH" ] || { echo "libssl.so.3: version not found" >&2; exit 1; }'
    return script(tmp_path / "python", f'{refuses}\nPYTHONPATH="{packages}" exec "{BASE_PYTHON}" "$@"')


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    """Copies of both layers' folders, as `sam build` makes them; the one dependency is for no Python that there is."""
    folder = tmp_path / "layers"
    shutil.copytree(ROOT / "layers", folder, ignore=shutil.ignore_patterns("__pycache__"))
    wheel = tmp_path / "wheels" / "told-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    metadata = "Metadata-Version: 2.1\nName: told\nVersion: 1.0\nRequires-Python: >=99\n"
    files = {"told.py": "", "told-1.0.dist-info/METADATA": metadata}
    files["told-1.0.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for name, text in files.items()}
    record = [f"{name},sha256={digests[name].decode().rstrip('=')},{len(text)}\n" for name, text in files.items()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("told-1.0.dist-info/RECORD", "".join(record) + "told-1.0.dist-info/RECORD,,\n")
    requirement = f"told==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    (folder / "dependencies" / "requirements.txt").write_text(requirement, encoding="utf-8")
    return folder


def build(layers: Path, layer: str, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    """One build as `sam build` runs it, into the folder `out`; pip has no index but the folder of wheels."""
    source = layers / ("textdrop" if layer == "TextdropLayer" else "dependencies")
    given = {"PATH": os.environ["PATH"], "HOME": str(layers.parent), "ARTIFACTS_DIR": str(layers.parent / "out")}
    given |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(layers.parent / "wheels")}
    given |= {name: str(value) for name, value in environment.items()}
    command: list[str | Path] = ["make", "--makefile", source / "Makefile", f"build-{layer}"]
    return subprocess.run(command, cwd=source, env=given, capture_output=True, text=True, check=False)


def built(layers: Path) -> set[str]:
    return {path.name for path in (layers.parent / "out" / "python").iterdir()}


def test_a_persons_settings_of_pip_change_nothing(layers: Path, python: Path) -> None:
    settings = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in SETTINGS.items()}
    done = build(layers, "DependenciesX8664Layer", PYTHON=python, **settings)
    assert done.returncode == 0, done.stderr
    assert built(layers) == {"told.py", "told-1.0.dist-info"}


def test_a_persons_file_of_settings_of_pip_changes_nothing(layers: Path, python: Path) -> None:
    file = layers.parent / "pip.conf"
    file.write_text("[install]\n" + "".join(f"{name} = {value}\n" for name, value in SETTINGS.items()), "utf-8")
    done = build(layers, "DependenciesArm64Layer", PYTHON=python, PIP_CONFIG_FILE=file)
    assert done.returncode == 0, done.stderr
    assert built(layers) == {"told.py", "told-1.0.dist-info"}


def test_the_libraries_of_the_sam_command_are_not_those_of_the_python(layers: Path, python: Path) -> None:
    done = build(layers, "DependenciesX8664Layer", PYTHON=python, LD_LIBRARY_PATH="/opt/sam/_internal")
    assert done.returncode == 0, done.stderr
    assert "told.py" in built(layers)


@pytest.mark.parametrize("without", ["exit 127", 'case "$*" in *pip*) exit 1; esac'], ids=["no Python", "no pip"])
def test_what_is_missing_is_said_in_one_line(layers: Path, without: str) -> None:
    done = build(layers, "DependenciesX8664Layer", PYTHON=script(layers.parent / "bare", without))
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert told == [
        f"no Python 3.9 or newer with pip 21 or newer (looked for {layers.parent / 'bare'}): "
        "install one, or name one in PYTHON"
    ]


@pytest.mark.parametrize("layer", ["DependenciesX8664Layer", "TextdropLayer"])
def test_a_shim_of_a_python_that_is_not_chosen_is_no_python(layers: Path, python: Path, layer: str) -> None:
    advice = 'echo "pyenv: python3.13: command not found" >&2; echo "The \'python3.13\' command exists in: (3.13.0)"'
    script(layers.parent / "shims" / "python3.13", f"{advice}; exit 127")
    path = f"{layers.parent / 'shims'}:{os.environ['PATH']}"
    done = build(layers, layer, PYTHON=python, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "no python3.13 here: shipped without bytecode" in done.stdout
    assert not list((layers.parent / "out").rglob("*.pyc"))


def test_what_is_for_users_machines_is_not_in_lambda(layers: Path) -> None:
    done = build(layers, "TextdropLayer")
    assert done.returncode == 0, done.stderr
    shipped = {path.name for path in (layers.parent / "out" / "python" / "textdrop").iterdir()}
    assert {"core", "usecases", "adapters"} <= shipped
    assert shipped.isdisjoint({"client", "cli"})


@pytest.mark.parametrize("layer", ["DependenciesX8664Layer", "TextdropLayer"])
def test_settings_of_python_do_not_change_what_is_compiled(layers: Path, python: Path, layer: str) -> None:
    done = build(layers, layer, PYTHON=python, LAYER_INTERPRETER=sys.executable, PYTHONOPTIMIZE="2")
    assert done.returncode == 0, done.stderr
    compiled = {path.name for path in (layers.parent / "out").rglob("*.pyc")}
    assert compiled
    assert not [name for name in compiled if ".opt-" in name]
