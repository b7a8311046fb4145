"""The documentation of the fault kinds, made from the table that the service acts by."""

import json
from typing import Any

from local.ocr.kinds import KINDS, Kind

GENERAL = {
    "count": "strike so many times, then no more",
    "rate": "strike a matching request with this probability, over 0 and at most 1 (with `count`: at most so often)",
    "burst": "each time, strike so many matching requests in a row (1)",
    "target": "the requests meant: `submit`, `status`, `result`, `iam`; `ocr` is submit and result, `any` these "
    "and status",
    "sha256": "only for the content with this SHA-256, from its submit to its result",
}


def as_json() -> dict[str, Any]:
    """The kinds and the fields that all have, for GET /_admin/faults."""
    return {"fields": GENERAL, "kinds": {name: _row(kind) for name, kind in KINDS.items()}}


def as_markdown() -> str:
    """The same as a text to read."""
    fields = [f"- `{name}`: {says}" for name, says in GENERAL.items()]
    rows = []
    for name, kind in KINDS.items():
        targets = ", ".join(kind.targets)
        parameters = "; ".join(
            f"`{key}` = {json.dumps(parameter.default)} ({parameter.allowed})"
            for key, parameter in kind.parameters.items()
        )
        rows.append(f"| `{name}` | {kind.says} | {targets} | {parameters or '–'} |")
    return "\n".join(
        [
            "POST /_admin/faults `{kind, count | rate, …}`; a count or a rate is needed:",
            "",
            *fields,
            "",
            "| kind | what happens | targets, the first by default | parameters = default |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _row(kind: Kind) -> dict[str, Any]:
    parameters = {
        key: {"default": parameter.default, "allowed": parameter.allowed} for key, parameter in kind.parameters.items()
    }
    return {"says": kind.says, "targets": kind.targets, "parameters": parameters}
