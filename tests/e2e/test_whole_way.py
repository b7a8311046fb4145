"""A file in, its text out: the real template and the real functions, used as a user would."""

import io
import json
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from documentation import command
from e2e.whole_stack import WholeStack
from local.accuracy import character_error_rate
from local.samples import Sample
from local.servers import OCR_API_KEY

ROOT = Path(__file__).resolve().parents[2]
MOST_WRONG = 0.02
FOLDER = "samples/"
DAMAGED, UNSUPPORTED, BLANK = "half a scan.pdf", "invoice.pdf", "blank page.png"
ENGLISH, RUSSIAN, PHOTO, PDF, PRICES = (
    "letter.png",
    "договор №5 + приложение.png",
    "photo of a notice.jpg",
    "record 4410.pdf",
    "прейскурант.png",
)


ODD_KEYS = ["a b+c  (1)/%2B 100%.png", "Счёт №7/скан 📄.PNG", "no-suffix", "ends with space /x "]


@pytest.fixture(scope="module")
def uploaded(whole: WholeStack, samples: Mapping[str, Sample]) -> Mapping[str, Sample]:
    """The samples are in the bucket, all under one folder, and blank pages under odd keys."""
    for name, sample in samples.items():
        whole.upload(FOLDER + name, sample.path.read_bytes())
    for key in ODD_KEYS:
        whole.upload(key, samples[BLANK].path.read_bytes())
    return samples


@pytest.mark.parametrize("name", [ENGLISH, RUSSIAN, PHOTO, PDF, PRICES, BLANK, DAMAGED, UNSUPPORTED])
def test_every_sample_has_its_outcome_its_files_and_a_row_that_is_final(
    whole: WholeStack, uploaded: Mapping[str, Sample], name: str
) -> None:
    key, expected = FOLDER + name, uploaded[name]
    body = whole.notice(key).body
    assert (body["outcome"], body["reason"]) == (expected.outcome, expected.reason or None)
    suffixes = {"text": ".txt", "json": ".ocr.json"} if expected.outcome == "succeeded" else {"error": ".error.json"}
    bucket = whole.env["RESULTS_BUCKET"]
    there = {kind: place for kind, place in body["files"].items() if place}
    assert there == {kind: {"bucket": bucket, "key": key + suffix} for kind, suffix in suffixes.items()}
    assert whole.keys_below(key) == {key + suffix for suffix in suffixes.values()}
    whole.wait(lambda: whole.state(body["document"]) == "final", 10, "the row is not final")
    assert "due_at" not in (whole.row(body["document"]) or {})


def test_a_result_says_where_each_word_stands(whole: WholeStack, uploaded: Mapping[str, Sample]) -> None:
    [page] = json.loads(whole.read(whole.notice(FOLDER + ENGLISH), "json"))["pages"]
    words = [word for block in page["blocks"] for line in block["lines"] for word in line["words"]]
    assert " ".join(word["text"] for word in words).split() == page["text"].split()
    assert all(0 <= x <= page["width"] and 0 <= y <= page["height"] for word in words for x, y in word["polygon"])


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize("key", ODD_KEYS)
def test_names_with_what_names_have_are_kept(whole: WholeStack, key: str) -> None:
    notice = whole.notice(key)
    assert notice.body["outcome"] == "succeeded"
    assert whole.keys_below(key) == {key + ".txt", key + ".ocr.json"}
    assert notice.attributes["prefix"] == (key[: key.rfind("/") + 1] or "/")


def test_the_newest_upload_of_a_key_has_its_names(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    key = "again.png"
    first = whole.upload(key, samples[ENGLISH].path.read_bytes())
    second = whole.upload(key, samples[PHOTO].path.read_bytes())
    older, newer = whole.notice(key, first), whole.notice(key, second)
    assert newer.body["newest"]
    published = whole.account.s3.get_object(Bucket=whole.env["RESULTS_BUCKET"], Key=key + ".txt")["Body"].read()
    assert character_error_rate(samples[PHOTO].text, published.decode()) < MOST_WRONG
    own = f".textdrop/documents/{older.body['document']}/result.txt"
    kept = whole.account.s3.get_object(Bucket=whole.env["RESULTS_BUCKET"], Key=own)["Body"].read()
    assert character_error_rate(samples[ENGLISH].text, kept.decode()) < MOST_WRONG

    third = whole.upload(key, samples[DAMAGED].path.read_bytes())
    assert whole.notice(key, third).body["outcome"] == "failed"
    assert whole.keys_below(key) == {key + ".error.json"}


def test_the_pages_of_a_pdf_are_read_in_order_and_a_broken_one_does_not_lose_the_others(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    names = [RUSSIAN, BLANK, ENGLISH]
    scans = [Image.open(samples[name].path).convert("L") for name in names]
    book = io.BytesIO()
    scans[0].save(
        book, "PDF", save_all=True, append_images=[*scans[1:], Image.new("L", (400, 400), 255)], resolution=150
    )
    with pikepdf.open(book) as document:
        [picture] = document.pages[3].Resources.XObject.as_dict().values()
        picture.write(picture.read_raw_bytes()[:20], filter=pikepdf.Name.DCTDecode)
        broken = io.BytesIO()
        document.save(broken)
    whole.upload("book.pdf", broken.getvalue())
    notice = whole.notice("book.pdf")
    assert notice.body["outcome"] == "partial"
    assert notice.body["pages"] == {
        "total": 4,
        "recognized": 3,
        "failed": 1,
        "failures": [{"reason": "damaged", "count": 1, "pages": "4"}],
        "warnings": [],
    }
    texts = whole.text(notice).split("\f")
    assert [text == "" for text in texts] == [False, True, False, True]
    for name, text in zip(names, texts, strict=False):
        assert character_error_rate(samples[name].text, text) < MOST_WRONG
    result = json.loads(whole.read(notice, "json"))
    assert [page["reason"] for page in result["pages"]] == [None, None, None, "damaged"]


def test_the_demo_shows_the_way_on_a_running_stack_and_leaves_it(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    queues = whole.shell("aws sqs list-queues")
    files = [str(samples[name].path) for name in (BLANK, PDF)]
    demo = subprocess.run(
        [sys.executable, "-m", "local.demo", "--state", whole.state_folder, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "    | Record of acceptance\n" in demo.stdout
    assert "2 of 2 reached an outcome." in demo.stdout
    assert demo.stdout.count("    files: .md .ocr.json .searchable.pdf .txt\n") == 2
    assert demo.stdout.count("    warning: No tables were found by the model ") == 2
    assert whole.shell("aws sqs list-queues") == queues

    commands = demo.stdout.partition("To continue by hand:\n")[2].splitlines()
    assert commands[-1].strip() == "make down"
    shown = whole.shell(f"cd '{ROOT}'\n" + "\n".join(commands[:-1]))
    assert '"outcome\\": \\"succeeded' in shown


def test_the_commands_of_the_readme_work_as_printed(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    block = command("README.md", "local").splitlines()
    assert (block[:2], block[-1]) == (["make up", ". .local/env"], "make down")
    shown = whole.shell(f"cd '{ROOT}'\n" + "\n".join(block[2:-1]))
    assert samples[ENGLISH].text.splitlines()[0] in shown
    assert '"Body"' in shown


def test_a_repeated_event_pays_and_sends_nothing(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    key = "scans/twice + 1.png"
    version = whole.upload(key, samples[BLANK].path.read_bytes())
    body = whole.notice(key, version).body
    whole.wait(lambda: whole.state(body["document"]) == "final", 10, "the row is not final")
    whole.until_idle()
    accepted, row = whole.ocr_stats()["submits"]["accepted"], whole.row(body["document"])

    event = json.loads((ROOT / "events" / "s3-put.json").read_text(encoding="utf-8"))
    [record] = event["Records"]
    record["s3"]["bucket"]["name"] = whole.env["UPLOADS_BUCKET"]
    record["s3"]["object"] |= {
        "key": urllib.parse.quote_plus(key),
        "versionId": version,
        "eTag": body["source"]["etag"],
    }
    for _ in range(2):
        whole.account.sqs.send_message(QueueUrl=whole.output("UploadsQueueUrl"), MessageBody=json.dumps(event))
    whole.until_idle()

    assert whole.ocr_stats()["submits"]["accepted"] == accepted
    assert whole.row(body["document"]) == row
    assert [notice.body["id"] for notice in whole.notices if notice.body["source"]["key"] == key] == [body["id"]]


def test_submit_may_have_a_message_that_failed_come_again_sooner(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    sqs, queue = whole.account.sqs, whole.output("UploadsQueueUrl")
    message = sqs.send_message(QueueUrl=queue, MessageBody="neither S3's nor ours")["MessageId"]
    try:
        whole.wait(lambda: any(message in line for line in whole.logged("submit")), 60, "submit has read no message")
        # The emulator may keep a process's last lines until its next invocation: one comes.
        whole.upload("behind it.png", samples[BLANK].path.read_bytes())
        whole.notice("behind it.png")
        assert [line for line in whole.logged("submit") if "hide_failed" in line] == []
    finally:
        sqs.purge_queue(QueueUrl=queue)


@pytest.mark.usefixtures("uploaded")
def test_logs_name_documents_but_no_text_key_or_credential(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    document = whole.notice(FOLDER + RUSSIAN).body["document"]
    whole.notice(FOLDER + ENGLISH)
    # Names and Russian words: what the functions say of their own is neither.
    words = {
        word
        for name in (ENGLISH, RUSSIAN)
        for word in re.findall(r"\w{6,}", samples[name].text)
        if word.istitle() or not word.isascii()
    }
    assert len(words) > 50
    for function in ("submit", "poll"):
        messages = "\n".join(whole.logged(function))
        assert document in messages
        found = [word for word in words if word in messages or json.dumps(word)[1:-1] in messages]
        assert found == []
        assert OCR_API_KEY not in messages
        assert [key for key in [ENGLISH, RUSSIAN, PHOTO, PDF, *ODD_KEYS] if key in messages] == []
        assert [key for key in ODD_KEYS if json.dumps(key)[1:-1] in messages] == []
