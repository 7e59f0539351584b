/** The fields of requests that decide which action they are, and on what. */
interface Request {
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName?: string }>>[];
  /** DynamoDB's batches, by table. */
  readonly RequestItems?: object;
  readonly TableName?: string;
  readonly Bucket?: string;
  readonly QueueUrl?: string;
  readonly FunctionName?: string;
  readonly stateMachineArn?: string;
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

/** An IAM action on a resource: `dynamodb:PutItem` of a table by its name, a bucket by its own, a queue by its URL. */
export interface UsedAction {
  readonly action: string;
  /** Empty where the request names none. */
  readonly resource: string;
}

/** What a role must be granted for an SDK call. */
export function actionsOf(service: string, operation: string, request: object): readonly UsedAction[] {
  if (operation === 'TransactGetItems' || operation === 'TransactWriteItems') return ofTransaction(request);
  const actions = named[`${service}.${operation}`]?.(request) ?? [`${prefixes[service] ?? service}:${operation}`];
  return actions.flatMap((action) => resourcesOf(request).map((resource) => ({ action, resource })));
}

function ofTransaction({ TransactItems = [] }: Request): readonly UsedAction[] {
  return TransactItems.flatMap((item) => Object.entries(item)).map(([kind, { TableName = '' }]) => ({
    action: kind === 'ConditionCheck' ? 'dynamodb:ConditionCheckItem' : `dynamodb:${kind}Item`,
    resource: TableName,
  }));
}

function resourcesOf(request: Request): readonly string[] {
  const { RequestItems, TableName, Bucket, QueueUrl, FunctionName, stateMachineArn } = request;
  if (RequestItems !== undefined) return Object.keys(RequestItems);
  // A function is named by its ARN too, which ends with the name.
  return [TableName ?? Bucket ?? QueueUrl ?? FunctionName?.replace(/^arn:.*:function:/, '') ?? stateMachineArn ?? ''];
}
