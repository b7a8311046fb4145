"""Puts work in flight on a stack of an earlier commit, deploys this checkout over it, and lets it end."""

from __future__ import annotations

import fcntl
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aws_events import event
from e2e import account
from local import deployment, servers, stack
from soak import uploads
from soak.evidence import Evidence, Put
from soak.run import beside
from soak.site import QUEUES, Site
from soak.uploads import Upload
from textdrop.core import identity, keys
from textdrop.core.documents import DocumentState, OperationState, Source
from upgrade import former

_BEGUN = (DocumentState.RECOGNIZING, DocumentState.DELIVERING, DocumentState.FINAL)
"""The states in which any version has documents."""
STATE = stack.ROOT / ".local" / "upgrade"
COUNT, SEED = 60, 15
LONG_PAGES = 120
"""More than are delivered in one piece; sending them takes more than ten seconds."""
MOST_SECONDS = 900.0
NOT_DONE = {"kind": "400", "target": "result", "rate": 1}
"""The OCR service says of every page that it is not done."""
DEAD = "UploadsDeadLetterQueueUrl"


class NotEnded(Exception):
    """What was waited for did not come; the message says what."""


@dataclass(slots=True)
class Upgrade:
    """What a run left behind: `in_flight` is what there was to lose when this checkout was deployed, `changed` what is
    not as it was that should be, `seconds` what the deployments and the rest took."""

    evidence: Evidence
    in_flight: dict[str, int]
    changed: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def upgrade(commit: str) -> Upgrade:
    """A whole run, on a stack of its own. Raises NotEnded and FormerFailed."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack.down(STATE)  # what a killed run has left
        try:
            return _upgraded(commit)
        finally:
            stack.down(STATE)


def _upgraded(commit: str) -> Upgrade:
    made = [*uploads.uploads(COUNT, SEED), uploads.pdf(1_000, LONG_PAGES, random.Random(SEED))]
    former.checked_out(commit, STATE / "former")
    as_before = _cut_before(made)
    texts = uploads.table(made)
    table = STATE / "table.json"
    table.write_text(json.dumps(texts | {before: texts[now] for before, now in as_before.items()}), "utf-8")
    ocr_options = ["--seconds", "1", "--table", str(table)]
    began = time.monotonic()
    former.deployed(STATE / "former", STATE, ocr_options)
    took = {f"{commit} deployed": time.monotonic() - began}
    before = stack.read_env(STATE)
    with account.connected(before) as connected:
        site = Site(before, STATE, connected)
        told = uploads.faults(made)
        told += [{**fault, "sha256": was} for was, now in as_before.items() for fault in told if fault["sha256"] == now]
        for fault in told:
            site.tell_ocr("faults", fault)
        run = _Run(site, made)
        with beside(site.take_notices):
            with beside(site.keep_polling):
                run.put_in_flight()
            in_flight, rows, files = run.in_flight(), site.rows()[0], site.files()
            outputs = _outputs(site)
            began = time.monotonic()
            after = stack.up(STATE, engine="table", real_credentials=None, say=print, ocr_options=ocr_options)
            took["this checkout deployed over it"] = time.monotonic() - began
            now = after | _outputs(site)
            replaced = [f"{name} was {was}" for name, was in (before | outputs).items() if now.get(name) != was]
            if replaced:
                raise NotEnded(f"the deployment has replaced what it must keep: {', '.join(replaced)}")
            began = time.monotonic()
            with beside(site.keep_polling):
                run.let_it_end()
            took["the work ended"] = time.monotonic() - began
        evidence = run.evidence()
        accepted = evidence.ocr["submits"]["by_sha256"]
        for cut_before, page in as_before.items():
            accepted[page] = accepted.get(page, 0) + accepted.pop(cut_before, 0)
    changed: list[str] = []
    for document in rows.values():
        own = keys.base(document.id, 1)
        if document.state is DocumentState.FINAL and document != evidence.documents.get(document.id):
            changed.append(f"the row of {document.id}, which was final")
        if document.state is DocumentState.FINAL:
            same = (files[key] == evidence.files.get(key) for key in files if key.startswith(own))
            changed += [] if all(same) else [f"the files of {document.id}, which was final"]
    return Upgrade(evidence, in_flight, changed, took)


def _cut_before(made: Sequence[Upload]) -> dict[str, str]:
    """The pages of PDFs that the former commit cuts otherwise, by their SHA-256: that of the page as it is cut now."""
    files = []
    pdfs = [upload for upload in made if upload.content.startswith(b"%PDF") and upload.pages]
    for number, upload in enumerate(pdfs):
        files.append(STATE / "tmp" / f"{number}.pdf")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_bytes(upload.content)
    pairs = zip(pdfs, former.cut(STATE / "former", files), strict=True)
    return {
        was: page.sha256
        for upload, pages in pairs
        for was, page in zip(pages, upload.pages, strict=True)
        if was != page.sha256
    }


def _outputs(site: Site) -> dict[str, str]:
    site.outputs.clear()
    site.output("TableName")
    return dict(site.outputs)


class _Run:
    """Uploads by turns, each at another stage when the deployment comes."""

    def __init__(self, site: Site, made: Sequence[Upload]) -> None:
        self.site = site
        self.puts: list[Put] = []
        lost = [upload for upload in made if upload.is_lost]
        *heard, self.long = [upload for upload in made if not upload.is_lost]
        fifth = len(heard) // 5
        self.turns = [heard[at : at + fifth] for at in range(0, 4 * fifth, fifth)] + [heard[4 * fifth :]]
        *self.lost, self.dead = [*lost, self.turns[-1].pop()]

    def put_in_flight(self) -> None:
        """Some are final, some to be delivered, some at the OCR service, one sent in part, some not sent, some in the
        queue, one given up, one whose event was lost; nothing of this is worked on any more."""
        final, delivering, running, waiting, queued = self.turns
        puts = self._put(final)
        self._until("documents that are final", lambda: self._states(puts) == {DocumentState.FINAL})
        self._work("deliver", on=False)
        puts = self._put(delivering)
        self._until("documents to deliver", lambda: self._states(puts) == {DocumentState.DELIVERING})
        self.site.tell_ocr("faults", NOT_DONE)
        puts = self._put(running)
        [long] = self._put([self.long])
        self._until("pages at the OCR service", lambda: self._all_sent(puts) and self._sent(long) > LONG_PAGES // 10)
        self._pause("SET operator_since = :now ADD rev :one", {":now": {"N": str(int(time.time()))}})
        puts = self._put(waiting)
        self._until("documents that are not sent", lambda: DocumentState.ACCEPTED not in self._states(puts))
        if self._sent(long) == LONG_PAGES:
            raise NotEnded("the long document was sent whole before the pause")
        self._work("submit", on=False)
        puts = self._put(queued)
        self._until("messages in the queue", lambda: self.site.messages("UploadsQueueUrl") >= len(puts))
        with self._without_events():
            self._put(self.lost)
            [put] = self._put([self.dead])
        stored = self.site.account.s3.head_object(Bucket=self.site.account.uploads_bucket, Key=self.dead.key)
        source = Source(
            self.site.account.uploads_bucket,
            self.dead.key,
            stored["VersionId"],
            stored["ETag"].strip('"'),
            stored["ContentLength"],
            event_at=stored["LastModified"].timestamp(),
        )
        assert identity.document_id(source) == put.document
        self.site.account.sqs.send_message(QueueUrl=self.site.output(DEAD), MessageBody=event(source))

    def in_flight(self) -> dict[str, int]:
        """How much there is to lose, by what it waits for. Raises NotEnded where there is nothing."""
        documents, operations = self.site.rows()
        rows = [row for document in documents.values() for row in operations.get(document.id, ())]
        states = Counter(f"documents {document.state}" for document in documents.values())
        pages = Counter(f"pages {row.state}" for row in rows if not row.final)
        begun = {document: len(rows) for document, rows in operations.items()}
        unsent = sum(row.pages - begun.get(row.id, 0) for row in documents.values() if row.unfinished)
        found = {f"documents {state}": states[f"documents {state}"] for state in _BEGUN}
        found |= {"pages running": pages[f"pages {OperationState.RUNNING}"], "pages not sent": unsent}
        found |= {f"messages in {queue.removesuffix('Url')}": self.site.messages(queue) for queue in (*QUEUES, DEAD)}
        found["uploads nobody knows of"] = len(self.lost)
        if not all(found.values()):
            raise NotEnded(f"not everything was in flight: {found}")
        return found

    def let_it_end(self) -> None:
        """What stood still goes on, until nothing is to be done any more."""
        self.site.tell_ocr("calm", {})
        for function in ("submit", "deliver"):
            self._work(function, on=True)
        self._pause("REMOVE operator_since ADD rev :one")
        self.site.invoke("reconcile", {"older_than_seconds": 0})
        self._until("the end", self._is_over)

    def evidence(self) -> Evidence:
        """What there is at the end."""
        site = self.site
        documents, operations = site.rows()
        private = json.loads(stack.Folder(STATE).authorized_key.read_text("utf-8"))["private_key"].split("\n")
        return Evidence(
            puts=self.puts,
            documents=documents,
            operations=operations,
            due=site.due(),
            dead_letters=site.messages(DEAD),
            files=site.files(),
            notices=list(site.bodies),
            ocr=dict(site.ocr_stats()),
            logs=site.logs(),
            emulator_log=stack.Folder(STATE).log("aws").read_text("utf-8", "replace"),
            private=[servers.OCR_API_KEY, *(line for line in private if len(line) > 40)],
        )

    def _put(self, made: Sequence[Upload]) -> list[Put]:
        puts = [self.site.put(upload) for upload in made]
        self.puts += puts
        return puts

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + MOST_SECONDS
        while not holds():
            if time.monotonic() > ends:
                states = Counter(str(document.state) for document in self.site.rows()[0].values())
                raise NotEnded(f"waited {MOST_SECONDS:.0f} s for {what}; documents: {dict(states)}")
            time.sleep(1.0)
        print(f"upgrade: {what}: there", flush=True)

    def _states(self, puts: Sequence[Put]) -> set[DocumentState]:
        """The states of these; ACCEPTED stands for no row as well."""
        documents, _ = self.site.rows()
        return {row.state if (row := documents.get(put.document)) else DocumentState.ACCEPTED for put in puts}

    def _sent(self, put: Put) -> int:
        return sum(row.sent for row in self.site.rows()[1].get(put.document, ()))

    def _all_sent(self, puts: Sequence[Put]) -> bool:
        documents, operations = self.site.rows()
        rows = [documents.get(put.document) for put in puts]
        return all(
            row is not None
            and row.state is not DocumentState.ACCEPTED
            and (
                row.state is not DocumentState.RECOGNIZING
                or [operation.sent or operation.final for operation in operations.get(row.id, ())] == [True] * row.pages
            )
            for row in rows
        )

    def _is_over(self) -> bool:
        documents, _ = self.site.rows()
        if {put.document for put in self.puts} - set(documents):
            return False
        final = all(row.state is DocumentState.FINAL for row in documents.values())
        return final and not self.site.due() and not any(map(self.site.messages, (*QUEUES, DEAD)))

    def _work(self, function: str, *, on: bool) -> None:
        """The function takes messages from its queues, or does no more."""
        with self.site.client("lambda") as functions:
            name = f"{deployment.STACK}-{function}"
            for source in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                functions.update_event_source_mapping(UUID=source["UUID"], Enabled=on)

    def _pause(self, change: str, values: Mapping[str, Any] | None = None) -> None:
        """What docs/operations.md has an operator do."""
        self.site.account.dynamodb.update_item(
            TableName=self.site.account.table_name,
            Key={"pk": {"S": "pause"}, "sk": {"S": "pause"}},
            UpdateExpression=change,
            ExpressionAttributeValues={":one": {"N": "1"}, **(values or {})},
        )

    @contextmanager
    def _without_events(self) -> Iterator[None]:
        s3, bucket = self.site.account.s3, self.site.account.uploads_bucket
        queues = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        yield
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
        )
