"""The demo: which files it takes, what it makes of documents, what it prints, and its answers to what cannot work."""

import io
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from local import servers, stack
from local.demo import __main__ as demo
from local.demo import run, view
from local.demo.run import Upload
from local.samples import Sample, write_samples
from textdrop.client import Document, Pages, Textdrop
from unit.client.fake_stack import RESULTS, UPLOADS, FakeStack, fake_stack

READ = Sample(Path("a.png"), "succeeded", None, "a hundred characters, or nearly", "a page")
DAMAGED = Sample(Path("a.png"), "failed", "damaged", "", "half a file")


@pytest.fixture
def stack_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """A stack whose documents go on by one step at each look, and nobody waits between two looks."""
    monkeypatch.setattr(run, "REFRESH_SECONDS", 0)
    with fake_stack() as made:
        yield made


def upload(state: str = "final", name: str = "a.png", seconds: float = 0.0, **more: Any) -> Upload:
    """An upload that has been in the bucket for so long, and whose document was last seen so."""
    document = Document("5f", name, state=state, **more)
    return Upload(name, f"demo/1/{name}", Path(name), document=document, seen_at=seconds)


def test_all_that_is_wrong_with_files_is_told_at_once_and_nothing_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b [1].jpg").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    names = ["b [1].jpg", "missing.pdf", "", "dangling", "pipe"]
    state = tmp_path / "state"
    assert demo.main(["--state", str(state), *(str(tmp_path / name) for name in names)]) == demo.NOT_USABLE
    said = capsys.readouterr().err.replace(f"{tmp_path}/", "").splitlines()
    assert said[1:-1] == [
        "missing.pdf: there is no such file",
        f"{tmp_path}: is a folder; name the files in it, such as *",
        "dangling: there is no such file",
        "pipe: is not a regular file",
    ]
    assert "needs quotes of its own" in said[-1]
    assert not state.exists()


def test_files_of_one_name_have_names_of_their_own_in_the_bucket() -> None:
    paths = [Path("/in/Скан 1+2.pdf"), Path("/out/Скан 1+2.pdf"), Path(os.fsdecode(b"/\xff.jpg"))]
    assert run.names([*paths, Path(os.fsdecode(b"/\xfe.jpg"))]) == [
        "Скан 1+2.pdf",
        "2-Скан 1+2.pdf",
        "\ufffd.jpg",
        "2-\ufffd.jpg",
    ]


def test_samples_go_with_their_metadata_and_the_users_files_with_the_stacks_own_model(tmp_path: Path) -> None:
    samples = {sample.path: sample for sample in write_samples(tmp_path)}
    for upload in demo.planned(list(samples), "demo/1/", samples):
        assert upload.metadata == samples[upload.path].metadata
    [own] = demo.planned([tmp_path / "a.pdf"], "demo/1/", {})
    assert own.metadata == {"ocr-outputs": "searchable-pdf markdown tables"}


def test_each_file_is_told_as_soon_as_it_is_done_and_its_results_are_fetched(
    stack_in_memory: FakeStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "gone.png"):
        (tmp_path / name).write_bytes(name.encode())
    uploads = demo.planned([tmp_path / name for name in ("gone.png", "a.png", "b.png")], "demo/1/", {})
    (tmp_path / "gone.png").unlink()
    stack_in_memory.control.endings["demo/1/b.png"] = ("failed", "failed_by_service")
    samples = {uploads[1].path: replace(READ, text="text of demo/1/a.png"), uploads[2].path: READ}
    assert demo.read(Textdrop(session=cast(Any, stack_in_memory)), uploads, samples, tmp_path / "results") == 1
    told = re.sub(r" {2,}\d+\.\d s", "", capsys.readouterr().out).splitlines()
    assert told == [
        "  gone.png  not uploaded",
        f"    {tmp_path}/gone.png cannot be read: No such file or directory.",
        "    Make it readable.",
        "Uploaded; waiting for the stack's functions to start (some seconds the first time) ...",
        "  a.png  received",
        "  b.png  received",
        "  a.png  done, 0.0% of characters wrong",
        "    | text of demo/1/a.png",
        "    files: .txt",
        "  b.png  failed: failed_by_service, expected: done",
        "    files: .error.json",
    ]
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"a.png.txt", "b.png.error.json"}


def test_when_nothing_could_be_uploaded_nothing_is_waited_for(
    stack_in_memory: FakeStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uploads = [Upload("gone.png", "demo/1/gone.png", tmp_path / "gone.png")]
    assert demo.read(Textdrop(session=cast(Any, stack_in_memory)), uploads, {}, tmp_path) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "gone.png",
        f"{uploads[0].path}",
        "Make",
    ]


def test_a_demo_that_gives_up_says_so(
    stack_in_memory: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").touch()
    monkeypatch.setattr(run, "STILL_SECONDS", 0)
    monkeypatch.setattr(stack_in_memory.control, "on_status", lambda **_: {"documents": [], "missing": []})
    uploads = demo.planned([tmp_path / "a.png"], "demo/1/", {})
    assert demo.read(Textdrop(session=cast(Any, stack_in_memory)), uploads, {}, tmp_path) == 0
    assert capsys.readouterr().out.endswith("Nothing has advanced for 0 minutes, so the demo ends here.\n")
    assert uploads[0].seen_at > uploads[0].advanced_at == uploads[0].uploaded_at


class Slow:
    """A stack that reads a page of its one document every so many seconds, as far as that page."""

    def __init__(self, seconds_a_page: float, most: int) -> None:
        self.seconds_a_page, self.most, self.now = seconds_a_page, most, 0.0

    def status(self, _ids: Sequence[str]) -> tuple[list[Document], tuple[str, ...]]:
        finished = min(self.most, int(self.now // self.seconds_a_page))
        state = "final" if finished == 69 else "recognizing"
        return [Document("5f", "a", state=state, pages=Pages(total=69, finished=finished))], ()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def followed(self) -> list[Upload]:
        """The uploads that reached an outcome."""
        one = [upload("uploaded")]
        return list(run.follow(cast(Any, self), one, lambda _: None, self.sleep, lambda: self.now))


def test_a_file_is_followed_for_as_long_as_its_pages_advance() -> None:
    slow = Slow(run.STILL_SECONDS - 10, 69)
    assert [each.done for each in slow.followed()] == [True]
    assert slow.now == 69 * (run.STILL_SECONDS - 10)


def test_a_file_that_stands_still_is_left() -> None:
    slow = Slow(30, 37)
    assert slow.followed() == []
    assert slow.now == 37 * 30 + run.STILL_SECONDS + run.REFRESH_SECONDS


def test_one_file_that_advances_keeps_the_others_waited_for() -> None:
    class Uneven(Slow):
        def status(self, ids: Sequence[str]) -> tuple[list[Document], tuple[str, ...]]:
            return [*super().status(ids)[0], Document("60", "b", state="accepted")], ()

    uneven = Uneven(100, 60)
    both = [upload("uploaded"), replace(upload("uploaded"), document=Document("60", "b"))]
    assert not list(run.follow(cast(Any, uneven), both, lambda _: None, uneven.sleep, lambda: uneven.now))
    assert uneven.now > 60 * 100 + run.STILL_SECONDS


def test_all_files_of_a_document_are_fetched_with_what_its_result_notes(
    stack_in_memory: FakeStack, tmp_path: Path
) -> None:
    notes = b'{"notes": ["No tables."]}'
    bodies = {".txt": b"text", ".ocr.json": notes, ".tables/0002-01.csv": b"a", ".b/../c": b"", "2.txt": b"another"}
    for ending, body in bodies.items():
        stack_in_memory.s3.put_object(Bucket=RESULTS, Key=f"demo/1/a.png{ending}", Body=body)
    one = upload()
    run.fetch(Textdrop(session=cast(Any, stack_in_memory)), one, tmp_path)
    assert {ending: path.relative_to(tmp_path).as_posix() for ending, path in one.files.items()} == {
        ".ocr.json": "a.png.ocr.json",
        ".tables/0002-01.csv": "a.png.tables/0002-01.csv",
        ".txt": "a.png.txt",
    }
    assert one.notes == ["No tables.", "demo/1/a.png.b/../c: Its name cannot be a path in a folder."]


@pytest.mark.parametrize(
    ("ending", "sample", "judged"),
    [
        (upload(outcome="failed", reason="damaged"), None, (True, "")),
        (replace(upload(), document=None), READ, (False, "")),
        (upload("recognizing"), None, (False, "")),
        (upload(outcome="failed", reason="damaged"), DAMAGED, (True, "as expected")),
        (upload(outcome="failed", reason="encrypted"), DAMAGED, (False, "expected: failed: damaged")),
        (upload(outcome="failed", reason="damaged"), READ, (False, "expected: done")),
        (upload(outcome="succeeded"), READ, (False, "expected outputs: text")),
    ],
)
def test_an_ending_is_judged_by_what_is_expected_of_it(
    ending: Upload, sample: Sample | None, judged: tuple[bool, str]
) -> None:
    assert run.judge(ending, sample) == judged


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("a hundred characters, or nearl\n", (True, "3.2% of characters wrong")),
        ("a hundred", (False, "71.0% of characters wrong (expected: at most 5%)")),
    ],
)
def test_a_text_is_judged_by_how_much_of_it_is_wrong(text: str, judged: tuple[bool, str], tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8")
    assert run.judge(replace(upload(outcome="succeeded"), files={".txt": tmp_path / "a"}), READ) == judged


def test_a_sample_must_have_the_outputs_it_asks_for(tmp_path: Path) -> None:
    asking = replace(READ, metadata={"ocr-outputs": "searchable-pdf tables"})
    (tmp_path / "a").write_text(READ.text, encoding="utf-8")
    done = upload(outcome="succeeded")
    done.files = dict.fromkeys([".txt", ".searchable.pdf"], tmp_path / "a")
    assert run.judge(done, asking) == (False, "expected outputs: tables")
    done.files = dict.fromkeys([".txt", ".searchable.pdf", ".tables.xlsx"], tmp_path / "a")
    assert run.judge(done, asking) == (True, "0.0% of characters wrong")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[31mred", "]0;title[31mred"),
        ("tab\tand\r\nbreaks\u2028 ", "tab and breaks"),
        ("left\u202eright\u200b", "leftright"),
        ("Скан 📄 №1", "Скан 📄 №1"),
        ("\ud800\x9b2J", "2J"),
    ],
)
def test_text_is_shown_without_what_could_move_a_terminal(text: str, shown: str) -> None:
    assert view.printable(text) == shown


def test_of_a_document_the_first_lines_or_what_was_wrong_are_shown(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n\nFirst\x1b[2J\n \nSecond\n" + "x" * 200 + "\nFourth\n", encoding="utf-8")
    done = upload(outcome="succeeded", seconds=61.04)
    done.files, done.notes = {".md": tmp_path / "a", ".txt": tmp_path / "a"}, ["No tables."]
    assert view.ended(done, "as expected") == [
        "  a.png" + " " * 33 + "61.0 s  done, as expected",
        "    | First[2J",
        "    | Second",
        "    | " + "x" * 98,
        "    files: .md .txt",
        "    warning: No tables.",
    ]
    (tmp_path / "a").write_text("\n \f", encoding="utf-8")
    assert view.ended(done, "")[1] == "    (no text: a blank page)"
    failed = upload(outcome="failed", reason="damaged", what="It is cut\nshort.", advice="Upload it whole.")
    assert [each.strip() for each in view.ended(failed, "")[1:]] == ["It is cut short.", "Upload it whole."]


@pytest.mark.parametrize(
    ("state", "waiting_for", "said"),
    [
        ("uploaded", None, "uploaded; waits for the submit function"),
        ("accepted", "a free slot", "received; waits for a free slot"),
        ("accepted", "the end of a pause: by request", "received; waits for the end of a pause: by request"),
        ("recognizing", None, "reading"),
    ],
)
def test_what_a_file_waits_for_is_said_once_it_stands_still(state: str, waiting_for: str | None, said: str) -> None:
    still = upload(state, waiting_for=waiting_for, seconds=view.PATIENCE_SECONDS)
    assert view.words(still) == said
    moving = upload(state, waiting_for=waiting_for, seconds=view.PATIENCE_SECONDS - 1)
    assert view.words(moving) == said.partition(";")[0]


def test_without_a_terminal_a_file_has_a_line_a_change_and_at_most_one_in_five_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def shown(seconds: float, state: str, finished: int = 0) -> None:
        one = upload(state, seconds=seconds, pages=Pages(total=69, finished=finished))
        screen.show([replace(one, advanced_at=seconds), upload("uploaded", "b.png")])

    with view.Screen(Console(file=io.StringIO())) as screen:
        shown(0, "uploaded")
        shown(1, "accepted")
        shown(2, "recognizing")
        for second in range(3, 18):
            shown(second, "recognizing", min(second, 9))
    assert [line.split(maxsplit=3)[1:] for line in capsys.readouterr().out.splitlines()] == [
        ["1.0", "s", "received"],
        ["6.0", "s", "reading, 6 of 69 pages"],
        ["11.0", "s", "reading, 9 of 69 pages"],
    ]


def test_on_a_terminal_what_is_under_way_is_shown_in_place_and_gone_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=90, _environ={"TERM": "xterm"})
    reading = upload("recognizing", seconds=3.0, pages=Pages(total=69, finished=37))
    with view.Screen(console) as screen:
        screen.show([reading, upload("accepted", "b.png")])
        screen.show([reading])
    assert isinstance(console.file, io.StringIO)
    up_and_erased = "\x1b[1A\x1b[2K"
    both, alone, end = console.file.getvalue().split(up_and_erased)
    assert [both.count(told) for told in ("reading, 37 of 69 pages", "b.png")] == [1, 1]
    assert "reading, 37 of 69 pages" in alone
    assert "b.png" not in alone
    assert end == ""
    assert capsys.readouterr().out == ""


def test_a_demo_that_is_left_says_what_becomes_of_its_files(
    stack_in_memory: FakeStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def status(*_: Any) -> Any:
        raise KeyboardInterrupt

    (tmp_path / "a.png").touch()
    textdrop = Textdrop(session=cast(Any, stack_in_memory))
    monkeypatch.setattr(textdrop, "status", status)
    monkeypatch.setattr(stack, "client", lambda env: textdrop)
    env = {"UPLOADS_BUCKET": UPLOADS, "RESULTS_BUCKET": RESULTS}
    said = []
    for stays in (True, False):
        with pytest.raises(KeyboardInterrupt):
            demo.demonstrate(tmp_path, env, [tmp_path / "a.png"], real=False, stays=stays)
        said.append(capsys.readouterr().out.partition("(some seconds the first time) ...\n")[2].splitlines())
    [first] = [home for home in (tmp_path / "demo").iterdir() if home.name in str(said[0])]
    folder = f"demo/{first.name}/"
    file = "  a.png" + " " * 34 + "0.0 s  uploaded"
    assert said == [
        [
            "Not done yet; the stack continues with them:",
            file,
            f"Their results will appear below s3://{RESULTS}/{folder}. To wait for them, and to get them:",
            f"  . {tmp_path}/env",
            f"  textdrop wait --prefix {folder}",
            f"  textdrop get {folder} results",
        ],
        ["Not done, and lost, because the stack ends with the demo (run `make up` first to keep it):", file],
    ]


def test_nothing_is_said_of_what_is_done_when_the_demo_is_left() -> None:
    done = upload(outcome="succeeded")
    assert view.left([done], "bucket", "folder/", Path("env"), stays=True) == []
    assert len(view.left([done, upload("accepted")], "bucket", "folder/", Path("env"), stays=False)) == 2


def test_commands_to_go_on_with_survive_a_shell(tmp_path: Path) -> None:
    odd = tmp_path / "it's $HOME `x` & Скан.pdf"
    commands = view.carry_on(odd, ".txt", tmp_path / "env file", running=False)
    (tmp_path / "env file").write_text("export UPLOADS_BUCKET=u RESULTS_BUCKET=r NOTICES_QUEUE_URL=q\n")
    script = 'aws() { printf \'<%s>\' "$@"; echo; }; make() { echo made "$@"; }\n' + "\n".join(commands)
    shown = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[:2] == ["made up", f"<s3><cp><{odd}><s3://u/><--metadata><ocr-languages=ru en>"]
    assert shown[2] == f"<s3api><wait><object-exists><--bucket><r><--key><{odd.name}.txt>"
    assert shown[3] == f"<s3><cp><s3://r/{odd.name}.txt><->"
    assert shown[-1] == "made down"


def test_credentials_that_cannot_be_used_start_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YANDEX_API_KEY", raising=False)
    monkeypatch.setenv("YANDEX_KEY_FILE", str(tmp_path / "key.json"))
    assert demo.main(["--state", str(tmp_path / "state")]) == demo.NOT_USABLE
    assert "key.json cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("url", "real", "advice"),
    [
        ("https://ocr.api.cloud.yandex.net", False, "neither YANDEX_API_KEY nor YANDEX_KEY_FILE is set"),
        ("http://127.0.0.1:4568", True, "make down"),
    ],
)
def test_a_running_stack_that_reads_with_another_service_is_left_alone(
    url: str, real: bool, advice: str, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text(f"export OCR_BASE_URL='{url}'\n", encoding="utf-8")
    with pytest.raises(stack.NotUsable, match=advice):
        demo.running_stack(tmp_path, real=real)


def test_a_running_stack_for_the_real_service_is_taken_as_it_is_and_one_without_its_ocr_service_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_text("export OCR_BASE_URL='https://ocr.api.cloud.yandex.net'\n", encoding="utf-8")
    assert demo.running_stack(tmp_path, real=True) == {"OCR_BASE_URL": "https://ocr.api.cloud.yandex.net"}
    (tmp_path / "env").write_text("export OCR_BASE_URL='http://127.0.0.1:4568'\n", encoding="utf-8")
    monkeypatch.setattr(servers, "ocr_is_up", lambda port: port != 4568)
    assert demo.running_stack(tmp_path, real=False) is None
