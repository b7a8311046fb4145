"""`python -m local.demo [FILE ...]`: files go into the local stack, and their text comes out.

Without files it uses samples. A stack that is not running is started, and ended afterwards; a running one stays.
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
from rich.console import Console

from local import credentials, deployment, processes, samples, servers, stack
from local.demo import run, view
from local.demo.run import Upload
from local.samples import Sample
from textdrop.client import Textdrop, TextdropClientError

OWN_METADATA = {"ocr-outputs": "searchable-pdf markdown tables"}
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
    except (stack.NotUsable, processes.ProcessFailed, deployment.DeploymentFailed, TextdropClientError) as failure:
        _complain(str(failure))
    except (BotoCoreError, ClientError) as failure:
        _complain(f"the local stack failed: {failure}")
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return INTERRUPTED
    return UNEXPECTED


def with_stack(state: Path, chosen: list[Path], real_credentials: Mapping[str, Any] | None) -> int:
    """Run the demo on the stack, and leave it running only if it was running before; the exit code."""
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
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave servers running
            _say("stack: ending, as it was not running before ...")
            stack.down(state)


def running_stack(state: Path, *, real: bool) -> dict[str, str] | None:
    """The variables of a running stack that has everything it needs; None when something has to be started.

    NotUsable when it uses the real OCR service and should not, or the other way round.
    """
    env = stack.read_env(state)
    port = urlsplit(env["OCR_BASE_URL"]).port if env["OCR_BASE_URL"].startswith("http://127.0.0.1:") else None
    if not real and port is None:
        raise stack.NotUsable(
            "the running stack uses the real OCR service, where pages are billed, and neither YANDEX_API_KEY nor "
            "YANDEX_KEY_FILE is set. Set the one that you have, or end the stack with `make down`."
        )
    if real and port is not None:
        raise stack.NotUsable(
            "YANDEX_API_KEY or YANDEX_KEY_FILE is set, but the running stack uses the local OCR service. "
            "End it with `make down`, or unset the variable."
        )
    return env if port is None or servers.ocr_is_up(port) else None


def demonstrate(state: Path, env: Mapping[str, str], chosen: list[Path], *, real: bool, stays: bool) -> int:
    """Upload, follow and report; the exit code. `stays`: the stack stays up afterwards."""
    (state / "demo").mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=state / "demo"))
    expected = {} if chosen else {sample.path: sample for sample in samples.write_samples(home / "samples")}
    folder = f"demo/{home.name}/"
    uploads = planned(chosen or list(expected), folder, expected)
    service = "the real OCR service, which bills pages" if real else "the local OCR service"
    files = "1 file" if len(uploads) == 1 else f"{len(uploads)} files"
    _say(f"\n{files} to s3://{env['UPLOADS_BUCKET']}/{folder}, read by {service}:")
    try:
        good = read(stack.client(env), uploads, expected, home / "results")
    finally:
        bucket, env_file = env["RESULTS_BUCKET"], _near(stack.Folder(state).env)
        for told in view.left(uploads, bucket, folder, env_file, stays):
            _say(told)
    _say(f"\n{good} of {len(uploads)} " + ("reached an outcome." if chosen else "ended as expected."))
    if good < len(uploads) and not stays:
        _say(
            "To investigate: `make up`, then the same command again. The stack then stays, and `make logs` shows more."
        )
    _say(f"Results   {_near(home)}/results/" + (f"\n          s3://{bucket}/{folder}" if stays else ""))
    ended = [upload for upload in uploads if upload.files] or uploads
    example = next((upload for upload in ended if run.TEXT in upload.files), ended[0])
    suffix = run.TEXT if run.TEXT in example.files else ".error.json"
    _say("To continue by hand:")
    for command in view.carry_on(_near(example.path), suffix, env_file, stays):
        _say(f"  {command}")
    return ENDED if good == len(uploads) else UNEXPECTED


def read(textdrop: Textdrop, uploads: Sequence[Upload], expected: Mapping[Path, Sample], folder: Path) -> int:
    """Report each upload until all are done, or nothing advances, with the results in the folder; how many ended as
    they should."""
    good = 0
    with view.Screen(Console()) as screen:
        run.put(textdrop, uploads)
        for upload in uploads:
            if upload.error:
                _say("\n".join(view.ended(upload, "")))
        if any(upload.document for upload in uploads):
            _say("Uploaded; waiting for the stack's functions to start (some seconds the first time) ...")
        for upload in run.follow(textdrop, uploads, screen.show):
            run.fetch(textdrop, upload, folder)
            as_expected, remark = run.judge(upload, expected.get(upload.path))
            good += as_expected
            _say("\n".join(view.ended(upload, remark)))
    if any(upload.document and not upload.done for upload in uploads):
        _say(f"Nothing has advanced for {run.STILL_SECONDS / 60:.0f} minutes, so the demo ends here.")
    return good


def planned(paths: Sequence[Path], folder: str, expected: Mapping[Path, Sample]) -> list[Upload]:
    """The uploads of these files below a folder of the bucket: samples with their metadata, the user's files with all
    outputs and the stack's own model, because others may cost more."""
    return [
        Upload(name, folder + name, path, expected[path].metadata if path in expected else OWN_METADATA)
        for name, path in zip(run.names(paths), paths, strict=True)
    ]


def _near(path: Path) -> Path:
    """The path, relative to this folder if it is below."""
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
