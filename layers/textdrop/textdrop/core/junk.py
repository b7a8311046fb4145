"""Files that operating systems and office programs leave beside documents, and that nobody means to upload."""

from __future__ import annotations

_PREFIXES = ("~$", "._")  # Microsoft Office's lock files; what macOS keeps of a file on other file systems
_FINDER = ".DS_Store"
_WINDOWS = ("thumbs.db", "desktop.ini")  # in any case, as Windows ignores case


def is_junk(key: str) -> bool:
    """Whether the last segment of the key is the name of such a file. No document is made of it."""
    name = key.rpartition("/")[2]
    return name == _FINDER or name.startswith(_PREFIXES) or name.lower() in _WINDOWS
