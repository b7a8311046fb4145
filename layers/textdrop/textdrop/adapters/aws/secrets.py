"""The secret that holds the OCR service's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret(client: SecretsManagerClient, arn: str) -> str:
    """The secret's current text; "" for a secret that holds bytes. Raises StoreUnavailable."""
    with as_store_unavailable("secretsmanager.GetSecretValue"):
        return client.get_secret_value(SecretId=arn).get("SecretString", "")
