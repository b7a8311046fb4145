"""docs/uploads.md: what its lines sign is uploaded from a page, and nothing else is."""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from documentation import TOP
from e2e.whole_stack import WholeStack
from local.accuracy import character_error_rate
from local.samples import Sample
from local.stack import PAGE_ORIGIN

UPLOADS = (TOP / "docs" / "uploads.md").read_text("utf-8")
LETTER, MOST_WRONG = "letter.png", 0.02
VERSION_ID = "x-amz-version-id"


def lines(name: str, language: str) -> str:
    """The lines of the page under this name."""
    [shown] = re.findall(rf"<!-- runs: {name} -->\n```{language}\n(.*?)```", UPLOADS, re.DOTALL)
    return str(shown)


@pytest.fixture
def signed(whole: WholeStack) -> dict[str, Any]:
    """What the server's lines print."""
    script = lines("sign", "python").replace("<UploadsBucketName>", whole.output("UploadsBucketName"))
    answer: dict[str, Any] = json.loads(whole.shell(f"'{sys.executable}' - <<'END'\n{script}\nEND"))
    return answer


def post(whole: WholeStack, signed: Mapping[str, Any], content: bytes, **changed: str) -> requests.Response:
    """A form, as a browser sends it from a page of that origin."""
    return requests.post(
        signed["url"],
        data={**signed["fields"], **changed},
        files={"file": ("a scan.png", content, "image/png")},
        headers={"Origin": PAGE_ORIGIN},
        verify=whole.env["AWS_CA_BUNDLE"],
        timeout=30,
    )


def test_a_file_that_a_page_uploads_is_read(
    whole: WholeStack, signed: Mapping[str, Any], samples: Mapping[str, Sample]
) -> None:
    answer = post(whole, signed, samples[LETTER].path.read_bytes())
    assert answer.ok, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE_ORIGIN
    assert VERSION_ID in answer.headers["Access-Control-Expose-Headers"]
    key = signed["fields"]["key"].replace("${filename}", "a scan.png")
    notice = whole.notice(key, answer.headers[VERSION_ID])
    assert character_error_rate(samples[LETTER].text, whole.text(notice)) < MOST_WRONG
    languages = json.loads(whole.read(notice, "json"))["options"]["languages"]
    assert languages == {"value": ["ru", "en"], "from": "metadata"}


@pytest.mark.parametrize(
    "changed",
    [{"key": "elsewhere/${filename}"}, {"x-amz-meta-ocr-languages": "en"}, {"x-amz-meta-ocr-model": "handwritten"}],
    ids=["folder", "languages", "model"],
)
def test_what_was_not_signed_is_refused(
    whole: WholeStack, signed: Mapping[str, Any], changed: Mapping[str, str]
) -> None:
    assert post(whole, signed, b"page", **changed).status_code == 403


def test_a_file_of_another_size_is_refused(whole: WholeStack, signed: Mapping[str, Any]) -> None:
    assert post(whole, signed, b"").status_code == 400


@pytest.mark.parametrize(("origin", "allowed"), [(PAGE_ORIGIN, True), ("https://elsewhere.example", False)])
def test_pages_of_the_origins_that_are_named_may_upload(
    whole: WholeStack, signed: Mapping[str, Any], origin: str, allowed: bool
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = requests.options(signed["url"], headers=asked, verify=whole.env["AWS_CA_BUNDLE"], timeout=30)
    assert (answer.status_code == 200) == allowed
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) == allowed


PAGE = """
const input = {};
const document = { getElementById: (id) => input };
const signed = SIGNED;
const send = globalThis.fetch;
globalThis.fetch = (url, asked) => (url === "/sign" ? { json: () => signed } : send(url, asked));
SCRIPT
const file = new (require("node:buffer").File)(["no document"], "from a page.txt");
input.onchange({ target: { files: [file] } }).catch((error) => { console.error(error); process.exit(1) });
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node, which runs the page's lines")
def test_the_lines_of_the_page_upload_a_file(whole: WholeStack, signed: Mapping[str, Any], tmp_path: Path) -> None:
    [script] = re.findall(r"<script>\n(.*?)</script>", lines("upload", "html"), re.DOTALL)
    page = tmp_path / "page.js"
    page.write_text(PAGE.replace("SIGNED", json.dumps(signed)).replace("SCRIPT", script), "utf-8")
    version = whole.shell(f"NODE_EXTRA_CA_CERTS=\"$AWS_CA_BUNDLE\" node '{page}'").strip()
    key = signed["fields"]["key"].replace("${filename}", "from a page.txt")
    assert whole.notice(key, version).body["outcome"] == "skipped"
