"""The results topic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

# Messages may only hold the characters of XML 1.0 (Amazon SQS and SNS API references); a key can hold any. In the body,
# which is JSON, control characters are escaped already.
_NOT_SENT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class SnsNotices:
    """Notices on an SNS topic. Characters that SNS cannot carry become U+FFFD."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        # SNS refuses an attribute with an empty value.
        sent: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": sendable(value)} for name, value in attributes.items() if value
        }
        with as_store_unavailable("sns.Publish"):
            self._client.publish(TopicArn=self._topic_arn, Message=sendable(body), MessageAttributes=sent)


def sendable(text: str) -> str:
    """The text, with U+FFFD for what cannot be sent."""
    return _NOT_SENT.sub("\ufffd", text)
