"""The template as data, and its layers as built."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import deployment, servers
from template.cloudformation import ROOT, Template


@pytest.fixture(scope="session")
def template() -> Template:
    return Template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def built_layers() -> list[Path]:
    """The folders that /opt/python has in Lambda, built as the template says, for this machine."""
    built = deployment.build(ROOT / ".local" / "built-for-tests").parent
    dependencies = {"x86_64": "DependenciesX8664Layer", "arm64": "DependenciesArm64Layer"}[deployment.architecture()]
    return [built / dependencies / "python", built / "TextdropLayer" / "python"]


@pytest.fixture(scope="session")
def layers_python() -> Path:
    """The Python that the built layers are for."""
    return servers.MINISTACK / "bin" / "python"
