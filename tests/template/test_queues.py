"""Queues: nothing in them is lost in silence, and nobody from outside puts anything in."""

from __future__ import annotations

from template.cloudformation import DAY_SECONDS, Template, events, short
from textdrop.core.intervals import message_retry_seconds
from textdrop.core.policy import Policy

KEPT_SECONDS = {"DeliverQueue": DAY_SECONDS, "DeliverAloneQueue": DAY_SECONDS}
"""Of queues that keep their messages for less than the most that there is: what else expires is lost."""


def test_a_queue_hides_a_message_long_enough_and_is_repeated_in_part_by_a_bounded_number(template: Template) -> None:
    sources = list(events(template, "SQS"))
    assert sources
    for function, event in sources:
        queue = template.resources[event["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        assert event["BatchSize"] == 1 or event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "FilterCriteria" not in event  # it deletes what does not match
        bound = template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]
        assert bound["MinValue"] >= 2  # less is refused


def test_messages_are_kept_as_long_as_they_are_needed(template: Template) -> None:
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in template.of_type("AWS::SQS::Queue").items()}
    assert kept == dict.fromkeys(kept, 14 * DAY_SECONDS) | KEPT_SECONDS
    # What expires has been sent again before, by the table.
    assert min(KEPT_SECONDS.values()) > Policy().handed_out_seconds


def test_each_queue_has_a_dead_letter_queue_and_each_of_those_an_alarm(template: Template) -> None:
    queues = set(template.of_type("AWS::SQS::Queue")) - set(KEPT_SECONDS)  # whose messages the table brings back
    properties = {name: template.resources[name]["Properties"] for name in queues}
    redrives = {name: queue["RedrivePolicy"] for name, queue in properties.items() if "RedrivePolicy" in queue}
    given_up_to = {short(redrive["deadLetterTargetArn"]).removesuffix(".Arn") for redrive in redrives.values()}
    assert queues == set(redrives) | given_up_to
    watched = {
        short(dimension["Value"])
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    assert watched == {f"{name}.QueueName" for name in given_up_to}


def test_a_message_is_given_up_after_an_outage_of_hours_and_is_hidden_no_longer_than_its_queue_does(
    template: Template,
) -> None:
    queue, policy = template.resources["UploadsQueue"]["Properties"], Policy()
    receives = range(1, queue["RedrivePolicy"]["maxReceiveCount"])
    assert receives.stop >= 5  # throttled pollers lose messages
    assert sum(message_retry_seconds(each, policy) for each in receives) >= 2.5 * 3600
    assert policy.max_message_retry_seconds == queue["VisibilityTimeout"]


def test_s3_or_the_rule_alone_may_send_from_outside_and_for_this_account_alone(template: Template) -> None:
    [(condition, by_rule, by_s3)] = [
        statement["Fn::If"]
        for policy in template.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Effect") != "Deny"
    ]
    assert condition == "UploadsByRule"
    for allowed in (by_rule, by_s3):
        assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sqs:SendMessage")
    assert by_s3["Principal"] == {"Service": "s3.amazonaws.com"}
    assert by_s3["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert by_rule["Principal"] == {"Service": "events.amazonaws.com"}
    # By its name: a reference would be a circle, as the bucket that the rule names needs this policy first.
    rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-uploads"
    assert by_rule["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::Sub": rule}}}
    assert template.of_type("AWS::Events::Rule")["UploadsRule"]["Name"] == {"Fn::Sub": rule.rpartition("/")[2]}


def test_a_deployment_fails_without_the_bus_that_it_names(template: Template) -> None:
    """EventBridge takes events for a bus that does not exist, but no rule."""
    [rule] = [rule for rule in template.of_type("AWS::Events::Rule").values() if "Targets" not in rule]
    assert (rule["EventBusName"], rule["State"]) == ({"Ref": "EventBusName"}, "DISABLED")
