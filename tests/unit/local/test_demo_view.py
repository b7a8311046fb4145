"""What the demo prints."""

import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.demo import view
from local.demo.progress import Upload
from local.demo.screen import Screen, open_screen


def upload(name: str = "a.pdf", **given: Any) -> Upload:
    return Upload(name, f"demo/1/{name}", Path(name), **given)


def ended(outcome: str, reason: str | None = None, **given: Any) -> Upload:
    told = {"outcome": outcome, "reason": reason, "what": None, "advice": None, "warnings": [], **given}
    return upload(uploaded_at=1.0, ended_at=3.44, notice=told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b]0;title\x07\x1b[31mred", "]0;title[31mred"),
        ("tab\tand\r\nbreaks\u2028 ", "tab and breaks"),
        ("left\u202eright\u200b", "leftright"),
        ("Скан 📄 №1", "Скан 📄 №1"),
        ("\ud800\x9b2J", "2J"),
    ],
)
def test_text_is_shown_without_what_could_move_a_terminal(text: str, shown: str) -> None:
    assert view.printable(text) == shown


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("📄", 2), ("Й", 1)])
def test_columns_are_those_of_a_terminal(text: str, width: int) -> None:
    assert view.columns(text) == width


@pytest.mark.parametrize("text", ["", "short", "long, longer, longest", "日本語の文書です", "日本語の文書でx"])
def test_padded_text_takes_exactly_its_columns(text: str) -> None:
    assert view.columns(view.padded(text, 10)) == 10


def test_a_line_of_progress_says_how_far_it_is() -> None:
    assert view.progress_line(upload(), 7, 9.0) == "  a.pdf              waiting"
    assert (
        view.progress_line(upload(state="recognizing", uploaded_at=7.5), 7, 9.0) == "  a.pdf       1.5 s  recognizing"
    )
    assert view.progress_line(ended("failed", "damaged"), 7, 9.0) == "  a.pdf       2.4 s  failed: damaged"


def test_a_report_gives_the_first_lines_of_text() -> None:
    text = "\n\nFirst\x1b[2J\n \nSecond\n" + "x" * 100 + "\nFourth\n"
    assert view.report(ended("succeeded", pages={"total": 2}), text, (), "fine", (6, 10), 40) == [
        "a.pdf   succeeded     2.4 s  2 pages, fine",
        "    | First[2J",
        "    | Second",
        "    | " + "x" * 33 + "…",
    ]


def test_a_report_of_a_failure_says_what_was_wrong_and_what_to_do() -> None:
    failed = ended("failed", "damaged", what="It is cut\nshort.", advice="Upload it whole.", pages={"total": 1})
    assert view.report(failed, None, [".error.json"], "", (5, 15), 40) == [
        "a.pdf  failed: damaged    2.4 s",
        "    It is cut short.",
        "    Upload it whole.",
        "    files: .error.json",
    ]


def test_a_report_of_a_blank_page_says_so() -> None:
    assert view.report(ended("succeeded", pages={"total": 1}), "\n \f", (), "", (5, 9), 40) == [
        "a.pdf  succeeded    2.4 s  1 page",
        "    (no text: a blank page)",
    ]


def test_a_report_of_what_never_went_in_says_why() -> None:
    assert view.report(upload(failure="OSError: it is gone"), None, (), "", (5, 12), 40) == [
        "a.pdf  not uploaded",
        "    OSError: it is gone",
    ]


def test_a_report_names_the_files_and_what_is_missing_in_them() -> None:
    told = ended("succeeded", warnings=["One is\nmissing.", "Two.", "Three.", "Four.", "Five."])
    endings = (".txt", ".md", ".tables/0001-01.csv", ".tables/0001-02.csv")
    assert view.report(told, "Text", endings, "", (5, 9), 40)[1:] == [
        "    | Text",
        "    files: .txt .md .tables/0001-01.csv…",
        "    warning: One is missing.",
        "    warning: Two.",
        "    warning: Three.",
        "    and 2 more warnings in its notice",
    ]


def test_columns_of_a_report_are_as_wide_as_the_longest_entry() -> None:
    uploads = [ended("skipped", "unsupported_type"), upload("счёт.pdf")]
    assert (view.name_width(uploads, 80), view.ending_width(uploads)) == (8, 25)
    assert view.name_width([upload("n" * 300)], 80) == 40


def test_without_a_terminal_there_is_a_line_for_each_change() -> None:
    stream = io.StringIO()
    screen = Screen(stream, table=False, columns=80)
    first, second = upload(), upload("b.pdf")
    screen.show([first, second], 0.0)
    first.state, first.uploaded_at = "uploaded", 1.0
    screen.show([first, second], 1.5)
    screen.show([first, second], 2.0)
    second.failure = "gone"
    screen.show([first, second], 2.5)
    assert stream.getvalue().splitlines() == [
        "  a.pdf     0.5 s  uploaded",
        "  b.pdf            not uploaded",
    ]


def test_on_a_terminal_the_table_is_drawn_over_itself() -> None:
    stream = io.StringIO()
    screen = Screen(stream, table=True, columns=80)
    uploads = [upload(), upload("b.pdf")]
    screen.show(uploads, 0.0)
    first = stream.getvalue()
    screen.show(uploads, 0.0)
    assert "\x1b[2A" not in first
    assert stream.getvalue() == first + "\x1b[2A" + first


def test_no_line_of_the_table_is_wider_than_the_terminal() -> None:
    stream = io.StringIO()
    Screen(stream, table=True, columns=40).show([upload("n" * 200, state="recognizing", uploaded_at=1.0)], 100.0)
    [line] = stream.getvalue().removesuffix("\x1b[K\n").split("\n")
    assert view.columns(line.removeprefix("\r")) < 40


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "count", "draws"),
    [
        (Terminal(), "xterm", 6, True),
        (Terminal(), "dumb", 6, False),
        (Terminal(), "xterm", 24, False),
        (io.StringIO(), "xterm", 6, False),
    ],
)
def test_the_table_is_for_terminals_that_can_hold_it(
    stream: io.StringIO, term: str, count: int, draws: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    open_screen(stream, count).show([upload()] * 2, 0.0)
    assert ("\x1b[K" in stream.getvalue()) is draws


def test_commands_to_go_on_with_survive_a_shell(tmp_path: Path) -> None:
    odd = tmp_path / "it's $HOME `x` & Скан.pdf"
    commands = view.carry_on(odd, ".txt", tmp_path / "env file", running=True)
    (tmp_path / "env file").write_text("export UPLOADS_BUCKET=u RESULTS_BUCKET=r NOTICES_QUEUE_URL=q\n")
    script = 'aws() { printf \'<%s>\' "$@"; echo; }; make() { echo made "$@"; }\n' + "\n".join(commands)
    shown = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0] == f"<s3><cp><{odd}><s3://u/><--metadata><ocr-languages=ru en>"
    assert shown[1] == f"<s3api><wait><object-exists><--bucket><r><--key><{odd.name}.txt>"
    assert shown[2] == f"<s3><cp><s3://r/{odd.name}.txt><->"
    assert shown[-1] == "made down"


def test_a_stack_that_is_gone_is_started_first() -> None:
    assert view.carry_on(Path("a.pdf"), ".error.json", Path(".local/env"), running=False)[0] == "make up"
