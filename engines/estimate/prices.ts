/**
 * The price book: AWS list prices of us-east-1 in USD, first tier, no free tier, as data.
 *
 * `source` is the page on which the figure was read. Often that is a dated guide, since scripts fill the tables of AWS's
 * own pages and no stored copy shows them. A figure that no dated page showed is an assumption, and says so.
 */

export type Service =
  | 'API Gateway'
  | 'Lambda'
  | 'DynamoDB'
  | 'S3'
  | 'SQS'
  | 'Step Functions'
  | 'EventBridge Scheduler'
  | 'CloudWatch'
  | 'X-Ray'
  | 'KMS'
  | 'Data transfer'
  | 'Athena'
  | 'EC2';

interface Figure {
  readonly service: Service;
  /** What one unit is, in the plural, such as `GB-seconds`. */
  readonly unit: string;
  /** USD for `per` units. */
  readonly usd: number;
  readonly per: number;
  /** Year and month at which the source showed the figure, or at which it was assumed. */
  readonly asOf: `${number}-${string}`;
}

export type Price = Figure & ({ readonly source: string } | { readonly assumption: string });

const million = 1_000_000;
const lambdaGuide = 'https://git.mcrn.ar/mariano/lambda_local_runner/src/branch/main/docs/lambdas-md/lambda-13-cost.md';
const dynamoGuide = 'https://airbyte.com/data-engineering-resources/dynamodb-pricing';
const s3Guide = 'https://devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples';
const undatedS3 = `as shown by ${s3Guide}, which bears no date`;
const longStanding = 'the long-standing list price; no dated page at hand showed it';

export const prices = {
  'apigateway.httpRequests': {
    service: 'API Gateway',
    unit: 'HTTP API requests of 512 KB',
    usd: 1,
    per: million,
    source: 'https://awsforengineers.com/blog/aws-api-gateway-pricing-explained',
    asOf: '2025-05',
  },
  'lambda.gbSeconds': {
    service: 'Lambda',
    unit: 'GB-seconds, arm64',
    usd: 0.0000133334,
    per: 1,
    source: lambdaGuide,
    asOf: '2026-05',
  },
  'lambda.requests': {
    service: 'Lambda',
    unit: 'invocations',
    usd: 0.2,
    per: million,
    source: lambdaGuide,
    asOf: '2026-05',
  },
  'dynamodb.writeUnits': {
    service: 'DynamoDB',
    unit: 'write request units, on demand',
    usd: 0.625,
    per: million,
    source: dynamoGuide,
    asOf: '2025-07',
  },
  'dynamodb.readUnits': {
    service: 'DynamoDB',
    unit: 'read request units, on demand',
    usd: 0.125,
    per: million,
    source: dynamoGuide,
    asOf: '2025-07',
  },
  'dynamodb.storageGbMonths': {
    service: 'DynamoDB',
    unit: 'GB-months stored',
    usd: 0.25,
    per: 1,
    source: 'https://wring.co/blog/aws-dynamodb-pricing-guide',
    asOf: '2026-03',
  },
  'dynamodb.recoveryGbMonths': {
    service: 'DynamoDB',
    unit: 'GB-months of point-in-time recovery',
    usd: 0.2,
    per: 1,
    assumption: 'four fifths of the storage price, the ratio in https://docs.echo.stream/docs/table-pricing',
    asOf: '2024-11',
  },
  's3.storageGbMonths': {
    service: 'S3',
    unit: 'GB-months stored, Standard',
    usd: 0.023,
    per: 1,
    assumption: undatedS3,
    asOf: '2026-11',
  },
  's3.putRequests': {
    service: 'S3',
    unit: 'PUT, COPY, POST and LIST requests',
    usd: 0.005,
    per: 1000,
    assumption: undatedS3,
    asOf: '2026-11',
  },
  's3.getRequests': {
    service: 'S3',
    unit: 'GET and all other requests',
    usd: 0.0004,
    per: 1000,
    assumption: undatedS3,
    asOf: '2026-11',
  },
  'sqs.requests': {
    service: 'SQS',
    unit: 'requests of 64 KB, standard queue',
    usd: 0.4,
    per: million,
    source: 'https://cloudburn.io/blog/amazon-sqs-pricing',
    asOf: '2026-03',
  },
  'sqs.fifoRequests': {
    service: 'SQS',
    unit: 'requests of 64 KB, FIFO queue',
    usd: 0.5,
    per: million,
    source: 'https://cloudburn.io/blog/amazon-sqs-pricing',
    asOf: '2026-03',
  },
  'stepFunctions.transitions': {
    service: 'Step Functions',
    unit: 'state transitions, Standard',
    usd: 25,
    per: million,
    source: 'https://www.wring.co/blog/aws-step-functions-pricing-guide',
    asOf: '2026-03',
  },
  'scheduler.invocations': {
    service: 'EventBridge Scheduler',
    unit: 'invocations',
    usd: 1,
    per: million,
    source: 'https://cloudburn.io/blog/amazon-eventbridge-pricing',
    asOf: '2026-03',
  },
  'cloudwatch.logsIngestedGb': {
    service: 'CloudWatch',
    unit: 'GB of logs ingested',
    usd: 0.5,
    per: 1,
    source: 'https://www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards.md',
    asOf: '2026-06',
  },
  'cloudwatch.logsStoredGbMonths': {
    service: 'CloudWatch',
    unit: 'GB-months of logs stored',
    usd: 0.03,
    per: 1,
    assumption: longStanding,
    asOf: '2026-11',
  },
  'cloudwatch.metrics': {
    service: 'CloudWatch',
    unit: 'custom metrics',
    usd: 0.3,
    per: 1,
    source: 'https://signoz.io/guides/cloudwatch-pricing',
    asOf: '2026-02',
  },
  'cloudwatch.alarms': {
    service: 'CloudWatch',
    unit: 'alarms on one metric, standard resolution',
    usd: 0.1,
    per: 1,
    assumption: longStanding,
    asOf: '2026-11',
  },
  'cloudwatch.apiCalls': {
    service: 'CloudWatch',
    unit: 'API calls, such as PutMetricData',
    usd: 0.01,
    per: 1000,
    assumption: longStanding,
    asOf: '2026-11',
  },
  'xray.traces': {
    service: 'X-Ray',
    unit: 'traces recorded',
    usd: 5,
    per: million,
    assumption: 'as shown by https://aws.amazon.com/xray/pricing, in a copy that bears no date',
    asOf: '2026-11',
  },
  'kms.keys': {
    service: 'KMS',
    unit: 'customer managed keys',
    usd: 1,
    per: 1,
    source: 'https://cloudburn.io/blog/aws-kms-pricing',
    asOf: '2026-03',
  },
  'kms.requests': {
    service: 'KMS',
    unit: 'requests, symmetric',
    usd: 0.03,
    per: 10_000,
    source: 'https://www.wring.co/blog/aws-kms-pricing-guide',
    asOf: '2026-03',
  },
  'transfer.outGb': {
    service: 'Data transfer',
    unit: 'GB out to the internet, first 10 TB',
    usd: 0.09,
    per: 1,
    source: 'https://leanopstech.com/blog/aws-data-transfer-pricing-2026/',
    asOf: '2026-04',
  },
  'athena.scannedTb': {
    service: 'Athena',
    unit: 'TB scanned',
    usd: 5,
    per: 1,
    assumption:
      'as shown by https://kindatechnical.com/aws-athena/lesson-7-aws-athena-pricing-model.html, which bears no date',
    asOf: '2026-11',
  },
  'ec2.m7gVcpuHours': {
    service: 'EC2',
    unit: 'vCPU-hours of m7g, Linux, on demand',
    // An m7g.large has two; larger ones cost as much for each.
    usd: 0.0408,
    per: 1,
    source: 'https://main.d1m6t5n8e4tvia.amplifyapp.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/',
    asOf: '2026-06',
  },
} as const satisfies Readonly<Record<string, Price>>;

/** Key of a price: the service and the unit that it charges for. */
export type PriceUnit = keyof typeof prices;

/** Prices by key: the book above, or a reader's own. */
export type PriceBook = Readonly<Record<PriceUnit, Price>>;
