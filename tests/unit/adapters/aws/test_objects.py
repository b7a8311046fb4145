"""What S3's answers carry: values of an object's metadata, and its content."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from textdrop.adapters.aws.objects import content, metadata_value


@pytest.mark.parametrize(
    ("carried", "value"),
    [
        ("", ""),
        ("plain  text ", "plain  text "),
        ("=?UTF-8?B?0JTQvtCz0L7QstC+0YA=?=", "Договор"),
        ("=?UTF-8?Q?=D0=94=D0=BE=D0=B3?=", "Дог"),
        ("No 7, =?utf-8?q?=D0=94?= and =?UTF-8?B?0JQ=?=", "No 7, Д and Д"),
        ("=?UTF-8?Q?=D0?= =?UTF-8?Q?=94?=", "Д"),  # a letter may be cut in two
    ],
)
def test_encoded_words_are_read(carried: str, value: str) -> None:
    assert metadata_value(carried) == value


@pytest.mark.parametrize(
    "carried",
    [
        "=?UTF-8?B?0?=",
        "=?utf-8?q?=FF?=",
        "=?iso-8859-1?q?=E9?=",
        "=?x-unknown?q?a?=",
        "=?unicode_escape?q?=5C?=",
        "=?utf-8?q?open",
        "caf\xe9 =?utf-8?q?b?=",
    ],
)
def test_what_cannot_be_read_stays_as_it_came(carried: str) -> None:
    assert metadata_value(carried) == carried


@given(st.text(st.characters(max_codepoint=255)) | st.text("=?utf-8QB_ \t\n0D9"))
def test_any_value_is_a_text(carried: str) -> None:
    assert isinstance(metadata_value(carried), str)


@pytest.mark.parametrize("size", [5, 6])
def test_a_content_is_read_whole_or_not_at_all_and_its_connection_is_closed(size: int) -> None:
    connection = io.BytesIO(b"whole")
    body = StreamingBody(connection, size)
    if size == len(b"whole"):
        assert content(body) == b"whole"
    else:
        with pytest.raises(IncompleteReadError):
            content(body)
    assert connection.closed
