"""Runs the local OCR service until it is told to stop: python -m local.ocr --port 8080 --engine tesseract."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from local.ocr import fault_table, server
from local.ocr.authorized_key import AuthorizedKeyError
from local.ocr.quota import WINDOWS
from local.ocr.settings import DEFAULT_API_KEY, Settings
from local.ocr.table import TableError
from local.ocr.tessdata import TessdataError

log = logging.getLogger("local.ocr")
API_KEYS_VARIABLE = "LOCAL_OCR_API_KEYS"


def parse(arguments: list[str]) -> tuple[Settings, Path | None]:
    """The settings that a command line means, and where to write the port."""
    given = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m local.ocr",
        description="An OCR service on 127.0.0.1 that speaks the protocol of Yandex Vision OCR's asynchronous API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=given.port, help="0 takes a free one")
    add("--port-file", type=Path, help="written, whole, once the server listens")
    add("--certificate", type=Path, help="PEM of a certificate and its key: served over TLS")
    add("--engine", choices=("tesseract", "table"), default=given.engine)
    add(
        "--api-key",
        action="append",
        metavar="KEY",
        help=f"an accepted key, may be repeated; else ${API_KEYS_VARIABLE}, with commas; else {DEFAULT_API_KEY}",
    )
    add(
        "--authorized-key",
        action="append",
        type=Path,
        metavar="FILE",
        help="an authorized key whose JWTs the IAM endpoint accepts, may be repeated; see local.ocr.authorized_key",
    )
    add("--iam-token-seconds", type=float, default=given.iam_token_seconds, help="how long an IAM token works")
    add("--folder-id", help="the only x-folder-id accepted where one is sent")
    add("--submits-per-second", type=_rate, default=given.submits_per_second)
    add("--status-reads-per-second", type=_rate, default=given.status_reads_per_second)
    add("--result-reads-per-second", type=_rate, default=given.result_reads_per_second)
    add("--quota-window", choices=tuple(WINDOWS), default=given.quota_window)
    add("--results-kept-seconds", type=float, default=given.results_kept_seconds)
    add("--seed", type=int, default=given.seed, help="of faults by rate and of the table engine's times")
    add("--seconds", type=float, default=given.seconds, help="table engine: median time of a recognition")
    add("--spread", type=float, default=given.spread, help="table engine: sigma of the lognormal times")
    add("--table", type=Path, help="table engine: JSON, content's sha256 to text, annotation or error")
    data_help = "tesseract engine: folder of its language data, filled if need be"
    add("--tessdata", type=Path, default=given.tessdata, help=data_help)
    add("--workers", type=int, choices=(1, 2), default=given.workers, help="tesseract engine: recognitions at once")
    add(
        "--faults",
        action=_ShowFaults,
        nargs=0,
        default=argparse.SUPPRESS,
        help="print the table of fault kinds and end",
    )
    options = vars(parser.parse_args(arguments))
    options["authorized_keys"] = tuple(options.pop("authorized_key") or ())
    port_file = options.pop("port_file")
    keys = options.pop("api_key") or [key for key in os.environ.get(API_KEYS_VARIABLE, "").split(",") if key]
    return Settings(api_keys=tuple(keys or given.api_keys), **options), port_file


class _ShowFaults(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(fault_table.as_markdown(), end="")
        parser.exit()


def _rate(text: str) -> float:
    rate = float(text)
    if not rate > 0:
        raise argparse.ArgumentTypeError("must be over 0")
    return rate


def write_port(path: Path, port: int) -> None:
    """Write the port so that whoever sees the file sees all of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(f"{port}\n", encoding="ascii")
    part.replace(path)


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    settings, port_file = parse(arguments)
    form = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s"  # local.logs reads it
    logging.basicConfig(stream=sys.stderr, format=form, datefmt="%Y-%m-%dT%H:%M:%S")
    log.setLevel(logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        running = server.start(settings)
    except (OSError, AuthorizedKeyError, TableError, TessdataError) as failure:
        print(f"local.ocr: cannot start: {failure}", file=sys.stderr)
        return 1
    log.info("listening url=%s engine=%s", running.url, settings.engine)
    if port_file:
        write_port(port_file, running.port)
    stop.wait()
    running.stop()
    if port_file:
        port_file.unlink(missing_ok=True)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    sys.stderr.flush()
    # A recognition in mid-page runs in a library's code that cannot be interrupted: leave without waiting for it.
    os._exit(code)
