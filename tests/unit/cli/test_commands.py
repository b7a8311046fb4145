"""What each command prints, asks, does and ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from unit.cli.conftest import Run
from unit.client.fake_stack import RESULTS, UPLOADS, FakeStack


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are given in, with a file and a tree."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.pdf").write_bytes(b"%PDF letter")
    (tmp_path / "archive" / "2019").mkdir(parents=True)
    (tmp_path / "archive" / "2019" / "a.png").write_bytes(b"PNG a")
    (tmp_path / "archive" / "b.png").write_bytes(b"PNG b")
    (tmp_path / "archive" / ".DS_Store").write_bytes(b"junk")
    return tmp_path


def keys(stack: FakeStack, bucket: str = UPLOADS) -> list[str]:
    return [found["Key"] for found in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


# --- put and get ------------------------------------------------------------------------------------------------------


def test_put_keeps_the_tree_and_is_safe_to_repeat(run: Run, stack: FakeStack, folder: Path) -> None:
    done = run("textdrop put letter.pdf archive --to inbox")
    assert (done.exit_code, sorted(done.stdout.splitlines())) == (
        0,
        [
            "3 files in the bucket.",
            "uploaded  inbox/archive/2019/a.png",
            "uploaded  inbox/archive/b.png",
            "uploaded  inbox/letter.pdf",
        ],
    )
    assert done.stderr.startswith("1 of 3 files\n")
    assert keys(stack) == ["inbox/archive/2019/a.png", "inbox/archive/b.png", "inbox/letter.pdf"]
    (folder / "letter.pdf").write_bytes(b"%PDF another")
    assert sorted(run("textdrop put letter.pdf archive --to inbox").stdout.splitlines())[1:] == [
        "there already  inbox/archive/2019/a.png",
        "there already  inbox/archive/b.png",
        "uploaded  inbox/letter.pdf",
    ]
    assert "uploaded  inbox/letter.pdf" in run("textdrop put letter.pdf --to inbox/ --again").stdout


def test_put_and_wait_ends_with_1_where_one_failed(run: Run, stack: FakeStack, folder: Path) -> None:
    stack.control.endings["archive/b.png"] = ("failed", "failed_in_ocr")
    done = run("textdrop put archive --wait")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "2 documents: 1 failed, 1 succeeded."
    assert "archive/b.png: failed: failed_in_ocr" in done.stderr
    assert "0 of 2 done, 2 received" in done.stderr
    assert run("textdrop put letter.pdf --wait").exit_code == 0


def test_put_and_wait_ends_with_1_where_one_was_not_uploaded(run: Run, stack: FakeStack, folder: Path) -> None:
    (folder / "archive" / "gone.png").symlink_to("nowhere")
    done = run("textdrop put archive --wait")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "2 documents: 2 succeeded.")


def test_put_gives_one_json_document(run: Run, stack: FakeStack, folder: Path) -> None:
    done = run("textdrop put letter.pdf --metadata case=7 --model table --json --wait")
    answer = json.loads(done.stdout)
    [file], [document] = answer["files"], answer["documents"]
    assert (file["key"], file["there_already"], file["error"]) == ("letter.pdf", False, None)
    assert (document["document"], document["outcome"]) == (file["document"], "succeeded")
    assert stack.s3.head_object(Bucket=UPLOADS, Key="letter.pdf")["Metadata"] == {"case": "7", "ocr-model": "table"}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("textdrop put nowhere.pdf", "nowhere.pdf is not there. Check the name; nothing was uploaded."),
        ("textdrop put letter.pdf --model tabel", 'The model "tabel" is not known.'),
        ("textdrop put letter.pdf --metadata case", "--metadata takes NAME=VALUE."),
        ("textdrop put letter.pdf letter.pdf ../letter.pdf", "is not there"),
        ("textdrop --stack other put letter.pdf", 'There is no stack "other" in this account in eu-central-1.'),
        ("textdrop put letter.pdf --stack other", 'There is no stack "other" in this account in eu-central-1.'),
    ],
)
def test_put_with_something_wrong_uploads_nothing(
    run: Run, stack: FakeStack, folder: Path, line: str, what: str
) -> None:
    done = run(line)
    assert done.exit_code == 2
    assert what in done.stderr.replace("\n          ", " ")
    assert "etry" not in done.stderr  # there is nothing to retry
    assert keys(stack) == []


def test_put_without_a_permission_stops_at_once(
    run: Run, stack: FakeStack, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(stack.s3, "put_object", denied)
    done = run("textdrop put archive")
    assert done.exit_code == 2
    assert "Ask for the permission s3:PutObject." in done.stderr


def test_get_fetches_a_tree_and_is_safe_to_repeat(run: Run, stack: FakeStack, folder: Path) -> None:
    for key in ("inbox/a.pdf.txt", "inbox/x/b.pdf.txt", "inbox/x/b.pdf.ocr.json", "other/c.txt", ".textdrop/d.txt"):
        stack.s3.put_object(Bucket=RESULTS, Key=key, Body=key.encode())
    done = run("textdrop get inbox/ results")
    assert (done.exit_code, done.stdout) == (0, "3 files fetched (54 bytes), 0 there already: results\n")
    assert (folder / "results" / "x" / "b.pdf.txt").read_bytes() == b"inbox/x/b.pdf.txt"
    assert sorted(path.name for path in (folder / "results").rglob("*.*")) == [
        "a.pdf.txt",
        "b.pdf.ocr.json",
        "b.pdf.txt",
    ]
    assert run("textdrop get inbox/ results").stdout == "0 files fetched (0 bytes), 3 there already: results\n"
    assert run("textdrop get '' all --only text").stdout.startswith("3 files fetched")
    none = run("textdrop get imbox/ results")
    assert (none.exit_code, 'no such results yet of uploads whose keys begin with "imbox/"' in none.stderr) == (0, True)
    (folder / "empty").mkdir()
    assert "There are no files." in run("textdrop put empty").stderr


def test_get_refuses_names_that_lead_elsewhere_one_by_one(run: Run, stack: FakeStack, folder: Path) -> None:
    stack.s3.put_object(Bucket=RESULTS, Key="inbox/a.txt", Body=b"a")
    stack.s3.put_object(Bucket=RESULTS, Key="inbox//etc/passwd.txt", Body=b"x")
    done = run("textdrop get inbox/ results --json")
    assert done.exit_code == 1
    assert "not fetched: 'inbox//etc/passwd.txt': Its name cannot be a path in a folder." in done.stderr
    assert [file["error"] is None for file in json.loads(done.stdout)["files"]] == [True, False]
    assert run("textdrop get inbox/ results --only sound").exit_code == 2


# --- looking ----------------------------------------------------------------------------------------------------------


def test_status(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png", "failed", "failed_in_ocr")
    done = run("textdrop status a.png nowhere.png")
    assert done.exit_code == 2
    assert done.stdout.splitlines() == [
        "a.png",
        "  failed: failed_in_ocr",
        f"  document {0:032x}, run 1, received 2026-11-29 12:00:00Z",
        "  2 pages, 0 read, 2 paid for, 2 failed; 0.26 RUB",
        "  The OCR service failed to recognise the page. textdrop retry a.png",
    ]
    assert done.stderr == "textdrop: There is no document known as nowhere.png.\n"
    assert json.loads(run("textdrop status a.png --json").stdout)["documents"][0]["pages"]["total"] == 2
    stack.control.documents[f"{0:032x}"].update(key="", state="deleted", removed={"objects": 4, "rows": 1})
    gone = run(f"textdrop status {0:032x}").stdout.splitlines()
    assert (gone[:2], gone[-1]) == ([f"{0:032x}", "  deleted"], "  removed: 4 objects, 1 row")


def test_put_says_of_what_it_would_wait_for_in_vain(run: Run, stack: FakeStack, folder: Path) -> None:
    run("textdrop put letter.pdf archive/b.png")
    real = stack.control.on_status
    looks = iter([lambda documents: {"documents": [], "missing": documents}])

    def on_status(documents: list[str], pages: bool = False) -> dict[str, object]:
        unknown = next(looks, None)
        return unknown(documents) if unknown else real(documents, pages)

    stack.control.on_status = on_status  # type: ignore[method-assign]
    done = run("textdrop put letter.pdf --wait")
    assert done.exit_code == 0
    assert "letter.pdf is in the bucket, but not received yet. If it was there before the stack" in done.stderr
    assert "not received" not in run("textdrop put letter.pdf --wait").stderr


def test_status_with_details(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png", None)
    done = run("textdrop status nowhere.png a.png --details")
    assert (done.exit_code, done.stderr) == (2, "textdrop: There is no document known as nowhere.png.\n")
    assert done.stdout.splitlines()[-3:] == [
        "  pages 1-2: recognized (reused)",
        "  run 1: in progress; 2 pages paid for, 0 kept; 0.26 RUB",
        "  2026-11-29 12:00:00Z  received",
    ]


def test_list(run: Run, stack: FakeStack) -> None:
    for number in range(4):
        stack.control.add(f"{number}.png", "failed" if number % 2 else "succeeded", "damaged" if number % 2 else None)
    done = run("textdrop list --outcome failed --since 2026-11-01")
    assert done.stdout.splitlines() == [
        "2026-11-29 11:59:00Z        0/2  failed: damaged               1.png",
        "2026-11-29 11:57:00Z        0/2  failed: damaged               3.png",
    ]
    assert stack.control.requests[-1]["since"] == "2026-11-01T00:00:00.000Z"
    assert run("textdrop list --limit 3").stderr == "There are more: --limit 30\n"
    answer = json.loads(run("textdrop list --json --limit 3").stdout)
    assert (len(answer["documents"]), answer["more"]) == (3, True)
    assert run("textdrop list --prefix none/").stderr == "None.\n"
    wrong = run("textdrop list --since yesterday")
    assert (wrong.exit_code, '"yesterday" is not a time' in wrong.stderr) == (2, True)


def test_summary(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png")
    stack.control.add("b.png", "failed", "failed_in_ocr")
    stack.control.add("c.png", None)
    stack.control.paused = "operator"
    assert run("textdrop summary").stdout.splitlines() == [
        "2026-10-30 12:00:00Z to 2026-11-29 12:00:00Z",
        "Ended:      1 succeeded, 1 failed",
        "Reasons:    1 failed_in_ocr",
        "Pages:      4 read, 4 paid for; 0.53 RUB",
        "            page: 4 paid for; 0.53 RUB",
        "In flight:  1 reading (1 page with the OCR service)",
        "Oldest:     c.png, waiting for 2 min",
        "Paused:     operator, since 2026-11-29 12:00:00Z",
    ]
    assert json.loads(run("textdrop summary --json").stdout)["documents"]["failed"] == 1


def test_wait(run: Run, stack: FakeStack) -> None:
    for key in ("a/1.png", "a/2.png", "b/3.png"):
        stack.control.add(key, None)
    stack.control.endings["a/2.png"] = ("partial", "failed_in_ocr")
    done = run("textdrop wait --prefix a/")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "2 documents: 1 partial, 1 succeeded.")
    assert run("textdrop wait b/3.png").exit_code == 0
    assert run("textdrop wait --prefix a/").stdout == "Nothing is in flight there.\n"
    assert run("textdrop wait").exit_code == 2
    assert run("textdrop wait a/1.png --prefix a/").exit_code == 2
    stack.control.add("c.png", None, state="accepted")
    stack.control.documents[f"{3:032x}"]["waiting_for"] = "a free slot"
    late = run("textdrop wait c.png --timeout 0 --json")
    assert "c.png: writing; waits for a free slot\n" in late.stderr
    assert (late.exit_code, json.loads(late.stdout)["error"]["kind"]) == (1, "WaitTimedOut")


def test_watch_tells_what_ended_meanwhile_until_nothing_is_in_flight(run: Run, stack: FakeStack) -> None:
    stack.control.add("before.png")
    for number in range(2):
        stack.control.add(f"{number}.png", None, state="accepted" if number else "delivering")
    stack.control.endings["1.png"] = ("failed", "damaged")
    stack.control.add("waits.png", None, state="uploaded")
    stack.control.goes_on = True
    done = run("textdrop watch")
    assert done.exit_code == 0
    assert done.stderr == "1 received, 1 reading (2 pages with the OCR service) | about 0 s left by the quota\n"
    assert done.stdout.splitlines() == [
        "Nothing is in flight. 2 documents ended in 0 s.",
        "  succeeded: 1",
        "  failed: 1",
    ]
    # What is being deleted is not waited for, though the summary counts it.
    real = stack.control.on_summary

    def on_summary(since: str = "", until: str = "", cursor: str | None = None) -> dict[str, object]:
        return real(since, until, cursor) | ({"active": {"delivering": 1}} if cursor else {})

    stack.control.on_summary = on_summary  # type: ignore[method-assign]
    assert json.loads(run("textdrop watch --json").stdout)["ended"] == {}


# --- changing ---------------------------------------------------------------------------------------------------------


def test_retry_asks_with_the_numbers(run: Run, stack: FakeStack) -> None:
    for number in range(3):
        stack.control.add(f"{number}.png", "failed", "failed_in_ocr" if number else "damaged")
    refused = run("textdrop retry --reason failed_in_ocr")
    assert refused.exit_code == 2
    assert "Read again 2 documents, about 4 pages, 0.53 RUB? There is no terminal" in refused.stderr
    assert "Add --yes" in refused.stderr
    declined = run("textdrop retry --reason failed_in_ocr", asks=True, typed="n\n")
    assert (declined.exit_code, "Nothing was done." in declined.stderr) == (1, True)
    assert {each["state"] for each in stack.control.documents.values()} == {"final"}
    done = run("textdrop retry --reason failed_in_ocr --wait", asks=True, typed="y\n")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "2 documents: 2 succeeded."
    assert [each["run"] for each in stack.control.documents.values()] == [1, 2, 2]
    assert {request.get("outcome") for request in stack.control.requests if request.get("reason")} == {"failed"}


@pytest.mark.parametrize("line", ["retry --outcome failed", "cancel --prefix a", "delete --prefix a"])
def test_what_is_found_is_counted_before_it_asks(run: Run, stack: FakeStack, line: str) -> None:
    assert run(f"textdrop {line}").stderr == ""
    stack.control.add("a.png", None if line.startswith("cancel") else "failed")
    assert run(f"textdrop {line}", asks=True, typed="n\n").stderr.startswith("1 document")


def test_of_what_failed_and_what_is_not_known_the_exit_code_is_that_of_the_unknown(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png")
    stack.control.endings["a.png"] = ("partial", "failed_in_ocr")
    assert run("textdrop render a.png nowhere.png --wait").exit_code == 2
    assert run("textdrop render a.png --wait").exit_code == 1


def test_retry_with_other_options(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png")
    done = run("textdrop retry a.png nowhere.png --model table --yes --json")
    assert done.exit_code == 2
    assert stack.control.requests[-1]["options"] == {"model": "table"}
    answer = json.loads(done.stdout)
    assert [each["run"] for each in answer["documents"]] == [2]
    assert [each["asked"] for each in answer["unchanged"]] == ["nowhere.png"]
    assert answer["dry_run"] is False


@pytest.mark.parametrize("command", ["retry", "cancel", "release", "delete"])
def test_what_is_to_be_changed_is_named_once(run: Run, stack: FakeStack, command: str) -> None:
    assert run(f"textdrop {command} --yes").exit_code == 2
    assert run(f"textdrop {command} a.png --prefix a --yes").exit_code == 2
    assert run(f"textdrop {command} nowhere.png --yes").exit_code == 2
    assert run(f"textdrop {command} --prefix nothing/").stdout == "Nothing to do.\n"


def test_cancel(run: Run, stack: FakeStack) -> None:
    stack.control.add("a/1.png", None)
    stack.control.add("b.png", None)
    refused = run("textdrop cancel --prefix a/")
    assert "Cancel 1 document, with 1 page not read yet?" in refused.stderr
    done = run("textdrop cancel --prefix a/ --yes")
    assert (done.exit_code, done.stdout) == (0, "  a/1.png\nCancelled: 1 document.\n")
    assert stack.control.documents[f"{1:032x}"]["outcome"] is None


# --- held documents ---------------------------------------------------------------------------------------------------

HELD = [
    "a/large.pdf: held. It waits for the next day (UTC): the cap of 10 pages a day has no room for 1 page.",
    "Held documents are read in their turn; textdrop release reads them now, whatever the caps.",
]


def test_release_asks_with_the_numbers_and_says_that_caps_are_passed(run: Run, stack: FakeStack) -> None:
    for key in ("a/1.pdf", "a/2.pdf", "b.pdf"):
        stack.control.hold(key)
    refused = run("textdrop release --prefix a/")
    assert refused.exit_code == 2
    assert "Read 2 documents, about 2 pages, 0.26 RUB, whatever the caps? There is no terminal" in refused.stderr
    would = run("textdrop release --all --dry-run")
    assert (would.exit_code, would.stdout.splitlines()[-1]) == (
        0,
        "Would be read whatever the caps: 3 documents, about 3 pages, 0.40 RUB.",
    )
    assert {each["state"] for each in stack.control.documents.values()} == {"held"}
    done = run("textdrop release --prefix a/ --wait", asks=True, typed="y\n")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "2 documents: 2 succeeded.")
    assert [each["state"] for each in stack.control.documents.values()] == ["final", "final", "held"]


def test_release_of_what_is_not_held_says_why(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.pdf")
    stack.control.hold("b.pdf")
    done = run("textdrop release a.pdf b.pdf --yes")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, "left as it is: a.pdf: It is not held.")
    assert done.stdout.splitlines()[-1] == "Being read whatever the caps: 1 document, about 1 page, 0.13 RUB."
    assert run("textdrop release --prefix b --all --yes").exit_code == 2
    assert json.loads(run("textdrop release --all --json").stdout)["documents"] == []


def test_what_is_held_is_listed_and_told(run: Run, stack: FakeStack) -> None:
    stack.control.hold("a/large.pdf")
    stack.control.add("b.pdf", None)
    [line] = run("textdrop list --outcome held").stdout.splitlines()
    assert line.split()[2:] == ["0/2", "held", "a/large.pdf"]
    waits = "the next day (UTC): the cap of 10 pages a day has no room for 1 page"
    assert run("textdrop status a/large.pdf").stdout.splitlines()[1] == f"  held; waits for {waits}"
    stack.control.caps = {
        "day": {"cap": 1_000, "pages_used": 1_000, "percent": 100.0, "turns_at": "2026-11-30T00:00:00.000Z"},
        "month": {"cap": 9_000, "pages_used": 1_203, "percent": 13.4, "turns_at": "2026-12-01T00:00:00.000Z"},
    }
    assert run("textdrop summary").stdout.splitlines()[-4:-1] == [
        "In flight:  1 reading, 1 held over a cap (1 page with the OCR service)",
        "Today:      1,000 of the cap of 1,000 pages (100 %), until 2026-11-30 00:00:00Z",
        "This month: 1,203 of the cap of 9,000 pages (13.4 %), until 2026-12-01 00:00:00Z",
    ]


def test_what_is_held_is_not_waited_for_unless_it_is_said_how_long(run: Run, stack: FakeStack) -> None:
    stack.control.hold("a/large.pdf")
    stack.control.add("a/small.pdf", None)
    done = run("textdrop wait --prefix a/")
    assert (done.exit_code, done.stderr.splitlines()[-2:]) == (1, HELD)
    assert done.stdout.splitlines()[-1] == "2 documents: 1 held, 1 succeeded."
    late = run("textdrop wait a/large.pdf --timeout 60")
    assert late.exit_code == 1
    assert "textdrop: After 60 s 1 of 1 document had not ended, 1 of them held over a cap." in late.stderr
    assert run("textdrop wait a/small.pdf").exit_code == 0


def test_put_and_wait_says_what_is_held(run: Run, stack: FakeStack, folder: Path) -> None:
    run("textdrop put letter.pdf archive")
    [letter] = stack.control.on_status(["letter.pdf"])["documents"]
    stack.control.documents[letter["document"]].update(state="held", waiting_for="a person")
    done = run("textdrop put letter.pdf archive --wait --json")
    assert done.exit_code == 1
    assert "letter.pdf: held. It waits for a person." in done.stderr
    states = {each["key"]: each["state"] for each in json.loads(done.stdout)["documents"]}
    assert states == {"letter.pdf": "held", "archive/2019/a.png": "final", "archive/b.png": "final"}


def test_watch_ends_when_nothing_but_held_documents_is_left(run: Run, stack: FakeStack) -> None:
    stack.control.hold("a/large.pdf")
    stack.control.add("b.png", None, state="accepted")
    stack.control.goes_on = True
    done = run("textdrop watch")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        ["Nothing is in flight but 1 held document. 1 document ended in 0 s.", "  succeeded: 1"],
    )


def test_reuse_and_pages_without_text_are_options(run: Run, stack: FakeStack, folder: Path) -> None:
    run("textdrop put letter.pdf --no-reuse --pages without-text")
    metadata = stack.s3.head_object(Bucket=UPLOADS, Key="letter.pdf")["Metadata"]
    assert metadata == {"ocr-reuse": "no", "ocr-pages": "without-text"}
    stack.control.add("a.png")
    run("textdrop retry a.png --reuse --yes")
    assert stack.control.requests[-1]["options"] == {"reuse": "yes"}


def test_pages_that_cost_nothing_are_told(run: Run, stack: FakeStack) -> None:
    document = stack.control.add("a.pdf")
    document["pages"] |= {"total": 9, "recognized": 9, "kept": 3, "reused": 2, "skipped": 2}
    assert "  9 pages, 9 read, 2 paid for, 3 kept, 2 reused, 2 skipped; 0.26 RUB" in run("textdrop status a.pdf").stdout
    assert "Pages:      2 read, 2 paid for, 2 reused, 2 skipped; 0.26 RUB" in run("textdrop summary").stdout


def test_delete_leaves_the_upload_unless_told(run: Run, stack: FakeStack, folder: Path) -> None:
    run("textdrop put letter.pdf archive/b.png --wait")
    refused = run("textdrop delete letter.pdf")
    assert "Remove 1 document: rows and results, not the uploaded files? This cannot be undone." in refused.stderr
    done = run("textdrop delete letter.pdf --yes")
    assert done.stdout.splitlines() == [
        "  letter.pdf",
        "Being removed: 1 document.",
        "The OCR service's own copies expire by 2026-12-02 12:00:00Z.",
        "A last sweep follows after about 16 minutes; textdrop status then says deleted.",
    ]
    assert keys(stack) == ["b.png", "letter.pdf"]
    gone = run("textdrop delete b.png --upload --yes --wait")
    assert gone.stdout.splitlines()[-1] == "1 document: 1 deleted."
    assert stack.s3.list_object_versions(Bucket=UPLOADS, Prefix="b.png").get("Versions", []) == []
    assert "DeleteMarkers" not in stack.s3.list_object_versions(Bucket=UPLOADS)


def test_render_pause_and_resume(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png")
    done = run("textdrop render a.png --outputs markdown --wait")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "1 document: 1 succeeded.")
    assert run("textdrop pause").stdout == "Paused: operator, since 2026-11-29 12:00:00Z\n"
    assert json.loads(run("textdrop resume --json").stdout)["pause"]["why"] == ""


# --- backfill ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(stack: FakeStack) -> None:
    for number in range(3):
        stack.s3.put_object(Bucket=UPLOADS, Key=f"old/{number}.pdf", Body=b"%PDF")
    stack.control.page_size = 2


ESTIMATE = [
    "3 objects seen: 3 new (3.0 KB), 0 already known",
    "New: 3 .pdf",
    "About 9 pages, judging by 2 PDFs of 3; 1.19 RUB; 1 s at the quota",
]


@pytest.mark.usefixtures("old")
def test_backfill_asks_with_its_estimate_and_is_safe_to_repeat(run: Run, stack: FakeStack) -> None:
    assert run("textdrop estimate old/").stdout.splitlines() == ESTIMATE
    assert run("textdrop backfill old/ --dry-run").stdout.splitlines() == ESTIMATE
    refused = run("textdrop backfill old/")
    assert refused.exit_code == 2
    assert "Read 3 objects, about 9 pages, 1.19 RUB?" in refused.stderr
    assert not stack.control.documents
    done = run("textdrop backfill old/", asks=True, typed="y\n")
    assert done.stdout.splitlines()[-1] == "3 objects taken, 0 already known. textdrop watch shows them."
    assert len(stack.control.documents) == 3
    assert run("textdrop backfill old/").stdout.startswith("3 objects seen: 0 new")


@pytest.mark.usefixtures("old")
def test_an_estimate_knows_what_need_not_be_paid_for_and_the_caps(
    run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.control.kinds = (2, 3, 1)
    stack.control.caps = {
        "day": {"cap": 10, "pages_used": 8, "percent": 80.0, "turns_at": "2026-11-30T00:00:00.000Z"},
        "month": None,
    }
    assert run("textdrop estimate old/ --pages without-text --reuse").stdout.splitlines()[2:] == [
        "About 18 pages (6 paid for, 9 reused, 3 skipped), judging by 2 PDFs of 3; 0.79 RUB; 1 s at the quota",
        "Caps: 4 pages have no room now; all are read in 2 days (UTC), if nothing else is",
    ]
    assert stack.control.requests[-1]["options"] == {"pages": "without-text", "reuse": "yes"}
    answer = json.loads(run("textdrop estimate old/ --json").stdout)
    assert (answer["pages_over_cap"], answer["days"], answer["caps"]["day"]["pages_used"]) == (4, 2, 8)
    asked = run("textdrop backfill old/").stderr
    assert "Read 3 objects, about 18 pages (6 paid for, 9 reused, 3 skipped), 0.79 RUB?" in asked
    stack.control.caps["day"]["pages_used"] = 0
    assert run("textdrop estimate old/").stdout.endswith("Caps: all have room now\n")
    stack.control.kinds = (2, 0, 1)
    assert "About 9 pages (6 paid for, 0 reused, 3 skipped)" in run("textdrop estimate old/").stdout
    real = stack.control.on_backfill
    monkeypatch.setattr(
        stack.control, "on_backfill", lambda **given: real(**given) | {"models": {"page": 2, "table": 4}}
    )
    assert "\nBy model: 4 page, 8 table\n" in run("textdrop estimate old/").stdout


@pytest.mark.parametrize("line", ["put a.pdf", "retry a.pdf --yes", "render a.pdf", "delete a.pdf --yes"])
def test_a_time_to_wait_without_waiting_is_wrong_use(run: Run, line: str) -> None:
    ended = run(f"textdrop {line} --timeout 5")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "--timeout has no effect without --wait." in ended.stderr


@pytest.mark.usefixtures("old")
def test_a_backfill_that_breaks_off_says_how_to_continue(run: Run, stack: FakeStack) -> None:
    real = stack.control.on_backfill

    def breaks(prefix: str = "", cursor: str | None = None, dry_run: bool = False, options: Any = None) -> Any:
        if cursor and not dry_run:
            raise KeyboardInterrupt
        return real(prefix, cursor, dry_run)

    stack.control.on_backfill = breaks  # type: ignore[method-assign]
    done = run("textdrop backfill old/ --yes --region eu-central-1")
    assert done.exit_code == 130
    assert (
        done.stderr.splitlines()[-1]
        == "Interrupted. To continue: textdrop backfill old/ --from 2 --region eu-central-1"
    )
    stack.control.on_backfill = real  # type: ignore[method-assign]
    assert run("textdrop backfill old/ --from 2 --yes").stdout.startswith("1 object taken, 0 already known")
    assert len(stack.control.documents) == 3


@pytest.mark.usefixtures("old")
def test_a_backfill_that_is_refused_in_its_midst_says_how_to_continue(run: Run, stack: FakeStack) -> None:
    real = stack.control.on_backfill

    def refuses(prefix: str = "", cursor: str | None = None, dry_run: bool = False, options: Any = None) -> Any:
        if cursor and not dry_run:
            stack.control.unavailable = 4
        return real(prefix, cursor, dry_run)

    stack.control.on_backfill = refuses  # type: ignore[method-assign]
    stack.control.page_size = 1
    done = run("textdrop backfill old/ --yes")
    assert done.exit_code == 2
    assert "It was interrupted after 2 objects. To continue: textdrop backfill old/ --from 2" in done.stderr
