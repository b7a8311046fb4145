"""The demo: which files it takes, what it makes of documents, what it prints, and its answers to what cannot work."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import servers, stack
from local.demo import __main__ as demo
from local.demo import account, run, view
from local.demo.run import Upload, judge
from local.samples import Sample, write_samples
from textdrop.core import identity
from textdrop.core.documents import Source

READ = Sample(Path("a.png"), "succeeded", "", "a hundred characters, or nearly", "a page")
DAMAGED = Sample(Path("a.png"), "failed", "damaged", "", "half a file")


def ended(outcome: str, reason: str | None = None, endings: Sequence[str] = (".ocr.json",)) -> Upload:
    told = {"outcome": outcome, "reason": reason}
    return Upload("a.png", "a.png", Path("a.png"), told=told, files={ending: Path("a") for ending in endings})


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
        "pipe: is no regular file",
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


@pytest.mark.parametrize("key", ["a b+c.pdf", "Счёт 📄.png"])
def test_the_document_id_is_the_one_of_the_product(key: str) -> None:
    assert account.document_id("uploads", key, "v1") == identity.document_id(Source("uploads", key, "v1"))


def test_samples_go_with_their_metadata_and_the_users_files_with_the_stacks_own_model(tmp_path: Path) -> None:
    samples = {sample.path: sample for sample in write_samples(tmp_path)}
    for upload in demo.planned(list(samples), "demo/1/", samples):
        assert upload.metadata == samples[upload.path].metadata
    [own] = demo.planned([tmp_path / "a.pdf"], "demo/1/", {})
    assert own.metadata == {"ocr-outputs": "searchable-pdf markdown tables"}


def test_each_change_is_a_line_until_all_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Upload(name, name, Path(name)) for name in ("a", "b"))

    def put(_account: Any, path: Path, _key: str, _metadata: Any) -> str:
        if path.name == "b":
            raise OSError("gone")
        return "v1"

    seen = iter(["accepted", "accepted", "recognizing", "final"])
    monkeypatch.setattr(account, "put", put)
    monkeypatch.setattr(account, "states", lambda _, documents: dict.fromkeys(documents, next(seen)))
    monkeypatch.setattr(run, "REFRESH_SECONDS", 0)
    lines: list[str] = []
    connected: Any = type("Account", (), {"uploads_bucket": "u"})()
    run.follow(connected, [first, second], 60, lines.append)
    assert [line.split()[-1] for line in lines] == ["accepted", "recognizing", "final"]
    assert second.told["what"] == "OSError: gone"


@pytest.mark.parametrize(
    ("endings", "ending"),
    [((".txt", ".ocr.json", ".tables/0002-01.csv"), "succeeded"), ((".error.json",), "failed: damaged")],
)
def test_all_files_of_a_document_are_fetched_and_say_how_it_ended(
    endings: Sequence[str], ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, _, reason = ending.partition(": ")

    def download(_account: Any, _bucket: str, _key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"outcome": outcome, "reason": reason or None}), encoding="utf-8")

    keys = [f".textdrop/documents/5f/result{each}" for each in endings]
    monkeypatch.setattr(account, "download", download)
    monkeypatch.setattr(account, "keys_below", lambda _account, _bucket, prefix: [k for k in keys if prefix in k])
    upload = Upload("a.pdf", "demo/1/a.pdf", Path("a.pdf"), document="5f")
    connected: Any = type("Account", (), {"results_bucket": "r"})()
    run.fetch(connected, upload, tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        f"a.pdf{each}" for each in endings
    }
    assert upload.ending == ending


@pytest.mark.parametrize(
    ("upload", "text", "sample", "judged"),
    [
        (ended("failed", "damaged"), None, None, (True, "")),
        (Upload("a", "a", Path("a"), told={"outcome": "not uploaded"}), None, None, (False, "")),
        (Upload("a", "a", Path("a"), state="recognizing"), None, None, (False, "the time is over")),
        (ended("failed", "damaged"), None, DAMAGED, (True, "as expected")),
        (ended("failed", "encrypted"), None, DAMAGED, (False, "expected: failed: damaged")),
        (ended("failed", "damaged"), None, READ, (False, "expected: succeeded")),
        (ended("succeeded"), "a hundred characters, or nearl\n", READ, (True, "3.2% of characters wrong")),
        (ended("succeeded"), "a hundred", READ, (False, "71.0% of characters wrong (expected: at most 5%)")),
    ],
)
def test_an_ending_is_judged_by_what_is_expected_of_it(
    upload: Upload, text: str | None, sample: Sample | None, judged: tuple[bool, str]
) -> None:
    assert judge(upload, text, sample) == judged


def test_a_sample_must_have_the_outputs_it_asks_for() -> None:
    asking = replace(READ, metadata={"ocr-outputs": "searchable-pdf tables"})
    partly = ended("succeeded", endings=(".txt", ".searchable.pdf"))
    assert judge(partly, READ.text, asking) == (False, "expected outputs: tables")
    whole = ended("succeeded", endings=(".txt", ".searchable.pdf", ".tables.xlsx"))
    assert judge(whole, READ.text, asking) == (True, "0.0% of characters wrong")


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


def test_of_a_document_the_first_lines_or_what_was_wrong_are_shown() -> None:
    text = "\n\nFirst\x1b[2J\n \nSecond\n" + "x" * 200 + "\nFourth\n"
    told = {"outcome": "succeeded", "notes": ["No tables."]}
    assert view.details(told, text, [".txt", ".md"]) == [
        "    | First[2J",
        "    | Second",
        "    | " + "x" * 98,
        "    files: .txt .md",
        "    warning: No tables.",
    ]
    assert view.details({}, "\n \f", []) == ["    (no text: a blank page)"]
    failed = {"what": "It is cut\nshort.", "advice": "Upload it whole."}
    assert view.details(failed, None, [".error.json"]) == [
        "    It is cut short.",
        "    Upload it whole.",
        "    files: .error.json",
    ]


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
