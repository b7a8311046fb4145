"""The AWS clients of a connection, and what their failures mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textdrop.client.errors import NoAccess, TextdropClientError, Unreachable

if TYPE_CHECKING:
    import boto3

THREADS = 8
"""How many files are uploaded or fetched at once."""
CONTROL_SECONDS = 90.0
"""Control is ended after a minute, so after that no answer can come."""

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "403",
    "UnauthorizedOperation",
    "AuthorizationError",
}
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_SIGN_IN = "Sign in (aws sso login, aws configure), or name another --profile."


def session(profile: str | None, region: str | None) -> boto3.Session:
    """A session with the shell's own settings. Raises NoAccess."""
    import boto3

    with translated("the AWS settings of this shell"):
        return boto3.Session(profile_name=profile, region_name=region)


def client(session: boto3.Session, service: str) -> Any:
    """A client of the session; its address and certificate may come from the environment. Raises NoAccess.

    Several threads may use a client, but only one may make clients.
    """
    from botocore.config import Config

    seconds = CONTROL_SECONDS if service == "lambda" else 60.0
    config = Config(
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": 3 if service == "lambda" else 5},
        max_pool_connections=4 * THREADS,  # uploads in parts have threads of their own
        tcp_keepalive=True,
    )
    with translated("the AWS settings of this shell"):
        return session.client(service, config=config)  # type: ignore[call-overload]  # any service


@contextmanager
def translated(what: str, permission: str = "") -> Iterator[None]:
    """Errors of botocore become errors of this client. `what` is what was wanted, such as "the stack"."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as failure:
        raise meaning(failure, what, permission) from failure


def code(failure: Exception) -> str:
    """The code of AWS's error; "" for other failures."""
    answer = getattr(failure, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def meaning(failure: Exception, what: str, permission: str = "") -> TextdropClientError:
    """The error of this client for a failure of botocore."""
    from botocore.exceptions import (
        CredentialRetrievalError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )

    cause = failure.__context__ if failure.__class__.__module__ == "boto3.exceptions" else None
    if isinstance(cause, Exception):
        return meaning(cause, what, permission)
    signed_out = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError)
    if isinstance(failure, NoRegionError):
        return NoAccess("No AWS region is named.", "Name it: --region eu-central-1, or set AWS_REGION.")
    if isinstance(failure, ProfileNotFound):
        return NoAccess(f"{_sentence(failure)}", "Name an existing one; aws configure list-profiles shows them.")
    if isinstance(failure, signed_out) or code(failure) in _CREDENTIALS:
        return NoAccess(f"This shell's AWS credentials cannot be used: {_sentence(failure)}", _SIGN_IN)
    if code(failure) in _DENIED:
        needed = f"Ask for the permission {permission}." if permission else "Ask for the permission."
        return NoAccess(f"These credentials may not use {what}.", needed)
    said = "answered with an error" if code(failure) else "did not answer"
    return Unreachable(f"AWS {said} for {what}: {_sentence(failure)}", "Try again in a moment.")


def _sentence(failure: Exception) -> str:
    answer = getattr(failure, "response", None) or {}
    text = str(answer.get("Error", {}).get("Message") or failure).strip().splitlines()
    return (text[0] if text else type(failure).__name__).rstrip(".") + "."
