"""What the child writes for its parent: in pieces, and nothing more once the task is over."""

from __future__ import annotations

import io
from typing import Any

from pagekit.child.__main__ import _PIECE_BYTES, _ParentsOutput


class Pipes:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def answer(self, message: object, content: bytes) -> None:
        assert message == {"piece": True}
        self.sent.append(content)


def test_all_is_sent_in_pieces_that_the_parent_takes() -> None:
    pipes: Any = Pipes()
    to = io.BufferedWriter(_ParentsOutput(pipes), _PIECE_BYTES)
    written = [b"a" * 10, b"b" * (5 * _PIECE_BYTES + 3), b"c"]
    for content in written:
        assert to.write(content) == len(content)
    to.flush()
    assert b"".join(pipes.sent) == b"".join(written)
    assert max(map(len, pipes.sent)) <= _PIECE_BYTES


def test_what_is_left_when_the_task_is_over_is_not_sent() -> None:
    pipes: Any = Pipes()
    output = _ParentsOutput(pipes)
    to = io.BufferedWriter(output, _PIECE_BYTES)
    to.write(b"a")
    output.is_over = True
    to.close()
    assert pipes.sent == []
