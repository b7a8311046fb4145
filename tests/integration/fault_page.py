"""The tables of docs/faults.md, made from what was seen on the stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from integration.fault_cases import CASES, DAY_SECONDS, MANY, Case
from integration.fault_stage import Mode, Played, Seen, Stage
from local.ocr.kinds import KINDS
from local.ocr.protocol import TARGETS


def generated(text: str, stage: Stage) -> str:
    """The page with its tables made anew."""
    for target in TARGETS:
        pattern = re.compile(rf"(?<=<!-- generated: {target} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        [found] = pattern.finditer(text)
        rows = _table(stage, [case for case in CASES if case.target == target])
        text = text[: found.start()] + "".join(f"{row}\n" for row in rows) + text[found.end() :]
    return text


def _table(stage: Stage, cases: Iterable[Case]) -> Iterator[str]:
    yield "| kind | what the service does | met once | met always |"
    yield "| --- | --- | --- | --- |"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for case in cases:
        name = (case.kind, _cell(stage, case, "once"), _cell(stage, case, "always"))
        rows.setdefault(name, []).append(" ".join(f"`{parameter}`" for parameter in case.parameters))
    for (kind, once, always), variants in rows.items():
        named = ", ".join(variant or "by default" for variant in variants)
        shown = f"`{kind}`" if variants == [""] else f"`{kind}`: {named}"
        yield f"| {shown} | {KINDS[kind].says} | {once} | {always} |"


def _cell(stage: Stage, case: Case, mode: Mode) -> str:
    played = stage.played(case, mode)
    seconds = _duration(played.document.seconds)
    if mode == "once":
        return _ending(played)
    if case.lasts:
        return f"waits as long as it lasts; here {case.lasts} times, {seconds}, then {_ending(played)}"
    return f"{_ending(played)}, {seconds}"


def _ending(played: Played) -> str:
    seen = played.document
    reason = f" `{seen.reason}`" if seen.reason else ""
    paused = ", submitting paused" if played.paused else ""
    return f"`{seen.outcome}`{reason}, {_submits(seen)}, {_asks(seen.asks)}{paused}"


def _submits(seen: Seen) -> str:
    return f"{seen.accepted} submit" + "s" * (seen.accepted != 1)


def _asks(asks: int) -> str:
    if asks > MANY:
        return "many asks"
    return f"{asks} ask" + "s" * (asks != 1)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < DAY_SECONDS:
        return f"{seconds / 60:.0f} min"
    return f"{int(seconds / DAY_SECONDS)} days"
