"""The package, deployed with nothing but the commands that docs/parameters.md prints for it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from documentation import command
from e2e.whole_stack import WholeStack
from local import deployment, package, servers
from local.accuracy import character_error_rate
from local.samples import Sample

STACK = "packaged"
BUCKET = "packages"
SAMPLE = "letter.png"
MOST_WRONG = 0.05


@pytest.fixture
def commands(whole: WholeStack, tmp_path: Path) -> Iterator[str]:
    """The page's commands behind `make package`, for a stack beside the other; it is gone afterwards."""
    package.package(whole.state_folder / "build" / "template.yaml", tmp_path / "dist")
    section = command("docs/parameters.md", "package").removeprefix("make package\n")
    whole.shell(f"aws s3 mb s3://{BUCKET}")
    yield section.replace('"<a bucket of yours>"', BUCKET).replace("--stack-name textdrop", f"--stack-name {STACK}")
    whole.shell(f"aws cloudformation delete-stack --stack-name {STACK}")


def test_a_package_deploys_with_the_aws_command_and_reads_what_is_uploaded(
    whole: WholeStack, samples: Mapping[str, Sample], tmp_path: Path, commands: str
) -> None:
    base = whole.env["OCR_BASE_URL"]
    parameters = [f"Architecture={deployment.architecture()}"]
    parameters += [f"{name}={base}" for name in ("OcrBaseUrl", "OperationBaseUrl", "IamBaseUrl")]
    # The command itself looks only every 30 s whether the stack stands.
    more = shlex.join(["--no-execute-changeset", "--parameter-overrides", *parameters])
    whole.shell(f"cd '{tmp_path}'\n{commands.rstrip()} {more}")
    with whole.client("cloudformation") as stacks:
        [change] = stacks.list_change_sets(StackName=STACK)["Summaries"]
        stacks.execute_change_set(StackName=STACK, ChangeSetName=change["ChangeSetName"])
        stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    endpoint, certificate = whole.env["AWS_ENDPOINT_URL"], Path(whole.env["AWS_CA_BUNDLE"])
    outputs = deployment.finish(endpoint, certificate, {"api_key": servers.OCR_API_KEY}, STACK)
    with whole.client("s3") as s3:
        s3.put_object(Bucket=outputs["UploadsBucketName"], Key=SAMPLE, Body=samples[SAMPLE].path.read_bytes())
        result = {"Bucket": outputs["ResultsBucketName"], "Key": f"{SAMPLE}.txt"}
        s3.get_waiter("object_exists").wait(**result, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        text = s3.get_object(**result)["Body"].read().decode()
    assert character_error_rate(samples[SAMPLE].text, text) < MOST_WRONG
