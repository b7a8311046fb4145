"""What requests, caps and reuse lead to, up to the last notice or sweep, and what must hold then, whatever call of it
failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from fakes.faults import Faults
from fakes.files import KilledError
from fakes.ocr import Failure, synthetic_text
from simulation import requests
from textdrop.core import keys, problems
from textdrop.core.caps import Caps, turn_at
from textdrop.core.documents import Document, DocumentState, Outcome, Output, Period, Source
from textdrop.core.errors import OcrUnreachable, Reason, StoreUnavailable
from textdrop.core.ledger import Run
from textdrop.core.observations import Cancelled, DeleteAsked, DocumentSeen, RenderAsked, RetryAsked
from textdrop.core.options import YES
from textdrop.core.results import HELD_SCHEMA
from world import World

ASK_TRIES = 5
ALIKE_MOST, ALIKE_OF_CAPS = 12, 3
DAYS_MOST = 4
BROKEN_PAGE = b"pages:3 #2"


@dataclass(frozen=True)
class Way:
    """`begin` makes a world and what happens before; `go_on` makes the request, or the upload, and lets everything come
    to its end; `check` fails unless the promises hold then, after so many failures. Of what is called again and again,
    `alike_most` stand for all."""

    begin: Callable[[Faults], World]
    go_on: Callable[[World], None]
    check: Callable[[World, int], None]
    alike_most: int = ALIKE_MOST

    def run(self, faults: Faults) -> World:
        """The whole way."""
        world = self.begin(faults)
        self.go_on(world)
        return world

    def calls(self) -> Iterator[tuple[int, str]]:
        """The calls from then on, each with its number in the whole way."""
        faults = Faults()
        world = self.begin(faults)
        first = len(faults.calls)
        self.go_on(world)
        met: Counter[str] = Counter()
        for nth, call in list(enumerate(faults.calls, start=1))[first:]:
            met[call] += 1
            if met[call] <= self.alike_most:
                yield nth, call


def _ask(world: World, seen: DocumentSeen) -> None:
    """Whoever asks asks again until there is an answer."""
    [row] = world.documents.rows.values()
    for _ in range(ASK_TRIES):
        with suppress(KilledError, StoreUnavailable):
            requests.ask(world.control_ports, row.id, seen)
            return


def _end(world: World, outcomes: tuple[Outcome, ...]) -> tuple[Document, list[Run]]:
    """The row, which is final, and its runs in the ledger: they have these outcomes, each with one notice."""
    [row] = world.documents.rows.values()
    assert (row.state, row.due_at, row.attempts) == (DocumentState.FINAL, None, 0), row
    assert all(page.due_at is None for page in world.documents.operations.values())
    runs = [world.ledger.rows[row.id, run] for run in range(1, row.run + 1)]
    assert tuple(run.outcome for run in runs) == outcomes, runs
    ids = {notice["id"] for notice in world.notices_of(row)}
    assert ids == {f"{row.id}:{run.run}:{run.outcome}" for run in runs}, ids
    submitted, unconfirmed = sum(run.submitted for run in runs), sum(run.unconfirmed for run in runs)
    assert submitted <= len(world.ocr.accepted) <= submitted + unconfirmed, runs
    return row, runs


def _paid(world: World, pages: int, failures: int) -> None:
    """So many pages were paid for, and at most one more for each failure."""
    assert pages <= len(world.ocr.accepted) <= pages + failures, world.ocr.billed


def _text(*contents: bytes) -> bytes:
    return "\f".join(synthetic_text(content) + "\n" for content in contents).encode()


def _partial(faults: Faults) -> World:
    world = World(faults=faults)
    world.ocr.table[BROKEN_PAGE] = Failure(13)
    world.upload("book.pdf", b"pages:3")
    world.run()
    del world.ocr.table[BROKEN_PAGE]
    return world


def _retry(world: World) -> None:
    _ask(world, RetryAsked())
    world.run()


def _retried(world: World, failures: int) -> None:
    """The page that had failed is sent again, and it alone."""
    row, runs = _end(world, (Outcome.PARTIAL, Outcome.SUCCEEDED))
    _paid(world, 4, failures)
    assert (runs[1].kept, row.pages_recognized) == (2, 3)
    assert world.file("book.pdf.txt") == _text(*(b"pages:3 #%d" % page for page in (1, 2, 3)))


def _sent(faults: Faults) -> World:
    """A page that the service has for a while."""
    world = World(faults=faults, recognition_seconds=200.0)
    world.upload("a.png", b"page")
    world.submit()
    return world


def _cancel_and_retry(world: World) -> None:
    _ask(world, Cancelled(problems.cancelled()))
    [document] = world.documents.rows
    while world.documents.rows[document].state is not DocumentState.FINAL:
        with suppress(KilledError, StoreUnavailable):
            world.poll()
        with suppress(KilledError):
            world.deliver()
        world.clock.advance(1.0)
    _retry(world)


def _kept(world: World, failures: int) -> None:
    """The page that was sent is asked for, and not sent again."""
    _end(world, (Outcome.CANCELLED, Outcome.SUCCEEDED))
    _paid(world, 1, failures)
    assert world.file("a.png.txt") == _text(b"page")
    assert world.file("a.png.error.json") is None


def _sent_in_part(faults: Faults) -> World:
    """A document of which two pages were sent, and three could not be."""
    world = World(faults=faults)
    faults.fail("ocr.submit", OcrUnreachable("no connection"), skip=2, times=3)
    world.upload("book.pdf", b"pages:5")
    world.submit()
    return world


def _cancel(world: World) -> None:
    _ask(world, Cancelled(problems.cancelled()))
    world.run()


def _cancelled(world: World, failures: int) -> None:
    """Nothing is sent any more, and what was sent is counted."""
    _, [run] = _end(world, (Outcome.CANCELLED,))
    assert len(world.ocr.accepted) == run.submitted == 2
    told = world.json("book.pdf.error.json")
    assert told["reason"] == Reason.CANCELLED
    failed = [page.page for page in world.documents.operations.values() if page.problem is not None]
    assert len(failed) == 3


def _delete_source(world: World) -> None:
    world.uploads.delete("book.pdf")
    world.clock.advance(320.0)
    world.run()


def _source_deleted(world: World, failures: int) -> None:
    _, [run] = _end(world, (Outcome.CANCELLED,))
    assert len(world.ocr.accepted) == run.submitted == 2
    assert world.json("book.pdf.error.json")["reason"] == Reason.SOURCE_DELETED


def _delivered(faults: Faults) -> World:
    """A document with every output, over an older one of its key."""
    world = World(faults=faults)
    world.upload("book.pdf", b"pages:2", {"ocr-outputs": "markdown tables searchable-pdf"})
    world.run()
    return world


def _delete(world: World) -> None:
    _ask(world, DeleteAsked())
    world.run()


def _deleted(world: World, failures: int) -> None:
    """Nothing is left but the row and the ledger's, without a key."""
    [row] = world.documents.rows.values()
    assert (row.state, row.due_at, row.source) == (DocumentState.DELETED, None, Source("", "")), row
    assert not world.documents.operations
    assert {name: versions for name, versions in world.results.versions.items() if versions} == {}
    [run] = world.ledger.rows.values()
    assert run.key == ""
    assert run.submitted <= len(world.ocr.accepted) <= run.submitted + run.unconfirmed, run


def _render(world: World) -> None:
    _ask(world, RenderAsked((Output.MARKDOWN,)))
    world.run()


def _rendered(world: World, failures: int) -> None:
    """The names show the outputs that were asked for, and no others; nothing more was paid for."""
    row, runs = _end(world, (Outcome.SUCCEEDED, Outcome.SUCCEEDED))
    assert (len(world.ocr.accepted), runs[1].submitted, runs[1].kept) == (2, 0, 2)
    suffixes = {name.removeprefix("book.pdf") for name in world.results.keys() if name.startswith("book.pdf")}  # noqa: SIM118
    made = {keys.MARKDOWN} if row.renderings[0].files else set()
    assert suffixes == {keys.TEXT, keys.JSON, *made}, suffixes
    assert made or failures >= world.policy.render_attempts


def _capped(faults: Faults, pages_a_day: int) -> World:
    world = World(faults=faults)
    caps = Caps(pages_a_day)
    world.submit_settings = replace(world.submit_settings, caps=caps)
    world.poll_settings = replace(world.poll_settings, caps=caps)
    world.control_settings = replace(world.control_settings, caps=caps)
    return world


def _reusing(faults: Faults, seconds: float) -> World:
    world = World(faults=faults, recognition_seconds=seconds)
    world.submit_settings = replace(world.submit_settings, reuse=YES)
    return world


def _full(faults: Faults) -> World:
    """A cap with room for another page, and not for two."""
    world = _capped(faults, 2)
    world.upload("first.png", b"first")
    world.run()
    return world


def _larger(faults: Faults) -> World:
    """A document is held that is larger than a whole cap."""
    world = _capped(faults, 2)
    world.upload("book.pdf", b"pages:3")
    world.run()
    return world


def _capped_in_part(faults: Faults) -> World:
    """A document of which two pages were sent of the five that are reserved."""
    world = _capped(faults, 9)
    faults.fail("ocr.submit", OcrUnreachable("no connection"), skip=2, times=3)
    world.upload("book.pdf", b"pages:5")
    world.submit()
    return world


def _running_page(faults: Faults) -> World:
    world = _reusing(faults, 20.0)
    world.upload("first.png", b"page")
    world.submit()
    return world


def _recognised_page(faults: Faults) -> World:
    world = _reusing(faults, 1.0)
    world.upload("first.png", b"page")
    world.run()
    return world


def _upload(key: str, body: bytes, **metadata: str) -> Callable[[World], None]:
    def go_on(world: World) -> None:
        world.upload(key, body, {name.replace("_", "-"): value for name, value in metadata.items()})
        _run_through_days(world)

    return go_on


def _run_through_days(world: World) -> None:
    """Lets everything happen, until nothing is held any more or days make no difference."""
    for _ in range(DAYS_MOST):
        world.run()
        if all(row.state is not DocumentState.HELD for row in world.documents.rows.values()):
            return
        world.clock.advance(turn_at(Period.DAY, world.clock.now()) - world.clock.now())


def _upload_both(world: World) -> None:
    """The same bytes, so that the second waits for the first or has its result."""
    world.upload("first.png", b"page")
    world.upload("second.png", b"page")
    world.run()


def _hold_over(world: World) -> None:
    """A document comes that the day has no room for, and another that it has; then the day ends."""
    world.upload("second.pdf", b"pages:2")
    world.upload("third.png", b"third")
    _run_through_days(world)


def _release(world: World) -> None:
    [row] = world.documents.rows.values()
    for _ in range(ASK_TRIES):
        with suppress(KilledError, StoreUnavailable):
            requests.release(world.control_ports, world.control_settings.caps, row.id)
            break
    world.run()


def _all_end(world: World, failures: int) -> None:
    """All succeeded, and just what may be billed is reserved, if anything was."""
    rows, runs = world.documents.rows.values(), world.ledger.rows.values()
    assert {(row.state, row.due_at, row.outcome) for row in rows} == {(DocumentState.FINAL, None, Outcome.SUCCEEDED)}
    _balanced(world)
    assert sum(run.unconfirmed for run in runs) <= failures, runs
    for row in rows:
        told = [notice["id"] for notice in world.notices_of(row) if notice["schema"] != HELD_SCHEMA]
        assert set(told) == {f"{row.id}:1:succeeded"}, told
        assert world.file(row.source.key + ".txt"), row


def _balanced(world: World) -> None:
    runs, days = world.ledger.rows.values(), world.reservations.days
    submitted, unconfirmed = sum(run.submitted for run in runs), sum(run.unconfirmed for run in runs)
    assert submitted <= len(world.ocr.accepted) <= submitted + unconfirmed, runs
    assert not days or sum(days.values()) == submitted + unconfirmed, (days, runs)  # no answer comes late here


def _held_over(world: World, failures: int) -> None:
    _all_end(world, failures)
    days = world.reservations.days
    assert max(days.values()) <= 2, days
    assert all(row.hold_told for row in world.documents.rows.values() if row.reserved_on > min(days)), days


def _released(world: World, failures: int) -> None:
    _all_end(world, failures)
    [row] = world.documents.rows.values()
    assert row.released
    assert {notice["schema"] for notice in world.notices_of(row)} == {HELD_SCHEMA, "textdrop.notice/1"}
    _paid(world, 3, failures)


def _capped_cancelled(world: World, failures: int) -> None:
    _cancelled(world, failures)
    _balanced(world)


def _capped_deleted(world: World, failures: int) -> None:
    _deleted(world, failures)
    _balanced(world)


def _once(world: World, failures: int) -> None:
    """The page is paid for once, and at most once more for each failure; both documents have its text."""
    _all_end(world, failures)
    _paid(world, 1, failures)
    assert {world.file(f"{name}.png.txt") for name in ("first", "second")} == {_text(b"page")}


def _own_text(world: World, failures: int) -> None:
    """The page with text of its own is not sent, and uses nothing of a cap."""
    _all_end(world, failures)
    _paid(world, 2, failures)
    assert b"pages:3,text:2 #2" not in world.ocr.billed
    assert b"Own text of page 2" in (world.file("book.pdf.txt") or b"")


WAYS = {
    "retry": Way(_partial, _retry, _retried),
    "cancel and retry": Way(_sent, _cancel_and_retry, _kept),
    "cancel": Way(_sent_in_part, _cancel, _cancelled),
    "the source is deleted": Way(_sent_in_part, _delete_source, _source_deleted),
    "delete": Way(_delivered, _delete, _deleted),
    "delete what is being sent": Way(_sent_in_part, _delete, _deleted),
    "render": Way(_delivered, _render, _rendered),
    "reserve": Way(_full, _upload("second.png", b"second"), _all_end, ALIKE_OF_CAPS),
    "hold over": Way(_full, _hold_over, _held_over, ALIKE_OF_CAPS),
    "release": Way(_larger, _release, _released, ALIKE_OF_CAPS),
    "cancel what is reserved": Way(_capped_in_part, _cancel, _capped_cancelled, ALIKE_OF_CAPS),
    "delete what is reserved": Way(_capped_in_part, _delete, _capped_deleted, ALIKE_OF_CAPS),
    "wait for another": Way(lambda faults: _reusing(faults, 1.0), _upload_both, _once, ALIKE_OF_CAPS),
    "share with another": Way(_running_page, _upload("second.png", b"page"), _once, ALIKE_OF_CAPS),
    "reuse": Way(_recognised_page, _upload("second.png", b"page"), _once, ALIKE_OF_CAPS),
    "own text": Way(
        lambda faults: _capped(faults, 2),
        _upload("book.pdf", b"pages:3,text:2", ocr_pages="without-text"),
        _own_text,
        ALIKE_OF_CAPS,
    ),
}
