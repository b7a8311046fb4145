"""The commands of the documentation, as they stand there, on the deployed stack; only names in <…> are filled in.

On 127.0.0.1 they are the aws and sam commands that users have; permissions and queue policies are enforced.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from documentation import TOP, command
from e2e.whole_stack import WholeStack
from local import deployment, http_server, servers
from local.accuracy import character_error_rate
from local.http_server import HttpServer
from local.samples import Sample
from local.servers import OCR_API_KEY, REGION
from textdrop.adapters.aws.items import RECONCILE_RUN_KEY

LETTER, PDF, PRICES, DAMAGED = "letter.png", "record 4410.pdf", "прейскурант.png", "half a scan.pdf"
MOST_WRONG = 0.02
OVER_SECONDS = 120
NOT_COPIED = (".git", ".venv", ".local", ".aws-sam", ".*_cache", "__pycache__")


class Shell:
    """A shell in an empty folder that has sourced the stack's env file."""

    def __init__(self, whole: WholeStack, folder: Path) -> None:
        self.whole, self.folder = whole, folder

    def run(self, script: str) -> str:
        """What the commands print, with the stack's outputs for their names in <…>."""
        filled = re.sub(r"<([A-Z]\w+)>", lambda name: self.whole.output(name[1]), script)
        return self.whole.shell(f"cd '{self.folder}'\n{filled}")


@pytest.fixture
def shell(whole: WholeStack, tmp_path: Path) -> Shell:
    return Shell(whole, tmp_path)


# --- README: deploy to AWS --------------------------------------------------------------------------------------------


def test_a_stack_is_built_and_deployed_with_every_question_at_its_default(whole: WholeStack, tmp_path: Path) -> None:
    checkout = shutil.copytree(TOP, tmp_path / "checkout", ignore=shutil.ignore_patterns(*NOT_COPIED))
    environment = servers.plain_environment() | dict(whole.env)
    environment |= {"PATH": f"{deployment.SAM.parent}:{os.environ['PATH']}", "UV": str(deployment.UV)}
    environment |= {"TMPDIR": str(tmp_path), "__SAM_CLI_APP_DIR": str(tmp_path / "sam"), "SAM_CLI_TELEMETRY": "0"}
    environment |= {"SAM_CLI_POLL_DELAY": "0.2", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    shell = ["sh", "-eu", "-c", command("README.md", "deploy")]
    answers = "guided\n" + 100 * "\n"  # another name than this stack's, then the defaults
    try:
        done = subprocess.run(
            shell, cwd=checkout, env=environment, input=answers, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Successfully created/updated stack - guided" in done.stdout
    finally:
        whole.shell("aws cloudformation delete-stack --stack-name guided")


def test_the_key_is_stored(shell: Shell) -> None:
    key = json.dumps({"api_key": OCR_API_KEY})
    (shell.folder / "key.json").write_text(key, "utf-8")
    with shell.whole.client("secretsmanager") as secrets:
        secret = shell.whole.output("CredentialsSecretArn")
        before = secrets.get_secret_value(SecretId=secret)["VersionId"]
        shell.run(command("README.md", "store the key"))
        stored = secrets.get_secret_value(SecretId=secret)
    assert stored["SecretString"] == key
    assert stored["VersionId"] != before


def test_a_file_is_uploaded_and_read_and_its_rows_are_found(shell: Shell, samples: Mapping[str, Sample]) -> None:
    shutil.copy(samples[PDF].path, shell.folder / "scan.pdf")
    upload, read = command("README.md", "upload").splitlines()
    shell.run(upload)
    notice = shell.whole.notice("contracts/scan.pdf")
    assert character_error_rate(samples[PDF].text, shell.run(read)) < MOST_WRONG

    [version] = json.loads(shell.run(command("docs/operations.md", "versions")))["Versions"]
    assert version["VersionId"] == notice.body["source"]["version_id"]
    rows = command("docs/operations.md", "rows")
    [example_id] = re.findall(r"\b[0-9a-f]{32}\b", rows)
    found = json.loads(shell.run(rows.replace(example_id, notice.body["document"])))["Items"]
    assert {item["sk"]["S"].partition("#")[0] for item in found} == {"document", "operation", "run"}


def test_options_are_given_with_the_upload(shell: Shell, samples: Mapping[str, Sample]) -> None:
    shutil.copy(samples[PRICES].path, shell.folder / "prices.png")
    shell.run(command("README.md", "options"))
    notice = shell.whole.notice("prices.png")
    assert notice.attributes["model"] == "table"
    assert {"markdown", "tables"} <= {kind for kind, place in notice.body["files"].items() if place}


def test_logs_are_followed(shell: Shell) -> None:
    """They never end by themselves."""
    script = f". '{shell.whole.state_folder / 'env'}'\n{command('README.md', 'logs')}"
    script = script.replace("sam logs", "exec sam logs")
    environment = {"PATH": os.environ["PATH"], "HOME": str(shell.folder), "SAM_CLI_TELEMETRY": "0"}
    with subprocess.Popen(["sh", "-eu", "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        limit = threading.Timer(OVER_SECONDS, process.kill)
        limit.start()
        try:
            assert any("textdrop-submit" in line for line in process.stdout)
        finally:
            limit.cancel()
            process.kill()


# --- reconcile --------------------------------------------------------------------------------------------------------


def test_reconcile_is_started_once_and_seen_to_be_over(shell: Shell) -> None:
    def rev() -> int:
        """It grows by one with each run over a bucket of few objects."""
        pk, sk = RECONCILE_RUN_KEY
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        account = shell.whole.account
        row = account.dynamodb.get_item(TableName=account.table_name, Key=key, ConsistentRead=True)
        return int(row["Item"]["rev"]["N"]) if "Item" in row else 0

    for start in (command("docs/operations.md", "search at once"), command("docs/operations.md", "reconcile")):
        before, began_at = rev(), time.time()
        assert json.loads(shell.run(start))["StatusCode"] == 202

        def is_over(began_at: float = began_at) -> bool:
            row = json.loads(shell.run(command("docs/operations.md", "is reconcile over")))
            return row is not None and float(row["began"] or 0.0) > began_at and float(row["ended"] or 0.0) > began_at

        shell.whole.wait(is_over, OVER_SECONDS, "reconcile is not over")
        assert rev() == before + 1


def run_against(server: HttpServer, script: str, folder: Path, options: str = "") -> subprocess.CompletedProcess[str]:
    """The commands with this endpoint instead of AWS, and with these options of the aws command."""
    aws = f'aws() {{ "{deployment.SAM.parent / "aws"}" {options} "$@"; }}'
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": server.url}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    shell = ["sh", "-eu", "-c", f"{aws}\n{script}"]
    return subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def slow() -> Iterator[tuple[HttpServer, list[http_server.Request]]]:
    """An endpoint that takes requests and answers none before its client has given up."""
    asked: list[http_server.Request] = []
    given_up = threading.Event()

    def answer(request: http_server.Request) -> http_server.Answer:
        asked.append(request)
        given_up.wait()
        return 503, {}, b""

    server = HttpServer(answer)
    try:
        yield server, asked
    finally:
        given_up.set()
        server.stop()


@pytest.mark.parametrize(
    "start",
    [command("docs/operations.md", "search at once"), command("docs/operations.md", "reconcile")],
    ids=["search at once", "alarm"],
)
def test_a_command_that_starts_something_asks_once_even_if_no_answer_comes(
    slow: tuple[HttpServer, list[http_server.Request]], tmp_path: Path, start: str
) -> None:
    server, asked = slow
    done = run_against(server, start.replace("<ReconcileFunctionName>", "reconcile"), tmp_path, "--cli-read-timeout 1")
    assert done.returncode != 0
    assert "Read timeout" in done.stderr
    assert [request.path for request in asked] == ["/2015-03-31/functions/reconcile/invocations"]
    assert asked[0].headers["x-amz-invocation-type"] == "Event"


def test_the_control_function_answers_without_the_command(shell: Shell) -> None:
    answered = shell.run(command("docs/operations.md", "ask control"))
    reported, answer = answered.split("}", 1)
    assert '"StatusCode": 200' in reported
    told = json.loads(answer)
    assert (told["version"], told["ok"]) == (1, True)
    # Another test may have uploaded it.
    named = [*told["answer"]["missing"], *(document["asked"] for document in told["answer"]["documents"])]
    assert named == ["contracts/scan.pdf"]


# --- notices ----------------------------------------------------------------------------------------------------------


def test_a_queue_of_ones_own_gets_the_notices_that_its_policy_asks_for(
    shell: Shell, samples: Mapping[str, Sample]
) -> None:
    subscription = json.loads(shell.run(command("docs/results.md", "subscribe")))["SubscriptionArn"]
    queue = json.loads(shell.run("aws sqs get-queue-url --queue-name textdrop-failures"))["QueueUrl"]
    try:
        for key, name in (("fine.png", LETTER), ("subscribed/damaged.pdf", DAMAGED)):
            shell.whole.upload(key, samples[name].path.read_bytes())
            shell.whole.notice(key)
        [message] = json.loads(shell.run(f"queue='{queue}'\n{command('docs/results.md', 'receive')}"))["Messages"]
    finally:
        shell.run(
            f"aws sns unsubscribe --subscription-arn '{subscription}'\naws sqs delete-queue --queue-url '{queue}'"
        )
    body = json.loads(message["Body"])
    assert (body["source"]["key"], body["outcome"]) == ("subscribed/damaged.pdf", "failed")
    assert message["MessageAttributes"]["outcome"]["StringValue"] == "failed"


# --- docs/operations.md, docs/faults.md -------------------------------------------------------------------------------


def test_outputs_are_shown(shell: Shell) -> None:
    outputs = {
        each["OutputKey"]: each["OutputValue"]
        for each in json.loads(shell.run(command("docs/operations.md", "outputs")))
    }
    assert outputs["UploadsBucketName"] == shell.whole.env["UPLOADS_BUCKET"]


def test_dead_letters_are_shown_and_stay(shell: Shell) -> None:
    sqs, queue = shell.whole.account.sqs, shell.whole.output("UploadsDeadLetterQueueUrl")
    sqs.send_message(QueueUrl=queue, MessageBody="given up")
    try:
        for _ in range(2):
            [message] = json.loads(shell.run(command("docs/operations.md", "dead letters")))["Messages"]
            assert message["Body"] == "given up"
    finally:
        sqs.purge_queue(QueueUrl=queue)


def test_dead_letters_are_sent_back(tmp_path: Path) -> None:
    """To an endpoint that takes it down: no emulator here knows this call."""
    arn = "arn:aws:sqs:eu-central-1:123456789012:dead"
    asked: list[tuple[str, Mapping[str, str]]] = []

    def answer(request: http_server.Request) -> http_server.Answer:
        action = request.headers["x-amz-target"].removeprefix("AmazonSQS.")
        asked.append((action, json.loads(request.body)))
        given = {"Attributes": {"QueueArn": arn}} if action == "GetQueueAttributes" else {"TaskHandle": "task"}
        return 200, {"content-type": "application/x-amz-json-1.0"}, json.dumps(given).encode()

    server = HttpServer(answer)
    try:
        shown = command("docs/operations.md", "move dead letters").replace("<UploadsDeadLetterQueueUrl>", server.url)
        assert json.loads(run_against(server, shown, tmp_path).stdout) == {"TaskHandle": "task"}
    finally:
        server.stop()
    assert asked[1:] == [("StartMessageMoveTask", {"SourceArn": arn})]


def test_the_local_ocr_service_has_faults_when_it_is_told_to(shell: Shell, samples: Mapping[str, Sample]) -> None:
    base, content = shell.whole.env["OCR_BASE_URL"], base64.b64encode(samples[LETTER].path.read_bytes()).decode()
    page = {"content": content, "mimeType": "image/png", "languageCodes": ["ru"], "model": "page"}

    def submit() -> int:
        headers = {"Authorization": f"Api-Key {OCR_API_KEY}"}
        return requests.post(f"{base}/ocr/v1/recognizeTextAsync", json=page, headers=headers, timeout=60).status_code

    source, faults, stats, calm = command("docs/faults.md", "faults").splitlines()
    assert source == ". .local/env"
    before = shell.whole.ocr_stats()["faults"].get("5xx", 0)
    shell.run(faults)
    assert submit() == 502
    assert json.loads(shell.run(stats))["faults"]["5xx"] == before + 1
    shell.run(calm)
    assert submit() == 200
