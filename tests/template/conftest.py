"""The template as data, and the Python that its layers are built for."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import servers
from template.cloudformation import ROOT, Template


@pytest.fixture(scope="session")
def template() -> Template:
    return Template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def layers_python() -> Path:
    """The Python that the built layers are for."""
    return servers.MINISTACK / "bin" / "python"
