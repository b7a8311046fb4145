"""Progress on the screen: a table that is drawn over itself on a terminal, else a line for each change."""

import os
import shutil
from collections.abc import Sequence
from typing import TextIO

from local.demo import view
from local.demo.progress import Upload


class Screen:
    """Where progress is shown."""

    def __init__(self, stream: TextIO, *, table: bool, columns: int) -> None:
        self._stream = stream
        self._table = table
        self.columns = columns
        self._drawn = 0
        self._told: dict[str, str] = {}

    def show(self, uploads: Sequence[Upload], now: float) -> None:
        """The uploads are on the screen as they are at this moment."""
        width = view.name_width(uploads, self.columns)
        if self._table:
            up = f"\x1b[{self._drawn}A" if self._drawn else ""
            lines = (view.cut(view.progress_line(upload, width, now), self.columns - 1) for upload in uploads)
            self._stream.write(up + "".join(f"\r{line}\x1b[K\n" for line in lines))
            self._drawn = len(uploads)
        else:
            for upload in uploads:
                ending = view.ending(upload)
                if self._told.get(upload.key, view.ending(Upload("", "", upload.path))) != ending:
                    self._told[upload.key] = ending
                    self._stream.write(view.progress_line(upload, width, now) + "\n")
        self._stream.flush()


def open_screen(stream: TextIO, count: int) -> Screen:
    """A table where the stream is a terminal that can move its cursor and is high enough for so many lines."""
    size = shutil.get_terminal_size()
    able = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(stream, table=able and count < size.lines, columns=max(40, size.columns))
