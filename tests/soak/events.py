"""S3's events once more, and yet again: late and out of order, as queues may deliver them. And none at all."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from e2e import account
from e2e.account import Account
from local import deployment

SHORT_SECONDS, LONG_SECONDS = 5, 90


class Repeater:
    """Hears of every upload by a queue of its own, and sends each event once or twice more into the uploads queue:
    half of the copies arrive within seconds, the others up to a minute and a half later."""

    def __init__(self, account: Account, uploads_queue_url: str, seed: int) -> None:
        self.bodies: list[str] = []
        self.sent = 0
        self._account = account
        self._uploads_queue_url = uploads_queue_url
        self._chance = random.Random(seed)
        self._queue_url, arn = deployment.make_queue(account.sqs, "soak-events", "s3.amazonaws.com")
        queues = account.s3.get_bucket_notification_configuration(Bucket=account.uploads_bucket)["QueueConfigurations"]
        self._queues = [*queues, {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        self._notify(QueueConfigurations=self._queues)

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        while not stop.is_set():
            for body in account.receive(self._account, self._queue_url, wait_seconds=1):
                if "Records" not in json.loads(body):
                    continue  # S3's test of a new configuration
                self.bodies.append(body)
                for _ in range(self._chance.randint(1, 2)):
                    self._send(body, self._chance.randint(0, self._chance.choice([SHORT_SECONDS, LONG_SECONDS])))

    def send_all_again(self) -> None:
        """Every event that ever came, once more, in another order."""
        for body in self._chance.sample(self.bodies, len(self.bodies)):
            self._send(body, 0)

    @contextmanager
    def without_events(self) -> Iterator[None]:
        """The bucket has no events of uploads."""
        self._notify()
        try:
            yield
        finally:
            self._notify(QueueConfigurations=self._queues)

    def _send(self, body: str, delay_seconds: int) -> None:
        url = self._uploads_queue_url
        self._account.sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay_seconds)
        self.sent += 1

    def _notify(self, **configuration: object) -> None:
        self._account.s3.put_bucket_notification_configuration(
            Bucket=self._account.uploads_bucket,
            NotificationConfiguration=configuration,  # type: ignore[arg-type]
        )
