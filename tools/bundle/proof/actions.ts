/** The fields of requests that decide which action they are. */
interface Request {
  readonly TransactItems?: readonly object[];
  readonly VersionId?: unknown;
  readonly ObjectLockMode?: unknown;
  readonly ObjectLockLegalHoldStatus?: unknown;
}

/** Prefixes of IAM actions that are not the client's own name. */
const prefixes: Readonly<Record<string, string>> = {
  cloudwatchlogs: 'logs',
  eventbridge: 'events',
  sfn: 'states',
};

/** Actions whose names are not the operation's, as the Service Authorization Reference has them. */
const named: Readonly<Record<string, (request: Request) => readonly string[]>> = {
  'dynamodb.TransactGetItems': () => ['dynamodb:GetItem'],
  'dynamodb.TransactWriteItems': ({ TransactItems = [] }) =>
    TransactItems.flatMap((item) => Object.keys(item)).map((kind) =>
      kind === 'ConditionCheck' ? 'dynamodb:ConditionCheckItem' : `dynamodb:${kind}Item`,
    ),
  'lambda.Invoke': () => ['lambda:InvokeFunction'],
  's3.CompleteMultipartUpload': () => ['s3:PutObject'],
  's3.CreateMultipartUpload': () => ['s3:PutObject'],
  's3.UploadPart': () => ['s3:PutObject'],
  's3.DeleteObject': ({ VersionId }) => [VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion'],
  's3.GetObject': ({ VersionId }) => [VersionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion'],
  's3.HeadObject': ({ VersionId }) => [VersionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion'],
  's3.HeadBucket': () => ['s3:ListBucket'],
  's3.ListObjects': () => ['s3:ListBucket'],
  's3.ListObjectsV2': () => ['s3:ListBucket'],
  's3.ListObjectVersions': () => ['s3:ListBucketVersions'],
  's3.PutObject': ({ ObjectLockMode, ObjectLockLegalHoldStatus }) => [
    's3:PutObject',
    ...(ObjectLockMode === undefined ? [] : ['s3:PutObjectRetention']),
    ...(ObjectLockLegalHoldStatus === undefined ? [] : ['s3:PutObjectLegalHold']),
  ],
  'sqs.ChangeMessageVisibilityBatch': () => ['sqs:ChangeMessageVisibility'],
  'sqs.DeleteMessageBatch': () => ['sqs:DeleteMessage'],
  'sqs.SendMessageBatch': () => ['sqs:SendMessage'],
};

/** IAM actions that a role must be granted for an SDK call, such as `dynamodb:PutItem`. */
export function actionsOf(service: string, operation: string, request: object): readonly string[] {
  return named[`${service}.${operation}`]?.(request) ?? [`${prefixes[service] ?? service}:${operation}`];
}
