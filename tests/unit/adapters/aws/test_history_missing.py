"""A table of a stack before the index `history`: its absence is told from failures."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.ledger_table import DynamoLedger
from textdrop.core.documents import Outcome
from textdrop.core.errors import HistoryMissing, StoreUnavailable
from textdrop.core.ledger import HistoryCursor


class RefusingClient:
    """Answers each query with this code."""

    def __init__(self, code: str) -> None:
        self._code = code

    def query(self, **request: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "quoted"}}, "Query")


def error(code: str, after: HistoryCursor | None = None) -> StoreUnavailable:
    client: Any = RefusingClient(code)
    with pytest.raises(StoreUnavailable) as raised:
        DynamoLedger(Table(client, "table")).history("2026-11", Outcome.FAILED, 0.0, 9.0, 1, after)
    assert "quoted" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_a_query_of_an_index_that_is_not_there_says_so(code: str) -> None:
    assert isinstance(error(code), HistoryMissing)


def test_a_failure_says_nothing_of_the_index() -> None:
    assert not isinstance(error("ProvisionedThroughputExceededException"), HistoryMissing)
    assert not isinstance(error("AccessDeniedException"), HistoryMissing)


def test_a_place_that_was_never_a_row_s_is_no_missing_index() -> None:
    assert not isinstance(error("ValidationException", HistoryCursor(1.0, "a", 1)), HistoryMissing)
