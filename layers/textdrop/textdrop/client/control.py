"""Asking the stack's control function."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from textdrop.client.access import translated
from textdrop.client.errors import ControlRefused, NotReadable, Unreachable

VERSION = 1
TRIES = 4
_UPDATE = "Use the client of the stack's own version."


def ask(
    client: Any,
    function: str,
    command: str,
    parameters: dict[str, Any],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """What control answers to the command. Parameters that are None are left out.

    If control could not reach AWS, it is asked again after 1, 2 and 4 s: every command may be repeated. Raises
    ControlRefused, NotReadable, NoAccess and Unreachable.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    request = json.dumps({"version": VERSION, "command": command, **given}).encode()
    for attempt in range(TRIES):
        with translated(f"the function {function}", "lambda:InvokeFunction"):
            invoked = client.invoke(FunctionName=function, Payload=request)
            payload = invoked["Payload"].read()
        if invoked.get("FunctionError"):
            raise Unreachable(f"The function {function} failed.", "Look at its log, and try again.")
        answer = _parsed(payload)
        if answer["ok"] is True:
            return dict(answer["answer"])
        error = answer["error"]
        refused = ControlRefused(str(error["code"]), str(error["what"]), str(error["advice"]))
        if refused.code != "unavailable" or attempt == TRIES - 1:
            raise refused
        sleep(2.0**attempt)
    raise AssertionError("unreachable")


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
        version = answer["version"]
        if version == VERSION:
            whole = (answer["ok"] is True and isinstance(answer["answer"], dict)) or (
                answer["ok"] is False and all(name in answer["error"] for name in ("code", "what", "advice"))
            )
            if whole:
                return dict(answer)
    except (ValueError, KeyError, TypeError):
        raise NotReadable("The control function's answer cannot be understood.", _UPDATE) from None
    if version != VERSION:
        said = f"The control function answers in version {str(version)[:20]}; this client reads version {VERSION}."
        raise NotReadable(said, _UPDATE)
    raise NotReadable("The control function's answer cannot be understood.", _UPDATE)
