"""Each handler imports from what is shipped alone, and imports no more than it needs: that is its cold start."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from template.cloudformation import ROOT, Template

# An import of one of these costs 50 to 450 ms of a cold start, or drags the like along. poll never opens a file; submit
# does, after it has seen what it is.
HEAVY = {
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
    "aws_xray_sdk",
    "boto3.dynamodb",
    "cryptography",
    "imagesize",
    "img2pdf",
    "lxml",
    "PIL",
    "pi_heif",
    "pikepdf",
    "pypdfium2",
    "pydantic",
    "pagekit.outputs",
    "pagekit.pdf",
    "pagekit.pictures",
}
# All that may come from outside the standard library: boto3, requests and Powertools with what they need.
EXPECTED = {
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "certifi",
    "charset_normalizer",
    "dateutil",
    "handler",
    "idna",
    "jmespath",
    "pagekit",
    "requests",
    "s3transfer",
    "six",
    "textdrop",
    "typing_extensions",
    "urllib3",
}

PROGRAM = """
import json, sys
standard = set(sys.stdlib_module_names)
own = set(sys.modules)
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:]
import handler
loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in own}
foreign = {name: file for name, file in loaded.items() if name.split(".")[0] not in standard and file}
print(json.dumps({"callable": callable(handler.handler), "loaded": sorted(loaded), "foreign": foreign}))
"""


@dataclass(frozen=True)
class Imported:
    """What importing a handler left in `sys.modules`: all names, and the files of those not of the standard library."""

    callable: bool
    loaded: list[str]
    foreign: dict[str, str]


@pytest.fixture(
    scope="session", params=[f"{name}Function" for name in ("Submit", "Poll", "Deliver", "Reconcile", "Control")]
)
def imported(
    request: pytest.FixtureRequest, template: Template, built_layers: list[Path], layers_python: Path
) -> Imported:
    function = template.functions()[request.param]
    assert template.function_globals["Handler"] == "handler.handler"
    command = [layers_python, "-I", "-S", "-c", PROGRAM, ROOT / function["CodeUri"], *built_layers]
    environment = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Imported(**json.loads(done.stdout))


def test_a_handler_needs_nothing_but_its_artefacts(imported: Imported, built_layers: list[Path]) -> None:
    assert imported.callable
    shipped = tuple(str(folder) for folder in [*built_layers, ROOT / "functions"])
    assert {name: file for name, file in imported.foreign.items() if not file.startswith(shipped)} == {}


def test_a_handler_imports_nothing_heavy(imported: Imported) -> None:
    heavy = {name for name in imported.loaded if any(name == other or name.startswith(f"{other}.") for other in HEAVY)}
    assert heavy == set()


def test_a_handler_imports_nothing_unexpected(imported: Imported) -> None:
    assert {name.split(".")[0] for name in imported.foreign} <= EXPECTED


def test_layers_hold_no_tests_and_fit_into_lambda(built_layers: list[Path]) -> None:
    files = [path for folder in built_layers for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if "tests" in path.parts[len(ROOT.parts) :]]
    assert sum(path.stat().st_size for path in files) < 200_000_000  # Lambda unpacks 262,144,000 at most


def test_layers_carry_bytecode_that_needs_no_source_times(built_layers: list[Path]) -> None:
    for folder in built_layers:
        compiled = list(folder.rglob("*.pyc"))
        assert compiled
        for path in compiled:
            assert path.read_bytes()[4:8] == b"\x01\x00\x00\x00"  # PEP 552: by hash, unchecked
