"""The local stack checks permissions: a function's role is refused what it must not do. So what works here has them.

What each role may do is compared whole in tests/template/test_template.py.
"""

import pytest
from botocore.exceptions import ClientError

from e2e.whole_stack import WholeStack


@pytest.mark.parametrize(
    ("function", "bucket", "call"),
    [
        ("submit", "RESULTS_BUCKET", "head_object"),
        ("submit", "UPLOADS_BUCKET", "delete_object"),
        ("poll", "UPLOADS_BUCKET", "head_object"),
        ("poll", "RESULTS_BUCKET", "head_object"),
        ("deliver", "UPLOADS_BUCKET", "delete_object"),
        ("reconcile", "UPLOADS_BUCKET", "get_object"),
    ],
)
def test_a_role_is_refused_what_its_function_must_not_do(
    whole: WholeStack, function: str, bucket: str, call: str
) -> None:
    key = "permissions/a b+c.txt"
    whole.account.s3.put_object(Bucket=whole.env[bucket], Key=key, Body=b"")
    with whole.client("s3", role_of=function) as s3, pytest.raises(ClientError) as refused:
        getattr(s3, call)(Bucket=whole.env[bucket], Key=key)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
