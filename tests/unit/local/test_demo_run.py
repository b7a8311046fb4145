"""The demo's own files and its answers to what cannot work."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local import servers, stack
from local.demo import __main__ as demo
from local.demo import account, run
from local.demo.progress import Upload, see_notice
from local.samples import write_samples


@pytest.mark.parametrize(
    ("key", "result_key", "ending"),
    [
        ("demo/1/a.pdf", "demo/1/a.pdf.txt", ".txt"),
        ("demo/1/a.pdf", "demo/1/a.pdf.ocr.json", ".ocr.json"),
        ("demo/1/a.pdf", "demo/1/a.pdf.tables/0002-01.csv", ".tables/0002-01.csv"),
        ("demo/1/a.pdf", ".textdrop/documents/5f/result.txt", ".result.txt"),
        ("demo/1/a.pdf", ".textdrop/documents/5f/result.tables/0002-01.csv", ".result.tables/0002-01.csv"),
    ],
)
def test_a_local_copy_is_called_like_its_result(key: str, result_key: str, ending: str) -> None:
    assert run.local_ending(key, result_key) == ending


def write_key(_account: Any, _bucket: str, key: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "copy"),
    [("in/a.pdf", "in/a.pdf.txt"), ("n" * 253, "5f.txt"), ("a.pdf/b", "5f.txt")],
    ids=["as it is", "too long with its ending", "below a file"],
)
def test_names_that_the_file_system_refuses_give_way_to_the_documents_id(
    name: str, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "download", write_key)
    (tmp_path / "a.pdf").touch()
    notice = {"document": "5f", "files": {"text": {"bucket": "r", "key": f"demo/1/{name}.txt"}}}
    upload = Upload(name, f"demo/1/{name}", Path(name), notice=notice)
    connected: Any = None
    assert run.fetch(connected, upload, tmp_path) == run.Fetched((".txt",), tmp_path / copy)
    assert (tmp_path / copy).read_text(encoding="utf-8") == f"demo/1/{name}.txt"


SAMPLE_NOTICE = Path(__file__).parents[3] / "events" / "notice-outputs.json"


def test_all_files_of_a_notice_are_fetched_and_each_table_below_its_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = SAMPLE_NOTICE.read_text("utf-8")
    key = json.loads(body)["source"]["key"]
    tables = [f"{key}.tables/0001-01.csv", f"{key}.tables/0003-02.csv"]
    monkeypatch.setattr(account, "download", write_key)
    monkeypatch.setattr(account, "keys_below", lambda _account, _bucket, prefix: [k for k in tables if prefix in k])
    upload = Upload("a.pdf", key, Path("a.pdf"))
    assert see_notice({key: upload}, body, 1.0) is upload
    connected: Any = None
    fetched = run.fetch(connected, upload, tmp_path)
    assert fetched.text == tmp_path / "a.pdf.txt"
    assert fetched.endings == (".txt", ".ocr.json", ".md", ".tables.xlsx", ".tables/0001-01.csv", ".tables/0003-02.csv")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        f"a.pdf{ending}" for ending in fetched.endings
    }


def test_samples_go_with_their_metadata_and_the_users_files_with_the_stacks_own_model(tmp_path: Path) -> None:
    samples = {sample.path: sample for sample in write_samples(tmp_path)}
    for upload in demo.planned(list(samples), "demo/1/", samples):
        assert upload.metadata == samples[upload.path].metadata
        assert "ocr-outputs" in upload.metadata
    [own] = demo.planned([tmp_path / "a.pdf"], "demo/1/", {})
    assert own.metadata == {"ocr-outputs": "searchable-pdf markdown tables"}


def test_each_run_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda _format: "20260301-120000")
    made = [demo.new_folder(tmp_path / "demo").name for _ in range(3)]
    assert made == ["20260301-120000", "20260301-120000-2", "20260301-120000-3"]


def test_files_that_cannot_be_uploaded_start_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--state", str(tmp_path / "state"), str(tmp_path / "missing.pdf")]) == demo.NOT_USABLE
    assert "missing.pdf: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


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


def test_a_running_stack_for_the_real_service_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("export OCR_BASE_URL='https://ocr.api.cloud.yandex.net'\n", encoding="utf-8")
    assert demo.running_stack(tmp_path, real=True) == {"OCR_BASE_URL": "https://ocr.api.cloud.yandex.net"}


def test_a_running_stack_without_its_ocr_service_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "env").write_text("export OCR_BASE_URL='http://127.0.0.1:4568'\n", encoding="utf-8")
    monkeypatch.setattr(servers, "ocr_is_up", lambda port: port != 4568)
    assert demo.running_stack(tmp_path, real=False) is None
