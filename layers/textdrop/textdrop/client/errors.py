"""Every error of the client, as one tree. Each says what is wrong in one sentence, and what to do in another.

TextdropClientError
├── NoAccess         no credentials, or they do not allow this
├── StackNotFound    there is no such stack here, or it lacks what the client needs
├── Unreachable      AWS could not be reached, or failed, several times
├── ControlRefused   control understood, and refuses; `code` says why
├── UploadRefused    this cannot be uploaded as it is; nothing of it was sent
├── WaitTimedOut     not all documents were done in time; reading them continues
├── NoText           the document does not have this file, or not yet
└── NotReadable      a notice, file or answer that this client does not understand
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textdrop.client.models import Document


class TextdropClientError(Exception):
    """The root. `what` is wrong, and `advice` says what to do; each is one sentence."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} {advice}")
        self.what = what
        self.advice = advice


class NoAccess(TextdropClientError):
    """There are no credentials, or they do not allow this."""


class StackNotFound(TextdropClientError):
    """There is no such stack in this account and region, or it lacks what the client needs."""


class Unreachable(TextdropClientError):
    """AWS could not be reached, or failed, several times. What was asked may have been done. It can be asked again."""


class ControlRefused(TextdropClientError):
    """The stack's control function refuses. `code`: bad_request, not_found, conflict, unavailable or too_new."""

    def __init__(self, code: str, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.code = code


class UploadRefused(TextdropClientError):
    """This cannot be uploaded as it is. Nothing of it was sent."""


class WaitTimedOut(TextdropClientError):
    """Some documents were not done in time: `waiting`, as last seen. Reading them continues."""

    def __init__(self, what: str, advice: str, waiting: tuple[Document, ...]) -> None:
        super().__init__(what, advice)
        self.waiting = waiting


class NoText(TextdropClientError):
    """The document does not have this file, or not yet."""


class NotReadable(TextdropClientError):
    """A notice, a file or an answer has a form that this client does not know."""
