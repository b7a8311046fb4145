"""One run: uploads in bad weather until nearly all are over, then calm until all is quiet; then the evidence."""

from __future__ import annotations

import fcntl
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from local import servers, stack
from soak import evidence as gathered
from soak import uploads
from soak.aws_faults import Chances, Fault
from soak.aws_proxy import FaultyAws
from soak.events import Repeater
from soak.evidence import Evidence, Put
from soak.kills import Killer
from soak.site import TIMEOUTS, VISIBILITY_SECONDS, Site, running
from soak.uploads import AWS_WORDS, KEY, TEXT, Upload
from soak.weather import weather
from textdrop.core.documents import Document, DocumentState

STATE = stack.ROOT / ".local" / "soak"
RECOGNITION = ["--seconds", "2", "--spread", "0.4"]
UPLOAD_SECONDS = 60.0
"""Within which all uploads are made."""
KILL_SECONDS = 4.0
"""Between two kills, on average."""
AWS_RATE, AWS_WHOLE = 0.05, 0.5
LATE_SECONDS = 5.5
"""More than the functions wait for AWS."""
STORM_SHARE, STORM_SECONDS = 0.98, 720.0
"""The storm lasts until so many are final, or so long."""
LEASE_SECONDS = max(*TIMEOUTS.values(), VISIBILITY_SECONDS) + 10.0
"""More than any document is held."""
WAIT_SECONDS = 60.0
"""So long a document waits for a time up to 15 minutes ahead, in place of these."""
CALM_SECONDS = 600.0
PROGRESS_SECONDS = 15.0
RECONCILE_SECONDS = 20.0


class NeverQuiet(Exception):
    """The stack did not come to rest in time; the message says what is left."""


@dataclass(slots=True)
class Run:
    """What a run saw, besides the evidence."""

    seed: int
    began: float
    aws: FaultyAws
    killer: Killer
    repeater: Repeater
    puts: list[Put] = field(default_factory=list)
    storm_seconds: float = 0.0
    calm_seconds: float = 0.0
    storm_final: int = 0
    waits: dict[str, tuple[tuple[int, float], float]] = field(default_factory=dict)
    """Of each document that waits: `rev` and due time as last seen, and since when it is so."""
    evidence: Evidence | None = None
    ocr_faults: Counter[tuple[str, str]] = field(default_factory=Counter)


def soak(count: int, seed: int, say: Callable[[str], None], *, kill_seconds: float, patient: bool) -> Run:
    """A whole run on a stack of its own. With `patient`, waits of up to 15 minutes are waited out.

    Raises NeverQuiet.
    """
    made = uploads.uploads(count, seed)
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table = STATE / "table.json"
        table.write_text(json.dumps(uploads.table(made)), "utf-8")
        options = [*RECOGNITION, "--seed", str(seed), "--table", str(table)]
        with running(STATE, options, say) as site, _proxy(site, seed) as proxy:
            site.spoil(proxy)
            killer = Killer(site.folder.mark("aws"), seed, kill_seconds)
            repeater = Repeater(site.account, site.outputs["UploadsQueueUrl"], seed)
            run = Run(seed, time.monotonic(), proxy, killer, repeater)
            for fault in (*uploads.faults(made), *weather()):
                site.tell_ocr("faults", fault)
            with _beside(site.take_notices, site.keep_polling):
                _storm(site, run, made, say, patient)
                _calm(site, run, say, patient)
                _gather(site, run)
    return run


def _proxy(site: Site, seed: int) -> FaultyAws:
    certificate = site.folder.certificate
    # What a service says of a failure may quote all it was asked for.
    message = f"{AWS_WORDS}: {KEY} {TEXT} {servers.OCR_API_KEY}"
    chances = Chances(seed, AWS_RATE, AWS_WHOLE)
    key = certificate.with_suffix(".key")
    return FaultyAws(
        site.env["AWS_ENDPOINT_URL"], certificate, key, chances, message=message, late_seconds=LATE_SECONDS
    )


@contextmanager
def _beside(*tasks: Callable[[threading.Event], None]) -> Iterator[list[Future[None]]]:
    """The tasks run in threads of their own, and are told to stop at the end. What one raises is raised then."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(tasks)) as threads:
        futures = [threads.submit(task, stop) for task in tasks]
        try:
            yield futures
        finally:
            stop.set()
    for future in futures:
        future.result()


def _storm(site: Site, run: Run, made: Sequence[Upload], say: Callable[[str], None], patient: bool) -> None:
    began = time.monotonic()
    told = [upload for upload in made if not upload.is_lost]
    half = len(told) // 2
    with _beside(run.killer.run) as kills, _beside(run.repeater.run):
        _put_all(site, run, told[:half], say)
        with run.repeater.nobody_told():
            run.puts += [gathered.put(site, upload) for upload in made if upload.is_lost]
        site.use_credentials(site.folder.authorized_key.read_text("utf-8"))
        _put_all(site, run, told[half:], say)
        next_reconcile = 0.0
        while True:
            documents, _ = _look(site, run, began, "storm", say)
            run.storm_final = sum(row.state is DocumentState.FINAL for row in documents.values())
            done = run.storm_final >= STORM_SHARE * len(made) and not run.repeater.waiting()
            if done or time.monotonic() - began > STORM_SECONDS or kills[0].done():
                break
            if len(documents) < len(made) and time.monotonic() > next_reconcile:
                site.reconcile()
                next_reconcile = time.monotonic() + RECONCILE_SECONDS
            if not patient:
                _hurry(site, run, documents)
            time.sleep(PROGRESS_SECONDS)
    run.storm_seconds = time.monotonic() - began


def _put_all(site: Site, run: Run, made: Sequence[Upload], say: Callable[[str], None]) -> None:
    chance = random.Random(run.seed + len(run.puts))
    for upload in made:
        run.puts.append(gathered.put(site, upload))
        time.sleep(chance.uniform(0, UPLOAD_SECONDS / len(made)))
    say(f"{len(run.puts)} uploads made")


def _look(
    site: Site, run: Run, began: float, phase: str, say: Callable[[str], None]
) -> tuple[dict[str, Document], dict[str, int]]:
    documents, operations = site.rows()
    states = {state: sum(row.state is state for row in documents.values()) for state in DocumentState}
    unconfirmed = sum(row.unconfirmed for rows in operations.values() for row in rows)
    told = " ".join(f"{state}={count}" for state, count in states.items())
    failed = sum(count for (_, _, what), count in run.aws.counts().items() if what in set(Fault))
    say(
        f"{phase} {time.monotonic() - began:4.0f} s  {told}  unconfirmed={unconfirmed} "
        f"killed={run.killer.killed.total()} aws_faults={failed}"
    )
    queues = {name: site.waiting_messages(name) for name in ("UploadsQueueUrl", "UploadsDeadLetterQueueUrl")}
    return documents, queues


def _calm(site: Site, run: Run, say: Callable[[str], None], patient: bool) -> None:
    """Nothing goes wrong any more; returns when nothing is to be done any more."""
    began = time.monotonic()
    run.aws.calm()
    site.tell_ocr("calm", {})
    next_reconcile = 0.0
    wanted = gathered.documents_of(run.puts)
    while True:
        documents, queues = _look(site, run, began, "calm ", say)
        due = site.due()
        final = all(row.state is DocumentState.FINAL for row in documents.values())
        missing = wanted - set(documents)
        if final and not missing and not due and not any(queues.values()):
            break
        if time.monotonic() - began > (CALM_SECONDS + 900.0 * patient):
            left = [row for row in documents.values() if row.state is not DocumentState.FINAL]
            raise NeverQuiet(f"{len(missing)} uploads without a row, {due} rows due, messages {queues}; {left[:5]}")
        if (missing or queues["UploadsDeadLetterQueueUrl"]) and time.monotonic() > next_reconcile:
            site.reconcile()
            next_reconcile = time.monotonic() + RECONCILE_SECONDS
        if not patient:
            _hurry(site, run, documents)
        time.sleep(PROGRESS_SECONDS if final else PROGRESS_SECONDS / 3)
    run.calm_seconds = time.monotonic() - began


def _hurry(site: Site, run: Run, documents: dict[str, Document]) -> None:
    """Whoever has waited WAIT_SECONDS for a recheck, a backoff or a message that was lost waits no longer."""
    now = time.time()
    for document in documents.values():
        if document.due_at is None or document.due_at < now + PROGRESS_SECONDS or not _is_free(document, now):
            continue
        as_it_is = (document.rev, document.due_at)
        before, since = run.waits.get(document.id, (None, 0.0))
        if before != as_it_is:
            run.waits[document.id] = (as_it_is, now)
        elif now > since + WAIT_SECONDS:
            with suppress(ClientError):  # somebody has taken it meanwhile
                site.hurry(document, now)


def _is_free(document: Document, now: float) -> bool:
    """Nobody holds it: an attempt is under way as long as a document is held, and no lease lasts longer than those. A
    document that was handed to render counts no attempt until that takes it, whose message may be lost."""
    assert document.due_at is not None
    return document.attempts == 0 or document.due_at > now + LEASE_SECONDS


def _gather(site: Site, run: Run) -> None:
    documents, operations = site.rows()
    accepted, notices = site.ocr_stats()["submits"]["accepted"], len(site.notices)
    run.repeater.send_all_again()
    until = time.monotonic() + CALM_SECONDS
    while site.waiting_messages("UploadsQueueUrl") or site.due():
        if time.monotonic() > until:
            raise NeverQuiet("every event was sent once more, and the uploads queue is not empty")
        time.sleep(1.0)
    ocr = site.ocr_stats()
    private = json.loads(site.folder.authorized_key.read_text("utf-8"))["private_key"].split("\n")
    run.evidence = Evidence(
        puts=run.puts,
        documents=documents,
        operations=operations,
        due=site.due(),
        dead_letters=site.waiting_messages("UploadsDeadLetterQueueUrl"),
        files=gathered.files(site),
        notices=list(site.notices),
        ocr=ocr,
        logs=gathered.logs(site),
        emulator_log=site.folder.log("aws").read_text("utf-8", "replace"),
        private=[servers.OCR_API_KEY, *(line for line in private if len(line) > 40)],
        accepted_again=ocr["submits"]["accepted"] - accepted,
        notices_again=len(site.notices) - notices,
    )
    for name, lines in run.evidence.logs.items():
        site.folder.log(name).write_text("\n".join(lines), "utf-8")  # for whoever wants to know more
    run.ocr_faults = gathered.faults_met(site.ocr_log())
