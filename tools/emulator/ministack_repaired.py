"""ministack, mended where it refuses what AWS allows, or answers other than AWS.

Every request counts as made over TLS. With IAM enforced ministack heeds policies that deny `aws:SecureTransport: false`,
as those of our buckets and queues do, and so would refuse every request on its plain HTTP port.

A batch of SQS is allowed by the single action's grant (AWS: "Amazon SQS API permissions: Actions and resource
reference"). ministack asks for a grant of `sqs:SendMessageBatch`, an action that IAM does not have.

A grant to put metrics can be bound to a namespace by `cloudwatch:namespace` (AWS: "Using condition keys to limit access
to CloudWatch namespaces"). ministack does not know that key, and so refuses what the grant allows.

A failed function says why by the name of what it threw, or `Runtime.ExitError` when its process died (AWS: "Lambda
function errors in Node.js", and the Lambda runtime's own name), so that a state machine's retriers by name take it.
ministack calls everything `Runtime.HandlerError`.

A range of an object's version is that range (AWS: "GetObject", Range). ministack answers with the whole version, which
would make a reader of ten ranges read ten objects.
"""

import json

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import lambda_svc, s3

pin_request_origin = app.pin_request_origin
extract_iam_action = iam_actions.extract_iam_action
request_tag_context = iam_actions.request_tag_context
get_object = s3._get_object
execute_function = lambda_svc._execute_function_warm
node_script = lambda_runtime._NODEJS_WORKER_SCRIPT

# What the worker of a function answers has no place for the name, so it comes before the message.
threw = "error: String(err.message || err), trace"
threw_named = r"error: `${err.name || 'Error'}\0${err.message || err}`, trace"


def pin_secure_origin(address, _secure):
    return pin_request_origin(address, True)


def extract_grantable_action(service, *request):
    action = extract_iam_action(service, *request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def request_context(service, action, body, parameters):
    context = request_tag_context(service, action, body, parameters)
    if action != "cloudwatch:PutMetricData" or body[:1] != b"{":
        return context
    return {**context, "cloudwatch:namespace": json.loads(body).get("Namespace", "")}


def get_object_range(bucket, key, headers, parameters=None):
    wanted = headers.get("range")
    if not wanted or not (parameters or {}).get("versionId"):
        return get_object(bucket, key, headers, parameters)
    # Without the checksum of the whole, against which a client would check the part.
    bare = {name: value for name, value in headers.items() if name != "x-amz-checksum-mode"}
    status, reply, body = get_object(bucket, key, bare, parameters)
    if status != 200:
        return status, reply, body
    part = s3._parse_range(wanted, len(body))
    if part is None:
        total = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
        return 416, total, s3._xml_body(s3._range_error_xml(bucket, key))
    start, end = part
    length = {"Content-Length": str(end - start + 1), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
    return 206, {**reply, **length}, body[start : end + 1]


def execute_named(function, event, request_id):
    result = execute_function(function, event, request_id)
    if not result.get("error"):
        return result
    text = result["body"]["errorMessage"]
    name, named, message = text.partition("\0")
    if named:
        return {**result, "body": {"errorType": name, "errorMessage": message}}
    if text != "Worker process died":
        return result
    died = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    return {**result, "body": {"errorType": "Runtime.ExitError", "errorMessage": died}}


if __name__ == "__main__":
    assert threw in node_script, "the worker's script is another than the one that is mended here"
    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = extract_grantable_action
    iam_actions.request_tag_context = request_context
    s3._get_object = get_object_range
    lambda_svc._execute_function_warm = execute_named
    lambda_runtime._NODEJS_WORKER_SCRIPT = node_script.replace(threw, threw_named)
    app.main()
