"""Where AWS's emulator of the Lambda runtime can run, and where not."""

from __future__ import annotations

import platform

import pytest

from lambda_runtime import emulator


@pytest.mark.parametrize(("system", "machine"), [("Linux", "riscv64"), ("Darwin", "arm64")])
def test_a_machine_that_it_is_not_for_is_told_so(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(emulator.NotHere, match=f"this is {system} on {machine}"):
        emulator.emulator()
