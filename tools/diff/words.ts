/** Order in which a reader wants the changes: what can hurt first. */
export const ranks = ['replace or destroy', 'iam', 'data', 'tuning'] as const;
export type Rank = (typeof ranks)[number];

/**
 * Resources whose content is lost with them, among the services that our questions use. Queues and streams count:
 * what waits in them is lost.
 */
const stateful = new Set([
  'AWS::Cognito::UserPool',
  'AWS::DynamoDB::GlobalTable',
  'AWS::DynamoDB::Table',
  'AWS::EC2::Volume',
  'AWS::EFS::FileSystem',
  'AWS::ElastiCache::CacheCluster',
  'AWS::ElastiCache::ReplicationGroup',
  'AWS::ElastiCache::ServerlessCache',
  'AWS::KMS::Key',
  'AWS::Kinesis::Stream',
  'AWS::Logs::LogGroup',
  'AWS::OpenSearchServerless::Collection',
  'AWS::OpenSearchService::Domain',
  'AWS::RDS::DBCluster',
  'AWS::RDS::DBInstance',
  'AWS::RDS::GlobalCluster',
  'AWS::S3::Bucket',
  'AWS::S3Tables::Table',
  'AWS::S3Tables::TableBucket',
  'AWS::S3Vectors::VectorBucket',
  'AWS::SQS::Queue',
  'AWS::SSM::Parameter',
  'AWS::SecretsManager::Secret',
  'AWS::Timestream::Table',
]);

/** Carries or moves data without holding it. */
const moving = new Set([
  'AWS::Events::EventBus',
  'AWS::Events::Rule',
  'AWS::KinesisFirehose::DeliveryStream',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Pipes::Pipe',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
]);

const permissions = new Set([
  'AWS::Lambda::Permission',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
]);

/** Where the words of the type alone would not tell a reader what the thing is. */
const names: Readonly<Record<string, string>> = {
  'AWS::ApiGatewayV2::Api': 'HTTP or WebSocket API',
  'AWS::ApiGatewayV2::Integration': 'what the API calls',
  'AWS::CloudWatch::Alarm': 'alarm (CloudWatch)',
  'AWS::Events::Rule': 'rule that routes events (EventBridge)',
  'AWS::IAM::Policy': 'permissions (IAM policy)',
  'AWS::Lambda::EventSourceMapping':
    'trigger, by which a queue or stream invokes a function (Lambda event source mapping)',
  'AWS::Lambda::Permission': 'permission to invoke a function (Lambda)',
  'AWS::Logs::LogGroup': 'log group (CloudWatch)',
  'AWS::S3::BucketPolicy': 'permissions on a bucket (S3 bucket policy)',
  'AWS::SQS::QueuePolicy': 'permissions on a queue (SQS queue policy)',
  'AWS::Scheduler::Schedule': 'schedule (EventBridge)',
  'AWS::StepFunctions::StateMachine': 'state machine (Step Functions)',
};

/** `AWS::SQS::Queue` is a `queue (SQS)`. */
export function plainType(type: string): string {
  const known = names[type];
  if (known !== undefined) return known;
  const [, service, ...rest] = type.split('::');
  if (service === undefined || rest.length === 0) return type;
  return `${spaced(rest.join(' '))} (${service})`;
}

export function holdsData(type: string): boolean {
  return stateful.has(type);
}

export function rankOf(type: string, lost: boolean): Rank {
  if (lost) return 'replace or destroy';
  if (type.startsWith('AWS::IAM::') || permissions.has(type)) return 'iam';
  // Every function has a log group: worth a warning when it goes, not a place among the data when it comes.
  if (type === 'AWS::Logs::LogGroup') return 'tuning';
  return stateful.has(type) || moving.has(type) ? 'data' : 'tuning';
}

function spaced(words: string): string {
  return words
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(' ')
    .map((word) => (/^[A-Z0-9]{2,}$/.test(word) ? word : word.toLowerCase()))
    .join(' ');
}
