"""The AWS clients of this process, all of one session.

Every call is bounded: `CALL_SECONDS` is the longest that one can take with all its tries, so that a use case can tell
whether a step still fits into its time. Credentials, region and endpoint come from the environment.
"""

from __future__ import annotations

from functools import cache

import boto3
import botocore.session
from botocore.config import Config

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
TRIES = 3

# botocore's standard mode waits at most 2^i seconds before try i + 2, and up to 5 more if the service asks for it.
_WAITS_SECONDS = sum(2.0**i + 5.0 for i in range(TRIES - 1))
CALL_SECONDS = TRIES * (CONNECT_SECONDS + READ_SECONDS) + _WAITS_SECONDS

CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": TRIES},
    max_pool_connections=64,  # more than the threads of any function, so that none waits for a connection
    tcp_keepalive=True,  # a connection that died while the process was frozen is detected
)


@cache
def session() -> boto3.Session:
    """The session of this process: its `client` makes such bounded clients, which any thread may use. Making a client
    is not thread-safe (boto3 guide, "Multithreading with clients")."""
    core = botocore.session.get_session()
    core.set_default_client_config(CONFIG)
    return boto3.Session(botocore_session=core)
