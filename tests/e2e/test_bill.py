"""A stack that reuses pages and has a cap: what is paid for, by the OCR service's own count."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pikepdf import Dictionary, Pdf

from e2e.further_stacks import deployed
from e2e.whole_stack import WholeStack
from local.samples import Sample
from unit.pagekit import making

THRIFTY = "thrifty"
SCAN = "blank page.png"
PAGES = 60
CAP = PAGES + 4


def book(*texts: str) -> bytes:
    """A PDF with a small page for each text."""

    def draw(document: Pdf) -> None:
        for text in texts:
            page = document.add_blank_page(page_size=(220, 60))
            page.Resources = Dictionary()
            making.add_operators(page, b"BT /F 22 Tf 15 20 Td (%b) Tj ET" % text.encode())

    return making.made(draw)


@pytest.fixture(scope="module")
def thrifty(whole: WholeStack) -> Iterator[WholeStack]:
    """The stack."""
    with deployed(whole, THRIFTY, Reuse="true", PagesPerDay=str(CAP)) as stack:
        yield stack


def ask(whole: WholeStack, command: str, **parameters: Any) -> Any:
    """The answer of its control function."""
    request = json.dumps({"version": 1, "command": command, **parameters}).encode()
    with whole.client("lambda") as functions:
        answer = json.load(functions.invoke(FunctionName=f"{THRIFTY}-control", Payload=request)["Payload"])
    assert answer["ok"], answer
    return answer["answer"]


def pages(stack: WholeStack, key: str) -> Sequence[Mapping[str, Any]]:
    """What the result of the upload says of its pages."""
    return list(json.loads(stack.read(stack.notice(key), "json"))["pages"])


def read(each: Mapping[str, Any]) -> tuple[Any, ...]:
    """Text and boxes of a page, and its size."""
    return each["text"], each["blocks"], each["width"], each["height"]


def test_no_page_is_paid_for_twice_and_none_beyond_the_cap(
    whole: WholeStack, thrifty: WholeStack, samples: Mapping[str, Sample]
) -> None:
    texts = [f"Page {number} of ours" for number in range(1, PAGES + 1)]
    replaced = [*texts[:29], "Another page", *texts[30:]]
    uploads = {
        "first.pdf": (book(*texts), PAGES),
        "again/second.pdf": (book(*texts), 0),
        "added.pdf": (book(*texts, "One page more"), 1),
        "replaced.pdf": (book(*replaced), 1),
    }
    for key, (content, paid) in uploads.items():
        before = whole.accepted()
        thrifty.upload(key, content)
        billing = thrifty.notice(key).body["billing"]
        assert whole.accepted() - before == billing["pages_paid"] == paid, key
        assert billing["pages_reused"] == len(pages(thrifty, key)) - paid
    first = pages(thrifty, "first.pdf")
    assert {each["text_from"] for each in first} == {"service"}
    assert first[16]["text"].strip() == "Page 17 of ours"
    second = pages(thrifty, "again/second.pdf")
    assert {each["text_from"] for each in second} == {"reused"}
    assert [read(each) for each in second] == [read(each) for each in first]
    changed = pages(thrifty, "replaced.pdf")
    assert [each["number"] for each in changed if each["text_from"] == "service"] == [30]
    assert [read(each) for each in changed if each["number"] != 30] == [
        read(each) for each in first if each["number"] != 30
    ]

    before = whole.accepted()
    folders = ("2025/scan.png", "2026/scan.png")
    for key in folders:
        thrifty.upload(key, samples[SCAN].path.read_bytes())
    assert sorted(thrifty.notice(key).body["billing"]["pages_paid"] for key in folders) == [0, 1]
    assert whole.accepted() - before == 1

    # One page is left of the cap.
    thrifty.upload("over.pdf", book("No room", "for two"))
    thrifty.wait(lambda: bool(thrifty.held), 120, "it is not told that the upload is held")
    [held] = thrifty.held
    assert (held["source"]["key"], held["pages"], held["waits_for_a_person"]) == ("over.pdf", 2, False)
    summary = ask(whole, "summary")
    assert (summary["caps"]["day"]["pages_used"], summary["caps"]["day"]["cap"]) == (CAP - 1, CAP)
    thrifty.upload("room.pdf", book("One page"))
    assert thrifty.notice("room.pdf").body["billing"]["pages_paid"] == 1
    assert whole.accepted() - before == 2
    ask(whole, "release", documents=[held["document"]])
    assert thrifty.notice("over.pdf").body["billing"]["pages_paid"] == 2
    assert whole.accepted() - before == 4
