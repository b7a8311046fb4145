"""`python -m local.demo [FILE ...]`: files go into the local stack, and their text comes out.

Without files, samples made for it go in. A stack that is not running is started, and ended afterwards; a running one
stays.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local import credentials, deployment, processes, samples, servers, stack
from local.demo import account as aws
from local.demo import run, view
from local.demo.run import Upload, judge
from local.samples import Sample

OWN_METADATA = {"ocr-outputs": "searchable-pdf markdown tables"}
TEXT = ".txt"
LIMIT_SECONDS = 180
LIMIT_SECONDS_REAL = 900
LIMIT_SECONDS_A_FILE = 20
ENDED, UNEXPECTED, NOT_USABLE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str]) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="what to upload")
    parser.add_argument("--state", type=Path, default=stack.DEFAULT_STATE, help="folder of the stack (default: .local)")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without Cyrillic shows "?"
    try:
        run.check(options.files)
    except run.FilesNotUsable as problem:
        quoting = "A name with a blank needs quotes of its own: make demo FILES=\"'my scan.pdf' b.jpg\""
        _complain(f"these files cannot be uploaded, so nothing was started:\n{problem}\n{quoting}")
        return NOT_USABLE
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return with_stack(options.state.resolve(), options.files, credentials.of_the_real_service(os.environ))
    except credentials.CredentialsNotUsable as problem:
        _complain(f"{problem}; nothing was started")
        return NOT_USABLE
    except (stack.NotUsable, processes.ProcessFailed, deployment.DeploymentFailed) as failure:
        _complain(str(failure))
    except (BotoCoreError, ClientError) as failure:
        _complain(f"the local stack did not do what it was asked: {failure}")
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return INTERRUPTED
    return UNEXPECTED


def with_stack(state: Path, chosen: list[Path], real_credentials: Mapping[str, Any] | None) -> int:
    """Run the demo on the stack, which is running or not afterwards as it was before; the exit code."""
    real = real_credentials is not None
    was_up = stack.is_up(state)
    try:
        env = running_stack(state, real=real) if was_up else None
        if env is None:
            env = stack.up(state, engine="tesseract", real_credentials=real_credentials, say=_say)
        return demonstrate(state, env, chosen, real=real, stays=was_up)
    finally:
        if not was_up:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave servers behind
            _say("stack: ending, as it was not running before ...")
            stack.down(state)


def running_stack(state: Path, *, real: bool) -> dict[str, str] | None:
    """The variables of a running stack that has all it needs; None when something is to be started.

    NotUsable when it works with the real OCR service and should not, or the other way round.
    """
    env = stack.read_env(state)
    port = urlsplit(env["OCR_BASE_URL"]).port if env["OCR_BASE_URL"].startswith("http://127.0.0.1:") else None
    if not real and port is None:
        raise stack.NotUsable(
            "the running stack uses the real OCR service, where pages are billed, and neither YANDEX_API_KEY nor "
            "YANDEX_KEY_FILE is set. Set the one that you have to go on, or end the stack with `make down`."
        )
    if real and port is not None:
        raise stack.NotUsable(
            "YANDEX_API_KEY or YANDEX_KEY_FILE is set, but the running stack uses the local OCR service. "
            "End it with `make down`, or unset the variable."
        )
    return env if port is None or servers.ocr_is_up(port) else None


def demonstrate(state: Path, env: Mapping[str, str], chosen: list[Path], *, real: bool, stays: bool) -> int:
    """Upload, follow and report; the exit code. `stays`: the stack runs on afterwards."""
    (state / "demo").mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=state / "demo"))
    expected = {} if chosen else {sample.path: sample for sample in samples.write_samples(home / "samples")}
    folder = f"demo/{home.name}/"
    uploads = planned(chosen or list(expected), folder, expected)
    with aws.connected(env) as account:
        service = "the real OCR service, which bills pages" if real else "the local OCR service"
        _say(f"\n{len(uploads)} files to s3://{account.uploads_bucket}/{folder}, read by {service}:")
        limit_seconds = (LIMIT_SECONDS_REAL if real else LIMIT_SECONDS) + LIMIT_SECONDS_A_FILE * len(uploads)
        run.follow(account, uploads, limit_seconds, _say)
        for upload in uploads:
            run.fetch(account, upload, home / "results")
    good = report(uploads, expected)
    _say(f"\n{good} of {len(uploads)} " + ("came to an outcome." if chosen else "ended as expected."))
    if good < len(uploads) and not stays:
        _say("To look into it: `make up`, then the same again. The stack then stays, and `make logs` tells more.")
    _say(f"Results   {_near(home)}/results/")
    if stays:
        _say(f"          s3://{env['RESULTS_BUCKET']}/{folder}")
    read = [upload for upload in uploads if TEXT in upload.files]
    example, suffix = (read[0].path, TEXT) if read else (uploads[0].path, ".error.json")
    _say("To go on by hand:")
    for command in view.carry_on(_near(example), suffix, _near(stack.Folder(state).env), stays):
        _say(f"  {command}")
    return ENDED if good == len(uploads) else UNEXPECTED


def report(uploads: Sequence[Upload], expected: Mapping[Path, Sample]) -> int:
    """Print how each ended; how many ended as they should."""
    _say("\nHow each ended:")
    good = 0
    for upload in uploads:
        text = upload.files[TEXT].read_text("utf-8") if TEXT in upload.files else None
        as_expected, remark = judge(upload, text, expected.get(upload.path))
        good += as_expected
        _say(view.line(upload.name, upload.seconds, f"{upload.ending}  {remark}"))
        _say("\n".join(view.details(upload.told, text, upload.files)))
    return good


def planned(paths: Sequence[Path], folder: str, expected: Mapping[Path, Sample]) -> list[Upload]:
    """The uploads of these files below a folder of the bucket: samples with their metadata, the user's own with all
    outputs and the stack's own model, since others may cost more."""
    return [
        Upload(name, folder + name, path, expected[path].metadata if path in expected else OWN_METADATA)
        for name, path in zip(run.names(paths), paths, strict=True)
    ]


def _near(path: Path) -> Path:
    """The path as seen from here, where it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _say(line: str) -> None:
    print(line, flush=True)


def _complain(what: str) -> None:
    print(f"demo: {what}", file=sys.stderr)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
