"""What botocore raises, in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from textdrop.core.errors import StoreUnavailable


@contextmanager
def as_store_unavailable(call: str) -> Iterator[None]:
    """Everything but a result, from AWS or on the way to it, becomes StoreUnavailable.

    Its message is the call and AWS's error code or the error's kind; never AWS's own words, which may quote a row.
    """
    try:
        yield
    except ClientError as error:
        raise StoreUnavailable(f"{call}: {', '.join(sorted(_reasons(error))) or code(error)}") from error
    except (BotoCoreError, ResponseParserError, HTTPError) as error:
        # ResponseParserError: an answer that is not AWS's. HTTPError: the connection broke while a body was read.
        raise StoreUnavailable(f"{call}: {type(error).__name__}") from error


def code(error: ClientError) -> str:
    """AWS's error code, such as ThrottlingException."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def cancellations(error: ClientError) -> Sequence[Mapping[str, Any]]:
    """Why a transaction was cancelled: for each of its items, in order, `Code` ("None" if nothing was wrong with it),
    and `Item`, as it is stored, if its condition failed. Empty for any other error."""
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", ())
    return reasons


def is_conflict(error: ClientError) -> bool:
    """Whether the only fault was that another transaction was at work on an item. botocore does not try again then."""
    return code(error) == "TransactionConflictException" or _reasons(error) == {"TransactionConflict"}


def _reasons(error: ClientError) -> set[str]:
    return {str(reason.get("Code")) for reason in cancellations(error)} - {"None"}


def http_status(error: ClientError) -> int:
    """The HTTP status; 0 if there is none. It is all that the answer to a HEAD says."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def repeated(error: ClientError) -> bool:
    """Whether botocore had tried before, so that an earlier try may have taken effect and its answer got lost."""
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) > 0
