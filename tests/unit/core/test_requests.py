"""What control may be asked, and what it says of a request that is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from textdrop.core import cursors, requests
from textdrop.core.cursors import ActiveCursor, AnyCursor, DaysCursor, EndedCursor
from textdrop.core.documents import DueKind, Outcome, Output
from textdrop.core.errors import Refused, RequestRefused
from textdrop.core.ledger import HistoryCursor
from textdrop.core.reconciling import Cursor as ObjectCursor
from textdrop.core.requests import Filter, Reference

ID = "0123456789abcdef" * 2
ENDED = EndedCursor("2026-11", 1.5, 2.5, ((Outcome.FAILED, HistoryCursor(2.25, ID, 3)), (Outcome.PARTIAL, None)))
ACTIVE = ActiveCursor(DueKind.SUBMIT, 7.5, ("01234567",))
DAYS = DaysCursor(0.0, 86_399.5)
SEEN = tuple(f"{number:08x}" for number in range(5_000))
OBJECT = ObjectCursor("договор/a.pdf", "v1")


def parse(command: str, **parameters: Any) -> requests.Command:
    return requests.parse({"version": 1, "command": command, **parameters})


def refused(request: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as error:
        requests.parse(request)
    return error.value


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({"command": "check"}, requests.Check()),
        ({"command": "pause"}, requests.Pause()),
        ({"command": "resume"}, requests.Resume()),
        (
            {"command": "status", "documents": [ID, "a/b.pdf", "s3://other/a/b.pdf", ID.upper(), f"{ID}.pdf"]},
            requests.Status(
                (
                    Reference(ID, document_id=ID),
                    Reference("a/b.pdf", key="a/b.pdf"),
                    Reference("s3://other/a/b.pdf", bucket="other", key="a/b.pdf"),
                    Reference(ID.upper(), key=ID.upper()),
                    Reference(f"{ID}.pdf", key=f"{ID}.pdf"),
                )
            ),
        ),
        ({"command": "status", "documents": [ID], "pages": True}, requests.Status((Reference(ID, ID),), pages=True)),
        ({"command": "list"}, requests.List(Filter())),
        (
            {
                "command": "list",
                "outcome": "failed",
                "reason": "damaged",
                "prefix": "a/",
                "since": "2026-11-29T22:55:10.5Z",
                "until": "2026-11-30",
                "limit": 7,
                "cursor": cursors.to_text(ENDED),
            },
            requests.List(
                Filter(Outcome.FAILED, "damaged", "a/", 1_795_992_910.5, 1_795_996_800.0), limit=7, cursor=ENDED
            ),
        ),
        (
            {"command": "list", "outcome": "active", "cursor": cursors.to_text(ACTIVE)},
            requests.List(Filter(), active=True, cursor=ACTIVE),
        ),
        ({"command": "list", "outcome": "held"}, requests.List(Filter(), active=True, held=True)),
        ({"command": "summary", "since": None}, requests.Summary()),
        ({"command": "summary", "cursor": cursors.to_text(DAYS)}, requests.Summary(cursor=DAYS)),
        (
            {"command": "summary", "since": "2026-11-29T01:00:00+01:00", "until": "2026-11-29T00:00:00"},
            requests.Summary(1_795_910_400.0, 1_795_910_400.0),
        ),
        (
            {"command": "retry", "documents": ["a"], "options": {"languages": "kk", "pages": "1-3", "model": None}},
            requests.Retry((Reference("a", key="a"),), Filter(), (("ocr-languages", "kk"), ("ocr-pages", "1-3"))),
        ),
        (
            {"command": "retry", "documents": ["a"], "options": {"reuse": "no", "pages": "without-text"}},
            requests.Retry((Reference("a", key="a"),), Filter(), (("ocr-pages", "without-text"), ("ocr-reuse", "no"))),
        ),
        (
            {"command": "retry", "outcome": "partial", "dry_run": True, "cursor": cursors.to_text(ENDED)},
            requests.Retry(None, Filter(Outcome.PARTIAL), dry_run=True, cursor=ENDED),
        ),
        (
            {"command": "cancel", "prefix": "", "cursor": cursors.to_text(ACTIVE)},
            requests.Cancel(None, Filter(), cursor=ACTIVE),
        ),
        ({"command": "cancel", "documents": ["a"]}, requests.Cancel((Reference("a", key="a"),), Filter())),
        ({"command": "release", "documents": ["a"]}, requests.Release((Reference("a", key="a"),), Filter())),
        (
            {"command": "release", "prefix": "a/", "dry_run": True, "cursor": cursors.to_text(ACTIVE)},
            requests.Release(None, Filter(prefix="a/"), dry_run=True, cursor=ACTIVE),
        ),
        (
            {"command": "delete", "prefix": "a/", "since": "2026-11-29", "cursor": cursors.to_text(ACTIVE)},
            requests.Delete(None, Filter(prefix="a/", since=1_795_910_400.0), cursor=ACTIVE),
        ),
        (
            {"command": "delete", "outcome": "failed", "dry_run": True, "cursor": cursors.to_text(ENDED)},
            requests.Delete(None, Filter(Outcome.FAILED), dry_run=True, cursor=ENDED),
        ),
        ({"command": "render", "documents": ["a"]}, requests.Render((Reference("a", key="a"),))),
        (
            {"command": "render", "documents": ["a"], "outputs": "tables, markdown"},
            requests.Render((Reference("a", key="a"),), (Output.MARKDOWN, Output.TABLES)),
        ),
        ({"command": "render", "documents": ["a"], "outputs": "none"}, requests.Render((Reference("a", key="a"),), ())),
        (
            {"command": "backfill", "prefix": "a/", "dry_run": True, "limit": 10, "cursor": cursors.to_text(OBJECT)},
            requests.Backfill("a/", dry_run=True, limit=10, cursor=OBJECT),
        ),
        ({"command": "backfill"}, requests.Backfill()),
        (
            {"command": "backfill", "dry_run": True, "options": {"pages": "without-text"}},
            requests.Backfill(dry_run=True, requested=(("ocr-pages", "without-text"),)),
        ),
    ],
    ids=lambda value: value["command"] if isinstance(value, dict) else "",
)
def test_a_request_is_a_typed_command(given: dict[str, Any], command: requests.Command) -> None:
    assert requests.parse({"version": 1, **given}) == command
    assert requests.parse(given) == command, "the version is 1 where none is named"


@pytest.mark.parametrize("request_", [None, [], "status", 1])
def test_what_is_no_object_is_refused(request_: Any) -> None:
    assert refused(request_).what == "The request is not a JSON object."


@pytest.mark.parametrize("version", [0, "1", True, 1.0, -1])
def test_a_version_is_a_whole_number(version: Any) -> None:
    error = refused({"version": version, "command": "check"})
    assert (error.code, error.what) == (Refused.BAD_REQUEST, "The version is not a whole number from 1.")


def test_a_version_of_later_is_too_new_whatever_else_it_says() -> None:
    error = refused({"version": 2, "command": "unheard-of", "parameter": 1})
    assert error.code is Refused.TOO_NEW
    assert error.what == "The request has version 2; this stack answers version 1."


@pytest.mark.parametrize(
    ("request_", "what", "advice"),
    [
        ({}, "There is no command not given.", "Commands are status, list, summary, retry, "),
        ({"command": "destroy"}, 'There is no command "destroy".', "Commands are status, list, "),
        ({"command": ["status"]}, 'There is no command "list".', "Commands are status, "),
        (
            {"command": "pause", "documents": ["a"]},
            'The command pause has no parameter "documents".',
            "It takes none.",
        ),
        (
            {"command": "status", "documents": ["a"], "page": True},
            'The command status has no parameter "page".',
            "It takes documents, pages.",
        ),
        ({"command": "status"}, "The parameter documents is not given.", "It is a list of 1 to 100 "),
        ({"command": "status", "documents": []}, 'The parameter documents is "list".', "It is a list of 1 to 100 "),
        ({"command": "status", "documents": "a"}, 'The parameter documents is "a".', "It is a list of 1 to 100 "),
        ({"command": "status", "documents": ["a"] * 101}, 'The parameter documents is "list".', "It is a list of 1 "),
        ({"command": "status", "documents": [1]}, 'The parameter documents is "list".', "Each is a document's id"),
        ({"command": "status", "documents": [""]}, 'The parameter documents is "list".', "Each is a document's id"),
        ({"command": "status", "documents": ["\ud800"]}, 'The parameter documents is "list".', "Each is a document's"),
        ({"command": "status", "documents": ["s3://b"]}, 'The parameter documents is "list".', "Each is a document's"),
        ({"command": "status", "documents": ["a" * 2_049]}, 'The parameter documents is "list".', "Each is a document"),
        (
            {"command": "status", "documents": ["a", "b"], "pages": True},
            "The parameter pages is for one document.",
            "Name one document, or leave pages out.",
        ),
        ({"command": "status", "documents": ["a"], "pages": 1}, 'The parameter pages is "1".', "It is true or false."),
        (
            {"command": "list", "outcome": "bad"},
            'The parameter outcome is "bad".',
            "It is one of succeeded, partial, failed, skipped, cancelled, active, held.",
        ),
        ({"command": "list", "outcome": ""}, 'The parameter outcome is "".', "It is one of succeeded, "),
        ({"command": "list", "reason": "tired"}, 'The parameter reason is "tired".', "It is one of unsupported_type, "),
        ({"command": "list", "prefix": 1}, 'The parameter prefix is "1".', "It is what keys begin with"),
        ({"command": "list", "since": "yesterday"}, 'The parameter since is "yesterday".', "It is a time in UTC such"),
        ({"command": "list", "since": 1_700_000_000}, 'The parameter since is "1700000000".', "It is a time in UTC"),
        (
            {"command": "list", "until": "0001-01-01"},
            'The parameter until is "0001-01-01".',
            "It is a time in UTC such",
        ),
        (
            {"command": "list", "until": "2100-01-01"},
            'The parameter until is "2100-01-01".',
            "It is a time in UTC such",
        ),
        (
            {"command": "list", "since": "2026-11-30", "until": "2026-11-29"},
            "The time since is after until.",
            "Give an earlier since, or a later until.",
        ),
        ({"command": "list", "limit": 0}, 'The parameter limit is "0".', "It is a whole number from 1 to 100."),
        ({"command": "list", "limit": 101}, 'The parameter limit is "101".', "It is a whole number from 1 to 100."),
        ({"command": "list", "limit": True}, 'The parameter limit is "True".', "It is a whole number from 1 to 100."),
        ({"command": "list", "cursor": "?"}, 'The parameter cursor is "?".', "It is the cursor of the answer before"),
        ({"command": "list", "cursor": ""}, 'The parameter cursor is "".', "It is the cursor of the answer before"),
        ({"command": "retry"}, "Neither documents nor a filter is given.", "Give documents, or outcome."),
        ({"command": "retry", "prefix": "a/"}, "Neither documents nor a filter is given.", "Give documents, or outcom"),
        (
            {"command": "retry", "outcome": "active"},
            'The parameter outcome is "active".',
            "It is one of succeeded, partial, failed, skipped, cancelled.",
        ),
        (
            {"command": "retry", "documents": ["a"], "since": "2026-11-29"},
            "The parameter since cannot be combined with documents.",
            "Name documents, or choose by filters.",
        ),
        (
            {"command": "retry", "documents": ["a"], "prefix": "b/"},
            "The parameter prefix cannot be combined with documents.",
            "Name documents, or choose by filters.",
        ),
        (
            {"command": "retry", "documents": ["a"], "options": {"colour": "red"}},
            'The parameter options is "dict".',
            "It is an object with texts as the metadata have them: languages, model, outputs, pages, reuse.",
        ),
        (
            {"command": "retry", "documents": ["a"], "options": []},
            'The parameter options is "list".',
            "It is an object",
        ),
        (
            {"command": "retry", "documents": ["a"], "options": {"model": "pages"}},
            'The model "pages" is not known.',
            "Allowed for ocr-model: page, ",
        ),
        (
            {"command": "retry", "documents": ["a"], "options": {"pages": "3-1"}},
            'Not a page or a range of pages: "3-1".',
            "Allowed for ocr-pages: ",
        ),
        (
            {"command": "backfill", "options": {"model": "table"}},
            "The parameter options is for a dry run.",
            "Add dry_run: a backfill goes by each upload's own options.",
        ),
        ({"command": "release"}, "Neither documents nor a filter is given.", "Give documents, or prefix."),
        ({"command": "cancel"}, "Neither documents nor a filter is given.", "Give documents, or prefix."),
        (
            {"command": "delete", "since": "2026-11-29"},
            "Neither documents nor a filter is given.",
            "Give documents, or ",
        ),
        (
            {"command": "render", "documents": ["a"], "outputs": "docx"},
            'The output "docx" is not known.',
            "Allowed for ocr-outputs: ",
        ),
        ({"command": "render", "documents": ["a"], "outputs": 1}, 'The parameter outputs is "1".', "It is a text, "),
        (
            {"command": "backfill", "limit": 1_001},
            'The parameter limit is "1001".',
            "It is a whole number from 1 to 1,",
        ),
    ],
)
def test_what_is_wrong_is_named_and_what_is_allowed(request_: dict[str, Any], what: str, advice: str) -> None:
    error = refused({"version": 1, **request_})
    assert (error.code, error.what) == (Refused.BAD_REQUEST, what)
    assert error.advice.startswith(advice)
    assert error.advice.endswith(".")
    assert what not in str(error), "the log has the error's text, and nothing of the request"


def test_what_is_quoted_is_bounded() -> None:
    assert len(refused({"command": "list", "outcome": "a" * 2_000}).what) < 80


@pytest.mark.parametrize("cursor", [ObjectCursor("я" * 512, "v" * 1_024), ActiveCursor(DueKind.SUBMIT, 1.0, SEEN)])
def test_every_cursor_that_is_answered_may_come_back(cursor: AnyCursor) -> None:
    command = "backfill" if isinstance(cursor, ObjectCursor) else "cancel"
    prefix = {"prefix": ""} if command == "cancel" else {}
    assert getattr(parse(command, cursor=cursors.to_text(cursor), **prefix), "cursor", None) == cursor


@pytest.mark.parametrize("cursor", [ENDED, ACTIVE, DAYS, OBJECT, EndedCursor("2026-01", 0.0, 1.0), ObjectCursor()])
def test_a_cursor_is_text_and_back(cursor: AnyCursor) -> None:
    text = cursors.to_text(cursor)
    assert text is not None
    assert text.isascii()
    assert cursors.from_text(text) == cursor


def test_the_end_has_no_cursor() -> None:
    assert cursors.to_text(None) is None


@pytest.mark.parametrize(
    ("command", "cursor"),
    [
        ({"command": "list"}, ACTIVE),
        ({"command": "list", "outcome": "active"}, ENDED),
        ({"command": "summary"}, ENDED),
        ({"command": "summary"}, DaysCursor(0.0, 1e9)),
        ({"command": "summary"}, DaysCursor(10.0, 5.0)),
        ({"command": "retry", "outcome": "failed"}, ACTIVE),
        ({"command": "cancel", "prefix": "a"}, ENDED),
        ({"command": "release", "prefix": "a"}, ENDED),
        ({"command": "list", "outcome": "held"}, ENDED),
        ({"command": "delete", "prefix": "a"}, OBJECT),
        ({"command": "backfill"}, DAYS),
    ],
)
def test_a_cursor_of_another_command_is_refused(command: dict[str, Any], cursor: AnyCursor) -> None:
    error = refused({**command, "cursor": cursors.to_text(cursor)})
    assert error.what.startswith("The parameter cursor is")


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        ["ended"],
        ["other", 1],
        ["ended", "2026-13", 1, 2, {}],
        ["ended", "2026-00", 1, 2, {}],
        ["ended", "2026", 1, 2, {}],
        ["ended", "26-1-11", 1, 2, {}],
        ["ended", "2026-\uff11\uff11", 1, 2, {}],
        ["ended", "2026-11", "1", 2, {}],
        ["ended", "2026-11", 1, float("nan"), {}],
        ["ended", "2026-11", 1, 1e300, {}],
        ["ended", "2026-11", 1, 10**400, {}],
        ["ended", "2026-11", 1, True, {}],
        ["ended", "2026-11", 1, 2, {"lost": None}],
        ["ended", "2026-11", 1, 2, {"failed": [1, "a"]}],
        ["ended", "2026-11", 1, 2, {"failed": [1, "a", "b"]}],
        ["ended", "2026-11", 1, 2, {"failed": [1, 2, 3]}],
        ["ended", "2026-11", 1, 2, {"failed": 1}],
        ["active", "ask", 1, []],
        ["active", "sleep", 1, []],
        ["active", "submit", 1, [1]],
        ["days", 1],
        ["days", -1e11, -1e11],
        ["object", 1, ""],
        ["object", "\ud800", ""],
        ["object", "", None],
    ],
)
def test_a_forged_cursor_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        cursors.from_text(base64.urlsafe_b64encode(json.dumps(value).encode()).decode())


@pytest.mark.parametrize("text", ["", "ключ", "a", "====", "[]", base64.b64encode(b"[" * 100_000).decode()])
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        cursors.from_text(text)
