"""What an idle stack has is read from the template: a new alarm shows, and what nobody has priced is an error."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import idle
from local import cloudformation


@pytest.fixture
def template() -> dict[str, Any]:
    return cloudformation.load()


def test_alarms_secret_and_queue_of_the_real_template_are_counted(template: dict[str, Any]) -> None:
    alarms = [row for row in template["Resources"].values() if row["Type"] == "AWS::CloudWatch::Alarm"]
    found = idle.month(template)
    assert found["alarms"] == pytest.approx(0.10 * len(alarms))
    assert found["secret"] == pytest.approx(0.40)
    assert found["queue's receives"] == pytest.approx(5 * 3 * 60 * 730 * 0.4e-6)


def test_an_alarm_on_several_metrics_costs_each_of_them(template: dict[str, Any]) -> None:
    before = idle.month(template)["alarms"]
    properties = {"Metrics": [{"Id": "a"}, {"Id": "b"}]}
    template["Resources"]["Another"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    assert idle.month(template)["alarms"] == pytest.approx(before + 0.20)


def test_a_resource_that_nobody_has_priced_is_an_error(template: dict[str, Any]) -> None:
    template["Resources"]["Another"] = {"Type": "AWS::EC2::NatGateway"}
    with pytest.raises(ValueError, match="NatGateway"):
        idle.month(template)


def test_what_the_defaults_leave_out_is_left_out(template: dict[str, Any]) -> None:
    there = idle.resources(template)
    assert "CredentialsSecret" in there
    assert "NotificationEmailSubscription" not in there
    template["Parameters"]["CredentialsSecretArn"]["Default"] = "arn:aws:secretsmanager:eu-central-1:1:secret:mine"
    assert idle.month(template)["secret"] == 0.0


def test_schedules_are_counted(template: dict[str, Any]) -> None:
    assert idle.runs_a_month(template, "PollFunction") == 730 * 60
    assert idle.runs_a_month(template, "ReconcileFunction") == pytest.approx(365 / 12)
    assert idle.runs_a_month(template, "SubmitFunction") == 0
