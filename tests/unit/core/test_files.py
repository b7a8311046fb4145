"""What a file may be."""

from __future__ import annotations
