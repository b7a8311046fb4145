"""How objects are joined: every part but the last has 5 MiB, and little is fetched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textdrop.adapters.aws.joining import MAX_PART_BYTES, MIN_PART_BYTES, plan
from textdrop.adapters.aws.parts import Range

SIZES = st.lists(st.one_of(st.integers(0, 3 * MIN_PART_BYTES), st.integers(0, 3 * MAX_PART_BYTES)), max_size=12)


@given(sizes=SIZES)
def test_the_parts_are_the_objects_in_order(sizes: list[int]) -> None:
    at = [(str(number), 0) for number in range(len(sizes))]
    for part in plan([(str(number), size) for number, size in enumerate(sizes)]):
        for piece in part:
            assert piece.size > 0
            number = int(piece.key)
            assert at[number] == (piece.key, piece.start)
            at[number] = (piece.key, piece.start + piece.size)
            assert all(done == sizes[earlier] for earlier, (_, done) in enumerate(at[:number]))
    assert [done for _, done in at] == sizes


@given(sizes=SIZES)
def test_every_part_may_be_one_of_a_multipart_upload(sizes: list[int]) -> None:
    parts = list(plan([(str(number), size) for number, size in enumerate(sizes)]))
    assert all(sum(piece.size for piece in part) >= MIN_PART_BYTES for part in parts[:-1])
    for part in parts:
        copied = len(part) == 1 and part[0].size >= MIN_PART_BYTES
        most = MAX_PART_BYTES if copied else 2 * MIN_PART_BYTES
        assert sum(piece.size for piece in part) <= most


def test_a_large_object_is_copied_and_not_fetched() -> None:
    size = 3 * MAX_PART_BYTES + 1
    parts = list(plan([("big", size)]))
    assert all(len(part) == 1 and part[0].size >= MIN_PART_BYTES for part in parts)
    assert len(parts) == 4


def test_nothing_has_no_parts() -> None:
    assert list(plan([])) == list(plan([("empty", 0)])) == []


def test_a_range_is_named_as_http_does() -> None:
    assert Range("a", 5, 10).header == "bytes=5-14"
