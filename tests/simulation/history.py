"""A history: uploads, re-uploads, messages in any order, and anything going wrong at any call; then peace.

An author (`chance`, or a script that is played again) says what happens. Each invocation, and each thread in it, is a
fibre: it can be held before or after any of its calls while others work, and go on later, past its lease.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from aws_events import event, event_bridge_event, event_record
from fakes.buckets import Version
from fakes.files import KilledError
from fakes.ocr import Failure, synthetic_text
from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage
from simulation import requests
from simulation.choices import (
    ALLOWED_MODELS,
    CAPS,
    CONTENTS,
    EVENTS,
    EXTRAS,
    INVALID_MODEL,
    NO_RECORD,
    ODD_MESSAGES,
    OPTIONS,
    OUTPUTS,
    RECOGNITIONS_SECONDS,
    RECONCILE_RUN_SECONDS,
    RENDERS,
    RETRIES,
    REUSES,
    TURNS_SECONDS,
    records,
)
from simulation.fibres import Invocation
from simulation.mishaps import Mishaps, skew_of
from simulation.script import SKEW_SECONDS, WAITS_SECONDS, Act, Author
from simulation.stack import POLICY, Sent, Stack, Upload
from simulation.uploads_queue import UploadsQueue, told_of
from textdrop.core import keys, problems
from textdrop.core.caps import NO_CAPS, Caps, smaller_cap, turn_at
from textdrop.core.deliveries import takes_long
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Period,
    Resume,
    Source,
    Step,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import delivery_body, parse_delivery
from textdrop.core.ledger import Run
from textdrop.core.observations import Cancelled, DeleteAsked, DocumentSeen, RenderAsked, RetryAsked
from textdrop.core.options import YES
from textdrop.core.reuse import SentPage
from textdrop.usecases.accept import Message
from world import DELIVER_SECONDS

DAY_SECONDS = 86_400.0
DAYS_MOST = 10
TURNS_MOST = 100
RUNS_MOST = 200


@dataclass(slots=True)
class Take:
    """A delivery that an invocation took, and when: the row before and after, and how it ended: "final", "returned" or,
    if the worker died or lost it to another, not at all."""

    before: Document
    row: Document
    by: Invocation
    at: float
    ended: str = ""

    @property
    def works_until(self) -> float:
        """Until when at least its worker may be at work, by the clock of its machine."""
        seconds = DELIVER_SECONDS if takes_long(self.before, POLICY) else POLICY.delivery_seconds
        return self.by.began_at + seconds

    @property
    def gave_up_outputs(self) -> bool:
        """Whether it went on without the outputs that were not made."""
        return self.before.step is Step.RENDER and self.row.step is Step.FILES and not self.row.outcome_replaced


class History(Mishaps):
    """One history: it acts, and is asked by every fake, before and after each effect, what goes wrong there.

    `heard` has the documents whose event was sent in a form that can be read; `takes` are the deliveries of each
    document's run, in order; `finals` the rows of runs that are final; `entries` the ledger as it was last; `sources`
    the last that each row knew. `older` is what was there before the table. `sent` are the pages that the service took;
    `gone_at` says when an upload was deleted, and by which act, that has not come back. `asked` are the documents of
    each kind of request, `invalid` those for which options were asked that there are not; `were_newest` those that ever
    were their key's newest. `caps_since` are the caps since the first upload, and since when, `caps` those of now;
    `reused` whether pages might be at any time. `intents` are the operations by what each submit was called, as they
    were then, `owners` those of what the service took. `claims` has each page that claimed a fingerprint, with it, and
    `claimed` the rows of those as they are; `lost_pages` are results that were removed. `held_since` says since when a
    document waits for room; `reserved` are the pages of each day.
    """

    def __init__(
        self,
        seed: int,
        author: Author,
        watch: Callable[[History, str], None],
        watch_row: Callable[[History, Document, Document], None],
        *,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`watch` is called after each effect, with its name; `watch_row` when a document's row was written, as it was
        and as it is. `tell` gets a line for all that happens."""
        self.seed = seed
        self._watch_row = watch_row
        self.stack = Stack.of(seed)
        super().__init__(seed, author, partial(watch, self), self.stack.threads, tell)
        self.uploads: list[Upload] = []
        self.uploads_of: dict[str, list[Upload]] = {}
        self.heard: set[str] = set()
        self.takes: dict[tuple[str, int], list[Take]] = {}
        self.finals: dict[tuple[str, int], Document] = {}
        self.sources: dict[str, Source] = {}
        self.sent: list[Sent] = []
        self.entries: dict[tuple[str, int], Run] = {}
        self.gone_at: dict[str, tuple[float, int]] = {}
        self.asked: defaultdict[str, set[str]] = defaultdict(set)
        self.invalid: set[str] = set()
        self.were_newest: set[str] = set()
        self.seen: list[Message] = []
        self.lost: list[Message] = []
        self.delivered: list[Message] = []
        self.caps = NO_CAPS
        self.caps_since: list[tuple[float, Caps]] = [(0.0, NO_CAPS)]
        self.reused = False
        self.intents: dict[str, Operation] = {}
        self.owners: dict[str, Operation] = {}
        self.claimed: dict[str, SentPage] = {}
        self.claims: set[tuple[str, int, int, str]] = set()
        self.lost_pages: set[str] = set()
        self.held_since: dict[str, float] = {}
        self.reserved: dict[str, int] = {}
        self._heavy: dict[str, Upload] = {}
        self._rows: dict[str, Document] = {}
        self.rate = self.stack.submits_per_second
        self._peaceful = random.Random(f"the peace of {seed}")
        self.world = self.stack.world(self, self.clock, self.hub, self._moved, self._read_page)
        self.queue = UploadsQueue(self.world, self.stack.receives_most)
        self.older = self.stack.older_upload(self.world)
        if self.older is not None:
            self.uploads_of[self.older.source.key] = [self.older]

    def run(self) -> None:
        """The history, then peace until everything is at its end."""
        for act in self._author.acts(self):
            self.counts[f"act {act.name}"] += 1
            self._act(act)
        self.peace = True
        self._note("--- nothing goes wrong any more")
        while held := self.hub.held():
            self.hub.resume(held[0])
        self._settle()

    def repeat_everything(self) -> None:
        """Every message of a document comes once more."""
        rows = self.world.documents.rows.keys()
        for message in self._peaceful.sample(self.seen, len(self.seen)):
            documents = told_of(message.body)
            if documents is not None and documents <= rows:
                self.world.send(message.body)
        self._settle()

    def held(self) -> int:
        return len(self.hub.held())

    def to_deliver(self) -> int:
        return len(self.world.deliver_queue)

    def after(self, call: str) -> None:
        if call in ("documents.write", "documents.postpone", "reservations.write"):
            self._follow_documents()
            self.reserved = dict(self.world.reservations.days)
        elif call == "documents.write_operation":
            for operation in self.world.documents.operations.values():
                if operation.state is OperationState.SUBMITTING:
                    self.intents.setdefault(operation.client_request_id, operation)
        elif call == "ocr.submit":
            self._follow_sent()
        elif call == "newest.update_if_newer":
            self.were_newest.update(newest.document_id for newest in self.world.newest.rows.values())
        super().after(call)

    def _follow_sent(self) -> None:
        """Takes in which page was sent by whom."""
        page, me = self.world.ocr.accepted[-1], self.hub.current
        owner = self.intents.get(page.client_request_id) or self._owner_by_content(page.content)
        self.owners[page.operation_id] = owner
        row = self.world.documents.rows[owner.document_id]
        if me is not None:
            stopped = row.state is not DocumentState.RECOGNIZING
            sent = Sent(page.operation_id, row.id, me, self.clock.true, stopped, row.released, me.posted_on)
            self.sent.append(sent)

    def _owner_by_content(self, content: bytes) -> Operation:
        """The page that it may be of which no intent tells."""
        body, _, number = content.partition(b" #")
        upload = next(upload for upload in self.every_upload() if upload.body == body)
        row = self.world.documents.rows[upload.document.id]
        return Operation(row.id, row.run, int(number or 1), OperationState.SUBMITTING)

    def every_upload(self) -> list[Upload]:
        """With the one that was there before."""
        return self.uploads if self.older is None else [self.older, *self.uploads]

    def _follow_documents(self) -> None:
        """Takes in what a write made of a row: of one that is, or was, to be delivered, and of one that is final."""
        me = self.hub.current
        for row in self.world.documents.rows.values():
            before = self._rows.get(row.id)
            if row is before or me is None:
                continue
            self._rows[row.id] = row
            if before is not None:
                self._check(partial(self._watch_row, self, before, row))
            if row.state is DocumentState.FINAL:
                self.finals[row.id, row.run] = row
            if row.source.key:
                self.sources[row.id] = row.source
            takes = self.takes.setdefault((row.id, row.run), [])
            was_delivering = before is not None and before.state is DocumentState.DELIVERING
            if row.state is DocumentState.DELIVERING and not was_delivering:
                me.invocation.handed_out.add(Resume(row.id, row.rev))
            elif was_delivering and before is not None and row.due_at != before.due_at:
                if row.rev == before.rev:
                    me.invocation.handed_out.add(Resume(row.id, row.rev))
                elif row.holder != before.holder and row.state is DocumentState.DELIVERING:
                    takes.append(Take(before, row, me.invocation, self.clock.true))
                elif row.state is DocumentState.FINAL:
                    takes[-1].ended = "final"
                elif row.state is DocumentState.DELETING and takes:
                    takes[-1].ended = takes[-1].ended or "deleted"
                elif row.attempts == 0 and before.attempts > 0:
                    takes[-1].ended = "returned"

    def _act(self, act: Act) -> None:
        pick = act.picks
        match act.name:
            case "upload":
                self._upload(act)
            case "submit":
                self._submit(act.number, pick[0], pick[1:])
            case "poll":
                self._poll(act.number, skew_of(pick[0]))
            case "deliver":
                self._deliver(act)
            case "redeliver":
                self._redeliver(act)
            case "reconcile":
                self._reconcile(act.number, pick)
            case "message":
                self.world.send(ODD_MESSAGES[pick[0] % len(ODD_MESSAGES)])
                self._note(f"{act.number} message {self.world.queue[-1].id} is {self.world.queue[-1].body[:60]}")
            case "continue":
                self._submit_pass(act)
            case "repeat":
                messages = self.seen + self.lost
                if messages:
                    self.world.queue.append(messages[pick[0] % len(messages)])
                    self._note(f"{act.number} message {self.world.queue[-1].id} comes again")
            case "retry" | "render" | "cancel" | "delete":
                self._ask(act)
            case "backfill":
                self._note(f"{act.number} a backfill of the bucket")
                self._invoke(act.number, skew_of(pick[0]), lambda: requests.backfill(self.world.control_ports))
            case "forget":
                self._forget(act.number, pick[0], pick[1] % 2 == 1)
            case "index":
                self._note(f"{act.number} the index of what is due {'stands still' if pick[0] % 2 else 'follows'}")
                self._index(pick[0])
            case "configure":
                self._configure(act)
            case "caps":
                self._cap(act)
            case "reuse":
                self._reuse(act)
            case "turn":
                self._turn(act)
            case "release":
                self._release(act)
            case "wait":
                seconds = WAITS_SECONDS[pick[0] % len(WAITS_SECONDS)]
                self._note(f"{act.number} {seconds:g} s pass")
                self.clock.advance(seconds)

    def _upload(self, act: Act) -> None:
        content, key, seconds, fate, asked, extra = act.picks[:6]
        object_key = self.stack.keys[key % len(self.stack.keys)]
        name = CONTENTS[content % len(CONTENTS)]
        body = f"{name} {len(self.uploads)}".encode()
        again, more = EXTRAS[extra % len(EXTRAS)]
        # Without versions the same bytes under the same key would be the same upload.
        alike = [each for each in self.uploads if each.name not in ("heavy", "bulky")]
        if not self.stack.versioned:
            bodies = {each.body for each in self.uploads_of.get(object_key, [])}
            alike = [each for each in alike if each.body not in bodies]
        if again and alike:
            body, name = alike[content % len(alike)].body, alike[content % len(alike)].name
        world = self.world
        if name == "broken":
            world.ocr.table[body] = Failure((3, 13)[content // len(CONTENTS) % 2])
        world.ocr.seconds = RECOGNITIONS_SECONDS[seconds % len(RECOGNITIONS_SECONDS)]
        outputs = OUTPUTS[asked % len(OUTPUTS)]
        metadata = ({"ocr-outputs": outputs} if outputs else {}) | more
        source = world.uploads.put(object_key, body, metadata)
        upload = Upload(world.document_of(source), source, name, body, "ocr-model" in metadata)
        for earlier in self.uploads_of.get(source.key, []):
            if self.stack.versioned and world.uploads.find(source.key, earlier.source.version_id) is not None:
                self.gone_at.pop(earlier.document.id, None)
        if not self.stack.versioned:
            self._gone(earlier.document.id for earlier in self.uploads_of.get(source.key, []))
        if name in ("heavy", "bulky"):
            self._heavy[synthetic_text(body)] = upload
        self.uploads.append(upload)
        self.uploads_of.setdefault(source.key, []).append(upload)
        told = self._tell_of(upload, EVENTS[fate % len(EVENTS)])
        named = "".join(f", {name} {value}" for name, value in metadata.items())
        self._note(f"{act.number} upload of {source.key} ({body.decode()}; {told}{named})")

    def _tell_of(self, upload: Upload, how: str) -> str:
        """Sends its event, or not."""
        earlier = self.uploads[len(self.uploads) // 2].source
        match how:
            case "with another":
                self.world.send(event(upload.source, earlier))
            case "through EventBridge":
                self.world.send(event_bridge_event(upload.source))
            case "beside nonsense":
                self.world.send(records(event_record(upload.source), NO_RECORD))
            case _:
                self.world.send(event(upload.source))
        message = self.world.queue[-1]
        if how == "lost":
            self.lost.append(self.world.queue.pop())
        if how not in ("lost", "beside nonsense"):
            self.heard.add(upload.document.id)
        self.counts[f"event {how}"] += 1
        return f"event {message.id}, {how}"

    def _submit(self, number: int, count: int, picks: tuple[int, ...]) -> None:
        batch = self.queue.take(picks[: 1 + count % 5])
        self.seen.extend(batch)
        self._note(f"{number} submit runs with {', '.join(message.id for message in batch) or 'nothing'}")

        def body() -> None:
            failed = [message.id for message in batch]
            try:
                failed = self.world.submit(batch)
            finally:
                self.queue.end(batch, failed)

        self._invoke(number, skew_of(count // 5), body)

    def _poll(self, number: int, skew: float) -> None:
        def body() -> None:
            self.world.poll()
            self._watch("poll ended")

        self._note(f"{number} poll runs")
        self._invoke(number, skew, body)

    def _reconcile(self, number: int, picks: tuple[int, ...]) -> None:
        by_hand = picks[0] % 4 == 0
        seconds = RECONCILE_RUN_SECONDS[picks[1] % len(RECONCILE_RUN_SECONDS)]
        asked = {"older_than_seconds": 0} if by_hand else {}
        self._note(f"{number} reconcile runs for {seconds:g} s{' with uploads of any age' if by_hand else ''}")
        self._invoke(number, skew_of(picks[2]), lambda: self.world.reconcile_once(asked, seconds))

    def _deliver(self, act: Act) -> None:
        """An invocation of deliver with a message of its queue: it comes, or comes and will come again, or is lost."""
        queue = self.world.deliver_queue
        if not queue:
            return
        which, fate, skew = act.picks[:3]
        message = queue[which % len(queue)]
        how = ("once", "once", "once", "and comes again", "not at all")[fate % 5]
        if how != "and comes again":
            queue.remove(message)
        self.counts[f"message of deliver comes {how}"] += 1
        self._note(f"{act.number} deliver with {message.id} ({_named(message)}) comes {how}")
        self.delivered.append(message)
        if how != "not at all":
            self._invoke(act.number, skew_of(skew), lambda: self.world.deliver_one(message))

    def _redeliver(self, act: Act) -> None:
        """A message that came before comes again, however late; or one of a row as it is, of which a worker past its
        lease may still be at work: a tick hands such a row out without a write that this worker would meet."""
        rows = self.world.documents.rows.values()
        due = [row for row in rows if row.due_kind is DueKind.DELIVER and (row.due_at or 0.0) <= self.clock.true]
        bodies = [message.body for message in self.delivered]
        bodies += [delivery_body([Resume(row.id, row.rev)]) for row in due]
        if bodies:
            message = Message("", bodies[act.picks[0] % len(bodies)])
            self.counts["message of deliver comes late"] += 1
            self._note(f"{act.number} deliver with {_named(message)} again")
            self._invoke(act.number, skew_of(act.picks[1]), lambda: self.world.deliver_one(message))

    def _read_page(self, body: bytes) -> RecognisedPage:
        """A page as deliver reads it, which kills an invocation that has too little memory for it."""
        page = self.world.ocr.read_page(body)
        upload, me = self._heavy.get(page["text"]), self.hub.current
        if upload is not None and me is not None:
            me.invocation.heavy.add(upload.document.id)
            if upload.name == "heavy" or len(me.invocation.heavy) > 1:
                raise KilledError
        return page

    def _submit_pass(self, act: Act) -> None:
        held = self.hub.held()
        if held:
            fibre = held[act.picks[0] % len(held)]
            dies = act.picks[1] % 6 == 0
            fibre.invocation.dead = fibre.invocation.dead or dies
            fibre.invocation.troubles += dies
            self.marked["kill"] += dies
            self.counts["kill while held" if dies else "went on"] += 1
            fate = "dies" if dies else "goes on"
            self._note(f"{act.number} the worker of {fibre.invocation.number} {fate}")
            self.hub.resume(fibre)

    def _ask(self, act: Act) -> None:
        """Somebody asks for something to be done with a document."""
        which, what, more, skew = act.picks[:4]
        document = self.uploads[which % len(self.uploads)].document.id
        seen: DocumentSeen
        match act.name:
            case "retry":
                requested = RETRIES[what % len(RETRIES)]
                if dict(requested).get("ocr-model") == INVALID_MODEL:
                    self.invalid.add(document)
                if more % 4 == 3:
                    self._lose_results(act.number, document)
                seen = RetryAsked(requested)
            case "render":
                seen = RenderAsked(RENDERS[what % len(RENDERS)])
            case "cancel":
                seen = Cancelled(problems.cancelled())
            case _:
                if what % 3:
                    self._forget(act.number, which, what % 3 == 1)
                seen = DeleteAsked()
        if act.name == "render" and self._lacks_results(document):
            return
        self.asked[act.name].add(document)
        self._note(f"{act.number} {act.name} of {document[:6]}: {seen}")
        self._invoke(act.number, skew_of(skew), lambda: requests.ask(self.world.control_ports, document, seen))

    def _lose_results(self, number: int, document: str) -> None:
        """Somebody removes the stored pages of a document that nobody works on."""
        row = self.world.documents.rows.get(document)
        if row is None or row.state is not DocumentState.FINAL or self.hub.stopped:
            return
        start = f"{keys.folder(document)}pages/"
        for name in [name for name in self.world.results.versions if name.startswith(start)]:
            del self.world.results.versions[name]
            self.lost_pages.add(name)
            self.counts["stored pages are lost"] += 1
            self._note(f"{number} {name} is lost")

    def _lacks_results(self, document: str) -> bool:
        """Whether the stored result of a page of its last run is gone, which its files cannot be made without."""
        row = self.world.documents.rows.get(document)
        return row is not None and any(
            self.world.file(keys.page(document, page.result_run, page.page)) is None
            for page in self.world.documents.operations.values()
            if (page.document_id, page.run, page.state) == (document, row.operations_run, OperationState.RECOGNIZED)
        )

    def _forget(self, number: int, which: int, marked: bool) -> None:
        """An upload is deleted, for ever or beneath a marker, whether or not it was read already."""
        upload = self.uploads[which % len(self.uploads)]
        key, bucket = upload.source.key, self.world.uploads
        self._note(f"{number} {key} ({upload.body.decode()}) is deleted{' by a marker' if marked else ''}")
        if self.stack.versioned and not marked:
            bucket.forget(key, upload.source.version_id)
            gone = [upload]
        elif key in bucket.versions:
            current = bucket.find(key)
            bucket.delete(key)
            others = self.uploads_of[key]
            gone = others if self.stack.versioned else [each for each in others if _is(each, current)]
            self._gone(other.document.id for other in others)
        else:
            return
        self._gone(each.document.id for each in gone)
        self.gone_at.update({each.document.id: (self.clock.true, number) for each in gone})

    def _gone(self, documents: Iterable[str]) -> None:
        self.marked.update(documents)

    def _configure(self, act: Act) -> None:
        """The stack is updated: invocations from now on work by other parameters, those before by theirs."""
        rate, option, most = act.picks[:3]
        languages, model = OPTIONS[option % len(OPTIONS)]
        self.rate = (1.0, 4.0, 10.0)[rate % 3]
        pages = (9, 9, 2)[most % 3]
        self.marked["fewer pages"] += pages == 2
        self.world.submit_settings = replace(
            self.world.submit_settings,
            languages=languages,
            model=model,
            submits_per_second=self.rate,
            limits=FileLimits(max_pages=pages),
        )
        self.world.poll_settings = replace(self.world.poll_settings, submits_per_second=self.rate)
        self._note(f"{act.number} {self.rate:g} submits a second, at most {pages} pages, {model} in {languages}")

    def _cap(self, act: Act) -> None:
        """As `_configure`, for the caps."""
        self.caps = CAPS[act.picks[0] % len(CAPS)]
        self.caps_since = self.caps_since if self.uploads else []
        self.caps_since.append((self.clock.true, self.caps))
        self.world.submit_settings = replace(self.world.submit_settings, caps=self.caps)
        self.world.poll_settings = replace(self.world.poll_settings, caps=self.caps)
        self._note(
            f"{act.number} at most {self.caps.pages_per_day} pages a day, {self.caps.pages_per_month} a month (0: any)"
        )

    def _reuse(self, act: Act) -> None:
        """As `_configure`, for the reuse of pages and the models that uploads may name."""
        reuse, models = REUSES[act.picks[0] % len(REUSES)], ALLOWED_MODELS[act.picks[1] % len(ALLOWED_MODELS)]
        self.reused = self.reused or reuse == YES
        self.marked["allowed models"] += bool(models)
        self.world.submit_settings = replace(self.world.submit_settings, reuse=reuse, allowed_models=models)
        self._note(f"{act.number} pages are {'' if reuse == YES else 'not '}reused; models: {models or 'all'}")

    def _turn(self, act: Act) -> None:
        """Time passes until about the end of the day, or of the month."""
        period = Period.MONTH if act.picks[0] % 4 == 3 else Period.DAY
        seconds = TURNS_SECONDS[act.picks[1] % len(TURNS_SECONDS)]
        self.clock.advance(turn_at(period, self.clock.true) + seconds - self.clock.true)
        self._note(f"{act.number} the {period} ends{f', all but {-seconds:g} s of it' if seconds < 0 else ''}")

    def _release(self, act: Act) -> None:
        """A person has a held document sent, the oldest or another."""
        held = self.holds()
        if held:
            row = held[act.picks[0] % len(held)]
            self._note(f"{act.number} release of {row.id[:6]}")
            self._release_now(act.number, skew_of(act.picks[1]), row.id)

    def _release_now(self, number: int, skew: float, document: str) -> None:
        self._invoke(number, skew, lambda: requests.release(self.world.control_ports, self.caps, document))

    def holds(self) -> list[Document]:
        """The documents that are held, the oldest first."""
        held = [row for row in self.world.documents.rows.values() if row.state is DocumentState.HELD]
        return sorted(held, key=lambda row: row.accepted_at)

    def _invoke(self, number: int, skew: float, function: Callable[[], object]) -> None:
        """Runs it until it ends, dies or is held."""

        def body() -> None:
            try:
                function()
            except StoreUnavailable:
                self.counts["invocation failed"] += 1

        self.hub.invoke(Invocation(number, self.clock.true, skew, self.rate, self.caps), body)

    def _settle(self) -> None:
        """Nothing goes wrong any more: everything comes to its end, and the daily reconcile finds what was lost."""
        self.world.documents.let_index_follow()
        began = self.clock.true
        for _ in range(DAYS_MOST):
            self._come_to_rest()
            self.clock.advance(DAY_SECONDS)
            self._reconcile_whole()
            # A pass that had begun before goes on first, by whatever clock it had begun.
            if not self.world.queue and self.world.progress.row.began_at > began + 2 * SKEW_SECONDS:
                return
        raise AssertionError("G1: reconcile finds something every day")

    def _come_to_rest(self) -> None:
        """Within a day but for what is held: of that some each day, or each month, and what is larger by hand."""
        self._rest_but_holds()
        for _ in range(TURNS_MOST):
            if not (held := self.holds()):
                return
            if all(self._is_larger(row) for row in held):
                self._release_now(0, skew_of(self._peaceful.randrange(1 << 16)), held[0].id)
                self._rest_but_holds()
                assert held[0].id not in {row.id for row in self.holds()}, f"G1: {held[0]} is released, and held again"
            elif not self._turns(Period.DAY, held) and not self._turns(Period.MONTH, held):
                raise AssertionError(f"G1: {held} are held whatever day and month begin")
        raise AssertionError(f"G1: {self.holds()} are held for ever")

    def _turns(self, period: Period, held: list[Document]) -> bool:
        """Whether the period's turn makes a difference to what is held."""
        self.clock.advance(turn_at(period, self.clock.true) + 2 * SKEW_SECONDS - self.clock.true)
        self._rest_but_holds()
        return self.holds() != held

    def _is_larger(self, row: Document) -> bool:
        """Whether a held document is more than a whole cap."""
        return row.hold is not None and smaller_cap(self.caps, row.hold.pages) is not None

    def _rest_but_holds(self) -> None:
        """Within a day nothing is due but what is held."""
        world = self.world
        until = self.clock.true + DAY_SECONDS
        while self.clock.true < until:
            while world.visible():
                self._submit(0, self._peaceful.randrange(1 << 16), (self._peaceful.randrange(1 << 16),) * 5)
            self._poll(0, skew_of(self._peaceful.randrange(1 << 16)))
            while world.deliver_queue:
                message = world.deliver_queue.pop(0)
                skew = skew_of(self._peaceful.randrange(1 << 16))
                self._invoke(0, skew, partial(world.deliver_one, message))
            due_at = [row.due_at for row in world.rows() if row.due_at is not None and row.due_kind is not DueKind.HELD]
            if not world.queue and not due_at:
                return
            hidden = [world.received.hidden_until.get(message.receipt, 0.0) for message in world.queue]
            due = min([*hidden, *due_at], default=0.0)
            self.clock.advance(max(60.0, due - self.clock.true))
        raise AssertionError("G1: not quiet after a day")

    def _reconcile_whole(self) -> None:
        """A day's run, and the successors that it asks for."""
        for _ in range(RUNS_MOST):
            asked = self.world.successor.invoked
            self._reconcile(0, (1, 0, self._peaceful.randrange(1 << 16)))
            if self.world.successor.invoked == asked:
                return
        raise AssertionError("G1: reconcile comes to no end")

    def _moved(self, rule: str, row: Document | Operation) -> None:
        self.counts[f"transition {rule}"] += 1
        if self._tell is not None:
            page = f" page {row.page}" if isinstance(row, Operation) else ""
            name = row.id if isinstance(row, Document) else row.document_id
            me = self.hub.current
            number = me.invocation.number if me is not None else 0
            self._tell(f"{self._when()}    {number}: {name[:6]}{page} {rule} → {row.state}")


def _is(upload: Upload, version: Version | None) -> bool:
    """Whether it is this version, in a bucket without versions."""
    return version is not None and version.body == upload.body


def _named(message: Message) -> str:
    """The documents of a message of deliver, and their revs."""
    return ", ".join(f"{resume.document_id[:6]} at rev {resume.rev}" for resume in parse_delivery(message.body))
