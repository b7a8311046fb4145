"""`make logs` on a stack that works: what the functions and the OCR service do is told while they do it."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

from e2e.whole_stack import WholeStack
from local.samples import Sample
from local.stack import ROOT

LETTER = "letter.png"
LIMIT_SECONDS = 600
# As `python -m local.logs`. A test run in the background ignores Ctrl-C, and its children would too.
LOGS = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("local.logs", run_name="__main__")
"""


def test_a_document_is_followed_through_all_functions_and_the_ocr_service(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    command = [sys.executable, "-c", LOGS, "--state", str(whole.state_folder), "--history", "1000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        limit = threading.Timer(LIMIT_SECONDS, process.kill)  # ends the lines too
        limit.start()
        try:
            version = whole.upload("followed.png", samples[LETTER].path.read_bytes(), ocr_outputs="markdown")
            document = whole.notice("followed.png", version).body["document"]
            # On a busy machine the emulator keeps a process's last lines until its next invocation: one comes.
            whole.upload("next.png", samples[LETTER].path.read_bytes(), ocr_outputs="markdown")
            # So lines of different functions may also come in another order than they were written.
            awaited = {f"rule={rule} document={document}" for rule in ("recognised", "rendered", "notice_accepted")}
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                awaited = {each for each in awaited if each not in line}
                if not awaited:
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait() == 0
            assert process.stderr.read() == ""
        finally:
            limit.cancel()
            process.kill()
    told = "".join(f"{line[13:]}\n" for line in lines)
    assert f"submit  INFO    document transition rule=upload_new document={document} state=accepted" in told
    [operation] = re.findall(rf"rule=accepted document={document} state=running page=1 .*\boperation=(\w+)", told)
    assert f"ocr     INFO request method=POST target=submit operation={operation} status=200\n" in told
    assert f"poll    INFO    operation transition rule=recognised document={document} state=recognized page=1" in told
    assert f"deliver INFO    document transition rule=rendered document={document} state=delivering" in told
    assert not any(word in told for word in ("START RequestId", "_aws", "function_arn"))
