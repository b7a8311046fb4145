"""What the functions are told by their environment. All that is missing or wrong is reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textdrop.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """The OCR service: where it is, and which secret opens it. `folder_id` is "" for a service account's key."""

    ocr_base_url: str
    operation_base_url: str
    iam_base_url: str
    credentials_secret_arn: str
    folder_id: str


@dataclass(frozen=True, slots=True)
class SubmitFunctionSettings:
    """The environment of the submit function."""

    table_name: str
    ocr: OcrSettings
    submits_per_second: float
    languages: str
    model: str
    outputs: str
    max_pages: int
    poll_function_name: str


@dataclass(frozen=True, slots=True)
class PollFunctionSettings:
    """The environment of the poll function."""

    table_name: str
    ocr: OcrSettings
    submits_per_second: float
    uploads_queue_url: str
    results_bucket: str
    results_topic_arn: str
    poll_function_name: str
    render_function_name: str


@dataclass(frozen=True, slots=True)
class RenderFunctionSettings:
    """The environment of the render function. `csv_bom`: CSV files begin with a byte order mark."""

    table_name: str
    results_bucket: str
    results_topic_arn: str
    csv_bom: bool


@dataclass(frozen=True, slots=True)
class ReconcileFunctionSettings:
    """The environment of the reconcile function."""

    table_name: str
    uploads_bucket: str
    uploads_queue_url: str
    dead_letter_queue_url: str
    reconcile_function_name: str


class _Environment:
    """Reads variables and keeps what is missing or wrong, so that it can be told at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.faults: list[str] = []

    def text(self, name: str) -> str:
        value = self.variables.get(name, "").strip()
        if not value:
            self.faults.append(f"{name} is missing")
        return value

    def number(self, name: str, least: float) -> float:
        text = self.text(name)
        try:
            value = float(text) if text else least
        except ValueError:
            value = least - 1
        if not least <= value < float("inf"):
            self.faults.append(f"{name} must be a number of at least {least:g}")
            return least
        return value

    def flag(self, name: str) -> bool:
        text = self.text(name).lower()
        if text not in ("", "true", "false"):
            self.faults.append(f"{name} must be true or false")
        return text == "true"

    def ocr(self) -> OcrSettings:
        return OcrSettings(
            ocr_base_url=self.text("OCR_BASE_URL"),
            operation_base_url=self.text("OPERATION_BASE_URL"),
            iam_base_url=self.text("IAM_BASE_URL"),
            credentials_secret_arn=self.text("CREDENTIALS_SECRET_ARN"),
            folder_id=self.variables.get("FOLDER_ID", "").strip(),
        )

    def check(self) -> None:
        if self.faults:
            raise SettingsError("the function's environment is not right: " + "; ".join(self.faults))


def submit_settings(variables: Mapping[str, str]) -> SubmitFunctionSettings:
    """The submit function's settings. Raises SettingsError that names every fault."""
    environment = _Environment(variables)
    settings = SubmitFunctionSettings(
        table_name=environment.text("TABLE_NAME"),
        ocr=environment.ocr(),
        submits_per_second=environment.number("SUBMITS_PER_SECOND", least=0.1),
        languages=environment.text("LANGUAGES"),
        model=environment.text("MODEL"),
        outputs=variables.get("OUTPUTS", "").strip(),
        max_pages=int(environment.number("MAX_PAGES", least=1)),
        poll_function_name=environment.text("POLL_FUNCTION_NAME"),
    )
    environment.check()
    return settings


def poll_settings(variables: Mapping[str, str]) -> PollFunctionSettings:
    """The poll function's settings. Raises SettingsError that names every fault."""
    environment = _Environment(variables)
    settings = PollFunctionSettings(
        table_name=environment.text("TABLE_NAME"),
        ocr=environment.ocr(),
        submits_per_second=environment.number("SUBMITS_PER_SECOND", least=0.1),
        uploads_queue_url=environment.text("UPLOADS_QUEUE_URL"),
        results_bucket=environment.text("RESULTS_BUCKET"),
        results_topic_arn=environment.text("RESULTS_TOPIC_ARN"),
        poll_function_name=environment.text("POLL_FUNCTION_NAME"),
        render_function_name=environment.text("RENDER_FUNCTION_NAME"),
    )
    environment.check()
    return settings


def render_settings(variables: Mapping[str, str]) -> RenderFunctionSettings:
    """The render function's settings. Raises SettingsError that names every fault."""
    environment = _Environment(variables)
    settings = RenderFunctionSettings(
        table_name=environment.text("TABLE_NAME"),
        results_bucket=environment.text("RESULTS_BUCKET"),
        results_topic_arn=environment.text("RESULTS_TOPIC_ARN"),
        csv_bom=environment.flag("CSV_BOM"),
    )
    environment.check()
    return settings


def reconcile_settings(variables: Mapping[str, str]) -> ReconcileFunctionSettings:
    """The reconcile function's settings. Raises SettingsError that names every fault."""
    environment = _Environment(variables)
    settings = ReconcileFunctionSettings(
        table_name=environment.text("TABLE_NAME"),
        uploads_bucket=environment.text("UPLOADS_BUCKET"),
        uploads_queue_url=environment.text("UPLOADS_QUEUE_URL"),
        dead_letter_queue_url=environment.text("DEAD_LETTER_QUEUE_URL"),
        reconcile_function_name=environment.text("RECONCILE_FUNCTION_NAME"),
    )
    environment.check()
    return settings
