"""The published schemas say what the code writes: the same lists, the same fields, nothing more and nothing less."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import pytest

import schemas
from documentation import TOP, example
from pagekit import page as pages
from pagekit.limits import UploadType
from pagekit.prepared import How, PageWarning
from textdrop.adapters.yandex import recognition
from textdrop.core import errors, keys, options, problems, results
from textdrop.core.answers import OperationDescription
from textdrop.core.billing import TextFrom
from textdrop.core.documents import Operation, OperationState, Options, Outcome, Output, Period
from world import World

RESULT, ERROR, NOTICE = "textdrop.result/1", "textdrop.error/1", "textdrop.notice/1"
HELD = "textdrop.held/1"
FOLDER = schemas.FOLDER


def parts(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a schema's JSON, with its place."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from parts(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from parts(inner, f"{path}/{number}")


def objects(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts that describe an object of ours; conditions (if, then, else) only narrow one."""
    for path, part in parts(schemas.SCHEMAS[name]):
        if "properties" in part and not re.search(r"/(if|then|else)(/|$)|/contains$", path):
            yield path, part


# --- their form -------------------------------------------------------------------------------------------------------


def test_there_is_one_for_each_kind_of_file() -> None:
    written = {results.RESULT_SCHEMA, results.ERROR_SCHEMA, results.NOTICE_SCHEMA, results.HELD_SCHEMA}
    assert written == set(schemas.SCHEMAS)


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_it_is_a_schema_of_2020_12_named_after_what_files_say(name: str) -> None:
    schema = schemas.SCHEMAS[name]
    kind, _, version = name.removeprefix("textdrop.").partition("/")
    assert json.loads((FOLDER / f"{kind}-{version}.json").read_text("utf-8")) == schema
    assert schema["$id"] == f"urn:textdrop:{kind}:{version}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)


ADDED = ("billing", "began_at", "pages_reused", "pages_skipped", "reuse", "text_from")
"""What files of former versions lack."""


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_every_field_is_described_and_required_and_no_other_allowed(name: str) -> None:
    assert [part for part, described in schemas.SCHEMAS[name]["$defs"].items() if "description" not in described] == []
    for path, part in objects(name):
        assert part["type"] == "object", path
        assert part["required"] == [each for each in part["properties"] if each not in ADDED], path
        assert part["additionalProperties"] is False, path
        for field, described in part["properties"].items():
            assert described["description"].endswith("."), f"{path}/{field}"
            assert {"type", "enum", "const", "anyOf", "allOf", "$ref"} & set(described), f"{path}/{field}"
            # A field that may be null says when.
            assert not may_be_null(described) or "null" in described["description"].lower(), f"{path}/{field}"


def may_be_null(field: dict[str, Any]) -> bool:
    if "anyOf" in field:
        return any(map(may_be_null, field["anyOf"]))
    return None in field.get("enum", []) or "null" in field.get("type", [])


def test_every_part_is_used_and_what_schemas_share_is_the_same_in_each() -> None:
    shared: dict[str, Any] = {}
    for schema in schemas.SCHEMAS.values():
        used = {part["$ref"].removeprefix("#/$defs/") for _, part in parts(schema) if "$ref" in part}
        assert used == set(schema["$defs"])
        for name, part in schema["$defs"].items():
            assert shared.setdefault(name, part) == part, name


# --- the code's lists -------------------------------------------------------------------------------------------------

REASONS = {str(reason) for reason in errors.Reason}
SKIPPED = {str(reason) for reason in errors.SKIPPED}
CANCELLED = {str(problem.reason) for problem in (problems.cancelled(), problems.source_deleted(), problems.deleted())}
RECOGNISED = {str(outcome) for outcome in Outcome if keys.TEXT in keys.suffixes(outcome)}
OUTCOMES = {str(outcome) for outcome in Outcome}
ENDS = {str(state) for state in OperationState if Operation("", 1, 1, state).final}
LANGUAGES = {options.ANY_LANGUAGE, *options.SHARED_LANGUAGES, *options.SINGLE_LANGUAGES}
TEXT_FROM = {str(source) for source in TextFrom}
ROTATIONS = {None, 0, *recognition._ROTATIONS.values()}
LISTS: dict[str, set[Any]] = {
    f"{RESULT}/properties/outcome": RECOGNISED,
    f"{ERROR}/properties/outcome": OUTCOMES - RECOGNISED,
    f"{ERROR}/allOf/0/then/properties/reason": SKIPPED,
    f"{ERROR}/allOf/1/then/properties/reason": CANCELLED,
    f"{HELD}/properties/period": {str(period) for period in Period},
    f"{NOTICE}/properties/outcome": OUTCOMES,
    f"{NOTICE}/allOf/1/if/properties/outcome": RECOGNISED,
    f"{NOTICE}/allOf/3/then/properties/reason": SKIPPED,
    f"{NOTICE}/allOf/4/then/properties/reason": CANCELLED,
    "/$defs/block/properties/type": set(recognition._LAYOUTS),
    "/$defs/language": LANGUAGES,
    "/$defs/model": set(options.MODELS),
    "/$defs/origin": set(get_args(get_type_hints(Options)["model_from"])),
    "/$defs/output": {str(output) for output in Output},
    "/$defs/page_warning": {str(warning) for warning in PageWarning},
    "/$defs/prepared/properties/how": {str(how) for how in How},
    "/$defs/page/properties/rotate": ROTATIONS,
    "/$defs/page/properties/status": ENDS,
    "/$defs/page/properties/text_from": {None, *TEXT_FROM},
    "/$defs/page/else/if/properties/text_from": {"earlier_run", "file"},
    "/$defs/reason": REASONS,
    "/$defs/sent_page/properties/status": {str(state) for state in OperationState},
    "/$defs/source/properties/media_type": {None, *get_args(UploadType)},
}
"""Every list that stands in a schema. What stands under `$defs` is the same in each."""


def test_every_list_is_the_codes() -> None:
    written = {
        path if path.startswith("/$defs/") else name + path: part["enum"]
        for name, schema in schemas.SCHEMAS.items()
        for path, part in parts(schema)
        if "enum" in part
    }
    assert {place: set(values) for place, values in written.items()} == LISTS
    assert all(len(values) == len(set(values)) for values in written.values())


def test_lists_that_no_enum_holds_are_the_codes() -> None:
    hints = get_type_hints(Options)
    assert get_args(hints["languages_from"]) == get_args(hints["model_from"])
    types_of_blocks = re.sub(r"\s+", " ", pages.Block.__doc__ or "").partition(":")[2]
    assert set(re.findall(r"\w+", types_of_blocks)) == set(recognition._LAYOUTS)
    pattern = schemas.SCHEMAS[NOTICE]["properties"]["id"]["pattern"]
    assert set(re.findall(r"\(([a-z|]+)\)", pattern)[0].split("|")) == OUTCOMES


@pytest.mark.parametrize(
    ("part", "record", "more"),
    [
        ("word", pages.Word, set()),
        ("line", pages.Line, set()),
        ("block", pages.Block, set()),
        ("cell", pages.Cell, set()),
        ("table", pages.Table, set()),
        ("entity", pages.Entity, set()),
        ("service", errors.Trace, set()),
        ("operation", OperationDescription, {"error"}),
        ("page", pages.RecognisedPage, {"number", "status", "reason", "problem", "text_from", "prepared", "operation"}),
    ],
)
def test_the_fields_are_the_codes_in_their_order(part: str, record: type, more: set[str]) -> None:
    [described] = {json.dumps(s["$defs"][part]) for s in schemas.SCHEMAS.values() if part in s["$defs"]}
    fields = list(json.loads(described)["properties"])
    assert [field for field in fields if field not in more] == list(get_type_hints(record))
    assert more <= set(fields)


# --- what they let through --------------------------------------------------------------------------------------------


def shown(name: str) -> Any:
    """An example of docs/results.md."""
    return example("docs/results.md", name)


def every_page() -> Any:
    """A result with a page of every form."""
    value = shown("result")
    [page] = value["pages"]
    parts_of_pages = [shown(name) for name in ("rotated page", "tables", "entities", "markdown", "own text")]
    others = [shown("failed page"), shown("blank page"), *({**page, **part} for part in parts_of_pages)]
    value["pages"] = [{**each, "number": number} for number, each in enumerate([page, *others], start=1)]
    value["pages"][0]["operation"]["metadata"] = {"of": ["the service"]}
    return {**value, **shown("partial")}


def some_pages() -> Any:
    """A result of some pages of a file."""
    value, chosen = shown("result"), shown("chosen pages")
    source, options = ({**value[part], **chosen[part]} for part in ("source", "options"))
    pages_shown = [{**value["pages"][0], **page} for page in chosen["pages"]]
    return {**value, "source": source, "options": options, "pages": pages_shown}


def event(name: str) -> Any:
    """One of the sample notices."""
    return json.loads((TOP / "events" / f"notice-{name}.json").read_text("utf-8"))


WRITTEN: dict[str, Any] = {
    "succeeded": shown("result"),
    "every page": every_page(),
    "some pages": some_pages(),
    "failed": shown("error"),
    "retried": {**shown("result"), **shown("retried")},
    "skipped": {**shown("error"), "outcome": "skipped", "reason": "object_gone", "options": None, "pages": []},
    "cancelled": {
        **shown("error"),
        "outcome": "cancelled",
        "reason": "source_deleted",
        "pages": [{**shown("error")["pages"][0], "status": "running", "problem": None}],
    },
    "held": shown("held"),
    "notice partial": shown("notice"),
    **{f"notice {name}": event(name) for name in ("succeeded", "failed", "skipped", "cancelled")},
    "notice of an older upload": {**event("succeeded"), "published": False, "newest": False},
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_agrees(kind: str) -> None:
    assert schemas.problems(WRITTEN[kind], WRITTEN[kind]["schema"]) == []


def without(value: Any, name: str, **changed: Any) -> Any:
    """The object without that field, as a former version wrote it, and with these others."""
    return {field: each for field, each in value.items() if field != name} | changed


ONE_PAGE = WRITTEN["succeeded"]["pages"][0]
FAILED_PAGE = WRITTEN["every page"]["pages"][1]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("succeeded", {"pages": []}),
        ("succeeded", {"pages": [ONE_PAGE, FAILED_PAGE]}),
        ("succeeded", {"outcome": "partial"}),
        ("every page", {"pages": [FAILED_PAGE]}),
        ("every page", {"pages": [ONE_PAGE]}),
        ("every page", {"pages": [{**FAILED_PAGE, "reason": None}, ONE_PAGE]}),
        ("every page", {"pages": [{**FAILED_PAGE, "text": "something"}, ONE_PAGE]}),
        ("every page", {"pages": [{**FAILED_PAGE, "width": 10}, ONE_PAGE]}),
        ("every page", {"pages": [FAILED_PAGE, {**ONE_PAGE, "reason": "damaged"}]}),
        ("every page", {"pages": [FAILED_PAGE, {**ONE_PAGE, "operation": None}]}),
        ("every page", {"pages": [FAILED_PAGE, {**ONE_PAGE, "text_from": "reused", "operation": None}]}),
        ("every page", {"pages": [FAILED_PAGE, without(ONE_PAGE, "text_from", operation=None)]}),
        ("every page", {"pages": [FAILED_PAGE, {**ONE_PAGE, "text_from": None}]}),
        ("every page", {"pages": [{**FAILED_PAGE, "text_from": "service"}, ONE_PAGE]}),
        ("succeeded", {"outcome": "failed"}),
        ("failed", {"outcome": "partial"}),
        ("skipped", {"reason": "damaged"}),
        ("cancelled", {"reason": "object_gone"}),
        ("failed", {"pages": [{**WRITTEN["failed"]["pages"][0], "problem": None}]}),
        ("notice succeeded", {"reason": "damaged"}),
        ("notice partial", {"reason": None}),
        ("notice skipped", {"reason": "damaged"}),
        ("notice cancelled", {"reason": "object_gone"}),
        ("notice failed", {"files": WRITTEN["notice partial"]["files"]}),
        ("notice partial", {"files": WRITTEN["notice failed"]["files"]}),
        ("notice partial", {"published": True, "newest": False}),
        ("notice failed", {"pages": {"total": 2, "recognized": 1, "failed": 1}}),
    ],
)
def test_what_does_not_go_together_is_refused(kind: str, fields: dict[str, Any]) -> None:
    assert schemas.problems({**WRITTEN[kind], **fields}, WRITTEN[kind]["schema"])


@pytest.mark.parametrize(
    "polygon", [[[1, 2], [3, 2], [3, 4]], [[1, 2]] * 5, [[1, 2]] * 3 + [[1, 4.5]], [[1, 2]] * 3 + [[1, 4, 0]], None]
)
def test_a_polygon_is_four_pairs_of_integers(polygon: Any) -> None:
    value = copy.deepcopy(WRITTEN["succeeded"])
    value["pages"][0]["blocks"][0]["lines"][0]["words"][0]["polygon"] = polygon
    assert schemas.problems(value, RESULT)


# --- where they are put to use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "body"), [(RESULT, b"page"), (ERROR, b"damaged"), (NOTICE, b"page")])
def test_no_use_case_hides_that_a_file_does_not_agree(monkeypatch: pytest.MonkeyPatch, name: str, body: bytes) -> None:
    monkeypatch.setitem(schemas._VALIDATORS, name, jsonschema_rs.Draft202012Validator(False))
    world = World()
    world.upload("a.png", body)
    with pytest.raises(pytest.fail.Exception, match=name):
        world.run()
