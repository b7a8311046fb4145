"""What the functions read of their environment, and that the template gives them exactly that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from local import cloudformation
from textdrop.core.errors import SettingsError
from textdrop.core.options import MODELS
from textdrop.settings import (
    ControlFunctionSettings,
    DeliverFunctionSettings,
    PollFunctionSettings,
    ReconcileFunctionSettings,
    SubmitFunctionSettings,
    read,
)

SHARED = {
    "TABLE_NAME": "table",
    "OCR_BASE_URL": "https://ocr.example",
    "OPERATION_BASE_URL": "https://operation.example",
    "IAM_BASE_URL": "https://iam.example",
    "CREDENTIALS_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
    "SUBMITS_PER_SECOND": "10",
    "POLL_FUNCTION_NAME": "textdrop-poll",
}
BUCKETS = {"SOURCE_BUCKET": "uploads", "RESULTS_BUCKET": "results"}
SOURCE = {
    "SOURCE_BUCKET": "uploads",
    "OWN_SOURCE_BUCKET": "true",
    "STACK_ID": "arn:aws:cloudformation:stack/textdrop/1",
}
SUBMIT = (
    SHARED
    | BUCKETS
    | {
        "LANGUAGES": "ru en",
        "MODEL": "page",
        "MAX_PAGES": "5000",
        "UPLOADS_QUEUE_URL": "https://queue.example",
    }
)
POLL = (
    SHARED
    | BUCKETS
    | SOURCE
    | {
        "UPLOADS_QUEUE_URL": "https://queue.example",
        "DELIVER_QUEUE_URL": "https://deliver.example",
        "DELIVER_ALONE_QUEUE_URL": "https://alone.example",
        "READS_PER_SECOND": "50",
    }
)
DELIVER = BUCKETS | {
    "TABLE_NAME": "table",
    "RESULTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:results",
    "CSV_BOM": "false",
}
RECONCILE = SOURCE | {
    "TABLE_NAME": "table",
    "UPLOADS_QUEUE_URL": "https://queue.example",
    "DEAD_LETTER_QUEUE_URL": "https://dead.example",
    "RECONCILE_FUNCTION_NAME": "textdrop-reconcile",
}
CONTROL = SHARED | BUCKETS | SOURCE | {"LANGUAGES": "ru en", "MODEL": "page", "MAX_PAGES": "5000"}
FUNCTIONS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "submit": (SubmitFunctionSettings, SUBMIT),
    "poll": (PollFunctionSettings, POLL),
    "deliver": (DeliverFunctionSettings, DELIVER),
    "reconcile": (ReconcileFunctionSettings, RECONCILE),
    "control": (ControlFunctionSettings, CONTROL),
}


DEFAULTS: dict[str, object] = {
    **dict.fromkeys(
        ("outputs", "folder_id", "source_prefix", "results_prefix", "event_bus_name", "allowed_models"), ""
    ),
    **dict.fromkeys(("prices", "prices_currency"), ""),
    **dict.fromkeys(("pages_per_day", "pages_per_month"), 0),
    "pages": "all",
    "reuse": False,
}


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "more", "not_texts"),
    [
        ("submit", {"OUTPUTS": "markdown"}, {"submits_per_second": 10.0, "max_pages": 5000, "folder_id": ""}),
        ("submit", {"PAGES": "1-3,7"}, {"submits_per_second": 10.0, "max_pages": 5000}),
        ("submit", {"OUTPUTS": "", "FOLDER_ID": "b1gexample"}, {"submits_per_second": 10.0, "max_pages": 5000}),
        ("submit", {"SUBMITS_PER_SECOND": "0.1", "MAX_PAGES": "1"}, {"submits_per_second": 0.1, "max_pages": 1}),
        (
            "submit",
            {"REUSE": "true", "ALLOWED_MODELS": "page, Table", "PAGES_PER_DAY": "7", "PAGES_PER_MONTH": "0"},
            {"submits_per_second": 10.0, "max_pages": 5000, "reuse": True, "pages_per_day": 7, "pages_per_month": 0},
        ),
        (
            "poll",
            {"PAGES_PER_DAY": "0", "PAGES_PER_MONTH": "70"},
            {"submits_per_second": 10.0, "reads_per_second": 50, "pages_per_day": 0, "pages_per_month": 70},
        ),
        (
            "control",
            {"REUSE": "False", "ALLOWED_MODELS": "", "PAGES_PER_DAY": "7", "PAGES_PER_MONTH": "70"},
            {"submits_per_second": 10.0, "max_pages": 5000, "reuse": False, "pages_per_day": 7, "pages_per_month": 70},
        ),
        ("poll", {"FOLDER_ID": ""}, {"submits_per_second": 10.0, "reads_per_second": 50}),
        ("deliver", {"CSV_BOM": "true"}, {"csv_bom": True}),
        ("deliver", {"CSV_BOM": "False"}, {"csv_bom": False}),
        (
            "deliver",
            {"EVENT_BUS_NAME": "default", "RESULTS_PREFIX": "ocr/", "SOURCE_PREFIX": "in/"},
            {"csv_bom": False},
        ),
        ("reconcile", {}, {}),
        ("reconcile", {"SOURCE_PREFIX": "in box/", "OWN_SOURCE_BUCKET": "false"}, {"own_source_bucket": False}),
        ("deliver", {"PRICES": "page=0.15 table=1", "PRICES_CURRENCY": "KZT"}, {"csv_bom": False}),
        ("control", {"PRICES": "page=0.15", "PAGES": "1-3"}, {"submits_per_second": 10.0, "max_pages": 5000}),
    ],
)
def test_a_function_reads_its_environment_and_blanks_around_values_do_not_count(
    function: str, more: dict[str, str], not_texts: dict[str, object]
) -> None:
    kind, variables = FUNCTIONS[function]
    environment = variables | more
    optional = {name: value for name, value in DEFAULTS.items() if name in kind.__dataclass_fields__}
    texts = {name.lower(): value for name, value in environment.items()}
    if "OWN_SOURCE_BUCKET" in variables:
        not_texts = {"own_source_bucket": True} | not_texts
    assert asdict(read(kind, {name: f" {value}\n" for name, value in environment.items()})) == (
        optional | texts | not_texts
    )


# --- what is wrong ----------------------------------------------------------------------------------------------------


def faults(function: str, **changed: str | None) -> list[str]:
    kind, variables = FUNCTIONS[function]
    environment = {name: value for name, value in (variables | changed).items() if value is not None}
    with pytest.raises(SettingsError) as raised:
        read(kind, environment)
    start, found = str(raised.value).split(": ", 1)
    assert start == "the function's environment is not right"
    return found.split("; ")


@pytest.mark.parametrize("nothing", [None, "", "  "])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_missing_is_named_each_alone_and_all_at_once(function: str, nothing: str | None) -> None:
    names = list(FUNCTIONS[function][1])
    for missing in (names, *([name] for name in names)):
        assert sorted(faults(function, **dict.fromkeys(missing, nothing))) == sorted(
            f"{name} is missing" for name in missing
        )


@pytest.mark.parametrize(
    ("functions", "name", "what", "values"),
    [
        (
            ["submit", "poll", "control"],
            "SUBMITS_PER_SECOND",
            "must be a number of at least 0.1",
            ["ten", "0", "-1", "0.09", "nan", "inf", "1e999", "10 per second", "0x10"],
        ),
        (
            ["submit", "control"],
            "MAX_PAGES",
            "must be a whole number of at least 1",
            ["many", "0", "-5", "1.5", "nan", "inf"],
        ),
        (["deliver"], "CSV_BOM", "must be true or false", ["yes"]),
        (["submit", "control"], "REUSE", "must be true or false", ["yes", "0"]),
        *(
            # CloudFormation takes half a page for a number, and a cap of none is no cap.
            (
                ["submit", "poll", "control"],
                name,
                "must be a whole number of at least 0",
                ["-1", "0.5", "many", "nan", "inf"],
            )
            for name in ("PAGES_PER_DAY", "PAGES_PER_MONTH")
        ),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(functions: list[str], name: str, what: str, values: list[str]) -> None:
    for function in functions:
        for value in values:
            assert faults(function, **{name: value}) == [f"{name} {what}"]


@pytest.mark.parametrize("function", ["submit", "control"])
@pytest.mark.parametrize("names", ["pages", "page;table", "page, tables", "all"])
def test_who_allows_a_model_that_there_is_not_is_told_which_there_are(function: str, names: str) -> None:
    [fault] = faults(function, ALLOWED_MODELS=names)
    assert fault.startswith(
        "ALLOWED_MODELS names a model that is not known: set the parameter AllowedModels to some of"
    )
    assert all(f" {model}" in fault for model in MODELS)


ONE_BUCKET = (
    "SOURCE_BUCKET and RESULTS_BUCKET are one bucket, so a result would be taken for an upload: "
    "set the parameters SourcePrefix and ResultsPrefix to two folders, neither within the other"
)


@pytest.mark.parametrize("function", ["submit", "poll", "deliver", "control"])
@pytest.mark.parametrize(
    ("source", "results"),
    [("", ""), ("in/", ""), ("", "ocr/"), ("in/", "in/"), ("in/", "in/ocr/"), ("archive/in/", "archive/")],
)
def test_who_pays_or_writes_refuses_results_that_would_be_taken_for_uploads(
    function: str, source: str, results: str
) -> None:
    kind, variables = FUNCTIONS[function]
    prefixes = {"SOURCE_PREFIX": source, "RESULTS_PREFIX": results}
    assert faults(function, RESULTS_BUCKET="uploads", **prefixes) == [ONE_BUCKET]
    read(kind, variables | prefixes)  # two buckets


@pytest.mark.parametrize("function", ["submit", "poll", "deliver", "control"])
@pytest.mark.parametrize(("source", "results"), [("in/", "ocr/"), ("in/", "in2/"), ("a/in/", "a/ocr/")])
def test_folders_apart_may_be_in_one_bucket(function: str, source: str, results: str) -> None:
    kind, variables = FUNCTIONS[function]
    prefixes = {"SOURCE_PREFIX": source, "RESULTS_PREFIX": results}
    read(kind, variables | {"RESULTS_BUCKET": "uploads"} | prefixes)


def test_missing_and_wrong_are_reported_together() -> None:
    found = faults("submit", TABLE_NAME=None, MAX_PAGES="x", SUBMITS_PER_SECOND="y")
    assert sorted(fault.split()[0] for fault in found) == ["MAX_PAGES", "SUBMITS_PER_SECOND", "TABLE_NAME"]


# --- what the template gives ------------------------------------------------------------------------------------------


class _Watched(dict[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_template_gives_each_function_what_it_reads_and_nothing_else(function: str) -> None:
    template = cloudformation.load()
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"]
    if function in ("reconcile", "deliver"):  # of what all have, the OCR service is none of their business
        shared = {name: value for name, value in shared.items() if name == "TABLE_NAME"}
    # Powertools reads these two itself.
    given = {name for name in shared | own if name != "LOG_LEVEL" and not name.startswith("POWERTOOLS_")}
    kind, variables = FUNCTIONS[function]
    environment = _Watched(variables)
    read(kind, environment)
    assert given == environment.names


def test_powertools_is_given_what_logs_and_metrics_need() -> None:
    template = cloudformation.load()
    for function in FUNCTIONS:
        own = template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"]
        # The metrics' one dimension: two stacks of an account must not count into one another's alarms.
        assert own["POWERTOOLS_SERVICE_NAME"] == {"Fn::Sub": "${AWS::StackName}-" + function}
