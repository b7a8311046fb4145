"""What rows say when nothing else was said."""

from __future__ import annotations
