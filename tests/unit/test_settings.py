"""What the functions read of their environment, and that the template gives them exactly that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from local import cloudformation
from textdrop.core.errors import SettingsError
from textdrop.settings import (
    PollFunctionSettings,
    ReconcileFunctionSettings,
    RenderFunctionSettings,
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
SUBMIT = SHARED | {"LANGUAGES": "ru en", "MODEL": "page", "MAX_PAGES": "5000"}
POLL = SHARED | {
    "UPLOADS_QUEUE_URL": "https://queue.example",
    "RESULTS_BUCKET": "results",
    "RESULTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:results",
    "RENDER_FUNCTION_NAME": "textdrop-render",
}
RENDER = {
    "TABLE_NAME": "table",
    "RESULTS_BUCKET": "results",
    "RESULTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:results",
    "CSV_BOM": "false",
}
RECONCILE = {
    "TABLE_NAME": "table",
    "UPLOADS_BUCKET": "uploads",
    "UPLOADS_QUEUE_URL": "https://queue.example",
    "DEAD_LETTER_QUEUE_URL": "https://dead.example",
    "RECONCILE_FUNCTION_NAME": "textdrop-reconcile",
}
OCR = {
    "ocr_base_url": "https://ocr.example",
    "operation_base_url": "https://operation.example",
    "iam_base_url": "https://iam.example",
    "credentials_secret_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
    "folder_id": "",
}

Read = Callable[[Mapping[str, str]], object]
FUNCTIONS: dict[str, tuple[Read, dict[str, str]]] = {
    "submit": (partial(read, SubmitFunctionSettings), SUBMIT),
    "poll": (partial(read, PollFunctionSettings), POLL),
    "render": (partial(read, RenderFunctionSettings), RENDER),
    "reconcile": (partial(read, ReconcileFunctionSettings), RECONCILE),
}
BOTH = pytest.mark.parametrize("function", ["submit", "poll"])
EACH = pytest.mark.parametrize("function", FUNCTIONS)


# --- what is read -----------------------------------------------------------------------------------------------------


def test_submit_reads_its_environment() -> None:
    assert read(SubmitFunctionSettings, SUBMIT | {"OUTPUTS": "markdown"}) == SubmitFunctionSettings(
        table_name="table",
        **OCR,
        submits_per_second=10.0,
        languages="ru en",
        model="page",
        outputs="markdown",
        max_pages=5000,
        poll_function_name="textdrop-poll",
    )


def test_poll_reads_its_environment() -> None:
    assert read(PollFunctionSettings, POLL) == PollFunctionSettings(
        table_name="table",
        **OCR,
        submits_per_second=10.0,
        uploads_queue_url="https://queue.example",
        results_bucket="results",
        results_topic_arn="arn:aws:sns:eu-central-1:123456789012:results",
        poll_function_name="textdrop-poll",
        render_function_name="textdrop-render",
    )


@pytest.mark.parametrize("flag", [True, False])
def test_render_reads_its_environment(flag: bool) -> None:
    assert read(RenderFunctionSettings, RENDER | {"CSV_BOM": str(flag).lower()}) == RenderFunctionSettings(
        table_name="table",
        results_bucket="results",
        results_topic_arn="arn:aws:sns:eu-central-1:123456789012:results",
        csv_bom=flag,
    )


def test_a_flag_is_true_or_false() -> None:
    assert "CSV_BOM must be true or false" in faults("render", CSV_BOM="yes")


def test_no_outputs_may_be_chosen() -> None:
    assert (
        read(SubmitFunctionSettings, SUBMIT).outputs
        == read(SubmitFunctionSettings, SUBMIT | {"OUTPUTS": ""}).outputs
        == ""
    )


def test_reconcile_reads_its_environment() -> None:
    assert read(ReconcileFunctionSettings, RECONCILE) == ReconcileFunctionSettings(
        table_name="table",
        uploads_bucket="uploads",
        uploads_queue_url="https://queue.example",
        dead_letter_queue_url="https://dead.example",
        reconcile_function_name="textdrop-reconcile",
    )


def test_a_folder_may_be_named_and_blanks_around_values_do_not_count() -> None:
    settings = read(
        SubmitFunctionSettings, {name: f" {value}\n" for name, value in SUBMIT.items()} | {"FOLDER_ID": " b1gexample "}
    )
    assert settings.folder_id == "b1gexample"
    assert settings.table_name == "table"


# --- what is wrong ----------------------------------------------------------------------------------------------------


def faults(function: str, **changed: str | None) -> str:
    read, variables = FUNCTIONS[function]
    environment = {name: value for name, value in (variables | changed).items() if value is not None}
    with pytest.raises(SettingsError) as raised:
        read(environment)
    return str(raised.value)


@EACH
@pytest.mark.parametrize("missing", [{}, {"every": ""}, {"every": "  "}])
def test_all_that_is_missing_is_named_at_once(function: str, missing: dict[str, str]) -> None:
    read, variables = FUNCTIONS[function]
    environment = dict.fromkeys(variables, missing["every"]) if missing else {}
    with pytest.raises(SettingsError) as raised:
        read(environment)
    named = str(raised.value).removeprefix("the function's environment is not right: ").split("; ")
    assert sorted(named) == sorted(f"{name} is missing" for name in variables)


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, (_, variables) in FUNCTIONS.items() for name in variables]
)
def test_each_missing_name_is_named_alone(function: str, name: str) -> None:
    assert faults(function, **{name: None}) == f"the function's environment is not right: {name} is missing"


@BOTH
@pytest.mark.parametrize("value", ["ten", "0", "-1", "0.09", "nan", "inf", "1e999", "10 per second", "0x10"])
def test_a_rate_must_be_a_number_above_nought(function: str, value: str) -> None:
    assert faults(function, SUBMITS_PER_SECOND=value).endswith("SUBMITS_PER_SECOND must be a number of at least 0.1")


@pytest.mark.parametrize("value", ["many", "0", "-5", "nan", "inf"])
def test_the_most_pages_must_be_a_number(value: str) -> None:
    assert faults("submit", MAX_PAGES=value).endswith("MAX_PAGES must be a number of at least 1")


def test_missing_and_wrong_are_told_together() -> None:
    message = faults("submit", TABLE_NAME=None, MAX_PAGES="x", SUBMITS_PER_SECOND="y")
    assert message.count(";") == 2
    assert all(name in message for name in ("TABLE_NAME", "MAX_PAGES", "SUBMITS_PER_SECOND"))


def test_no_value_is_repeated() -> None:
    assert "s3cret" not in faults("submit", MAX_PAGES="s3cret", CREDENTIALS_SECRET_ARN="s3cret", TABLE_NAME=None)


# --- what the template gives ------------------------------------------------------------------------------------------


class _Watched(dict[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@EACH
def test_the_template_gives_each_function_what_it_reads_and_nothing_else(function: str) -> None:
    template = cloudformation.load()
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"]
    if function in ("reconcile", "render"):  # of what all have, the OCR service is none of their business
        shared = {name: value for name, value in shared.items() if name == "TABLE_NAME"}
    # Powertools reads these two kinds itself.
    given = {name for name in shared | own if name != "LOG_LEVEL" and not name.startswith("POWERTOOLS_")}
    read, variables = FUNCTIONS[function]
    environment = _Watched(variables)
    read(environment)
    assert given == environment.names


def test_powertools_is_given_what_logs_and_metrics_need() -> None:
    template = cloudformation.load()
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    assert shared["POWERTOOLS_METRICS_NAMESPACE"]
    for function in FUNCTIONS:
        own = template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"]
        # The metrics' one dimension: two stacks of an account must not count into one another's alarms.
        assert own["POWERTOOLS_SERVICE_NAME"] == {"Fn::Sub": "${AWS::StackName}-" + function}
