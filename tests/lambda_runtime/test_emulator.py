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


@pytest.mark.parametrize(
    ("body", "timed_out"), [(b"Task timed out after 4.00 seconds", True), (b'"Task timed out after all"', False)]
)
def test_an_invocation_ended_at_its_timeout_is_told_from_an_answer(body: bytes, timed_out: bool) -> None:
    assert emulator.Answer(200, body).timed_out is timed_out
