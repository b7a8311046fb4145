"""Each alarm fires: its own definition, on the values that the functions really emit before, in and after a trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aws_events import event
from template.alarm_states import Value, state
from template.cloudformation import ROOT, Template, holds
from template.drill import STACK, Drill, Metric, cap_pages
from textdrop.core.caps import turn_at
from textdrop.core.documents import Period, Source
from textdrop.core.errors import OcrAnswerLost, OcrCredentialsRefused, OcrUnreachable, StoreUnavailable, Trace
from textdrop.core.ledger import day
from textdrop.core.pause import Pause

QUIET_MINUTES = 65
HOUR, DAY = 60.0, 24 * 60.0
DOCUMENTS_HELD: Metric = ("textdrop", "DocumentsHeld", frozenset({("service", f"{STACK}-poll")}))


@pytest.fixture
def drill(template: Template, monkeypatch: pytest.MonkeyPatch) -> Drill:
    return Drill(template, monkeypatch)


# --- troubles ---------------------------------------------------------------------------------------------------------

Trouble = Callable[[Drill], Callable[[], object]]
"""Begins a trouble; what it gives back ends it."""


def failing(call: str, error: Callable[[], BaseException]) -> Trouble:
    def begin(drill: Drill) -> Callable[[], object]:
        drill.troubles.lasting[call] = error
        return drill.troubles.lasting.clear

    return begin


def unscheduled_poll(drill: Drill) -> Callable[[], object]:
    drill.polls = False
    return lambda: setattr(drill, "polls", True)


def uninvoked_submit(drill: Drill) -> Callable[[], object]:
    drill.world.upload("last.png", b"last")
    drill.uploads = drill.submits = False
    return lambda: setattr(drill, "submits", True)


def unanswered_ask(drill: Drill) -> Callable[[], object]:
    drill.world.upload("last.png", b"last")
    drill.uploads = False
    return NO_ANSWERS(drill)


def held_tick_row(drill: Drill) -> Callable[[], object]:
    tick = drill.world.tick
    tick.row = replace(tick.row, state="running", owner="nobody", lease_until=drill.world.clock.now() + 1e9)

    def end() -> None:
        tick.row = replace(tick.row, lease_until=0.0)

    return end


def paused_by_operator(drill: Drill) -> Callable[[], object]:
    pause = drill.world.pause

    def write(since: float | None) -> None:
        row = pause.row or Pause()
        pause.row = replace(row, rev=row.rev + 1, operator_since=since)

    write(drill.world.clock.now())
    return lambda: write(None)


def unreadable_messages(drill: Drill) -> Callable[[], object]:
    drill.world.send("neither S3's nor ours")
    return drill.dead.clear


def one_lost_answer(drill: Drill) -> Callable[[], object]:
    drill.troubles.fail("ocr.submit", OcrAnswerLost("lost"), when="after")
    return lambda: None


def uploads_of_another_bucket(drill: Drill) -> Callable[[], object]:
    drill.world.send(event(Source("another", "last.png", "v1", "e", 1, event_at=drill.world.clock.now())))
    return lambda: None


def unreadable_bucket(drill: Drill) -> Callable[[], object]:
    drill.troubles.lasting["uploads.after"] = lambda: StoreUnavailable("s3.ListObjectVersions: 503")
    drill.reconcile()
    drill.troubles.lasting.clear()
    return drill.reconcile


def nearly_used_cap(drill: Drill) -> Callable[[], object]:
    drill.world.reservations.days[day(drill.world.clock.now())] = 77
    cap_pages(drill, 100)
    for used in (78, 79):
        drill.minute()
        assert drill.values[drill.metric("CapNearlyUsedAlarm")][-1].value == used
        assert drill.states("CapNearlyUsedAlarm") == {"OK"}
    return lambda: cap_pages(drill, 1_000)


def one_larger_than_the_cap(drill: Drill) -> Callable[[], object]:
    drill.uploads = False
    cap_pages(drill, 8)
    drill.world.upload("large.pdf", b"pages:9")
    return lambda: cap_pages(drill, 9)


def cap_of_a_month_that_turns(drill: Drill) -> Callable[[], object]:
    now = drill.world.clock.now()
    drill.world.reservations.days[day(now)] = 80
    cap_pages(drill, 100)
    return lambda: drill.world.clock.advance(turn_at(Period.MONTH, now) - drill.world.clock.now())


def uninvoked_deliver(drill: Drill) -> Callable[[], object]:
    drill.world.upload("last.png", b"last")
    drill.uploads = drill.delivers = False
    return lambda: setattr(drill, "delivers", True)


def mortal_output(drill: Drill) -> Callable[[], object]:
    drill.world.upload("last.png", b"mortal", {"ocr-outputs": "searchable-pdf"})
    return lambda: None


REFUSED = failing("ocr.submit", lambda: OcrCredentialsRefused("401", Trace(status=401)))
NO_ANSWERS = failing("ocr.result", lambda: OcrUnreachable("no connection"))
NO_TABLE = failing("tick.take", lambda: StoreUnavailable("dynamodb.UpdateItem: 503"))
NO_INDEX = failing("documents.due", lambda: StoreUnavailable("dynamodb.Query: 503"))

CASES: list[tuple[str, Trouble, float, float]] = [
    # The alarm, the trouble, after how many minutes it fires at the latest, and is over at the latest.
    ("UploadsDeadLetterAlarm", unreadable_messages, 3 * HOUR, 20),
    ("UploadsWaitingAlarm", uninvoked_submit, DAY + 10, 20),
    ("SubmittingPausedAlarm", REFUSED, 3, 10),
    ("SubmittingPausedAlarm", paused_by_operator, 3, 10),
    ("TickMissingAlarm", unscheduled_poll, 15, 3),
    ("TickMissingAlarm", held_tick_row, 15, 3),
    ("TickMissingAlarm", NO_TABLE, 15, 3),
    ("TickMissingAlarm", NO_INDEX, 15, 3),
    ("OldestDueAlarm", unanswered_ask, 2 * HOUR + 20, 30),
    ("OldestDueAlarm", paused_by_operator, 2 * HOUR + 20, 60),
    ("OldestDueAlarm", uninvoked_deliver, 2 * HOUR + 35, 45),
    ("CapNearlyUsedAlarm", nearly_used_cap, 1, 20),
    ("DocumentsHeldAlarm", one_larger_than_the_cap, 3, 30),
    ("CapNearlyUsedAlarm", cap_of_a_month_that_turns, 1, 20),
    ("ForeignUploadsAlarm", uploads_of_another_bucket, 3, 4 * HOUR + 5),
    ("ReconcileFailingAlarm", unreadable_bucket, 10, 30),
    ("DeliverFailingAlarm", mortal_output, 10, 60),
    ("SubmitsUnconfirmedAlarm", one_lost_answer, 3, 4 * HOUR + 5),
]


@pytest.mark.parametrize(
    ("alarm", "trouble", "fires_within", "ends_within"),
    [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(CASES)],
)
def test_an_alarm_fires_in_its_trouble_and_is_over_after_it(
    drill: Drill, alarm: str, trouble: Trouble, fires_within: float, ends_within: float
) -> None:
    drill.until(alarm, "OK", 10)
    end = trouble(drill)
    drill.until(alarm, "ALARM", fires_within)
    end()
    drill.until(alarm, "OK", ends_within)
    assert drill.values[drill.metric(alarm)], "nothing emits the metric that the alarm is on"


def test_the_messages_of_a_delivery_that_died_again_and_again_do_not_count_as_waiting(drill: Drill) -> None:
    end = mortal_output(drill)
    drill.until("DeliverFailingAlarm", "ALARM", 10)
    end()
    for _ in range(int(2 * HOUR)):
        drill.minute()
        assert drill.states("OldestDueAlarm") == {"OK"}


def test_documents_that_are_held_do_not_count_as_waiting(drill: Drill) -> None:
    cap_pages(drill, 1)
    for _ in range(int(3 * HOUR)):
        drill.minute()
        assert drill.states("OldestDueAlarm") == {"OK"}
    assert [value.value for value in drill.values[DOCUMENTS_HELD]][-1] > 2 * HOUR


@pytest.mark.parametrize(
    ("per_day", "per_month", "has_caps"), [("0", "0", False), ("1", "0", True), ("0", "1", True), ("9", "9", True)]
)
@pytest.mark.parametrize("alarm", ["CapNearlyUsedAlarm", "DocumentsHeldAlarm"])
def test_a_stack_without_caps_pays_for_no_alarm_on_them(
    template: Template, per_day: str, per_month: str, has_caps: bool, alarm: str
) -> None:
    made_if = template.body["Conditions"][template.resources[alarm]["Condition"]]
    assert holds(made_if, {"PagesPerDay": per_day, "PagesPerMonth": per_month}) == has_caps


def test_every_alarm_is_driven(template: Template) -> None:
    assert {alarm for alarm, *_ in CASES} == set(template.of_type("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("uploads", [True, False], ids=["at work", "idle"])
def test_no_alarm_fires_without_trouble(drill: Drill, template: Template, uploads: bool) -> None:
    drill.uploads = uploads
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    for name in alarms:
        drill.until(name, "OK", 10)
    for _ in range(QUIET_MINUTES):
        drill.minute()
        assert {name for name in alarms if drill.states(name) != {"OK"}} == set()


@pytest.mark.parametrize(("pages_per_month", "more"), [(0, []), (100, ["CapUsedPercent"])], ids=["no cap", "a cap"])
def test_an_idle_stack_has_one_metric_of_its_own_and_one_for_its_caps(
    drill: Drill, pages_per_month: int, more: list[str]
) -> None:
    drill.uploads = False
    cap_pages(drill, pages_per_month)
    drill.minute()
    own = [name for namespace, name, _ in drill.values if namespace == "textdrop"]
    assert own == ["OldestDueAge", *more]


def test_a_stack_at_work_has_eight_more(drill: Drill) -> None:
    for delivers, trouble in ((False, lambda _: lambda: None), (True, paused_by_operator)):
        drill.delivers = delivers
        end = trouble(drill)
        for _ in range(3):
            drill.minute()
        end()
    for _ in range(20):
        drill.minute()
    own = {name for namespace, name, _ in drill.values if namespace == "textdrop"}
    assert own == {
        *("OldestDueAge", "SubmittingPaused"),  # of every stack, and of this trouble
        *("Messages", "PagesSubmitted"),
        *("DocumentsToSubmit", "DocumentsInService", "DocumentsToDeliver", "PagesRunning", "Asks"),
        "UploadToNotice",
    }
    assert "the eight metrics of a stack at work," in (ROOT / "README.md").read_text("utf-8")


def test_alarms_say_what_to_do(template: Template) -> None:
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        assert 80 <= len(alarm["AlarmDescription"]) <= 1024, name


# --- the evaluation itself --------------------------------------------------------------------------------------------


def alarm_on(treat: str, **more: object) -> dict[str, Any]:
    return {
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": treat,
        **more,
    }


# Of the table "Examples of alarm state when data is missing" in the CloudWatch user guide, for 3 periods out of the 5
# that are looked at: each period's value, the oldest first, and the state by treatment.
@pytest.mark.parametrize(
    ("periods", "not_breaching", "breaching"),
    [
        ("0-X-X", "OK", "OK"),
        ("0----", "OK", "OK"),
        ("-----", "OK", "ALARM"),
        ("0XX-X", "ALARM", "ALARM"),
        ("--X--", "OK", "ALARM"),
        # Not of the table: what is further back than need be is not looked at.
        ("XXX00", "OK", "OK"),
    ],
)
def test_missing_data_is_treated_as_the_user_guide_says(periods: str, not_breaching: str, breaching: str) -> None:
    values = [Value(60.0 * at, "0X".index(seen)) for at, seen in enumerate(periods) if seen != "-"]
    for treat, expected in (("notBreaching", not_breaching), ("breaching", breaching)):
        assert state(alarm_on(treat), values, 300.0, further_back=2) == expected
