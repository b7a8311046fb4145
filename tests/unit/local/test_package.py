"""A package holds all that a stack is made from, and the same build gives the same bytes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from local import cloudformation
from local.package import package


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A template as `sam build` writes it, with its function and its layer."""
    for name in ("functions/poll/handler.py", "build/Layer/python/b.py", "build/Layer/python/a/c.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    resources = [
        "Poll: {Type: Function, Properties: {CodeUri: ../functions/poll, Name: !Sub '${AWS::StackName}-poll'}}",
        "Layer: {Type: Layer, Properties: {ContentUri: Layer}}",
        "Queue: {Type: Queue}",
    ]
    template = tmp_path / "build" / "template.yaml"
    template.write_text("Resources:\n" + "".join(f"  {line}\n" for line in resources), encoding="utf-8")
    return template


def test_a_package_is_one_template_and_its_zip_files(built: Path, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "Former.zip").touch()
    package(built, tmp_path / "dist")
    assert {path.name for path in (tmp_path / "dist").iterdir()} == {"template.json", "Poll.zip", "Layer.zip"}
    resources = cloudformation.load(tmp_path / "dist" / "template.json")["Resources"]
    assert resources["Poll"]["Properties"] == {"CodeUri": "Poll.zip", "Name": {"Fn::Sub": "${AWS::StackName}-poll"}}
    assert resources["Layer"]["Properties"] == {"ContentUri": "Layer.zip"}
    assert resources["Queue"] == {"Type": "Queue"}
    with zipfile.ZipFile(tmp_path / "dist" / "Layer.zip") as archive:
        assert archive.namelist() == ["python/a/c.so", "python/b.py"]
        assert archive.read("python/b.py") == b"build/Layer/python/b.py"
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_the_same_build_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    package(built, tmp_path / "one")
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (0, 0))
    package(built, tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
