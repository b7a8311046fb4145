"""Builds the real template and deploys it into the emulator with the sam command, as a user would into an account."""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from local import cloudformation, processes, servers

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

ROOT = servers.ROOT
SAM = ROOT / ".local" / "venv" / "sam" / "bin" / "sam"
UV = ROOT / ".local" / "venv" / "uv" / "bin" / "uv"
STACK = "textdrop"
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}

PROCESSORS = {"x86_64": "x86_64", "arm64": "aarch64"}  # as wheels name them


class DeploymentFailed(Exception):
    """sam ended with an error; the message carries the end of its log."""


def architecture() -> str:
    """This machine's processor as Lambda names it."""
    return ARCHITECTURES[platform.machine().lower()]


def defaults() -> dict[str, str]:
    """The template's parameters at their defaults, as text."""
    parameters = cloudformation.load()["Parameters"]
    return {name: str(parameter["Default"]) for name, parameter in parameters.items()}


def fingerprint(parameters: Mapping[str, str]) -> str:
    """Hash of all that a deployment is made from: template, layers, functions, parameters, the functions' Python."""
    files = [ROOT / "template.yaml"]
    for folder in ("layers", "functions"):
        files += (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    digest = hashlib.sha256(json.dumps([sorted(parameters.items()), servers.layer_python()]).encode())
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def build(state: Path) -> Path:
    """Build the template for this machine's emulator; the path of the built template."""
    for leftover in (ROOT / "functions").glob("*/__pycache__"):  # it would be deployed with the function
        shutil.rmtree(leftover)
    built = state / "build"
    python = servers.layer_python()
    command: list[str | Path] = [SAM, "build", "--template-file", ROOT / "template.yaml", "--build-dir", built]
    command += ["--cached", "--cache-dir", state / "build-cache" / python, "--config-file", _no_config(state)]
    environment = servers.plain_environment() | {"LAYER_PYTHON": python, "UV": str(UV)}
    environment["LAYER_INTERPRETER"] = str(servers.MINISTACK / "bin" / "python")
    environment["LAYER_PROCESSORS"] = PROCESSORS[architecture()]
    environment["SAM_CLI_BETA_BUILD_PERFORMANCE"] = (
        "1"  # links a cached layer instead of copying its thousands of files
    )
    _run(command, environment | {"AWS_DEFAULT_REGION": servers.REGION}, state, "build")
    return built / "template.yaml"


def deploy(state: Path, template: Path, parameters: Mapping[str, str], client_environment: Mapping[str, str]) -> None:
    """Deploy the built template. Afterwards the stack is as the parameters say.

    On an update, a parameter that is not named keeps its former value, even if its default has changed.
    """
    command: list[str | Path] = [
        SAM,
        "deploy",
        "--template-file",
        template,
        "--stack-name",
        STACK,
        "--config-file",
        _no_config(state),
    ]
    command += ["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
    command += ["--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides"]
    command += [f'{name}="{value}"' for name, value in sorted(parameters.items())]
    environment = servers.plain_environment() | dict(client_environment)
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    _run(command, environment, state, "deploy")


def _no_config(state: Path) -> Path:
    """An empty configuration for sam: what `sam deploy --guided` wrote for a real account must not apply here."""
    path = state / "tmp" / "samconfig.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("version = 0.1\n", encoding="utf-8")
    return path


def _run(command: list[str | Path], environment: Mapping[str, str], state: Path, step: str) -> None:
    log = state / "logs" / f"{step}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    tmp = state / "tmp"
    private = {"SAM_CLI_TELEMETRY": "0", "TMPDIR": str(tmp), "__SAM_CLI_APP_DIR": str(tmp / "sam")}
    private["SAM_CLI_POLL_DELAY"] = "0.2"  # seconds between polls of the stack; 5 by default
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, **private},
            cwd=ROOT,
            check=False,
        )
    if done.returncode:
        end = processes.tail(log, 30)
        raise DeploymentFailed(f"sam {step} ended with {done.returncode}. Its log, {log}, ends:\n{end}")


def find_layers_where_built(
    functions: "LambdaClient",
    name: str,
    layers: Sequence[Path],
    variables: Mapping[str, str],
    timeout_seconds: int | None = None,
    stack: str = STACK,
) -> None:
    """From now on the function's processes find their layers in these folders, and have these variables besides its
    own.

    Otherwise the emulator unpacks the layers for each process that starts, which takes longer than anything else.
    """
    function = f"{stack}-{name}"
    known = functions.get_function_configuration(FunctionName=function)
    changed = known["Environment"]["Variables"] | dict(variables)
    changed |= {"PYTHONPATH": ":".join(map(str, layers)), "PYTHONDONTWRITEBYTECODE": "1"}
    functions.update_function_configuration(
        FunctionName=function,
        Layers=[],
        Timeout=timeout_seconds or known["Timeout"],
        Environment={"Variables": changed},
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)


def session() -> boto3.Session:
    """A session with the emulator's test credentials, whatever profile the user has."""
    return boto3.Session(
        aws_access_key_id=servers.TEST_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=servers.TEST_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=servers.REGION,
    )


def finish(endpoint: str, certificate_file: Path, credentials: Mapping[str, Any], name: str = STACK) -> dict[str, str]:
    """Do with the API what the deployment leaves undone: fill the secret, start the queue's poller, have a local queue
    of notices.

    Returns the stack's outputs and `NoticesQueueUrl`. May be repeated.
    """
    aws = session()
    verify = str(certificate_file)
    stacks = aws.client("cloudformation", endpoint_url=endpoint, verify=verify).describe_stacks(StackName=name)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0]["Outputs"]}
    secrets = aws.client("secretsmanager", endpoint_url=endpoint, verify=verify)
    secrets.put_secret_value(SecretId=outputs["CredentialsSecretArn"], SecretString=json.dumps(dict(credentials)))
    functions = aws.client("lambda", endpoint_url=endpoint, verify=verify)
    # Make MaximumConcurrency of event sources a number: the emulator keeps a parameter's text, and then polls no queue.
    # boto3 shows a number in both cases, so it is always set again.
    for source in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" in source:
            functions.update_event_source_mapping(UUID=source["UUID"], ScalingConfig=source["ScalingConfig"])
    sqs = aws.client("sqs", endpoint_url=endpoint, verify=verify)
    sns = aws.client("sns", endpoint_url=endpoint, verify=verify)
    outputs["NoticesQueueUrl"] = subscribe_queue(sqs, sns, outputs["ResultsTopicArn"], f"{name}-notices")
    return outputs


def subscribe_queue(sqs: "SQSClient", sns: "SNSClient", topic_arn: str, name: str) -> str:
    """Have a queue that gets each message of the topic as it was published (raw); the queue's URL. May be repeated."""
    url, arn = make_queue(sqs, name, "sns.amazonaws.com")
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url


def make_queue(sqs: "SQSClient", name: str, sender: str) -> tuple[str, str]:
    """Have a queue that the service may send to: its URL and its ARN. May be repeated."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": sender}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return url, arn
