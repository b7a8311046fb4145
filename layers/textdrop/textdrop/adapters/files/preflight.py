"""The look into an uploaded file before anything is paid for: can the OCR service read it, and how many pages is it?"""

from __future__ import annotations

from textdrop.adapters.files.kinds import describe_unsupported, media_type
from textdrop.core.errors import Reason, Refusal
from textdrop.core.files import FileFacts, FileLimits


def inspect(content: bytes, limits: FileLimits) -> FileFacts:
    """What the file is, judged by its content alone; it can be sent as it is.

    Raises Refusal, whatever the bytes, and nothing else: `empty_file`, `unsupported_type`, `file_too_large`,
    `image_too_large`, `damaged`, `encrypted` or `too_many_pages`. The type comes before the size: nobody should make
    a file smaller only to learn that it cannot be read anyway.
    """
    if not content:
        raise Refusal(Reason.EMPTY_FILE, "The file is empty.", "Upload it again, or check where it comes from.")
    kind = media_type(content)
    if kind is None:
        looks_like, advice = describe_unsupported(content)
        raise Refusal(
            Reason.UNSUPPORTED_TYPE, f"The file is {looks_like}; PDF, JPEG and PNG can be recognised.", advice
        )
    if len(content) > limits.max_bytes:
        raise Refusal(
            Reason.FILE_TOO_LARGE,
            f"The file has {len(content):,} bytes; the most is {limits.max_bytes:,}.",
            "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
        )
    # A PDF library costs memory and time that images should not pay for, so it is imported for a PDF only.
    if kind == "application/pdf":
        from textdrop.adapters.files.pdf import inspect_pdf

        return inspect_pdf(content, limits)
    from textdrop.adapters.files.images import inspect_jpeg, inspect_png

    return inspect_jpeg(content, limits) if kind == "image/jpeg" else inspect_png(content, limits)
