"""textdrop: drop a file in a bucket, get its text."""

__version__ = "0.1.0"
