"""What a page costs, by model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from textdrop.core.errors import SettingsError
from textdrop.core.options import MODELS

NOTED = "2026-05"
CURRENCY = "RUB"
_TEMPLATE = Decimal("0.71")
LIST_PRICES: Mapping[str, Decimal] = {
    "page": Decimal("0.1321"),
    "page-column-sort": Decimal("0.1321"),
    "table": Decimal("1.22"),
    "handwritten": Decimal("1.52"),
    "passport": _TEMPLATE,
    "driver-license-front": _TEMPLATE,
    "driver-license-back": _TEMPLATE,
    "vehicle-registration-front": _TEMPLATE,
    "vehicle-registration-back": _TEMPLATE,
    "license-plates": _TEMPLATE,
}
"""The OCR service's list prices of a page in roubles with VAT, as its clients quoted them in `NOTED`. The prices of the
models that give Markdown are not known."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a page by model, in one currency; without one the cost is unknown. `noted` is the date of the list, ""
    for the stack's own prices."""

    by_model: Mapping[str, Decimal] = field(default_factory=lambda: LIST_PRICES)
    currency: str = CURRENCY
    noted: str = NOTED


def parse(text: str, currency: str = "") -> Prices:
    """The prices in a parameter such as "page=0.15 table=1.3", separated by spaces or commas. Models that it does not
    name have the list's price, if the currency is the list's. Raises SettingsError, which says what is wrong."""
    own: dict[str, Decimal] = {}
    for word in filter(None, re.split(r"[\s,]+", text.strip())):
        model, _, amount = word.lower().partition("=")
        if model not in MODELS:
            raise SettingsError(f"Prices names a model that is not known; known are {', '.join(MODELS)}")
        try:
            price = Decimal(amount)
        except InvalidOperation:
            price = Decimal(-1)
        if not price.is_finite() or price < 0:
            raise SettingsError(f"Prices needs a number of at least 0 for {model}, as in {model}=0.15")
        own[model] = price
    currency = currency.strip().upper() or CURRENCY
    listed = LIST_PRICES if currency == CURRENCY else {}
    return Prices({**listed, **own}, currency, "" if own or not listed else NOTED)


def cost(prices: Prices, model: str, pages: int) -> Decimal | None:
    """What so many pages cost; None if the model has no price, unless there are no pages at all."""
    price = prices.by_model.get(model)
    if price is None:
        return None if pages else Decimal(0)
    return price * pages
