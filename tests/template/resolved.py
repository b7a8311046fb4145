"""Writes the template twice, as it is when all of its conditions hold and when none does: `python -m template.resolved
<folder>`. checkov leaves out, without a word, what it cannot see through, such as a policy with a condition in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from local import cloudformation

NOTHING = {"Ref": "AWS::NoValue"}


def resolved(value: Any, holds: bool) -> Any:
    """The value with each Fn::If as if its condition held, or as if it did not."""
    match value:
        case {"Fn::If": [_, one, other]}:
            return resolved(one if holds else other, holds)
        case dict():
            found = {name: resolved(each, holds) for name, each in value.items()}
            return {name: each for name, each in found.items() if each != NOTHING}
        case list():
            return [each for each in (resolved(each, holds) for each in value) if each != NOTHING]
    return value


def main(folder: Path) -> None:
    """The folder has both templates."""
    folder.mkdir(parents=True, exist_ok=True)
    for holds in (True, False):
        body = resolved(cloudformation.load(), holds)
        for parameter in body["Parameters"].values():
            if holds and parameter.get("Default") == "":  # as what is given is not
                del parameter["Default"]
        (folder / f"conditions-{str(holds).lower()}.json").write_text(json.dumps(body, indent=1, default=str), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
