"""Functions: how many run at once, what is repeated, and what they are told of the stack."""

from __future__ import annotations

import re

import pytest

from pagekit.child.__main__ import MEMORY_BYTES
from pagekit.limits import FileLimits
from template.cloudformation import ROOT, Template, events, holds
from template.drill import HANDLERS
from textdrop import bootstrap
from textdrop.core.deliveries import MAX_TOGETHER

BOTOCORE_READ_SECONDS = 60
"""So long an AWS client waits for an answer by default."""

PRICES = ("PRICES", "PRICES_CURRENCY")
CONCURRENT_EXECUTIONS = 10
"""Of a new account (Lambda's quotas: "new AWS accounts have reduced concurrency")."""


def test_all_functions_at_once_fit_into_a_new_account(template: Template) -> None:
    """By queues as many as their parameters say, one tick, one run of reconcile, and control, by a person."""
    by_queues = [
        template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]["Default"]
        for _, event in events(template, "SQS")
    ]
    by_schedules = [function for function, _ in events(template, "Schedule")]
    by_people = [function for function in template.functions().values() if "Events" not in function]
    assert len(by_queues) + len(by_schedules) + len(by_people) == len(template.functions()) + 1, (
        "deliver has two queues"
    )
    assert sum(by_queues) + len(by_schedules) + len(by_people) <= CONCURRENT_EXECUTIONS


def test_who_opens_what_others_made_has_memory_for_the_child_and_as_much_for_itself(template: Template) -> None:
    for name in ("Submit", "Deliver", "Control"):
        assert template.functions()[f"{name}Function"]["MemorySize"] * 2**20 >= 2 * MEMORY_BYTES, name


def test_deliver_has_room_for_the_largest_source_and_once_more_with_its_text(template: Template) -> None:
    room = template.functions()["DeliverFunction"]["EphemeralStorage"]["Size"] * 2**20
    assert room >= 2.2 * FileLimits().max_document_bytes


def test_each_document_of_a_message_or_batch_has_a_thread(template: Template) -> None:
    [batch] = [event["BatchSize"] for _, event in events(template, "SQS") if event["BatchSize"] > 1]
    assert batch <= bootstrap.SUBMIT_THREADS
    assert MAX_TOGETHER <= bootstrap.DELIVER_THREADS


def test_what_invokes_functions_and_brings_uploads_is_on(template: Template) -> None:
    sources = [event for kind in ("SQS", "Schedule") for _, event in events(template, kind)]
    for each in (*sources, template.resources["UploadsRule"]["Properties"]):
        assert not {"Enabled", "State"} & each.keys()


def test_functions_have_as_long_as_in_the_tests_of_what_they_do(template: Template) -> None:
    given = {name: function["Timeout"] for name, function in template.functions().items() if name in HANDLERS}
    assert given == {name: seconds for name, (_, seconds) in HANDLERS.items()}


def test_a_stale_tick_is_dropped(template: Template) -> None:
    stale = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    poll = template.functions()["PollFunction"]
    event = poll["Events"]["Schedule"]["Properties"]
    assert poll["EventInvokeConfig"] == event["RetryPolicy"] == stale
    assert re.fullmatch(r"rate\((1 minute|[2-9] minutes|[1-9][0-9]+ minutes)\)", event["Schedule"])


def test_a_run_of_reconcile_that_fails_is_repeated_within_its_day(template: Template) -> None:
    reconcile = template.functions()["ReconcileFunction"]
    event = reconcile["Events"]["Schedule"]["Properties"]
    assert event["Schedule"] == "rate(1 day)"
    for repeated in (reconcile["EventInvokeConfig"], event["RetryPolicy"]):
        assert repeated["MaximumRetryAttempts"] == 2
        assert repeated["MaximumEventAgeInSeconds"] + 3 * reconcile["Timeout"] < 24 * 3600


def test_functions_on_a_schedule_are_those_two(template: Template) -> None:
    assert len(list(events(template, "Schedule"))) == 2


def test_a_person_has_controls_answer_soon_and_nothing_is_done_when_nobody_hears_it(template: Template) -> None:
    control = template.functions()["ControlFunction"]
    assert control["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert control["Timeout"] <= BOTOCORE_READ_SECONDS, "else the client asks again meanwhile"
    assert "ReservedConcurrentExecutions" not in control


def test_who_tells_costs_and_who_estimates_know_the_same_of_the_stack(template: Template) -> None:
    """What control estimates is what submit would do and what deliver would tell."""
    submit, deliver, control = (
        template.functions()[f"{name}Function"]["Environment"]["Variables"] for name in ("Submit", "Deliver", "Control")
    )
    options = ("LANGUAGES", "MODEL", "ALLOWED_MODELS", "OUTPUTS", "PAGES", "REUSE", "MAX_PAGES")
    for told, by in ((submit, options), (deliver, PRICES)):
        assert {name: control[name] for name in by} == {name: told[name] for name in by}
    assert [deliver[name] for name in PRICES] == [{"Ref": "Prices"}, {"Ref": "PricesCurrency"}]


def test_who_reserves_pages_knows_the_same_caps(template: Template) -> None:
    caps = {"PAGES_PER_DAY": {"Ref": "PagesPerDay"}, "PAGES_PER_MONTH": {"Ref": "PagesPerMonth"}}
    for name in ("Submit", "Poll", "Control"):
        variables = template.functions()[f"{name}Function"]["Environment"]["Variables"]
        assert {variable: variables[variable] for variable in caps} == caps, name


def test_each_function_has_a_log_that_ends(template: Template) -> None:
    groups = template.of_type("AWS::Logs::LogGroup")
    for function in template.functions().values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/" + function["FunctionName"]["Fn::Sub"]}
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize(
    ("partition", "region", "detected"),
    [
        ("aws", "eu-central-1", True),
        ("aws", "us-east-1", True),
        ("aws", "mx-central-1", False),
        ("aws", "ap-southeast-6", False),
        ("aws-us-gov", "us-gov-west-1", False),
        ("aws-cn", "cn-north-1", False),
    ],
)
def test_functions_that_wake_each_other_are_not_ended_as_a_loop(
    template: Template, partition: str, region: str, detected: bool
) -> None:
    """By Lambda's guide, "Supported Regions for Lambda recursive loop detection"; elsewhere it takes no setting."""
    place = {"AWS::Partition": partition, "AWS::Region": region}
    allowed = {"Fn::If": ["HasLoopDetection", "Allow", {"Ref": "AWS::NoValue"}]}
    assert template.function_globals["RecursiveLoop"] == allowed
    assert not [name for name, function in template.functions().items() if "RecursiveLoop" in function]
    assert holds(template.body["Conditions"]["HasLoopDetection"], place) == detected


@pytest.mark.parametrize("processor", ["arm64", "x86_64"])
def test_functions_run_on_the_processor_that_is_asked_for_with_what_is_built_for_it(
    template: Template, processor: str
) -> None:
    assert processor in template.parameters["Architecture"]["AllowedValues"]
    assert template.function_globals["Architectures"] == [{"Ref": "Architecture"}]
    made = {
        name: holds(template.body["Conditions"][template.resources[name]["Condition"]], {"Architecture": processor})
        for name in ("DependenciesArm64Layer", "DependenciesX8664Layer")
    }
    [layer] = [name for name, is_made in made.items() if is_made]
    assert template.resources[layer]["Properties"]["CompatibleArchitectures"] == [processor]
    condition, on_arm64, otherwise = template.function_globals["Layers"][0]["Fn::If"]
    is_arm64 = holds(template.body["Conditions"][condition], {"Architecture": processor})
    assert (on_arm64 if is_arm64 else otherwise) == {"Ref": layer}


def test_layers_are_for_the_functions_runtime_and_have_a_build(template: Template) -> None:
    runtime = template.function_globals["Runtime"]
    for name, layer in template.of_type("AWS::Serverless::LayerVersion").items():
        assert layer["CompatibleRuntimes"] == [runtime]
        assert layer["LayerName"]["Fn::Sub"].startswith("${AWS::StackName}-")  # else stacks of an account share it
        makefile = (ROOT / layer["ContentUri"] / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^[^#\t]*\bbuild-{name}\b.*:$", makefile, re.MULTILINE)
        assert f"LAYER_PYTHON ?= {runtime.removeprefix('python')}\n" in makefile
