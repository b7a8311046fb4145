"""Each stored page is parsed once for all outputs, wherever one of them stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from pagekit.page import RecognisedPage
from textdrop.usecases.parsed_pages import ParsedPages
from textdrop.usecases.time_left import NoTimeLeft
from world import World


class Counted:
    """The pages of a document, the second of which failed, and how often one was parsed."""

    def __init__(self) -> None:
        world = World()
        uploaded = world.upload("x.pdf", b"pages:4,bad:2", {"ocr-outputs": "markdown"})
        world.submit()
        world.clock.advance(5.0)
        world.poll()
        read_page = world.render_ports.read_page
        self.parsed = 0

        def counted(body: bytes) -> RecognisedPage:
            self.parsed += 1
            return read_page(body)

        self.deadline = world.clock.now() + 600.0
        self.pages = ParsedPages(replace(world.render_ports, read_page=counted), world.row(uploaded))


@pytest.fixture
def counted() -> Iterator[Counted]:
    made = Counted()
    with made.pages:
        yield made


def test_who_reads_after_one_that_stopped_gets_every_page(counted: Counted) -> None:
    stopped = list(islice(counted.pages.read(counted.deadline), 3))
    every = list(counted.pages.read(counted.deadline))
    assert every[:3] == stopped
    assert [number for number, _ in every] == [1, 2, 3, 4]
    assert counted.parsed == 3


def test_those_that_are_wanted(counted: Counted) -> None:
    every = list(counted.pages.read(counted.deadline))
    assert list(counted.pages.read(counted.deadline, {3})) == every[2:3]


def test_pages_that_are_kept_are_not_given_out_after_the_deadline_either(counted: Counted) -> None:
    assert len(list(counted.pages.read(counted.deadline))) == 4
    with pytest.raises(NoTimeLeft):
        next(counted.pages.read(0.0))
