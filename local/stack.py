"""The local stack: `python -m local.stack up | down | status`.

`up` starts both servers on 127.0.0.1, builds and deploys the real template over TLS with IAM enforced, and writes `env`
for a shell to source. On a running stack it starts what is missing and deploys what changed. `down` ends it all. State,
logs and the build are in one folder (`.local`, or as --state says), so that several stacks can run at once.
"""

import argparse
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from local import credentials, deployment, processes, servers
from local.ocr import authorized_key

if TYPE_CHECKING:
    from textdrop.client import Textdrop

ROOT = servers.ROOT
DEFAULT_STATE = ROOT / ".local"
EMULATOR_PORT = 4566
OCR_PORT = 4568
PORT_TRIES = 3
PAGE_ORIGIN = "http://localhost:8000"
"""The origin of a page that `python -m http.server` gives, to try uploads from a browser."""
NEEDED_BYTES = 2_500_000_000
"""A running stack takes up to 2.3 GB: the AWS emulator unpacks the layers for each process of a function."""
SERVERS = ("aws", "ocr")


class NotUsable(Exception):
    """The command cannot be carried out as asked; the message says what to do."""


@dataclass
class Record:
    """What is running, kept in `state.json`. `ocr`: how the OCR service was started; `deployed`: a fingerprint of what
    was deployed."""

    emulator_port: int = 0
    ocr_port: int = 0
    ocr: str = ""
    deployed: str = ""


class Folder:
    """Where a stack keeps its things."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tmp = root / "tmp"
        """Temporary files of the servers; removed by `down`."""
        self.certificate = self.tmp / "tls" / "server.crt"
        """The AWS endpoint's certificate."""
        self.env = root / "env"
        """Lines `export NAME='value'` for a shell to source."""
        self.authorized_key = root / "authorized-key.json"
        """An authorized key that the local OCR service accepts, besides its API key."""
        self.record = root / "state.json"
        """What is running."""

    def mark(self, server: str) -> str:
        """The mark of one server's processes."""
        return f"{self.root.resolve()}#{server}"

    def log(self, name: str) -> Path:
        """The log of a server or a step."""
        return self.root / "logs" / f"{name}.log"

    def read(self) -> Record:
        """The record, or an empty one if none can be read."""
        try:
            return Record(**json.loads(self.record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return Record()

    def write(self, record: Record) -> None:
        """Replace the record at once."""
        fresh = self.record.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        fresh.replace(self.record)


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """One command at a time on a stack. NotUsable when the folder cannot be written to."""
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        lock = (folder.root / "lock").open("w")
    except OSError as failure:
        raise NotUsable(f"state and logs cannot be kept in {folder.root}: {failure.strerror}") from failure
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(
    state: Path,
    *,
    engine: str,
    real_credentials: Mapping[str, Any] | None,
    say: Callable[[str], None],
    ocr_options: Sequence[str] = (),
    chosen: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The stack is up and matches the sources; returns the variables of its `env` file.

    With `real_credentials`, the credentials secret's content, it uses the real OCR service; otherwise the local one,
    with the engine ("tesseract" or "table") and `ocr_options`, further options of its command line. `chosen`: the
    template's parameters that are not at their defaults.
    """
    folder = Folder(state)
    with _alone(folder):
        record = folder.read()
        start_servers(folder, record, engine if real_credentials is None else None, say, ocr_options)
        parameters = deployment.defaults() | {"Architecture": deployment.architecture(), "UploadOrigins": PAGE_ORIGIN}
        parameters |= dict(chosen)
        if real_credentials is None:
            base = f"http://127.0.0.1:{record.ocr_port}"
            parameters |= {"OcrBaseUrl": base, "OperationBaseUrl": base, "IamBaseUrl": base}
        client = servers.client_environment(record.emulator_port, folder.certificate)
        wanted = deployment.fingerprint(parameters)
        if record.deployed != wanted:
            _deploy(folder, parameters, client, say)
        secret = {"api_key": servers.OCR_API_KEY} if real_credentials is None else real_credentials
        outputs = deployment.finish(client["AWS_ENDPOINT_URL"], folder.certificate, secret)
        record.deployed = wanted
        folder.write(record)
        env = dict(client) | {
            "UPLOADS_BUCKET": outputs["UploadsBucketName"],
            "RESULTS_BUCKET": outputs["ResultsBucketName"],
            "RESULTS_TOPIC_ARN": outputs["ResultsTopicArn"],
            "NOTICES_QUEUE_URL": outputs["NoticesQueueUrl"],
            "TABLE_NAME": outputs["TableName"],
            "OCR_BASE_URL": parameters["OcrBaseUrl"],
        }
        write_env(folder.env, env)
    return env


def check_space(state: Path) -> None:
    """NotUsable when the disk has too little room, because files would then wait without an explanation."""
    free = shutil.disk_usage(state).free
    if free < NEEDED_BYTES:
        raise NotUsable(
            f"{state} has {free / 1e9:.1f} GB free, and a running stack needs {NEEDED_BYTES / 1e9:.1f} GB. "
            "Free some space, then run it again."
        )


def start_servers(
    folder: Folder,
    record: Record,
    engine: str | None,
    say: Callable[[str], None],
    ocr_options: Sequence[str] = (),
) -> None:
    """The AWS emulator runs, and (with an engine) the OCR service with that engine and its options; on their former
    ports if possible. The record says where. A server that runs already stays, even if its own sources have changed."""
    is_up = processes.find(folder.mark("aws")) and servers.emulator_is_up(record.emulator_port, folder.certificate)
    if not is_up:
        check_space(folder.root)
        for server in SERVERS:  # the OCR service too, because it keeps files in the folder that is removed
            processes.stop(folder.mark(server))
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.tmp)
        record.deployed = ""

        def start_emulator(port: int) -> None:
            say(f"stack: AWS emulator on 127.0.0.1:{port} ...")
            servers.start_emulator(
                folder.mark("aws"), port, tmp=folder.tmp, certificate_file=folder.certificate, log=folder.log("aws")
            )

        record.emulator_port = on_free_port(EMULATOR_PORT, start_emulator)
        folder.write(record)
    if engine is None:
        processes.stop(folder.mark("ocr"))
        return
    _make_authorized_key(folder.authorized_key)
    wanted = " ".join([engine, *ocr_options])
    is_up = processes.find(folder.mark("ocr")) and servers.ocr_is_up(record.ocr_port)
    if not is_up or record.ocr != wanted:
        processes.stop(folder.mark("ocr"))

        def start_ocr(port: int) -> None:
            say(f"stack: OCR service ({engine}) on 127.0.0.1:{port} ...")
            servers.start_ocr(
                folder.mark("ocr"),
                port,
                engine=engine,
                options=ocr_options,
                authorized_key=folder.authorized_key,
                tmp=folder.tmp / "ocr",
                log=folder.log("ocr"),
            )

        record.ocr_port, record.ocr = on_free_port(record.ocr_port or OCR_PORT, start_ocr), wanted
        folder.write(record)


def _make_authorized_key(path: Path) -> None:
    if path.exists():
        return
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    authorized_key.write(fresh, authorized_key.generate())
    fresh.replace(path)


def on_free_port(usual: int, start: Callable[[int], None]) -> int:
    """Start a server on the usual port or, if that is taken, on any; the port.

    A port may be taken between the choice and the start, for example by another stack; then another is chosen. Raises
    ProcessFailed if the server does not start for another reason.
    """
    for _ in range(PORT_TRIES):
        port = processes.free_port(usual)
        try:
            start(port)
        except processes.ProcessFailed as failed:
            if processes.free_port(port) == port:
                raise
            failure = failed
        else:
            return port
    raise failure


def _deploy(
    folder: Folder, parameters: Mapping[str, str], client: Mapping[str, str], say: Callable[[str], None]
) -> None:
    start = time.monotonic()
    say("stack: building the template ...")
    template = deployment.build(folder.root)
    built = time.monotonic()
    say(f"stack: built in {built - start:.1f} s; deploying ...")
    deployment.deploy(folder.root, template, parameters, client)
    say(f"stack: deployed in {time.monotonic() - built:.1f} s")


def write_env(path: Path, env: Mapping[str, str]) -> None:
    """Write the file for a shell to source. A profile would override the test credentials, and a proxy would intercept
    loopback."""
    lines = ["unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN"]
    for name, value in env.items():
        quoted = value.replace("'", "'\\''")
        lines.append(f"export {name}='{quoted}'")
    lines.append("""export NO_PROXY='127.0.0.1,localhost'"${NO_PROXY:+,$NO_PROXY}\"""")
    lines.append(f"""export PATH='{ROOT / ".venv" / "bin"}:{deployment.SAM.parent}':"$PATH\"""")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_env(state: Path) -> dict[str, str]:
    """The variables of a running stack's `env` file (without PATH and NO_PROXY), or NotUsable when there is none."""
    path = Folder(state).env
    if not path.exists():
        raise NotUsable(f"no local stack in {state}: start one with `make up`")
    variables = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("export ") and line.endswith("'"):
            name, _, value = line.removeprefix("export ").partition("=")
            variables[name] = value[1:-1].replace("'\\''", "'")
    return variables


def down(state: Path) -> bool:
    """Afterwards nothing of the stack runs, and only its logs and its build are left; whether anything ran."""
    folder = Folder(state)
    if not folder.root.exists():
        return False
    with _alone(folder):
        found = False
        for server in SERVERS:
            found = bool(processes.find(folder.mark(server))) or found
            processes.stop(folder.mark(server))
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.tmp)
        for path in (folder.env, folder.record, folder.authorized_key):
            path.unlink(missing_ok=True)
    return found


def is_up(state: Path) -> bool:
    """Whether the stack's AWS endpoint answers and something is deployed in it."""
    folder = Folder(state)
    record = folder.read()
    return bool(record.deployed) and servers.emulator_is_up(record.emulator_port, folder.certificate)


def status(state: Path) -> str:
    """What runs, for a person to read."""
    folder = Folder(state)
    record = folder.read()
    lines = []
    for server, port, title in (("aws", record.emulator_port, "AWS emulator"), ("ocr", record.ocr_port, "OCR service")):
        pids = processes.find(folder.mark(server))
        lines.append(f"{title}: " + (f"127.0.0.1:{port}, processes: {len(pids)}" if pids else "not running"))
    deployed = is_up(state)
    lines.append(f"deployed: {'yes' if deployed else 'no'}")
    lines.append(f"variables: . {folder.env}" if folder.env.exists() else "variables: none")
    if deployed and folder.env.exists():
        lines.append(f"in flight: {in_flight(read_env(state))}")
    return "\n".join(lines)


def in_flight(env: Mapping[str, str]) -> str:
    """What is in flight in a running stack, for a person to read."""
    from textdrop.cli import words
    from textdrop.client import TextdropClientError

    try:
        return words.in_flight(client(env).summary())
    except TextdropClientError as error:
        return f"not known. {error}"


def client(env: Mapping[str, str]) -> "Textdrop":
    """The client of the running stack that the variables name. From now on AWS is that stack for this process, whatever
    profile, endpoint or proxy the user has."""
    from textdrop.client import Textdrop

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({name: value for name, value in env.items() if name.startswith("AWS_")})
    os.environ.update({"AWS_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    return Textdrop(deployment.STACK, session=deployment.session())


def main(arguments: list[str]) -> int:
    """Carry out one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder of state and logs (default: .local)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start, build and deploy; on a running stack, what changed")
    commands.add_parser("down", help="end everything; only logs and the build stay")
    commands.add_parser("status", help="tell what runs")
    options = parser.parse_args(arguments)
    state = options.state.resolve()
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # boto3 would look for it, though it is not used here
        os.environ.pop(name, None)
    try:
        if options.command == "down":
            ran = down(state)
            discarded = "its buckets, table, queues and secret are gone; logs and build stay in"
            print(f"stack: down: {discarded} {state}" if ran else "stack: was not running")
        elif options.command == "status":
            print(status(state))
        else:
            real = credentials.of_the_real_service(os.environ)
            start = time.monotonic()
            env = up(state, engine="tesseract", real_credentials=real, say=lambda line: print(line, flush=True))
            seconds = time.monotonic() - start
            print(f"stack: up in {seconds:.1f} s at {env['AWS_ENDPOINT_URL']}, OCR {env['OCR_BASE_URL']}")
            print(f"stack: for a shell: . {Folder(state).env}")
    except KeyboardInterrupt:
        print(f"\nstack: interrupted. What runs:\n{status(state)}\nTo end it: make down", file=sys.stderr)
        return 130
    except (
        NotUsable,
        credentials.CredentialsNotUsable,
        processes.ProcessFailed,
        deployment.DeploymentFailed,
    ) as failure:
        print(f"stack: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
