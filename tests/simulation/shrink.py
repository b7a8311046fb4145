"""The shortest history that still breaks the same promise: by delta debugging over its acts and mishaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from simulation.script import Act, Mishap, Script
from simulation.trial import Broken, again

Part = Act | Mishap
TRIES_MOST = 4_000


def shrunk(broken: Broken) -> Broken:
    """No act and no mishap of it can be left out without its promise being kept; waits and holds are as short as they
    can be, and deaths where they do. Always the same for the same history. What does not break when played again comes
    back as it was."""
    tries = 0

    def breaks(parts: Sequence[Part]) -> bool:
        nonlocal tries
        tries += 1
        if tries > TRIES_MOST:
            return False
        found = again(_script(broken.script.seed, parts))
        return found is not None and found.promise == broken.promise

    parts: list[Part] = [*broken.script.acts, *broken.script.mishaps]
    if not breaks(parts):
        return broken
    before: list[Part] = []
    while before != parts:
        before = parts
        parts = _smaller_picks(_fewer(parts, breaks), breaks)
    return again(_script(broken.script.seed, parts)) or broken


def _script(seed: int, parts: Sequence[Part]) -> Script:
    acts = tuple(part for part in parts if isinstance(part, Act))
    return Script(seed, acts, tuple(part for part in parts if isinstance(part, Mishap)))


def _fewer(parts: list[Part], breaks: Callable[[Sequence[Part]], bool]) -> list[Part]:
    """Leaves out ever smaller chunks, from the end, until no single part can go."""
    size = max(1, len(parts) // 2)
    while True:
        end, left_out = len(parts), False
        while end > 0:
            fewer = parts[: max(0, end - size)] + parts[end:]
            if breaks(fewer):
                parts, left_out = fewer, True
            end -= size
        if size == 1 and not left_out:
            return parts
        size = max(1, size // 2)


def _smaller_picks(parts: list[Part], breaks: Callable[[Sequence[Part]], bool]) -> list[Part]:
    """Replaces each choice by the first there is, or by the next lower ones; and a worker that is held by one that
    dies, of whom no more is told."""
    for place, part in enumerate(parts):
        if isinstance(part, Mishap):
            if part.kind == "hold":
                dead = replace(part, kind="kill", pick=0)
                if breaks([*parts[:place], dead, *parts[place + 1 :]]):
                    parts = [*parts[:place], dead, *parts[place + 1 :]]
                    continue
                for pick in range(part.pick % 8):
                    if breaks([*parts[:place], replace(part, pick=pick), *parts[place + 1 :]]):
                        parts = [*parts[:place], replace(part, pick=pick), *parts[place + 1 :]]
                        break
            continue
        for number in range(len(part.picks)):
            for pick in (0, 1):
                picks = (*part.picks[:number], pick, *part.picks[number + 1 :])
                if part.picks[number] <= pick:
                    break
                smaller = replace(part, picks=picks)
                if breaks([*parts[:place], smaller, *parts[place + 1 :]]):
                    parts, part = [*parts[:place], smaller, *parts[place + 1 :]], smaller
                    break
    return parts
