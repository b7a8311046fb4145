"""The application for one test: buckets, table, queues and topic of its own, an OCR service, functions as deployed."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from aws_events import event, queue_event
from contract.moto_aws import REGION, MotoBucket, make_table
from lambda_runtime.aws_over_http import AwsOverHttp
from lambda_runtime.emulator import Function
from local import deployment
from local.ocr.server import OcrServer
from template.cloudformation import ROOT, Template
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.items import TICK_KEY
from textdrop.core.documents import Document, Operation, Resume, Source
from textdrop.core.events import resume_body
from textdrop.core.identity import document_id
from textdrop.usecases.accept import Message

SERVICES = ("dynamodb", "s3", "secretsmanager", "sns", "sqs")
STACK = "textdrop"
API_KEY = "local-test-key"
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AKIDFORTHISTEST", "aws-secret-for-this-test", "aws-token-for-this-test"
WAIT_SECONDS = 120.0
LONG_AGO = 1.0
_NONE: Mapping[str, str | None] = {}


def image(number: int) -> bytes:
    """A small page unlike that of any other number."""
    content = io.BytesIO()
    Image.new("RGB", (64 + number, 64), (number % 256, 200, 255)).save(content, "PNG")
    return content.getvalue()


def batch(*bodies: str) -> dict[str, Any]:
    """The event that a queue gives its function; the messages' ids are m1, m2, …"""
    return queue_event(
        [Message(f"m{number}", body, f"receipt {number}", 3) for number, body in enumerate(bodies, start=1)]
    )


def failed(*message_ids: str) -> dict[str, Any]:
    """submit's answer that has exactly these messages come again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def sha256(content: bytes) -> str:
    """As the OCR service names contents."""
    return hashlib.sha256(content).hexdigest()


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Return once it holds, which it soon does."""
    limit = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < limit, otherwise
        time.sleep(0.01)


class Application:
    """What a user does with it, what subscribers see, and its functions in Lambda's own runtime."""

    def __init__(
        self, aws: AwsOverHttp, clients: Mapping[str, Any], ocr: OcrServer, folder: Path, credentials: Mapping[str, str]
    ) -> None:
        """`credentials` are what the secret holds, an API key or an authorized key."""
        self.secrets = [
            SECRET_KEY,
            SESSION_TOKEN,
            credentials.get("api_key") or credentials["private_key"].splitlines()[3],
        ]
        self.aws = aws
        self.ocr = ocr
        self.functions: list[Function] = []
        self._clients = clients
        self._folder = folder
        self._name = f"n{uuid.uuid4().hex}"
        self.uploads = MotoBucket(clients["s3"], f"{self._name}-uploads")
        self.results = MotoBucket(clients["s3"], f"{self._name}-results")
        make_table(clients["dynamodb"], self._name)
        self._documents = DynamoDocuments(Table(clients["dynamodb"], self._name))
        sqs, sns = clients["sqs"], clients["sns"]
        self.uploads_queue_url = sqs.create_queue(QueueName=f"{self._name}-uploads")["QueueUrl"]
        self.deliver_queue_url = sqs.create_queue(QueueName=f"{self._name}-deliver")["QueueUrl"]
        self.deliver_alone_queue_url = sqs.create_queue(QueueName=f"{self._name}-deliver-alone")["QueueUrl"]
        self._topic = sns.create_topic(Name=self._name)["TopicArn"]
        self._notices_url = deployment.subscribe_queue(sqs, sns, self._topic, f"{self._name}-notices")
        secret = clients["secretsmanager"].create_secret(Name=self._name, SecretString=json.dumps(credentials))
        self._secret = secret["ARN"]

    # --- functions ----------------------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        layers: Sequence[Path],
        *,
        timeout_seconds: int | None = None,
        variables: Mapping[str, str | None] = _NONE,
    ) -> Function:
        """A function as the template deploys it, in an execution environment of its own that has run nothing yet.

        `timeout_seconds` and `variables` instead of the template's; a variable that is None is not there.
        """
        template = Template(ROOT / "template.yaml")
        function = template.functions()[name]
        folder = self._folder / f"{len(self.functions)}"
        code = folder / name
        shutil.copytree(ROOT / function["CodeUri"], code, ignore=shutil.ignore_patterns("__pycache__"))
        given: dict[str, str | None] = {
            **self._variables(template, function),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "AWS_ENDPOINT_URL": self.aws.url,
            **variables,
        }
        started = Function(
            code,
            layers,
            handler=template.function_globals["Handler"],
            variables={name: value for name, value in given.items() if value is not None},
            timeout_seconds=timeout_seconds or function["Timeout"],
            memory_mb=function["MemorySize"],
            logs=folder,
        )
        self.functions.append(started)
        return started

    def _variables(self, template: Template, function: Mapping[str, Any]) -> dict[str, str]:
        """The variables that the template gives a function, with the values that they have here."""
        here = {
            "TABLE_NAME": self._name,
            "SOURCE_BUCKET": self.uploads.name,
            "OWN_SOURCE_BUCKET": "true",
            "STACK_ID": self._name,
            "OCR_BASE_URL": self.ocr.url,
            "OPERATION_BASE_URL": self.ocr.url,
            "IAM_BASE_URL": self.ocr.url,
            "CREDENTIALS_SECRET_ARN": self._secret,
            "POLL_FUNCTION_NAME": self._name,
            "UPLOADS_QUEUE_URL": self.uploads_queue_url,
            "DELIVER_QUEUE_URL": self.deliver_queue_url,
            "DELIVER_ALONE_QUEUE_URL": self.deliver_alone_queue_url,
            "RESULTS_BUCKET": self.results.name,
            "RESULTS_PREFIX": "",
            "RESULTS_TOPIC_ARN": self._topic,
        }
        named = template.function_globals["Environment"]["Variables"] | function["Environment"]["Variables"]
        variables = {}
        for name, value in named.items():
            if name in here:
                variables[name] = here[name]
            elif isinstance(value, str):
                variables[name] = value
            elif "Fn::Sub" in value:
                variables[name] = value["Fn::Sub"].replace("${AWS::StackName}", STACK)
            else:
                variables[name] = str(template.parameters[value["Ref"]]["Default"])
        return variables

    def stop(self) -> None:
        """No function runs afterwards. May be called again."""
        for function in self.functions:
            function.stop()

    def printed(self) -> list[str]:
        """All lines that the functions printed, which are stopped by this."""
        self.stop()
        return [line for function in self.functions for line in function.printed()]

    # --- uploads and what comes of them -------------------------------------------------------------------------------

    def upload(self, key: str, content: bytes) -> tuple[Source, str]:
        """Puts the object; the upload, and the body of its message in the uploads queue."""
        source = self.uploads.put(key, content)
        return source, event(source)

    def deliveries(self) -> list[dict[str, Any]]:
        """The events that its queues give deliver, one for each message sent since this was last asked."""
        sqs, events = self._clients["sqs"], []
        for url in (self.deliver_queue_url, self.deliver_alone_queue_url):
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    events.append(batch(message["Body"]))
        return events

    def text(self, key: str) -> str:
        """The text of an upload."""
        answer = self._clients["s3"].get_object(Bucket=self.results.name, Key=f"{key}.txt")
        return str(answer["Body"].read().decode())

    def notices(self) -> list[dict[str, Any]]:
        """The bodies of all notices that came since this was last asked."""
        answer = self._clients["sqs"].receive_message(QueueUrl=self._notices_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def submits(self) -> dict[str, int]:
        """How often the OCR service accepted each content, by its SHA-256."""
        accepted: dict[str, int] = self.ocr.stats()["submits"]["by_sha256"]
        return accepted

    def invocations(self) -> int:
        """How often poll was invoked by the functions."""
        return sum(request.service == "lambda" for request in self.aws.requests)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def document(self, source: Source) -> Document:
        """The row of an upload's document."""
        row = self._documents.read(document_id(source))
        assert row is not None
        return row

    def operation(self, source: Source) -> Operation:
        """The row of its page's operation."""
        row = self._documents.read_operation(document_id(source), run=1, page=1)
        assert row is not None
        return row

    def resume(self, source: Source) -> str:
        """The message by which poll has submit go on with it."""
        document = self.document(source)
        return resume_body(Resume(document.id, document.rev))

    def let_the_tick_lease_pass(self) -> None:
        """As if the tick that ran had not renewed its lease for long enough."""
        pk, sk = TICK_KEY
        self._clients["dynamodb"].update_item(
            TableName=self._name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression="SET lease_until = :past",
            ConditionExpression="lease_until > :past",
            ExpressionAttributeValues={":past": {"N": str(LONG_AGO)}},
        )
