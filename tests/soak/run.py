"""One run: uploads while calls fail and processes are killed, until nearly all are over; then, without faults, until
nothing is to be done any more; then the evidence."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from botocore.exceptions import ClientError

from e2e.whole_stack import running
from local import servers, stack
from soak import uploads
from soak.aws_proxy import Fault, FaultyAws
from soak.events import Repeater
from soak.evidence import Evidence, Put, Run
from soak.kills import Killer
from soak.ocr_faults import FAULTS
from soak.site import QUEUES, TIMEOUTS, VISIBILITY_SECONDS, Site
from soak.uploads import AWS_WORDS, KEY, TEXT, Upload
from textdrop.core.documents import Document, DocumentState

STATE = stack.ROOT / ".local" / "soak"
RECOGNITION = ["--seconds", "2", "--spread", "0.4"]
UPLOAD_SECONDS = 60.0
"""Within which all uploads are made."""
KILL_SECONDS = 4.0
"""Between two kills, on average."""
LATE_SECONDS = 5.5
"""More than the functions wait for AWS."""
FAULTY_SHARE, FAULTY_SECONDS = 0.98, 720.0
"""There are faults until so many documents are final, or so long."""
LAST_SECONDS = 600.0
"""Within which everything is to end, once there are none any more."""
LEASE_SECONDS = max(*TIMEOUTS.values(), VISIBILITY_SECONDS) + 10.0
"""More than any document is held."""
WAIT_SECONDS = 60.0
"""So long a document waits for a time up to 15 minutes ahead, in place of these."""
LOOK_SECONDS = 10.0
RECONCILE_SECONDS = 20.0


class NotEnded(Exception):
    """Something was still to be done when the time was over; the message says what."""


def soak(count: int, seed: int) -> Run:
    """A whole run on a stack of its own. Raises NotEnded."""
    made = uploads.uploads(count, seed)
    STATE.mkdir(parents=True, exist_ok=True)
    table = STATE / "table.json"
    table.write_text(json.dumps(uploads.table(made)), "utf-8")
    with running(STATE, "table", [*RECOGNITION, "--seed", str(seed), "--table", str(table)]) as (env, account):
        site, certificate = Site(env, STATE, account), stack.Folder(STATE).certificate
        # What a service says of a failure may quote all it was asked for.
        message = f"{AWS_WORDS}: {KEY} {TEXT} {servers.OCR_API_KEY}"
        tls = (certificate, certificate.with_suffix(".key"))
        with FaultyAws(env["AWS_ENDPOINT_URL"], tls, message=message, late_seconds=LATE_SECONDS) as proxy:
            site.go_through(proxy.url)
            for fault in (*uploads.faults(made), *FAULTS):
                site.tell_ocr("faults", fault)
            with beside(site.take_notices), beside(site.keep_polling):
                return _Soak(site, proxy, made, seed).run()


@contextmanager
def beside(task: Callable[[threading.Event], None]) -> Iterator[None]:
    """The task runs in a thread of its own, and is told to stop at the end. What it raises is raised then."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(task, stop)
        try:
            yield
        finally:
            stop.set()
    ended.result()


class _Soak:
    def __init__(self, site: Site, proxy: FaultyAws, made: list[Upload], seed: int) -> None:
        self.site = site
        self.proxy = proxy
        self.made = made
        self.killer = Killer(stack.Folder(STATE).mark("aws"), seed, KILL_SECONDS)
        self.repeater = Repeater(site.account, site.output("UploadsQueueUrl"), seed)
        self.authorized_key = stack.Folder(STATE).authorized_key.read_text("utf-8")
        self.puts: list[Put] = []
        self.chance = random.Random(seed)
        self.began = time.monotonic()
        self.waits: dict[str, tuple[tuple[int, float], float]] = {}
        """Of each document that waits: `rev` and due time as last seen, and since when it is so."""

    def run(self) -> Run:
        with beside(self.killer.run), beside(self.repeater.run):
            self._upload()
            self._follow(FAULTY_SECONDS, self._is_nearly_over)
        middle = time.monotonic()
        final = sum(row.state is DocumentState.FINAL for row in self.site.rows()[0].values())
        self.proxy.without_faults()
        self.site.tell_ocr("calm", {})
        if not self._follow(LAST_SECONDS, self._is_over):
            left = [row for row in self.site.rows()[0].values() if row.state is not DocumentState.FINAL]
            raise NotEnded(f"{len(left)} documents are not final, such as {left[:5]}")
        seconds = (middle - self.began, time.monotonic() - middle)
        repeats = self.repeater.sent
        return Run(self._evidence(), seconds, final, repeats, self.killer.killed, self.proxy.counts())

    def _upload(self) -> None:
        lost = [upload for upload in self.made if upload.is_lost]
        others = [upload for upload in self.made if not upload.is_lost]
        for number, upload in enumerate(others):
            if number == len(others) // 2:
                with self.repeater.without_events():
                    self.puts += map(self.site.put, lost)
                self.site.use_credentials(self.authorized_key)
            self.puts.append(self.site.put(upload))
            time.sleep(self.chance.uniform(0, 2 * UPLOAD_SECONDS / len(others)))

    def _follow(self, most_seconds: float, is_over: Callable[[dict[str, Document]], bool]) -> bool:
        """Until it is over, which is the answer, or so many seconds have passed. Uploads without a row and dead letters
        are left to reconcile, and nobody waits long."""
        ends, next_reconcile = time.monotonic() + most_seconds, 0.0
        while True:
            documents, _ = self.site.rows()
            self._say(documents)
            if is_over(documents):
                return True
            if time.monotonic() > ends:
                return False
            is_missing = len(documents) < len(self.puts) or self.site.messages("UploadsDeadLetterQueueUrl")
            if is_missing and time.monotonic() > next_reconcile:
                self.site.invoke("reconcile", {"older_than_seconds": 0})
                next_reconcile = time.monotonic() + RECONCILE_SECONDS
            self._hurry(documents)
            time.sleep(LOOK_SECONDS)

    def _is_nearly_over(self, documents: dict[str, Document]) -> bool:
        final = sum(row.state is DocumentState.FINAL for row in documents.values())
        return final >= FAULTY_SHARE * len(self.puts)

    def _is_over(self, documents: dict[str, Document]) -> bool:
        final = all(row.state is DocumentState.FINAL for row in documents.values())
        queues = (*QUEUES, "UploadsDeadLetterQueueUrl")
        missing = {put.document for put in self.puts} - set(documents)
        return final and not missing and not self.site.due() and not any(map(self.site.messages, queues))

    def _say(self, documents: dict[str, Document]) -> None:
        states = {state: sum(row.state is state for row in documents.values()) for state in DocumentState}
        counts = self.proxy.counts()
        failed = sum(counts[fault] for fault in Fault)
        told = " ".join(f"{state}={count}" for state, count in states.items())
        seconds = time.monotonic() - self.began
        print(f"soak: {seconds:4.0f} s {told} killed={self.killer.killed.total()} aws_faults={failed}", flush=True)

    def _hurry(self, documents: dict[str, Document]) -> None:
        """Whoever has waited WAIT_SECONDS for a recheck, a backoff or a message that was lost waits no longer."""
        now = time.time()
        for document in documents.values():
            if document.due_at is None or document.due_at < now + LOOK_SECONDS:
                continue
            # Held while an attempt is under way, and no lease lasts longer than LEASE_SECONDS. A document that was
            # handed out counts no attempt until somebody takes it, and the message may be lost.
            if document.attempts and document.due_at <= now + LEASE_SECONDS:
                continue
            as_it_is = (document.rev, document.due_at)
            before, since = self.waits.get(document.id, (None, 0.0))
            if before != as_it_is:
                self.waits[document.id] = (as_it_is, now)
            elif now > since + WAIT_SECONDS:
                with suppress(ClientError):  # somebody has taken it meanwhile
                    self.site.hurry(document, now)

    def _evidence(self) -> Evidence:
        site = self.site
        documents, operations = site.rows()
        accepted, notices = site.ocr_stats()["submits"]["accepted"], len(site.bodies)
        self.repeater.send_all_again()
        until = time.monotonic() + LAST_SECONDS
        while any(map(site.messages, QUEUES)) or site.due():
            if time.monotonic() > until:
                raise NotEnded("every event was sent once more, and a queue is not empty")
            time.sleep(1.0)
        ocr, logs = site.ocr_stats(), site.logs()
        for name, lines in logs.items():
            stack.Folder(STATE).log(name).write_text("\n".join(lines), "utf-8")  # for whoever wants to know more
        private = json.loads(self.authorized_key)["private_key"].split("\n")
        return Evidence(
            puts=self.puts,
            documents=documents,
            operations=operations,
            due=site.due(),
            dead_letters=site.messages("UploadsDeadLetterQueueUrl"),
            files=site.files(),
            notices=list(site.bodies),
            ocr=dict(ocr),
            logs=logs,
            emulator_log=stack.Folder(STATE).log("aws").read_text("utf-8", "replace"),
            private=[servers.OCR_API_KEY, *(line for line in private if len(line) > 40)],
            accepted_again=ocr["submits"]["accepted"] - accepted,
            notices_again=len(site.bodies) - notices,
        )
