"""Prices: the list's, and what a parameter puts in their place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from textdrop.core import prices
from textdrop.core.errors import SettingsError
from textdrop.core.options import MODELS
from textdrop.core.prices import LIST_PRICES, NOTED, Prices


@pytest.mark.parametrize("text", ["", "  ", ","])
@pytest.mark.parametrize("currency", ["", "rub", " RUB "])
def test_without_prices_of_its_own_a_stack_has_those_of_the_list(text: str, currency: str) -> None:
    assert prices.parse(text, currency) == Prices(LIST_PRICES, "RUB", NOTED)


def test_own_prices_precede_those_of_the_list_and_are_of_no_month() -> None:
    assert prices.parse("page=0.15, Table=2\nmarkdown=0") == Prices(
        {**LIST_PRICES, "page": Decimal("0.15"), "table": Decimal(2), "markdown": Decimal(0)}, "RUB", ""
    )


def test_in_another_currency_there_are_but_own_prices() -> None:
    assert prices.parse("page=0.002", "usd") == Prices({"page": Decimal("0.002")}, "USD", "")
    assert prices.parse("", "USD") == Prices({}, "USD", "")


@pytest.mark.parametrize("text", ["pages=1", "=1", "1", "page=1 tables=2"])
def test_a_model_that_is_not_known_is_named_with_those_that_are(text: str) -> None:
    with pytest.raises(SettingsError, match=r"Prices names a model that is not known.*license-plates"):
        prices.parse(text)


@pytest.mark.parametrize("text", ["page", "page=", "page=x", "page=-0.1", "page=nan", "page=inf", "page=1=2"])
def test_a_price_that_is_no_number_is_refused_by_its_model(text: str) -> None:
    with pytest.raises(SettingsError, match="Prices needs a number of at least 0 for page"):
        prices.parse(text)


def test_each_listed_price_is_of_a_model_that_there_is() -> None:
    assert set(MODELS) - set(LIST_PRICES) == {"markdown", "math-markdown"}


def test_a_cost_is_exact_and_unknown_only_of_pages() -> None:
    assert prices.cost(Prices(), "page", 40_000) == Decimal("5284.0000")
    assert prices.cost(Prices(), "markdown", 1) is None
    assert prices.cost(Prices(), "markdown", 0) == prices.cost(Prices(), "", 0) == 0
