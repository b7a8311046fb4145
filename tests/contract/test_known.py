"""ports.Documents, many rows at once, and since when there are any."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from contract.moto_aws import Transport, make_table
from contract.rows import Rows
from textdrop.adapters.aws import items
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


def test_more_rows_are_read_than_one_request_carries(rows: Rows) -> None:
    rows.documents.write_operation(None, Operation(IDS[1], 1, 1, OperationState.WAITING))
    assert rows.documents.read_many([]) == {}
    assert rows.documents.read_many(IDS) == {}, "an operation makes no document"
    for document_id in IDS[::2]:
        rows.documents.create(a_document(document_id))
    assert rows.documents.read_many(IDS) == {document_id: a_document(document_id) for document_id in IDS[::2]}
    assert rows.documents.read_many([IDS[0], IDS[1], IDS[0]]) == {IDS[0]: a_document(IDS[0])}


def test_more_operations_are_deleted_than_one_request_carries_and_nothing_else(rows: Rows) -> None:
    rows.documents.create(a_document(IDS[0]))
    gone, kept = ([Operation(IDS[0], run, page, OperationState.FAILED) for page in range(1, 61)] for run in (1, 2))
    for operation in [*gone, *kept]:
        rows.documents.write_operation(None, operation)
    rows.documents.delete_operations([])
    for _ in range(2):
        rows.documents.delete_operations([*gone, gone[0]])
        assert rows.documents.read_operations(IDS[0], 1) == []
        assert rows.documents.read_operations(IDS[0], 2) == kept
        assert rows.documents.read(IDS[0]) == a_document(IDS[0])


def test_lost_answers_do_no_harm(rows: Rows) -> None:
    rows.documents.create(a_document(IDS[0]))
    operation = Operation(IDS[0], 1, 1, OperationState.FAILED)
    rows.documents.write_operation(None, operation)
    rows.lose_answer()
    assert rows.documents.known(IDS[:2]) == {IDS[0]}
    rows.lose_answer()
    assert list(rows.documents.read_many(IDS[:2])) == [IDS[0]]
    rows.lose_answer()
    rows.documents.delete_operations([operation])
    assert rows.documents.read_operations(IDS[0], 1) == []


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


def undeleted(name: str, operations: list[Operation]) -> str:
    """An answer that leaves the deletion of some rows for another request."""
    keys = [items.of_operation(operation) for operation in operations]
    requests = [{"DeleteRequest": {"Key": {part: key[part] for part in ("pk", "sk")}}} for key in keys]
    return json.dumps({"UnprocessedItems": {name: requests} if requests else {}})


def test_what_was_not_deleted_is_deleted_by_another_request(table_client: tuple[Transport, Any]) -> None:
    transport, name, documents = made(table_client)
    three = [Operation(IDS[0], 1, page, OperationState.FAILED) for page in (1, 2, 3)]
    for operation in three:
        documents.write_operation(None, operation)
    transport.answer(200, undeleted(name, three[1:]))
    documents.delete_operations(three)
    assert [operation.page for operation in documents.read_operations(IDS[0], 1)] == [1], "which was answered for"
    transport.answer(200, undeleted(name, three))
    with pytest.raises(StoreUnavailable, match="UnprocessedItems"):
        documents.delete_operations(three)
    assert not transport.left()


def test_requests_carry_as_many_rows_as_they_may(table_client: tuple[Transport, Any]) -> None:
    transport, name, documents = made(table_client)
    transport.requests.clear()
    sixty = [Operation(IDS[0], 1, page, OperationState.FAILED) for page in range(1, 61)]
    documents.delete_operations([sixty[0], *sixty])  # DynamoDB refuses one that is named twice; moto does not
    documents.read_many([IDS[0], *IDS])
    bodies: list[Any] = [request.body for request in transport.requests]
    asked = [json.loads(body)["RequestItems"][name] for body in bodies]
    assert [len(each) for each in asked[:3]] == [25, 25, 10]
    assert [len(each["Keys"]) for each in asked[3:]] == [100, 100, 50]


def test_rows_are_kept_since_the_table_was_made(table_client: tuple[Transport, Any]) -> None:
    before = time.time()
    _, _, documents = made(table_client)
    assert before - 1 <= documents.kept_since() <= time.time() + 1
