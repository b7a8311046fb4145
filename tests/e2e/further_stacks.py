"""More stacks of the same template, in the account of the first one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e import account
from e2e.whole_stack import WholeStack
from lambda_runtime import emulator
from local import cloudformation, deployment, servers


@contextmanager
def deployed(whole: WholeStack, name: str, **parameters: str) -> Iterator[WholeStack]:
    """One more stack of the same template, with these parameters and else the first one's, in the same account. It is
    deleted afterwards; its buckets and table stay."""
    with whole.client("cloudformation") as stacks:
        first = stacks.describe_stacks(StackName=deployment.STACK)["Stacks"][0]["Parameters"]
        given = {one["ParameterKey"]: one["ParameterValue"] for one in first} | parameters
        stacks.create_stack(
            StackName=name,
            TemplateURL=template_url(whole, stacks),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        try:
            stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
            endpoint, certificate = whole.env["AWS_ENDPOINT_URL"], Path(whole.env["AWS_CA_BUNDLE"])
            outputs = deployment.finish(endpoint, certificate, {"api_key": servers.OCR_API_KEY}, name)
            env = dict(whole.env) | {
                "UPLOADS_BUCKET": outputs["UploadsBucketName"],
                "RESULTS_BUCKET": outputs["ResultsBucketName"],
                "NOTICES_QUEUE_URL": outputs["NoticesQueueUrl"],
                "TABLE_NAME": outputs["TableName"],
            }
            with account.connected(env) as connected:
                results_prefix = parameters.get("ResultsPrefix", "")
                stack = WholeStack(env, whole.state_folder, connected, outputs=outputs, results_prefix=results_prefix)
                stack.until_idle()  # S3's test: a function that starts must not be changed
                layers = emulator.layers(whole.state_folder / "build")
                with whole.client("lambda") as functions:
                    for function in cloudformation.functions():
                        deployment.find_layers_where_built(functions, function, layers, {}, stack=name)
                yield stack
        finally:
            stacks.delete_stack(StackName=name)
            stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def template_url(whole: WholeStack, stacks: Any) -> str:
    """Where the template of the first stack is, as sam has packaged it: longer than what may be given as it is."""
    body = stacks.get_template(StackName=deployment.STACK, TemplateStage="Original")["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    bucket, key = whole.account.results_bucket, "template.yaml"
    whole.account.s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    return f"https://s3.{servers.REGION}.amazonaws.com/{bucket}/{key}"
