"""What is uploaded, under which key, which document it becomes, and what is not uploaded again."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from textdrop.client import NoAccess, Options, Textdrop, UploadRefused, uploads
from textdrop.core.documents import Source
from textdrop.core.identity import document_id
from unit.client.conftest import Clock
from unit.client.fake_stack import UPLOADS, FakeStack, fake_stack

LARGE = uploads.PART_BYTES + 5


def versions(stack: FakeStack) -> list[tuple[str, str]]:
    found = stack.s3.list_object_versions(Bucket=UPLOADS).get("Versions", [])
    return [(version["Key"], version["VersionId"]) for version in found]


@pytest.mark.parametrize("size", [3, LARGE], ids=["small", "in parts"])
def test_the_document_is_the_uploaded_versions(textdrop: Textdrop, stack: FakeStack, tmp_path: Path, size: int) -> None:
    file = tmp_path / "Договор 1.pdf"
    file.write_bytes(b"x" * size)
    document = textdrop.put(file, metadata={"Case": "7"})
    [(key, version)] = versions(stack)
    assert (document.key, document.version_id) == (key, version) == ("Договор 1.pdf", version)
    assert document.id == document_id(Source(UPLOADS, key, version))
    assert stack.s3.get_object(Bucket=UPLOADS, Key=key)["Body"].read() == file.read_bytes()
    assert stack.s3.head_object(Bucket=UPLOADS, Key=key)["Metadata"] == {"case": "7"}
    again = textdrop.put(file, metadata={"Case": "7"})
    assert again.id == document.id
    assert len(versions(stack)) == 1


def test_without_versions_etag_and_time_name_the_document(tmp_path: Path, clock: Clock) -> None:
    with fake_stack(versioned=False) as stack:
        given: Any = stack
        textdrop = Textdrop(session=given, sleep=clock.sleep, clock=clock)
        document = textdrop.put(b"one", "a.png")
        head = stack.s3.head_object(Bucket=UPLOADS, Key="a.png")
        source = Source(UPLOADS, "a.png", "", head["ETag"].strip('"'), last_modified=head["LastModified"].timestamp())
        assert document.id == document_id(source)
        assert document.version_id is None
        assert textdrop.delete([textdrop.document("a.png")], upload=True).only().id == document.id
        assert "Contents" not in stack.s3.list_objects_v2(Bucket=UPLOADS)


def test_where_versions_are_suspended_there_is_none() -> None:
    at = datetime(2026, 3, 14, tzinfo=UTC)
    source = uploads.source_of(UPLOADS, "a.png", {"VersionId": "null", "ETag": '"e"', "LastModified": at})
    assert source == Source(UPLOADS, "a.png", "", "e", last_modified=at.timestamp())


def test_without_versions_a_newer_upload_of_the_key_is_not_deleted(clock: Clock) -> None:
    with fake_stack(versioned=False) as stack:
        given: Any = stack
        textdrop = Textdrop(session=given, sleep=clock.sleep, clock=clock)
        old = textdrop.put(b"one", "a.png").wait()
        stack.s3.put_object(Bucket=UPLOADS, Key="a.png", Body=b"another")
        old.delete(upload=True)
        assert stack.s3.get_object(Bucket=UPLOADS, Key="a.png")["Body"].read() == b"another"


def test_without_versions_what_comes_right_before_it_is_deleted_stays(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_stack(versioned=False) as stack:
        given: Any = stack
        textdrop = Textdrop(session=given, sleep=clock.sleep, clock=clock)
        old = textdrop.put(b"one", "a.png").wait()
        etag = stack.s3.head_object(Bucket=UPLOADS, Key="a.png")["ETag"]
        asked: list[dict[str, Any]] = []
        monkeypatch.setattr(stack.s3, "delete_object", lambda **given: asked.append(given))
        old.delete(upload=True)
        assert asked == [{"Bucket": UPLOADS, "Key": "a.png", "IfMatch": etag}]  # S3 refuses it for another


@pytest.mark.parametrize("change", ["content", "size", "options", "again"])
def test_what_has_changed_is_uploaded_again(textdrop: Textdrop, stack: FakeStack, tmp_path: Path, change: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"abc")
    textdrop.put(file)
    file.write_bytes({"content": b"abd", "size": b"abcd"}.get(change, b"abc"))
    textdrop.put(file, options=Options(model="table") if change == "options" else None, again=change == "again")
    assert len(versions(stack)) == 2


@pytest.mark.parametrize("size", [3, LARGE], ids=["small", "in parts"])
def test_where_etags_are_no_md5_the_checksum_tells(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"x" * size)
    first = textdrop.put(file)
    real = stack.s3.head_object

    def head(**given: Any) -> Any:
        answer = real(**given)
        assert given["ChecksumMode"] == "ENABLED"
        checksum = uploads.digest(io.BytesIO(b"x" * size), "sha256", size == LARGE)
        return {**answer, "ETag": '"kms"', "ChecksumSHA256": checksum}

    monkeypatch.setattr(stack.s3, "head_object", head)
    assert textdrop.put(file).id == first.id
    file.write_bytes(b"y" * size)
    assert textdrop.put(file).id != first.id


def test_digests_are_written_as_s3_does() -> None:
    file = io.BytesIO(b"abc")
    assert uploads.digest(file, "sha256", False) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    assert uploads.digest(file, "md5", False) == "900150983cd24fb0d6963f7d28e17f72"
    parts = hashlib.md5(hashlib.md5(b"x" * uploads.PART_BYTES).digest() + hashlib.md5(b"x" * 5).digest()).hexdigest()
    assert uploads.digest(io.BytesIO(b"x" * LARGE), "md5", True) == f"{parts}-2"


def test_several_go_up_at_once_and_one_stops_no_other(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(b"%d" % number)
    together = threading.Barrier(4, timeout=10)
    real = stack.s3.put_object

    def put(**given: Any) -> Any:
        if given["Key"].endswith(("/1.png", "/2.png", "/3.png", "/4.png")):
            together.wait()
        if given["Key"].endswith("/7.png"):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down"}}, "PutObject")
        return real(**given)

    monkeypatch.setattr(stack.s3, "put_object", put)
    done = list(textdrop.put_tree(tmp_path, "in"))
    assert len(done) == 20
    [failed] = [each for each in done if each.error]
    assert (failed.key, "Slow down" in str(failed.error)) == (f"in/{tmp_path.name}/7.png", True)


def test_keys_of_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/c.png", "a/Thumbs.db", "d.png"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)

    def keys(*paths: str) -> list[str]:
        return [key for _, key in uploads.files_of([Path(path) for path in paths], "in/")]

    assert keys("a", "d.png") == ["in/a/b/c.png", "in/d.png"]
    assert keys(".") == ["in/a/b/c.png", "in/d.png"]
    assert keys(str(tmp_path / "a" / "b")) == ["in/b/c.png"]
    assert keys("d.png", "d.png") == ["in/d.png"]
    (tmp_path / "a" / "d.png").write_bytes(b"other")
    with pytest.raises(UploadRefused, match=r"would both be in/d\.png"):
        keys("d.png", "a/d.png")


def test_links_are_followed_and_what_cannot_be_read_is_told(
    textdrop: Textdrop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scans/2019", "scans/locked", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "elsewhere" / "a.png").write_bytes(b"a")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "scans")
    (tmp_path / "scans" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "scans" / "2019" / "loop").symlink_to("..")
    (tmp_path / "scans" / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "scans" / "pipe")
    real = os.scandir

    def scandir(path: Any) -> Any:  # root may list everything
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    done = {each.key: each.error and each.error.what for each in textdrop.put_tree(tmp_path / "scans")}
    assert sorted(done) == ["scans/gone.png", "scans/linked/a.png", "scans/locked"]
    assert done["scans/linked/a.png"] is None
    assert "gone.png cannot be read: No such file" in str(done["scans/gone.png"])
    assert "locked cannot be read" in str(done["scans/locked"])


@pytest.mark.parametrize("key", ["", "a/", "б" * 513, "\ud800.png", "a/Thumbs.db"])
def test_keys_that_s3_does_not_take_are_refused(textdrop: Textdrop, key: str) -> None:
    with pytest.raises(UploadRefused):
        textdrop.put(b"x", key)


def test_a_key_that_the_stack_does_not_look_at_is_refused(clock: Clock) -> None:
    with fake_stack(parameters={"SourcePrefix": "scans/", "Languages": "*", "ResultsPrefix": "/"}) as stack:
        given: Any = stack
        textdrop = Textdrop(session=given, sleep=clock.sleep, clock=clock)
        with pytest.raises(UploadRefused, match="only uploads below scans/"):
            textdrop.put(b"x", "inbox/a.png")
        assert textdrop.stack.results_prefix == ""
        [done] = textdrop.put_tree(Path(__file__))
        assert done.key == "scans/test_uploads.py"
        with pytest.raises(UploadRefused, match="reads only ru and en"):
            textdrop.put(b"x", "scans/a.png", options=Options(model="table"))


def test_a_model_that_uploads_may_not_name_is_refused(clock: Clock) -> None:
    with fake_stack(parameters={"AllowedModels": "page table"}) as stack:
        given: Any = stack
        textdrop = Textdrop(session=given, sleep=clock.sleep, clock=clock)
        with pytest.raises(UploadRefused, match='The model "handwritten" may not be chosen here'):
            textdrop.put(b"x", "a.png", options=Options(model="handwritten"))
        textdrop.put(b"x", "a.png", options=Options(model="table", reuse=True, pages="without-text"))
        metadata = stack.s3.head_object(Bucket=UPLOADS, Key="a.png")["Metadata"]
        assert metadata == {"ocr-model": "table", "ocr-reuse": "yes", "ocr-pages": "without-text"}


@pytest.mark.parametrize(
    "metadata", [{"case": "№ 7"}, {"дело": "7"}, {"case": "a\nb"}, {"a case": "7"}, {"ocr-modle": "page"}]
)
def test_metadata_that_would_not_be_taken_is_refused(textdrop: Textdrop, stack: FakeStack, metadata: Any) -> None:
    with pytest.raises(UploadRefused):
        textdrop.put(b"x", "a.png", metadata=metadata)
    assert not versions(stack)


def test_spaces_around_a_value_make_no_other_upload(textdrop: Textdrop, stack: FakeStack, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    for _ in range(2):
        textdrop.put(tmp_path / "a.png", metadata={"case": " 7 "})
    assert len(versions(stack)) == 1
    assert stack.s3.head_object(Bucket=UPLOADS, Key="a.png")["Metadata"] == {"case": "7"}


def test_a_path_that_cannot_be_looked_at_is_refused(textdrop: Textdrop) -> None:
    with pytest.raises(UploadRefused, match="cannot be read"):
        list(textdrop.put_tree("a" * 300))


def test_bytes_need_a_key_and_files_a_permission(
    textdrop: Textdrop, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UploadRefused, match="Name the key"):
        textdrop.put(b"x")
    with pytest.raises(UploadRefused, match="cannot be read"):
        textdrop.put(tmp_path / "nowhere.png")

    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(stack.s3, "head_object", denied)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(NoAccess, match="s3:GetObject"):
        textdrop.put(tmp_path / "a.png")


def test_deleting_again_with_the_upload_what_was_deleted_deletes_the_others(
    textdrop: Textdrop, stack: FakeStack
) -> None:
    gone, other = textdrop.put(b"one", "a.png").wait(), textdrop.put(b"two", "b.png").wait()
    stack.control.documents[gone.id].update(state="deleted", key="", bucket="", version_id=None)
    textdrop.delete([gone.id, other.id], upload=True)
    assert versions(stack) == [("a.png", gone.version_id)]


def test_deleting_with_the_upload_removes_that_version_alone(textdrop: Textdrop, stack: FakeStack) -> None:
    first, second = textdrop.put(b"one", "a.png"), textdrop.put(b"two", "a.png")
    second.wait()
    stack.control.add("b.png", "failed", "damaged")
    textdrop.delete(prefix="a", upload=True, dry_run=True)
    assert len(versions(stack)) == 2
    changes = textdrop.delete(prefix="a", upload=True)
    assert [document.id for document in changes.documents] == [second.id]
    assert stack.control.requests[-1]["documents"] == [second.id]  # of the key there may be another by now
    assert versions(stack) == [("a.png", first.version_id)]


def test_what_was_deleted_has_no_upload_to_delete(textdrop: Textdrop, stack: FakeStack) -> None:
    gone = stack.control.add("", None, bucket="", state="deleted")
    upload = textdrop.put(b"x", "a.png")
    changes = textdrop.delete([gone["document"], upload], upload=True)
    assert upload.id in [document.id for document in changes.documents]
    assert versions(stack) == []
