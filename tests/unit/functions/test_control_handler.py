"""control's handler: every request is answered, and what is not foreseen leaves it without the request's words."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.control.handler import handler
from printed import printing
from textdrop import bootstrap
from textdrop.core.errors import OcrError, StoreUnavailable
from textdrop.core.states import NoRule
from textdrop.observability import InvocationDied, LambdaJournal
from unit.usecases.operated import operated
from world import World

CONTEXT: Any = SimpleNamespace(
    function_name="textdrop-control",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:textdrop-control",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 60_000,
)
COMMANDS: dict[str, dict[str, Any]] = {
    "status": {"documents": ["x.png"], "pages": True},
    "list": {"outcome": "active"},
    "summary": {},
    "retry": {"outcome": "failed", "dry_run": True},
    "cancel": {"documents": ["x.png"], "dry_run": True},
    "release": {"prefix": "", "dry_run": True},
    "delete": {"documents": ["x.png"], "dry_run": True},
    "render": {"documents": ["other"]},
    "pause": {},
    "resume": {},
    "backfill": {"dry_run": True},
    "check": {},
}
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # as `observability` does in Lambda

KEYS = {
    "status": {"documents", "missing"},
    "list": {"documents", "cursor", "evaluated"},
    "summary": {
        *("since", "until", "complete", "cursor", "documents", "retried", "reasons", "models", "pages_recognized"),
        *("pages_paid", "pages_unconfirmed", "pages_kept", "pages_reused", "pages_skipped", "cost", "days", "active"),
        *("oldest", "pause", "caps"),
    },
    "retry": {"began", "unchanged", "cursor", "pages", "cost"},
    "cancel": {"cancelled", "unchanged", "cursor"},
    "release": {"released", "unchanged", "cursor", "pages", "cost"},
    "delete": {"deleting", "unchanged", "cursor"},
    "render": {"began", "unchanged"},
    "pause": {"pause"},
    "resume": {"pause"},
    "backfill": {
        *("listed", "new", "known", "ignored", "older_versions", "bytes", "types", "unreadable", "pages", "pdfs"),
        *("pdfs_sampled", "pdf_pages_sampled", "images", "images_sampled", "pages_paid", "pages_reused"),
        *("pages_skipped", "models", "cost", "seconds", "caps", "cursor"),
    },
    "check": {
        *("version", "ocr", "clock", "endpoints", "history_index", "pause", "oldest", "due", "languages", "model"),
        *("outputs", "pages", "submits_per_second", "source_bucket", "source_prefix", "results_bucket"),
        "results_prefix",
    },
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """One upload is in flight."""
    world = operated()
    world.upload("x.png", b"1")
    world.submit()
    ports = replace(world.control_ports, journal=LambdaJournal())
    monkeypatch.setattr(bootstrap, "control", lambda: (ports, world.control_settings))
    return world


def invoke(request: Any) -> Any:
    """As Lambda does, which passes on JSON and sends the answer as UTF-8."""
    return json.loads(json.dumps(handler(json.loads(json.dumps(request)), CONTEXT), ensure_ascii=False).encode())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_answered_in_its_shape(world: World, command: str) -> None:
    answer = invoke({"version": 1, "command": command, **COMMANDS[command]})
    assert (answer["version"], answer["ok"]) == (1, True)
    assert answer["answer"].keys() == KEYS[command]


@pytest.mark.parametrize("request_", [None, [], "status", {}, {"command": "status"}, {"version": 9}])
def test_a_wrong_request_is_answered_and_logged_by_its_code_alone(world: World, request_: Any) -> None:
    with printing() as printed:
        answer = invoke(request_)
    assert (answer["version"], answer["ok"]) == (1, False)
    assert set(answer["error"]) == {"code", "what", "advice"}
    lines = [json.loads(line) for line in printed.getvalue().splitlines() if line.startswith("{")]
    assert [line["code"] for line in lines if line["message"] == "request_refused"] == [answer["error"]["code"]]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (StoreUnavailable("dynamodb.GetItem: 503"), "AWS failed or was busy."),
        (NoRule("no rule"), "The stack failed at this request."),
        (OcrError("lost"), "The stack failed at this request."),
    ],
)
def test_errors_of_our_own_are_answered(world: World, error: Exception, what: str) -> None:
    world.faults.fail("pause.read", error)
    answer = invoke({"command": "status", "documents": ["x.png"]})
    assert answer["error"] == {
        "code": "unavailable",
        "what": what,
        "advice": "Ask again in a moment; the log has more.",
    }


def test_errors_of_others_end_the_invocation_without_their_words(world: World) -> None:
    world.faults.fail("pause.read", ValueError("the key x.png"))
    with pytest.raises(InvocationDied, match=r"^ValueError$"):
        invoke({"command": "status", "documents": ["x.png"]})


def test_the_largest_answer_is_small_enough_for_lambda(world: World) -> None:
    key = "я" * 506 + ".pdf"
    world.faults.mend()
    for number in range(100):
        world.upload(f"{key}{number:02d}", b"damaged %d" % number)
    world.run()
    answer = world.ask_control({"command": "list"})
    assert len(answer["answer"]["documents"]) == 100
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < 250_000
