"""ports.Documents.known and kept_since: which uploads have a row, and since when there are rows."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from contract.moto_aws import Transport, make_table
from contract.rows import Rows
from textdrop.adapters.aws.documents_table import DynamoDocuments
from textdrop.adapters.aws.dynamodb import Table
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Source
from textdrop.core.errors import StoreUnavailable

IDS = [f"{number:032x}" for number in range(250)]


def a_document(document_id: str) -> Document:
    return Document(document_id, Source("uploads", document_id), DocumentState.FINAL, 1.0)


def test_more_ids_are_looked_up_than_one_request_carries(rows: Rows) -> None:
    rows.documents.write_operation(None, Operation(IDS[1], 1, 1, OperationState.WAITING))
    assert rows.documents.known([]) == set()
    assert rows.documents.known(IDS) == set(), "an operation makes no document"
    for document_id in IDS[::3]:
        rows.documents.create(a_document(document_id))
    assert rows.documents.known(IDS) == set(IDS[::3])
    assert rows.documents.known([IDS[0], IDS[1], IDS[0]]) == {IDS[0]}, "one may be asked for twice"


def test_a_lost_answer_is_asked_for_again(rows: Rows) -> None:
    rows.documents.create(a_document(IDS[0]))
    rows.lose_answer()
    assert rows.documents.known(IDS[:2]) == {IDS[0]}


# --- the table alone --------------------------------------------------------------------------------------------------


def made(table_client: tuple[Transport, Any]) -> tuple[Transport, str, DynamoDocuments]:
    transport, client = table_client
    name = f"table-{uuid.uuid4()}"
    make_table(client, name)
    return transport, name, DynamoDocuments(Table(client, name))


def left(name: str, found: list[str], unprocessed: list[str]) -> str:
    """An answer that leaves some keys for another request."""
    keys = [{"pk": {"S": document_id}, "sk": {"S": "document"}} for document_id in unprocessed]
    items = [{"pk": {"S": document_id}, "sk": {"S": "document"}} for document_id in found]
    return json.dumps({"Responses": {name: items}, "UnprocessedKeys": {name: {"Keys": keys}} if keys else {}})


def test_what_was_left_out_is_asked_for_again(table_client: tuple[Transport, Any]) -> None:
    transport, name, documents = made(table_client)
    documents.create(a_document(IDS[2]))
    transport.answer(200, left(name, [IDS[0]], IDS[1:4]))
    assert documents.known(IDS[:4]) == {IDS[0], IDS[2]}


def test_a_table_that_answers_nothing_is_unavailable(table_client: tuple[Transport, Any]) -> None:
    transport, name, documents = made(table_client)
    transport.answer(200, left(name, [], IDS[:4]))
    with pytest.raises(StoreUnavailable, match="UnprocessedKeys"):
        documents.known(IDS[:4])
    assert not transport.left()


def test_rows_are_kept_since_the_table_was_made(table_client: tuple[Transport, Any]) -> None:
    before = time.time()
    _, _, documents = made(table_client)
    assert before - 1 <= documents.kept_since() <= time.time() + 1
