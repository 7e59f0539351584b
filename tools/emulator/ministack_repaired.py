"""ministack, mended where it refuses what AWS allows.

Every request counts as made over TLS. With IAM enforced ministack heeds policies that deny `aws:SecureTransport: false`,
as those of our buckets and queues do, and so would refuse every request on its plain HTTP port.

A batch of SQS is allowed by the single action's grant (AWS: "Amazon SQS API permissions: Actions and resource
reference"). ministack asks for a grant of `sqs:SendMessageBatch`, an action that IAM does not have.

A grant to put metrics can be bound to a namespace by `cloudwatch:namespace` (AWS: "Using condition keys to limit access
to CloudWatch namespaces"). ministack does not know that key, and so refuses what the grant allows.
"""

import json

from ministack import app
from ministack.core import iam_actions

pin_request_origin = app.pin_request_origin
extract_iam_action = iam_actions.extract_iam_action
request_tag_context = iam_actions.request_tag_context


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


if __name__ == "__main__":
    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = extract_grantable_action
    iam_actions.request_tag_context = request_context
    app.main()
