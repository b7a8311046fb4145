"""Runs the local OCR service until it is told to stop: python -m local.ocr --port 8080 --engine tesseract."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from local.ocr import server
from local.ocr.settings import Settings
from local.ocr.tessdata import TessdataError

log = logging.getLogger("local.ocr")


def parse(arguments: list[str]) -> tuple[Settings, Path | None]:
    """The settings of a command line, and where to write the port."""
    given = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m local.ocr",
        description="An OCR service on 127.0.0.1 that speaks the protocol of Yandex Vision OCR's asynchronous API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=given.port, help="0 takes a free one")
    add("--port-file", type=Path, help="written, whole, once the server listens")
    add("--engine", choices=("tesseract", "table"), default=given.engine)
    add("--api-key", default=given.api_keys[0], help="the key that is accepted")
    add("--authorized-key", type=Path, help="a file of an authorized key, whose JWTs the IAM endpoint accepts")
    add("--seed", type=int, default=given.seed, help="of faults by rate and of the table engine's times")
    add("--seconds", type=float, default=given.seconds, help="table engine: median time of a recognition")
    add("--spread", type=float, default=given.spread, help="table engine: sigma of the lognormal times")
    add("--table", type=Path, help="table engine: JSON, content's sha256 to text, annotation or error")
    options = vars(parser.parse_args(arguments))
    port_file, api_key, key_file = (options.pop(name) for name in ("port_file", "api_key", "authorized_key"))
    keys = (key_file,) if key_file else ()
    return Settings(api_keys=(api_key,), authorized_keys=keys, **options), port_file


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
    except (OSError, ValueError, TessdataError) as failure:
        print(f"local.ocr: cannot start: {failure}", file=sys.stderr)
        return 1
    log.info("listening url=%s engine=%s", running.url, settings.engine)
    if port_file:
        part = port_file.with_name(f".{port_file.name}.{os.getpid()}")
        part.write_text(f"{running.port}\n", encoding="ascii")
        part.replace(port_file)  # so the file is never seen half written
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
    # A recognition runs in a library's code that cannot be interrupted: exit without waiting for it.
    os._exit(code)
