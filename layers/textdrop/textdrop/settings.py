"""The functions' settings, read from environment variables with the names of their fields in capitals.

A text must not be empty, and a number must be at least what the field's metadata says; fields with a default may be
left out. Everything that is missing or wrong is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import permutations
from typing import Any, TypeVar, get_type_hints

from textdrop.core.errors import SettingsError
from textdrop.core.options import MODELS

Settings = TypeVar("Settings")


def at_least(minimum: float, default: Any = MISSING) -> Any:
    """A field with a number of at least so much."""
    return field(default=default, metadata={"minimum": minimum})


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrSettings:
    """Where the OCR service is, and which secret has its key. `folder_id` is "" for a service account's key."""

    ocr_base_url: str
    operation_base_url: str
    iam_base_url: str
    credentials_secret_arn: str
    folder_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionSettings(OcrSettings):
    """How uploads are recognised: submit works by it, and control reports it. `pages_per_day` and `pages_per_month` are
    the caps, 0 for none; `allowed_models` are those that an upload may name, "" for all."""

    table_name: str
    source_bucket: str
    source_prefix: str = ""
    results_bucket: str
    results_prefix: str = ""
    submits_per_second: float = at_least(0.1)
    languages: str
    model: str
    outputs: str = ""
    pages: str = "all"
    reuse: bool = False
    allowed_models: str = ""
    pages_per_day: int = at_least(0, 0)
    pages_per_month: int = at_least(0, 0)
    max_pages: int = at_least(1)
    poll_function_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFunctionSettings(RecognitionSettings):
    """The environment of the submit function."""

    uploads_queue_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFunctionSettings(OcrSettings):
    """The environment of the poll function. `own_source_bucket`: the stack made it. `stack_id` is no other stack's."""

    table_name: str
    source_bucket: str
    source_prefix: str = ""
    own_source_bucket: bool
    stack_id: str
    submits_per_second: float = at_least(0.1)
    reads_per_second: int = at_least(1)
    pages_per_day: int = at_least(0, 0)
    pages_per_month: int = at_least(0, 0)
    uploads_queue_url: str
    deliver_queue_url: str
    deliver_alone_queue_url: str
    results_bucket: str
    results_prefix: str = ""
    poll_function_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverFunctionSettings:
    """The environment of the deliver function.

    `csv_bom`: CSV files begin with a byte order mark. `event_bus_name`: a bus that gets the notices too, "" for none.
    `prices` and `prices_currency` are as `core.prices` reads them.
    """

    table_name: str
    source_bucket: str
    source_prefix: str = ""
    results_bucket: str
    results_prefix: str = ""
    results_topic_arn: str
    event_bus_name: str = ""
    csv_bom: bool
    prices: str = ""
    prices_currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileFunctionSettings:
    """The environment of the reconcile function; as poll's."""

    table_name: str
    source_bucket: str
    source_prefix: str = ""
    own_source_bucket: bool
    stack_id: str
    uploads_queue_url: str
    dead_letter_queue_url: str
    reconcile_function_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFunctionSettings(RecognitionSettings):
    """The environment of the control function. `own_source_bucket` and `stack_id` as poll's, prices as deliver's."""

    own_source_bucket: bool
    stack_id: str
    prices: str = ""
    prices_currency: str = ""


def read(kind: type[Settings], variables: Mapping[str, str]) -> Settings:
    """The settings of that kind. If it has both source and results, they must not overlap.

    Raises SettingsError, which names every fault and repeats no value.
    """
    types = get_type_hints(kind)
    values: dict[str, object] = {}
    faults: list[str] = []
    for each in fields(kind):  # type: ignore[arg-type]  # every kind of settings is a dataclass
        name = each.name.upper()
        try:
            values[each.name] = _value(each, types[each.name], variables.get(name, "").strip())
        except ValueError as error:
            faults.append(f"{name} {error}")
    if values.get("source_bucket") and values["source_bucket"] == values.get("results_bucket"):
        prefixes = [str(values[f"{place}_prefix"]) for place in ("source", "results")]
        if any(one.startswith(other) for one, other in permutations(prefixes)):
            faults.append(
                "SOURCE_BUCKET and RESULTS_BUCKET are one bucket, so a result would be taken for an upload: "
                "set the parameters SourcePrefix and ResultsPrefix to two folders, neither within the other"
            )
    if set(re.findall(r"[^\s,]+", str(values.get("allowed_models", "")).lower())) - set(MODELS):
        faults.append(
            "ALLOWED_MODELS names a model that is not known: "
            f"set the parameter AllowedModels to some of {' '.join(MODELS)}, or leave it empty to allow all"
        )
    if faults:
        raise SettingsError("the function's environment is not right: " + "; ".join(faults))
    return kind(**values)


def _value(each: Field[Any], value_type: type, text: str) -> object:
    """Raises ValueError that says what is wrong."""
    if not text:
        if each.default is MISSING:
            raise ValueError("is missing")
        return each.default
    if value_type is str:
        return text
    if value_type is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    minimum = each.metadata["minimum"]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    whole = "whole " if value_type is int else ""
    if not minimum <= number < float("inf") or (whole and number % 1):
        raise ValueError(f"must be a {whole}number of at least {minimum:g}") from None
    return value_type(number)
