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

A query or a scan is charged by the bytes of all items that it read, in blocks of 4 KB (AWS: "DynamoDB on-demand
capacity mode", Query). ministack charges one block whatever it read, which would make a join as cheap as a key.

An event source hands a function as many messages of a standard queue as its batch size says, up to 10,000 (AWS: "Using
Lambda with Amazon SQS"). ministack stops at the ten that one ReceiveMessage gives. It still knows no batching window.

A bucket of a template has the object lock that the template gives it (AWS::S3::Bucket, ObjectLockEnabled and
ObjectLockConfiguration). ministack's CloudFormation leaves both out, and what should be locked can be deleted.

An alarm of a template may be over an expression (AWS::CloudWatch::Alarm, Metrics). ministack refuses the stack. Here it
stands for an alarm over the expression's first metric: no more than that is evaluated, so that nothing should be
concluded from its state.

What an invocation prints is in the log when it has its reply, as the last lines of a process that died, or whose time was
up, are (AWS Lambda reports END after them). ministack waits 50 ms for a first line, and on a busy machine hands a line over
with the next invocation, or loses it with the process. Here a mark ends what is printed before each reply, and the log is
read up to it.

A function that goes with its stack takes its processes with it. ministack ends them only when the function is deleted by
itself: a run of many stacks left some three hundred behind, and 8 GB.
"""

import json
import queue
import time

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import dynamodb, lambda_svc, s3, sqs
from ministack.services.cloudformation import provisioners

pin_request_origin = app.pin_request_origin
extract_iam_action = iam_actions.extract_iam_action
request_tag_context = iam_actions.request_tag_context
get_object = s3._get_object
paginate_evaluated_items = dynamodb._paginate_evaluated_items
add_consumed_capacity = dynamodb._add_consumed_capacity
metric_alarm_record = provisioners._cw_metric_alarm_record
delete_function = provisioners._lambda_delete
execute_function = lambda_svc._execute_function_warm
node_script = lambda_runtime._NODEJS_WORKER_SCRIPT

# What the worker of a function answers has no place for the name, so it comes before the message.
threw = "error: String(err.message || err), trace"
threw_named = r"error: `${err.name || 'Error'}\0${err.message || err}`, trace"

# The reply that a process is ready comes before any invocation, and ends none.
printed_all = "\x00printed all"
writes = "const _realStdoutWrite = process.stdout.write.bind(process.stdout);"
writes_marked = r"""const _bareStdoutWrite = process.stdout.write.bind(process.stdout);
const _realStdoutWrite = (reply) => {
  if (!reply.startsWith('{"status":"ready"')) _stderrWrite("\n\0printed all\n");
  return _bareStdoutWrite(reply);
};"""
drain_max_seconds = 10


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


page_bytes = 0


def paginate_and_weigh(items, limit, table, index_name=None):
    global page_bytes
    page, more = paginate_evaluated_items(items, limit, table, index_name)
    entries = (dynamodb._apply_index_projection(item, table, index_name) if index_name else item for item in page)
    page_bytes = sum(dynamodb._item_size_bytes(entry) for entry in entries)
    return page, more


def add_capacity_by_bytes(result, data, table_name, *arguments, **options):
    global page_bytes
    add_consumed_capacity(result, data, table_name, *arguments, **options)
    # Only a page counts what it scanned.
    if "ScannedCount" in result and "ConsumedCapacity" in result:
        result["ConsumedCapacity"] = times(result["ConsumedCapacity"], max(1, -(-page_bytes // 4096)))
    page_bytes = 0


def times(capacity, blocks):
    if isinstance(capacity, dict):
        return {name: times(value, blocks) for name, value in capacity.items()}
    return capacity * blocks if isinstance(capacity, float) else capacity


def receive_batch(queue_url, size):
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        most = 10 if queue["is_fifo"] else 10_000
        timeout = int(queue["attributes"].get("VisibilityTimeout", "30"))
        return sqs._collect_msgs(queue, min(int(size or 1), most), timeout)


def create_bucket(logical_id, properties, stack):
    name, attributes = provisioners._s3_create(logical_id, properties, stack)
    if properties.get("ObjectLockEnabled") in (True, "true"):
        rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
        retention = rule and {key: value if key == "Mode" else int(value) for key, value in rule.items()}
        s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}
        s3._bucket_versioning[name] = "Enabled"
    return name, attributes


def alarm_record(name, properties):
    metrics = [one["MetricStat"] for one in properties.get("Metrics") or [] if "MetricStat" in one]
    if not metrics:
        return metric_alarm_record(name, properties)
    rest = {key: value for key, value in properties.items() if key != "Metrics"}
    plain = {**metrics[0]["Metric"], "Period": metrics[0]["Period"], "Statistic": metrics[0]["Stat"]}
    return metric_alarm_record(name, {**rest, **plain})


def drained_whole(drain):
    def drain_whole(worker, **waits):
        if not worker.config.get("Runtime", "").startswith("nodejs"):
            return drain(worker, **waits)
        lines = []
        deadline = time.monotonic() + drain_max_seconds
        while time.monotonic() < deadline:
            # Asked before the queue is: a thread that has ended adds nothing to it.
            is_ended = not worker._stderr_thread.is_alive()
            try:
                line = worker._stderr_queue.get(timeout=0 if is_ended else 0.1)
            except queue.Empty:
                if is_ended:
                    break
                continue
            if line != printed_all:
                lines.append(line)
                continue
            # The mark begins a line of its own, whether or not the one before it was ended.
            if lines and not lines[-1]:
                lines.pop()
            # One that replied while it was being ended has more to say, or nothing.
            if not is_ended:
                break
        return "\n".join(lines)

    return drain_whole


def delete_function_whole(name, properties):
    delete_function(name, properties)
    account, region = lambda_svc.get_account_id(), lambda_svc.get_region()
    lambda_runtime.invalidate_worker(name, account=account, region=region)


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
    mends = {threw: threw_named, writes: writes_marked}
    for was in mends:
        assert node_script.count(was) == 1, f"the worker's script is another than the one that is mended here: {was}"
    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = extract_grantable_action
    iam_actions.request_tag_context = request_context
    s3._get_object = get_object_range
    dynamodb._paginate_evaluated_items = paginate_and_weigh
    dynamodb._add_consumed_capacity = add_capacity_by_bytes
    sqs._receive_messages_for_esm = receive_batch
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["create"] = create_bucket
    provisioners._cw_metric_alarm_record = alarm_record
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]["delete"] = delete_function_whole
    lambda_svc._execute_function_warm = execute_named
    for was, becomes in mends.items():
        node_script = node_script.replace(was, becomes)
    lambda_runtime._NODEJS_WORKER_SCRIPT = node_script
    for name in ("_drain_stderr", "_drain_stderr_bounded"):
        setattr(lambda_runtime.Worker, name, drained_whole(getattr(lambda_runtime.Worker, name)))
    app.main()
