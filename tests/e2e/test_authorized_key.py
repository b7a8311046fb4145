"""An authorized key in the credentials secret, from the secret to the OCR service and its IAM endpoint."""

import json
import re
import time
from collections.abc import Iterator, Mapping

import pytest

from e2e.whole_stack import WholeStack
from local.accuracy import character_error_rate
from local.samples import Sample
from local.servers import OCR_API_KEY
from local.stack import Folder

LETTER, BLANK = "letter.png", "blank page.png"
MOST_WRONG = 0.02
LOG_SECONDS = 120


@pytest.fixture(scope="module")
def key(whole: WholeStack) -> Iterator[Mapping[str, str]]:
    """The stack's authorized key is all that the secret holds, and no function knows anything else."""
    content = Folder(whole.state_folder).authorized_key.read_text(encoding="ascii")
    try:
        whole.replace_secret(content)
        yield json.loads(content)
    finally:
        whole.replace_secret(json.dumps({"api_key": OCR_API_KEY}))


def recognised(whole: WholeStack, key: str, sample: Sample) -> str:
    """The text of the sample, uploaded under the key."""
    version = whole.upload(key, sample.path.read_bytes())
    notice = whole.notice(key, version)
    assert notice.body["outcome"] == "succeeded", notice.body
    return whole.text(notice)


def issued(whole: WholeStack) -> int:
    return int(whole.ocr_stats()["tokens"]["issued"])


@pytest.mark.usefixtures("key")
def test_documents_are_read_with_one_token_a_process_which_is_renewed_when_it_is_refused(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    began, before = time.time(), whole.ocr_stats()

    text = recognised(whole, "key/first.png", samples[LETTER])
    assert character_error_rate(samples[LETTER].text, text) < MOST_WRONG
    for number in range(2):
        recognised(whole, f"key/more {number}.png", samples[BLANK])
    after = whole.ocr_stats()
    assert after["submits"]["accepted"] - before["submits"]["accepted"] == 3
    # Nothing was refused: the key's id, its signature, audience and times are right, and so are the tokens.
    assert (after["refused"], after["faults"]) == (before["refused"], before["faults"])
    # Submit and poll have taken one each; a function may run in more processes than one, which log with a delay.
    taken = issued(whole) - before["tokens"]["issued"]
    assert taken >= 2
    whole.wait(lambda: taken <= whole.processes_since(began), LOG_SECONDS, f"{taken} tokens, and not as many processes")

    known = issued(whole)
    whole.tell_ocr("faults", {"kind": "401", "target": "submit", "count": 1})
    recognised(whole, "key/refused once.png", samples[BLANK])
    recognised(whole, "key/after it.png", samples[BLANK])
    assert whole.ocr_stats()["faults"]["401"] == before["faults"].get("401", 0) + 1
    assert issued(whole) > known
    taken = issued(whole) - before["tokens"]["issued"] - 1
    whole.wait(lambda: taken <= whole.processes_since(began), LOG_SECONDS, "renewed more than once for one refusal")


def test_neither_key_nor_tokens_are_in_a_log(
    whole: WholeStack, key: Mapping[str, str], samples: Mapping[str, Sample]
) -> None:
    recognised(whole, "key/logged.png", samples[BLANK])
    functions = "\n".join(event["message"] for name in ("submit", "poll") for event in whole.log_events(name))
    service = (whole.state_folder / "logs" / "ocr.log").read_text(encoding="utf-8")
    assert f"iam issued key={key['id']}" in service
    secret = key["private_key"].splitlines()[3]
    for log in (functions, service):
        assert "submit" in log
        assert secret not in log
        assert not re.search(r"t1\.[\w-]{20}|eyJ[\w-]{20}", log)
