"""Histories that aim at what chance seldom meets: which acts, and what goes wrong at which calls of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fakes.faults import every_call
from simulation.choices import (
    CAPS,
    CONTENTS,
    EVENTS,
    EXTRAS,
    ODD_MESSAGES,
    OUTPUTS,
    RECOGNITIONS_SECONDS,
    RECONCILE_RUN_SECONDS,
    RETRIES,
    REUSES,
    TURNS_SECONDS,
    UNREADABLE_MESSAGES,
    WITHOUT_TEXT,
)
from simulation.script import NOT_ACCEPTED, OCR_ANSWERS, WAITS_SECONDS
from simulation.stack import POLICY
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.options import YES


def _answers(*names: str) -> tuple[int, ...]:
    """The picks of the OCR service's answers of these names."""
    known = [str(answer()) for answer in NOT_ACCEPTED]
    return tuple(known.index(name) for name in names)


PAGE, THREE_PAGES = CONTENTS.index("page"), CONTENTS.index("pages:3")
MORTAL, HEAVY, BULKY = (CONTENTS.index(name) for name in ("mortal", "heavy", "bulky"))
NO_OUTPUT, EVERY_OUTPUT = OUTPUTS.index(""), OUTPUTS.index("markdown tables searchable-pdf")
DAMAGED, NINE_PAGES, BROKEN = CONTENTS.index("damaged"), CONTENTS.index("pages:9"), CONTENTS.index("broken")
BAD_PAGE, DEADLY_PAGE = CONTENTS.index("pages:4,bad:2"), CONTENTS.index("pages:4,deadly:2")
WITH_TEXT, WITH_SAME = CONTENTS.index("pages:3,text:2"), CONTENTS.index("pages:4,same:2")
FRESH, AGAIN, OWN_TEXT = EXTRAS.index(("", {})), EXTRAS.index(("again", {})), EXTRAS.index(("", WITHOUT_TEXT))
AGAIN_OTHERWISE = AGAIN + 5
REUSING, UNCAPPED = ("reuse", (REUSES.index(YES), 0)), ("caps", (CAPS.index(NO_CAPS),))
SENT, LOST = EVENTS.index("sent"), EVENTS.index("lost")
UNREADABLE = tuple(ODD_MESSAGES.index(message) for message in UNREADABLE_MESSAGES)
SECONDS_7, SECONDS_25, SECONDS_130 = (WAITS_SECONDS.index(each) for each in (7.0, 25.0, 130.0))
SECONDS_320, SECONDS_1300, SECONDS_7200 = (WAITS_SECONDS.index(each) for each in (320.0, 1300.0, 7200.0))
SHORT, LONG = (0, 1, 2), (WAITS_SECONDS.index(320.0),)
SECONDS_500, SECONDS_20 = RECOGNITIONS_SECONDS.index(500.0), RECOGNITIONS_SECONDS.index(20.0)
OTHER_MODEL, FIRST_PAGE = (
    RETRIES.index((("ocr-model", "table"), ("ocr-languages", "en"))),
    RETRIES.index((("ocr-pages", "1"),)),
)
OUT_OF_TIME = (1, RECONCILE_RUN_SECONDS.index(10.0))
UNREACHABLE, UNAVAILABLE, THROTTLED = (
    _answers("no connection"),
    _answers("503"),
    _answers("429", "429 with Retry-After"),
)
UNREADABLE_SECRET = _answers("no secret")
NOT_TAKEN = _answers("no connection", "503", "429", "429 with Retry-After", "401", "403", "no key", "no secret")
REJECTED, LOST_ON_THE_WAY = _answers("400"), _answers("timeout", "a proxy's page")
UNASKED = _answers("no connection", "429", "429 with Retry-After", "401", "no key", "no secret", "timeout")
OF_RECONCILE = (
    *("documents.kept_since", "documents.known", "uploads.", "queue."),
    *("dead_letters.", "progress.", "successor."),
)
OF_LONG_DOCUMENTS = ("results.complete", "results.list_keys", "results.upload_part", "documents.finish_page")
OF_DELIVER = ("documents.write", "documents.read", "results.", "newest.", "notices.", "sources.")
OF_DELIVER_ALONE = ("results.get", "results.copy", "results.exists", "results.delete", "newest.", "notices.")
OF_RETRIES = ("ledger.runs", "results.list_keys", "documents.write_operation", "ocr.submit", "ocr.result", "documents.")
OF_DELETING = ("results.remove", "documents.delete_operations", "ledger.", "newest.read", "documents.")
OF_DELETED = ("results.remove", "documents.delete_operations", "ledger.forget_key", "ledger.runs")
OF_RENDERING = ("newest.expect_outputs", "deliveries_alone.send_one")
OF_CAPS = ("reservations.", "reservations.write", "documents.due", "documents.read_many", "documents.write")
OF_HOLDS = ("notices.publish", "documents.write", "reservations.write", "documents.read")
OF_REUSE = ("sent_pages.", "sent_pages.claim", "results.get", "results.put", "documents.read_operation", "ocr.submit")
OF_LONG_TICKS = ("tick.hand_over", "tick.renew")

Step = tuple[str, tuple[int, ...]]
"""An act's name, and the first of its picks; chance makes up the others."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What goes wrong the next time that one of these calls (named, or by the beginning of their names) comes."""

    calls: tuple[str, ...]
    when: tuple[str, ...]
    kind: str
    picks: tuple[int, ...] = (0,)


DELIVER: Step = ("deliver", (0, 0))
"""The oldest message of deliver comes, once."""
DELIVER_NEWEST: Step = ("deliver", (27_719, 0))
"""The newest message of deliver comes, once: all numbers up to 12 divide 27,720."""
HANDED_OUT = Aim(("deliveries.send_one", "deliveries_alone.send_one"), ("after",), "hold", (0,))
"""What is aimed at next is of deliver, as the tick is held that has just sent a message."""

LEADING_TO = {
    "quota.write": Aim(("ocr.submit",), ("before",), "ocr", THROTTLED),
    "pause.write": Aim(("ocr.submit",), ("before",), "ocr", UNREACHABLE),
    "resumes.send_one": Aim(("ocr.submit",), ("before",), "ocr", UNREACHABLE),
    "documents.postpone": Aim(("ocr.submit",), ("before",), "ocr", UNREACHABLE),
    "ocr.status": Aim(("ocr.result",), ("before",), "ocr", REJECTED),
}
"""What has to go wrong before that a call is made at all."""


@dataclass(slots=True)
class Plan:
    """Acts, and aims of which each waits for the one before it. `alone`: nothing else goes wrong meanwhile."""

    steps: list[Step]
    aims: list[Aim]
    alone: bool = False

    def hit(self, call: str, when: str, chance: random.Random) -> tuple[str, int] | None:
        """The kind and the pick of what goes wrong there, if the next aim is this call."""
        if not self.aims:
            return None
        aim = self.aims[0]
        if when not in aim.when or not call.startswith(aim.calls):
            return None
        del self.aims[0]
        pick = chance.choice(aim.picks)
        return aim.kind, pick % len(OCR_ANSWERS[call, when]) if aim.kind == "ocr" else pick


def taken_over(chance: random.Random) -> Plan:
    """A worker is held while it sends a page, past its lease; another takes over, and is held in turn; then the service
    answers the first, in any way there is."""
    second = chance.choice(
        (
            Aim(("documents.write_operation",), ("after",), "hold", SHORT),
            Aim(("quota.", "sources.head"), ("before", "after"), "hold", SHORT),
            Aim(("documents.write_operation", "quota.", "ocr.submit"), ("before", "after"), "kill"),
            Aim(("ocr.submit",), ("before",), "hold", SHORT),
            Aim(("ocr.submit",), ("before", "after"), "hold", SHORT),
        )
    )
    first = chance.choice((("before",), ("before",), ("before",), ("after",)))
    answer = chance.choice((REJECTED, REJECTED, LOST_ON_THE_WAY, LOST_ON_THE_WAY, NOT_TAKEN, ()))
    answered = [Aim(("ocr.submit",), ("held",), "ocr", answer)] if answer and first == ("before",) else []
    return Plan(
        [
            ("upload", (chance.choice((PAGE, PAGE, PAGE, THREE_PAGES)), 0, 0, SENT)),
            *(("submit", ()), ("poll", ()), ("submit", (0,)), ("continue", (0, 1)), ("poll", ()), ("submit", ())),
            *(("continue", (0, 1)), ("wait", (SECONDS_320,)), ("poll", ()), ("submit", ()), ("poll", ())),
        ],
        [Aim(("ocr.submit",), first, "hold", LONG), second, *answered],
    )


def left_to_another(chance: random.Random) -> Plan:
    """A worker is told to slow down, and held while it does; another sends the page meanwhile."""
    return Plan(
        [
            ("upload", (PAGE, 0, 0, SENT)),
            *(("submit", ()), ("poll", ()), ("submit", (0,)), ("continue", (0, 1)), ("continue", (0, 1)), ("poll", ())),
        ],
        [
            Aim(("ocr.submit",), ("before",), "ocr", THROTTLED),
            Aim(("quota.write", "pause.", "documents.read_operation"), ("before", "after"), "hold", LONG),
            Aim(("ocr.submit",), ("before", "after"), "hold", SHORT),
        ],
    )


def breaking(chance: random.Random) -> Plan:
    """The service itself fails to take a page, each time; or its answer is lost, each time."""
    again = [("wait", (SECONDS_7,)), ("poll", ()), ("submit", ())]
    return Plan(
        [("upload", (chance.choice((PAGE, THREE_PAGES)), 0, 0, SENT)), ("submit", ()), *again, *again, *again],
        [Aim(("ocr.submit",), ("before",), "ocr", chance.choice((UNAVAILABLE, UNAVAILABLE, LOST_ON_THE_WAY)))]
        * chance.choice((2, 3, 4)),
    )


def unread(chance: random.Random) -> Plan:
    """The secret cannot be read for longer than a document may take; then it can."""
    again = [("wait", (chance.choice((SECONDS_320, SECONDS_1300, SECONDS_7200)),)), ("poll", ()), ("submit", ())]
    return Plan(
        [("upload", (chance.choice((PAGE, THREE_PAGES)), 0, 0, SENT)), ("submit", ()), *again, *again, *again],
        [Aim(("ocr.submit",), ("before",), "ocr", UNREADABLE_SECRET)] * chance.choice((2, 3, 4)),
    )


def unasked(chance: random.Random) -> Plan:
    """Nobody can ask for a page until the service has forgotten it."""
    return Plan(
        [("upload", (PAGE, 0, chance.randrange(8), SENT)), ("submit", ()), ("wait", (SECONDS_7200,)), ("poll", ())],
        [Aim(("ocr.result",), ("before",), "ocr", UNASKED)] * 2,
    )


def dying(chance: random.Random) -> Plan:
    """Whoever delivers a document dies of it, or whoever sends it."""
    if chance.random() < 0.5:
        resent: list[Step] = [("wait", (SECONDS_320,)), ("poll", ()), ("submit", ())]
        return Plan(
            [("upload", (chance.choice((PAGE, THREE_PAGES)), 0, 0, SENT)), ("submit", ()), *resent, *resent],
            [Aim(("ocr.submit",), ("before", "after"), "kill")] * 2,
        )
    again: list[Step] = [("poll", ()), DELIVER, ("wait", (SECONDS_130,))]
    return Plan(
        [("upload", (chance.choice((PAGE, DAMAGED)), 0, 0, SENT)), ("submit", ()), *again, *again, *again],
        [Aim(("results.copy", "results.exists", "newest."), ("before", "after"), "kill")] * 2,
    )


def overtaken(chance: random.Random) -> Plan:
    """A worker is held while it publishes an upload, longer than its tick's lease and shorter than its own; a newer one
    of the same key is published meanwhile."""
    held = Aim(("newest.update_if_newer",), ("after",), "hold", SHORT)
    newer = chance.choice((PAGE, DAMAGED))
    return Plan(
        [
            *(("upload", (PAGE, 0, 0, SENT, NO_OUTPUT)), ("submit", (4,)), ("wait", (SECONDS_7,)), ("poll", ())),
            *(DELIVER, ("upload", (newer, 0, 0, SENT, NO_OUTPUT)), ("submit", (4,)), ("wait", (SECONDS_25,))),
            *(("poll", ()), DELIVER, ("continue", (0, 1)), ("poll", ()), DELIVER),
        ],
        [held],
        alone=True,
    )


def too_late(chance: random.Random) -> Plan:
    """A worker is held while it publishes an upload, past its lease; another ends that, and a newer one of the same key
    is published; then the first goes on, and dies before it would see that."""
    stopped = Aim(("newest.read",), ("before",), "hold", (0,))
    upload: list[Step] = [("upload", (PAGE, 0, 0, SENT, NO_OUTPUT)), ("submit", (4,)), ("wait", (SECONDS_7,))]
    on: list[Step] = [("poll", ()), DELIVER, ("continue", (1, 1))]
    return Plan(
        [*upload, ("poll", ()), DELIVER, *on, *upload, *on, ("continue", (0, 1))],
        [
            Aim(("newest.update_if_newer",), ("after",), "hold", LONG),
            *(stopped, stopped, Aim(("newest.read",), ("before",), "kill")),
        ],
        alone=True,
    )


def rendered(chance: random.Random) -> Plan:
    """A document that asks for every output, and something wrong while they are made or delivered."""
    wrong = _wrong(chance, OF_DELIVER, chance.choice((0, 1, 2, 3)))
    if chance.random() < 0.2:
        wrong = [Aim(("results.get", "results.put", "sources."), ("before", "after"), "store")] * POLICY.render_failures
    return Plan(_rendered_steps(chance)[: chance.choice((10, 20, 40))], [HANDED_OUT, *wrong])


def _wrong(chance: random.Random, calls: tuple[str, ...], number: int) -> list[Aim]:
    kinds = ("kill", "kill", "hold", "store")
    return [
        Aim((chance.choice(calls),), (chance.choice(("before", "after")),), chance.choice(kinds), (*SHORT, *LONG))
        for _ in range(number)
    ]


def _rendered_steps(chance: random.Random, content: int | None = None) -> list[Step]:
    content = chance.choice((PAGE, PAGE, THREE_PAGES, MORTAL)) if content is None else content
    steps: list[Step] = []
    for number, wait in enumerate((SECONDS_130, SECONDS_7, SECONDS_320, SECONDS_130)):
        steps += [("upload", (content, number, 0, SENT, EVERY_OUTPUT)), ("submit", (4,)), ("poll", ()), DELIVER]
        steps += [("continue", (0, 1)), DELIVER, ("wait", (wait,)), ("poll", ()), DELIVER, ("continue", (0, 1))]
    return steps


def together(chance: random.Random) -> Plan:
    """Several documents of one message, some of which kill whoever delivers them; perhaps more goes wrong."""
    contents = [chance.choice((PAGE, PAGE, HEAVY, BULKY, DAMAGED)) for _ in range(chance.choice((2, 3, 5, 8)))]
    steps: list[Step] = [("upload", (content, chance.randrange(2), 0, SENT, NO_OUTPUT)) for content in contents]
    steps += [("submit", (4,)), ("submit", (4,)), ("wait", (SECONDS_7,)), ("poll", ())]
    # What that tick has sent, one by one, does not come in time: the next one sends all together.
    steps += [("wait", (SECONDS_25,)), ("poll", ()), DELIVER_NEWEST, ("continue", (0, 1))]
    for wait in (SECONDS_130, SECONDS_130, SECONDS_1300):
        steps += [*[("deliver", ())] * len(contents), ("continue", (0, 1)), ("wait", (wait,)), ("poll", ())]
    wrong = _wrong(chance, OF_DELIVER_ALONE, chance.choice((0, 0, 1, 2)))
    return Plan(steps, wrong, alone=chance.random() < 0.5)


def given_up(chance: random.Random) -> Plan:
    """Messages that cannot be read, uploads whose event was lost, and something wrong while reconcile finds them."""
    wrong = [
        Aim((chance.choice(OF_RECONCILE),), (chance.choice(("before", "after")),), chance.choice(kinds), SHORT)
        for kinds in (("kill", "store", "hold"), ("kill", "store", "hold", "clock"))
    ]
    return Plan(_given_up_steps(chance, ()), wrong[: chance.choice((1, 2))])


def _given_up_steps(chance: random.Random, run: tuple[int, ...]) -> list[Step]:
    """With these picks of the runs of reconcile."""
    submit: list[Step] = [("submit", (4,)), ("wait", (SECONDS_7,))]  # so long what fails is hidden
    rounds: list[Step] = [*submit, *submit, ("reconcile", run), ("continue", (0, 1))]
    return [
        ("upload", (chance.choice((PAGE, DAMAGED)), 0, 0, LOST)),
        ("message", (chance.choice(UNREADABLE),)),
        ("upload", (PAGE, 1, 0, chance.choice((LOST, SENT)))),
        ("wait", (SECONDS_7200,)),
        *rounds,
        *rounds,
        ("wait", (SECONDS_130,)),
        *rounds,
    ]


def retried(chance: random.Random) -> Plan:
    """A document is run again, with other options or without, or delivered again; and something goes wrong."""
    content = chance.choice((PAGE, THREE_PAGES, THREE_PAGES, BAD_PAGE, BAD_PAGE, DEADLY_PAGE, BROKEN, DAMAGED))
    steps: list[Step] = [("upload", (content, 0, 0, SENT)), *_through(SECONDS_7), ("wait", (SECONDS_320,))]
    steps += [*_through(SECONDS_7)] if content == DEADLY_PAGE else []
    for _ in range(chance.choice((1, 2, 2))):
        again: Step = ("render", (0,)) if chance.random() < 0.3 else ("retry", (0, *chance.choice(((), (FIRST_PAGE,)))))
        steps += [again, ("poll", ()), *_through(SECONDS_130)]
    wrong = _wrong(chance, (*OF_RETRIES, *OF_DELIVER), chance.choice((0, 1, 1, 2)))
    # Of the first run nothing goes wrong.
    begun = Aim(("documents.write",), ("after",), "index", (0,))
    return Plan(steps, [Aim(("notices.publish",), ("after",), "index"), begun, *wrong], alone=chance.random() < 0.5)


def _through(wait: int) -> list[Step]:
    """What it takes from a document's message to its notice."""
    return [
        *(("submit", (4,)), ("continue", (0, 1)), ("wait", (wait,)), ("poll", ())),
        *(DELIVER, ("continue", (0, 1)), ("poll", ()), DELIVER),
    ]


def kept(chance: random.Random) -> Plan:
    """A page takes longer than its run may, or its run is cancelled; the next run asks for what was sent, and for a
    time nobody can."""
    content = chance.choice((PAGE, BROKEN, BROKEN, BROKEN, THREE_PAGES))
    steps: list[Step] = [("upload", (content, 0, SECONDS_500, SENT)), ("submit", (4,))]
    wrong: list[Aim] = []
    if chance.random() < 0.5:
        steps += [*[("poll", ())] * 4, ("wait", (SECONDS_25,)), ("poll", ()), DELIVER, ("poll", ()), DELIVER]
    else:
        steps += [("cancel", (0,)), ("poll", ()), DELIVER, ("continue", (0, 1))]
        wrong.append(HANDED_OUT)
    retry: Step = ("retry", (0, 0, 0))
    if chance.random() < 0.6:
        wait = chance.choice((SECONDS_7, SECONDS_130, SECONDS_7200, SECONDS_7200))
        steps += [retry, ("poll", ()), ("submit", (4,)), ("wait", (wait,)), ("poll", ())]
        wrong += [Aim(("resumes.send_one",), ("after",), "hold", (0,))]
        if wait != SECONDS_7 and chance.random() < 0.8:
            wrong += [Aim(("ocr.result",), ("before",), "ocr", UNASKED)] * 4
    else:
        steps += [("wait", (chance.choice((SECONDS_130, SECONDS_320)),)), retry, ("poll", ()), ("submit", (4,))]
    steps += [("continue", (0, 1)), ("poll", ()), ("submit", (4,)), ("poll", ()), DELIVER]
    return Plan(steps, wrong, alone=True)


def stopped(chance: random.Random) -> Plan:
    """A document is cancelled or deleted, or its upload is, while a worker is held that sends its pages, or died of it;
    perhaps it is run again at once."""
    stop: Step = chance.choice(
        (("cancel", (0,)), ("cancel", (0,)), ("delete", (0,)), ("delete", (0, 0)), ("forget", (0,)))
    )
    at = chance.choice(
        (("ocr.submit",), ("ocr.submit",), ("quota.",), ("documents.write_operation",), ("documents.write",))
    )
    kind = chance.choice(("hold", "hold", "kill"))
    content = chance.choice((PAGE, THREE_PAGES, NINE_PAGES, NINE_PAGES))
    first = [Aim(("ocr.submit",), ("before",), "ocr", NOT_TAKEN)] if chance.random() < 0.3 else []
    again: list[Step] = [("retry", (0, 0, 0))] if chance.random() < 0.5 else []
    at_once: list[Step] = [("poll", ()), ("submit", (4,))] if again and chance.random() < 0.6 else []
    wait = chance.choice((SECONDS_7, SECONDS_130, SECONDS_320))
    return Plan(
        [
            *(("upload", (content, 0, chance.choice((0, SECONDS_20)), SENT)), ("submit", (4,)), stop, ("poll", ())),
            *(DELIVER, *again, *at_once, ("continue", (0, 1)), ("wait", (wait,)), ("poll", ()), *again, ("poll", ())),
            *(
                ("submit", (4,)),
                ("continue", (0, 1)),
                ("poll", ()),
                DELIVER,
                ("wait", (SECONDS_1300,)),
                ("poll", ()),
                DELIVER,
            ),
        ],
        [*first, Aim(at, (chance.choice(("before", "after")),), kind, (*SHORT, *LONG))],
        alone=chance.random() < 0.7,
    )


def sent_on(chance: random.Random) -> Plan:
    """An upload is deleted while a worker sends its many pages: where slots are a second apart, that has to be seen."""
    return Plan(
        [
            *(("upload", (NINE_PAGES, 0, 0, SENT)), ("submit", (4,)), ("forget", (0, chance.choice((0, 1))))),
            *(("continue", (0, 1)), ("poll", ()), DELIVER, ("wait", (SECONDS_25,)), ("poll", ()), DELIVER),
        ],
        [Aim(("ocr.submit",), ("before", "after"), "hold", (0,))],
        alone=True,
    )


def unsent(chance: random.Random) -> Plan:
    """An upload is deleted when nothing of it could be sent yet, or a part."""
    taken = [Aim(("ocr.submit",), ("before",), "hold", (0,))] * chance.choice((0, 0, 1, 2))
    refused = [Aim(("ocr.submit",), ("before",), "ocr", (*UNREACHABLE, *UNAVAILABLE, *UNREADABLE_SECRET))] * 3
    content = chance.choice((PAGE, THREE_PAGES, NINE_PAGES))
    return Plan(
        [
            *(("upload", (content, 0, 0, SENT)), ("submit", (4,)), ("continue", (0, 1)), ("forget", (0,))),
            *(("wait", (SECONDS_130,)), ("poll", ()), ("submit", (4,)), ("poll", ()), DELIVER),
            *([("retry", (0,)), ("poll", ()), ("submit", (4,))] if chance.random() < 0.3 else []),
        ],
        [*taken, *refused],
        alone=chance.random() < 0.7,
    )


def deleted(chance: random.Random) -> Plan:
    """A document is deleted while a worker is held that writes something of it, or who deletes it is held; beside it
    another of its key may be delivered."""
    writes = ("ocr.result", "results.", "results.", "newest.", "notices.", "ledger.", "documents.write")
    held = Aim((chance.choice(writes),), ("before", "after"), "hold", SHORT)
    content = chance.choice((PAGE, PAGE, DAMAGED))
    other: list[Step] = [
        ("upload", (content, 0, 0, SENT, NO_OUTPUT)),
        ("submit", (4,)),
        ("wait", (SECONDS_7,)),
        ("poll", ()),
    ]
    other += [DELIVER_NEWEST, DELIVER]
    before, beside, after = (other if chance.random() < 0.35 else [] for _ in range(3))
    again: list[Step] = [("retry", (0,)), ("poll", ()), ("submit", (4,)), ("poll", ()), DELIVER]
    first: list[Step] = [
        ("upload", (chance.choice((PAGE, PAGE, THREE_PAGES)), 0, 0, SENT)),
        ("submit", (4,)),
        ("poll", ()),
        DELIVER,
    ]
    steps = [*before, *first, *(again if chance.random() < 0.3 else [])]
    how = chance.random()
    if how < 0.7:  # it is being recognised, or sent
        steps = [*before, ("upload", (PAGE, 0, SECONDS_500, SENT)), ("submit", (4,))]
    which = len(before) > 0
    steps += [
        ("delete", (int(which),)),
        ("poll", ()),
        DELIVER,
        *beside,
        ("continue", (0, 1)),
        *after,
        ("continue", (0, 1)),
    ]
    for _ in range(2):
        steps += [
            ("wait", (SECONDS_1300,)),
            ("poll", ()),
            DELIVER,
            *beside,
            ("continue", (0, 1)),
            ("poll", ()),
            DELIVER,
        ]
    wrong = _wrong(chance, OF_DELETING, chance.choice((0, 1, 1)))
    if how < 0.25:
        wrong = [Aim(("ocr.submit",), ("before", "after"), "kill"), *wrong]
        return Plan(steps, wrong if not before else [Aim(("notices.",), ("after",), "index"), *wrong], alone=True)
    if chance.random() < 0.4:
        wrong = [Aim(("results.remove", "newest.read"), (chance.choice(("before", "after")),), "hold", SHORT)]
        held = Aim(("results.remove",), ("before", "after"), "hold", (0,))
    return Plan(steps, [held, *wrong] if chance.random() < 0.7 else wrong, alone=chance.random() < 0.7)


def replaced(chance: random.Random) -> Plan:
    """A document is deleted while a newer upload of its key is published, and either of the two is held."""
    first: list[Step] = [("upload", (PAGE, 0, 0, SENT, NO_OUTPUT)), *_through(SECONDS_7)]
    deleting: list[Step] = [("delete", (0, 0)), ("poll", ()), DELIVER]
    newer: list[Step] = [
        *(
            ("upload", (chance.choice((PAGE, DAMAGED)), 0, 0, SENT, NO_OUTPUT)),
            ("submit", (4,)),
            ("wait", (SECONDS_7,)),
        ),
        *(("poll", ()), DELIVER_NEWEST),
    ]
    ending: list[Step] = [("continue", (0, 1)), ("poll", ()), DELIVER, ("wait", (SECONDS_1300,)), ("poll", ()), DELIVER]
    told = Aim(("notices.publish",), ("after",), "index")
    if chance.random() < 0.5:
        held = Aim(("newest.read",), ("after",), "hold", SHORT)
        return Plan([*first, *deleting, *newer, DELIVER, *ending], [told, held], alone=True)
    held = Aim(("results.copy", "results.exists", "results.delete"), ("before",), "hold", SHORT)
    return Plan([*first, *newer, *deleting, *ending], [told, held], alone=True)


def backfilled(chance: random.Random) -> Plan:
    """Uploads whose event was lost, or that were there before, are taken in by a backfill, then by reconcile too."""
    uploads: list[Step] = [("upload", (chance.choice((PAGE, THREE_PAGES, DAMAGED)), 0, 0, LOST)) for _ in range(2)]
    heard: list[Step] = [("backfill", ()), ("repeat", (0,)), ("repeat", (1,)), ("submit", (4,))]
    rounds: list[Step] = [("backfill", ()), ("poll", ()), ("submit", (4,)), ("poll", ()), DELIVER]
    return Plan(
        [
            *uploads,
            *(heard if chance.random() < 0.6 else []),
            *rounds,
            ("continue", (0, 1)),
            *rounds,
            ("wait", (SECONDS_7200,)),
            ("reconcile", ()),
            *rounds,
        ],
        _wrong(
            chance, ("uploads.", "documents.known", "documents.create", "tick.", *OF_RETRIES), chance.choice((0, 1, 2))
        ),
        alone=chance.random() < 0.5,
    )


def _capped(chance: random.Random, *pages_a_day: int) -> Step:
    return "caps", (CAPS.index(Caps(chance.choice(pages_a_day))),)


def _turn(chance: random.Random, *seconds: float) -> Step:
    """About a day's end, or a month's."""
    return "turn", (chance.choice((0, 0, 3)), TURNS_SECONDS.index(chance.choice(seconds)))


def _uploads(chance: random.Random, contents: tuple[int, ...], least: int, most: int) -> list[Step]:
    """Several, which are submitted."""
    number = chance.randint(least, most)
    uploads: list[Step] = [
        ("upload", (chance.choice(contents), each, 0, SENT, NO_OUTPUT, FRESH)) for each in range(number)
    ]
    return [*uploads, ("submit", (4,)), ("submit", (4,))]


TELLING: tuple[Step, ...] = (("poll", ()), DELIVER, DELIVER, DELIVER, ("continue", (0, 1)), ("poll", ()), DELIVER)
"""What it takes until it is told that documents are held."""


def held_over(chance: random.Random) -> Plan:
    """More is uploaded than a cap has room for, until days or months end; or the caps are turned off."""
    turned: list[Step] = []
    for _ in range(chance.choice((1, 2, 3))):
        turn = UNCAPPED if chance.random() < 0.15 else _turn(chance, 0.0, 0.3, 60.0)
        turned += [turn, ("poll", ()), ("continue", (0, 1)), ("submit", (4,)), *TELLING]
    caps = chance.choice((_capped(chance, 1, 2, 3), ("caps", (CAPS.index(Caps(0, 4)),))))
    begin = [_turn(chance, -20.0, -7.0)] if chance.random() < 0.5 else []
    uploads = _uploads(chance, (PAGE, PAGE, THREE_PAGES), 2, 5)
    if chance.random() < 0.5:  # one after another, and one first that may be larger than a whole cap
        apart: list[Step] = [("submit", (4,)), ("wait", (1,))]
        larger: Step = ("upload", (THREE_PAGES, 0, 0, SENT, NO_OUTPUT, FRESH))
        uploads = [step for upload in (larger, *uploads) if upload[0] == "upload" for step in (upload, *apart)]
    wrong = _wrong(chance, (*OF_CAPS, *OF_HOLDS), chance.choice((0, 0, 1, 2)))
    return Plan([caps, *begin, *uploads, *TELLING, *turned], wrong)


def turning(chance: random.Random) -> Plan:
    """A day ends while pages are being sent, or a worker is held that sends them; perhaps another takes over."""
    at = ("quota.", "ocr.submit", "ocr.submit", "documents.write_operation", "reservations.", "documents.write")
    held = Aim((chance.choice(at),), ("before", "after"), "hold", (*SHORT, *LONG))
    answer = [Aim(("ocr.submit",), ("held",), "ocr", chance.choice((REJECTED, NOT_TAKEN, LOST_ON_THE_WAY)))]
    over: list[Step] = [("wait", (chance.choice((SECONDS_7, SECONDS_320)),)), ("poll", ()), ("submit", (4,))]
    return Plan(
        [
            *(_capped(chance, 4, 9, 12), _turn(chance, -7.0, -1.0, -0.3, -0.1)),
            *_uploads(chance, (PAGE, THREE_PAGES, NINE_PAGES), 1, 2),
            *(over if chance.random() < 0.6 else [("continue", (0, 1))]),
            *(("continue", (0, 1)), ("poll", ()), ("submit", (4,)), ("continue", (0, 1)), *TELLING),
        ],
        [held, *(answer if chance.random() < 0.5 else []), *([held] if chance.random() < 0.3 else [])],
        alone=chance.random() < 0.7,
    )


def reserving(chance: random.Random) -> Plan:
    """Several documents reserve the same room at the same time."""
    # Between the look, which shows room, and the write, more often than elsewhere.
    looked, writes = Aim(("reservations.read",), ("after",), "hold", SHORT), ("reservations.write",)
    held = chance.choice((looked, Aim(writes, ("before",), "hold", SHORT), Aim(writes, ("after",), "hold", SHORT)))
    one: list[Step] = [("upload", (chance.choice((PAGE, THREE_PAGES)), 0, 0, SENT, NO_OUTPUT, FRESH)), ("submit", (0,))]
    ending: list[Step] = [("continue", (0, 1))] * 3
    return Plan(
        [_capped(chance, 1, 3, 3, 4), *one, *one, *one, *ending, *TELLING, _turn(chance, 0.3), *TELLING],
        [held] * chance.choice((1, 2, 3)),
        alone=chance.random() < 0.6,
    )


def released(chance: random.Random) -> Plan:
    """A person has held documents sent, also such as are larger than a whole cap; and something goes wrong."""
    on: list[Step] = [("release", (0,)), ("continue", (0, 1)), ("poll", ()), ("submit", (4,)), *TELLING]
    stop: list[Step] = [(chance.choice(("cancel", "delete", "forget", "retry")), (0,))] if chance.random() < 0.3 else []
    wrong = _wrong(chance, (*OF_HOLDS, "ocr.submit"), chance.choice((0, 1, 2)))
    return Plan([_capped(chance, 1, 2), *_uploads(chance, (PAGE, THREE_PAGES), 1, 3), *TELLING, *stop, *on, *on], wrong)


def sent_twice(chance: random.Random) -> Plan:
    """A worker dies, or is held past its lease, that may have sent a page for which the cap had room but once."""
    aim = chance.choice(
        (
            Aim(("ocr.submit",), ("before", "after"), "kill"),
            Aim(("ocr.submit",), ("before", "after"), "hold", LONG),
            Aim(("documents.write_operation",), ("after",), "hold", LONG),
            Aim(("ocr.submit",), ("after",), "ocr", (0, 1)),
        )
    )
    over: list[Step] = [("wait", (SECONDS_320,)), ("poll", ()), ("submit", (4,)), ("continue", (0, 1)), *TELLING]
    begin = [_turn(chance, -7.0, -1.0)] if chance.random() < 0.3 else []
    return Plan(
        [
            *(_capped(chance, 1, 3, 4), *begin),
            *(("upload", (chance.choice((PAGE, THREE_PAGES)), 0, 0, SENT, NO_OUTPUT, FRESH)), ("submit", (4,))),
            *([(chance.choice(("cancel", "delete")), (0,))] if chance.random() < 0.2 else []),
            *(*over, _turn(chance, 0.3), *over),
        ],
        [aim] * chance.choice((1, 1, 2)),
        alone=True,
    )


def given_back(chance: random.Random) -> Plan:
    """A document is cancelled or deleted, or its upload is, of which not all was sent that is reserved; and whoever
    gives that back fails."""
    refused = [Aim(("ocr.submit",), ("before",), "ocr", NOT_TAKEN)] * chance.choice((0, 1, 2))
    stop = chance.choice((("cancel", (0,)), ("delete", (0, 0)), ("delete", (0, 0)), ("forget", (0,))))
    calls = chance.choice((("documents.delete_operations",), ("reservations.write",), ("documents.write", "ledger.")))
    wrong = [Aim(calls, (chance.choice(("before", "after")),), chance.choice(("kill", "store")))]
    ending: list[Step] = [("wait", (SECONDS_1300,)), ("poll", ()), DELIVER, ("poll", ()), DELIVER]
    content = chance.choice((PAGE, THREE_PAGES, THREE_PAGES))
    return Plan(
        [
            *(_capped(chance, 3, 4, 9), ("upload", (content, 0, 0, SENT, NO_OUTPUT, FRESH)), ("submit", (4,)), stop),
            *(("wait", (SECONDS_7,)), ("poll", ()), ("submit", (4,)), ("poll", ()), DELIVER, *ending, *ending),
        ],
        [*refused, Aim(("documents.write",), ("after",), "index"), *wrong],
        alone=chance.random() < 0.7,
    )


def _new_day(chance: random.Random) -> list[Step]:
    """Documents wait for a new day, when another is uploaded that comes first."""
    return [
        *_uploads(chance, (PAGE,), 3, 4),
        *(*TELLING, _turn(chance, 0.3), ("upload", (PAGE, 0, 0, SENT, NO_OUTPUT, FRESH)), ("submit", (4,))),
        *(("continue", (0, 1)), *TELLING, ("submit", (4,)), *TELLING),
    ]


def new_day(chance: random.Random) -> Plan:
    """As it says; and something may go wrong."""
    wrong = _wrong(chance, ("documents.due", "documents.read_many", "reservations."), chance.choice((0, 0, 1)))
    return Plan([_capped(chance, 1, 2), *_new_day(chance)], wrong, alone=True)


def reused(chance: random.Random) -> Plan:
    """The same pages are uploaded again: when they are recognised, while they run, or before they are sent."""
    content = chance.choice((PAGE, PAGE, PAGE, THREE_PAGES, WITH_SAME, BROKEN))
    seconds = chance.choice((0, SECONDS_20, SECONDS_500))
    how = chance.random()
    first: list[Step] = [("upload", (content, 0, seconds, SENT, NO_OUTPUT, FRESH)), ("submit", (4,))]
    wrong: list[Aim] = []
    if how < 0.35:
        first += [("wait", (SECONDS_25,)), ("poll", ()), DELIVER]
        if chance.random() < 0.3:  # its results are lost
            first += [("retry", (0, 0, 3)), *chance.choice(((), (("poll", ()), ("submit", (4,)))))]
    elif how < 0.65:
        at = chance.choice(("quota.", "ocr.submit", "documents.write_operation"))
        sends = Aim((at,), ("before", "after"), chance.choice(("hold", "hold", "kill")), (*SHORT, *LONG))
        # Or between the look, which finds nobody, and the claim.
        wrong = [chance.choice((sends, sends, Aim(("sent_pages.read",), ("after",), "hold", SHORT)))]
    stop: list[Step] = [(chance.choice(("cancel", "delete", "delete")), (0, 0)), ("poll", ()), DELIVER]
    gone: list[Step] = [("wait", (SECONDS_1300,)), ("poll", ()), DELIVER] if chance.random() < 0.5 else []
    again: list[Step] = [
        ("upload", (0, 1, seconds, SENT, NO_OUTPUT, chance.choice((AGAIN, AGAIN, AGAIN, AGAIN_OTHERWISE))))
    ]
    later = chance.choice((SECONDS_7, SECONDS_25, SECONDS_320, SECONDS_1300))
    ending: list[Step] = [("wait", (later,)), ("poll", ()), ("submit", (4,)), ("continue", (0, 1)), *TELLING]
    wrong += _wrong(chance, OF_REUSE, chance.choice((0, 0, 1, 2)))
    return Plan(
        [
            *(REUSING, *first, *([*stop, *gone] if chance.random() < 0.35 else [])),
            *(*again, ("submit", (4,)), *again, ("submit", (4,)), ("continue", (0, 1)), ("poll", ())),
            *ending,
            *(stop if chance.random() < 0.3 else []),
            *ending,
        ],
        wrong,
        alone=chance.random() < 0.6,
    )


def own_text(chance: random.Random) -> Plan:
    """Pages with text of their own are not sent; perhaps there are caps, which they use nothing of."""
    upload: Step = ("upload", (WITH_TEXT, 0, 0, SENT, NO_OUTPUT, OWN_TEXT))
    setting = chance.choice((REUSING, _capped(chance, 1, 2, 3, 4)))
    again: list[Step] = [("retry", (0, chance.choice((0, FIRST_PAGE)), 0)), ("poll", ()), *_through(SECONDS_7)]
    wrong = _wrong(
        chance, ("results.put", "documents.write_operation", "documents.finish_page"), chance.choice((0, 1, 1))
    )
    return Plan([setting, upload, *_through(SECONDS_7), *(again if chance.random() < 0.4 else [])], wrong)


def _deleting_steps() -> list[Step]:
    """A document, run twice, and deleted."""
    return [
        *(("upload", (PAGE, 0, 0, SENT)), *_through(SECONDS_7), ("retry", (0, OTHER_MODEL, 0)), ("poll", ())),
        *(*_through(SECONDS_7), ("delete", (0, 0)), ("poll", ()), DELIVER, ("continue", (0, 1)), ("poll", ()), DELIVER),
        *(("wait", (SECONDS_1300,)), ("poll", ()), DELIVER, ("continue", (0, 1)), ("poll", ()), DELIVER),
    ]


def swept(chance: random.Random, call: str) -> Plan:
    """One call meets all that can go wrong at any call, one after another."""
    wrong = [Aim((call,), (when,), kind, SHORT) for kind in ("kill", "hold") for when in ("before", "after")]
    if not call.startswith("ocr."):
        wrong += [Aim((call,), (when,), "store") for when in ("before", "after")]
        wrong.append(Aim((call,), ("lost",), "lost"))
    chance.shuffle(wrong)
    steps: list[Step]
    if call in OF_RENDERING:
        # A key is marked once: what comes before that has to go wrong first.
        wrong.sort(key=lambda aim: (aim.when != ("before",), aim.kind == "hold"))
        return Plan(_rendered_steps(chance, PAGE) * 2, wrong, alone=True)
    if call.startswith((*OF_RECONCILE, "received.")):
        run = OUT_OF_TIME if call == "successor.invoke" else ()
        return Plan([step for _ in range(3) for step in _given_up_steps(chance, run)], wrong, alone=True)
    if call.startswith(("reservations.", "documents.read_many")):
        pages = 1 if call == "documents.read_many" else 2
        return Plan([_capped(chance, pages), *[step for _ in range(8) for step in _new_day(chance)]], wrong, alone=True)
    if call.startswith((*OF_DELETED, "sent_pages.")):
        steps = [REUSING] if call.startswith("sent_pages.") else []
        for number in range(4):
            steps += [
                (name, (number, *picks[1:]) if name in ("retry", "delete") else picks)
                for name, picks in _deleting_steps()
            ]
        return Plan(steps, wrong, alone=True)
    content = NINE_PAGES if call in OF_LONG_DOCUMENTS else chance.choice((PAGE, PAGE, THREE_PAGES, DAMAGED))
    seconds = SECONDS_500 if call in OF_LONG_TICKS else 0
    steps = []
    for number, wait in enumerate((SECONDS_130, SECONDS_320, SECONDS_7, SECONDS_320, SECONDS_130)):
        if call == "results.delete":  # only another outcome leaves a name to delete
            content = (PAGE, DAMAGED)[number % 2]
        steps += [("upload", (content, 0, seconds, SENT)), ("submit", (4,)), ("poll", ())]
        steps += [("continue", (0, 1)), DELIVER, ("wait", (wait,)), ("poll", ()), ("submit", (4,)), ("poll", ())]
        steps += [DELIVER, ("continue", (0, 1)), DELIVER]
    leads = LEADING_TO.get(call)
    aims = [aim for each in wrong for aim in ((leads, each) if leads else (each,))]
    return Plan(steps * 2 if leads else steps, aims, alone=True)


PLANS: tuple[tuple[float, Callable[[random.Random], Plan]], ...] = (
    (0.13, taken_over),
    (0.025, left_to_another),
    (0.05, breaking),
    (0.02, unread),
    (0.025, unasked),
    (0.03, dying),
    (0.04, given_up),
    (0.06, rendered),
    (0.09, together),
    (0.03, overtaken),
    (0.02, too_late),
    (0.07, retried),
    (0.1, kept),
    (0.06, stopped),
    (0.03, unsent),
    (0.01, sent_on),
    (0.07, deleted),
    (0.03, replaced),
    (0.02, backfilled),
)
"""Each with its share of the histories that are not a sweep."""
CAPPED_PLANS: tuple[tuple[float, Callable[[random.Random], Plan]], ...] = (
    (0.035, held_over),
    (0.02, turning),
    (0.015, reserving),
    (0.015, released),
    (0.02, sent_twice),
    (0.02, given_back),
    (0.01, new_day),
    (0.035, reused),
    (0.02, own_text),
)
"""Each with its share of all histories that are not a sweep."""
SWEPT_EVERY = 10


def plan(seed: int, chance: random.Random) -> Plan | None:
    """What the history of a seed aims at, if at anything. Each call has its turn to be swept."""
    if seed % SWEPT_EVERY == 0:
        calls = [*every_call(), *OF_RENDERING, "successor.invoke"]  # of those one round meets less
        return swept(chance, calls[seed // SWEPT_EVERY % len(calls)])
    # Chosen apart, so that those beside them stay what they were.
    return _chosen(CAPPED_PLANS, random.Random(f"aims at caps of {seed}"), chance) or _chosen(PLANS, chance, chance)


def _chosen(
    plans: tuple[tuple[float, Callable[[random.Random], Plan]], ...], which: random.Random, chance: random.Random
) -> Plan | None:
    share = which.random()
    for least, make in plans:
        if share < least:
            return make(chance)
        share -= least
    return None
