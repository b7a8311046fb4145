"""An EventBridge bus that gets the notices too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.adapters.aws.sns import sendable
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "textdrop"
DETAIL_TYPE = "Document Finished"
HELD_DETAIL_TYPE = "Document Held"


class EventBridgeNotices:
    """Notices as events on a bus: the detail is the notice, as the topic's subscribers get it.

    Rules can filter by any of its fields, so the attributes are left out. The message that a document is held is an
    event of another type.
    """

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        detail_type = HELD_DETAIL_TYPE if "held" in attributes else DETAIL_TYPE
        with as_store_unavailable("events.PutEvents"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus_name,
                        "Source": SOURCE,
                        "DetailType": detail_type,
                        "Detail": sendable(body),
                    }
                ]
            )
        # 200 with an error inside: the bus has not accepted it.
        if answer["FailedEntryCount"]:
            raise StoreUnavailable(f"events.PutEvents: {answer['Entries'][0].get('ErrorCode', 'unknown')}")
