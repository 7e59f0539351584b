import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType, ProjectionType } from 'aws-cdk-lib/aws-dynamodb';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import {
  Choice,
  Condition,
  DefinitionBody,
  DistributedMap,
  Errors,
  type IChainable,
  JsonPath,
  S3JsonItemReader,
  StateMachineType,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import {
  chooseVariables,
  deliverVariables,
  extractVariables,
  markVariables,
  missedMetric,
  notifyVariables,
  planVariables,
  reconcileVariables,
  reportVariables,
  signedIndex,
  signVariables,
  subtractVariables,
  verifyVariables,
} from '../../../lambdas/missing-notifications/env.ts';
import { answers } from '../../kit/answers.ts';
import { PrivateBucket } from '../../kit/bucket.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { WorkQueue } from '../../kit/queue.ts';
import { uses } from '../../kit/uses.ts';
import { schedulesEnabled } from '../../kit/stage.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { variables } from '../../kit/variables.ts';
import { Workflow } from '../../kit/workflow.ts';
import { nights, question } from './question.ts';

const { load } = question;

/**
 * By measurement (bench/lambda-memory.ts, and the README's page of numbers): the worker's memory stays below 340 MB, and
 * more would buy processor that plain logs, which come at the network's pace, leave idle.
 */
const extractMemoryMb = 512;

/** Half of the executions that an account may have at once by default. */
const workersAtOnce = 500;

/** Names and values of the index's keys, and the 100 bytes that DynamoDB adds to each of its items. */
const indexItemBytes = 200;
/** What the plan makes of the load: 8 shards of A, 64 units of logs, and the fewest partitions. */
const unitsPlanned = 8 + 64;
const partitionsPlanned = 4;

/**
 * A run pins what it will read and extracts A; then it chooses how to subtract the logs, by the bytes that this moves:
 * in one worker, by marking what each unit found of A, or by sorting what it found by partition. It subtracts partition
 * by partition, queues what is missed, and reports. Notifying is a consumer of the queue that claims each document first.
 */
export class MissingNotificationsImproved extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const documents = new OnDemandTable(this, 'Documents', { key: 'documentId' });
    documents.addGlobalSecondaryIndex({
      indexName: signedIndex,
      partitionKey: { name: 'signedShard', type: AttributeType.STRING },
      sortKey: { name: 'signedAt', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });
    answers(
      documents,
      1,
      'Only signed documents carry a shard, so a sparse index holds just those, by signing time: A is read by key range, not by a scan of the table.',
    );
    const servers = new OnDemandTable(this, 'Servers', { key: 'server' });
    const logs = new PrivateBucket(this, 'Logs', { versioned: true });
    const runs = new PrivateBucket(this, 'Runs', { expireAfterDays: 30 });
    answers(
      runs,
      3,
      'What a run pinned, extracted and found lies here under names that depend on the run and the unit only, so that a repeated run reads the same bytes and redoes only what is not there.',
    );

    // The outside world: the service that notifies people, and its record of what it sent.
    const deliveries = new OnDemandTable(this, 'Deliveries', { key: 'deliveryId' });
    const deliver = new Handler(this, 'Deliver', {
      entry: 'missing-notifications/deliver',
      does: 'The notification service: sends a notification, once for an idempotency key.',
      memoryMb: 256,
      timeout: Duration.seconds(30),
      environment: variables(deliverVariables, { deliveriesTable: deliveries.tableName }),
    });
    deliver.allow(['dynamodb:PutItem'], deliveries.tableArn);

    // Notify again: a queue between finding and sending, and a claim on each document before it is sent.
    const missed = new WorkQueue(this, 'Missed', { visibilityTimeout: Duration.seconds(60), receivesMax: 5 });
    answers(
      missed,
      4,
      'Missed documents wait in a queue: the run ends when they are safe, sending has its own pace and retries, and what fails for good lies in the dead-letter queue.',
    );
    const notifications = new OnDemandTable(this, 'Notifications', { key: 'documentId' });
    const notify = new Handler(this, 'Notify', {
      entry: 'missing-notifications/notify.improved',
      does: 'Claims each missed document, asks the notification service with its ID as the idempotency key, records it.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(notifyVariables, {
        notificationsTable: notifications.tableName,
        notificationService: deliver.function.functionName,
      }),
    });
    notify.allow(['dynamodb:UpdateItem'], notifications.tableArn);
    notify.allow(['lambda:InvokeFunction'], deliver.function.functionArn);
    notify.function.addEventSource(
      new SqsEventSource(missed.queue, { batchSize: 10, maxConcurrency: 10, reportBatchItemFailures: true }),
    );
    answers(
      notify,
      5,
      'A conditional write claims the document before the service is asked, and the service gets the document ID as its idempotency key: a crash, a duplicate message or a second run sends nothing twice.',
    );
    answers(notifications, 5, 'Remembers who was notified again, across runs.');

    const plan = new Handler(this, 'Plan', {
      entry: 'missing-notifications/plan.improved',
      does: 'Pins the window and the version of every log, refuses when a server is missing, cuts the work into units.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(planVariables, {
        serversTable: servers.tableName,
        logsBucket: logs.bucketName,
        runsBucket: runs.bucketName,
      }),
    });
    plan.allow(['dynamodb:Scan'], servers.tableArn);
    logs.allowList(plan, ['s3:ListBucket', 's3:ListBucketVersions']);
    logs.allowObjects(plan, ['s3:GetObjectVersion'], 'logs/');
    runs.allowList(plan, ['s3:ListBucket']);
    runs.allowObjects(plan, ['s3:GetObject', 's3:PutObject'], 'runs/');
    answers(
      plan,
      2,
      'Each log is one of 500 that must be there: a missing, empty or short one stops the run, because every line it lacks would be sent again.',
    );

    const readers = { logsBucket: logs.bucketName, runsBucket: runs.bucketName };
    const sign = new Handler(this, 'Sign', {
      entry: 'missing-notifications/sign.improved',
      does: 'Reads one shard of the signed documents into one object of IDs by partition.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(signVariables, { documentsTable: documents.tableName, runsBucket: runs.bucketName }),
    });
    answers(sign, 1, 'Each shard of the index is queried by a function of its own.');
    const extract = new Handler(this, 'Extract', {
      entry: 'missing-notifications/extract.improved',
      does: 'Reads one unit of logs into one object of the IDs that it finds, by partition.',
      memoryMb: extractMemoryMb,
      timeout: Duration.minutes(15),
      environment: variables(extractVariables, readers),
    });
    answers(
      extract,
      2,
      'Each unit is read as a stream with bounded memory by a function of its own, as many at once as there are units.',
    );
    const choose = new Handler(this, 'Choose', {
      entry: 'missing-notifications/choose.improved',
      does: 'Chooses one worker, broadcast or shuffle by the sizes of A and of the logs, and pins the choice.',
      memoryMb: 1769,
      timeout: Duration.minutes(5),
      environment: variables(chooseVariables, readers),
    });
    answers(
      choose,
      [2, 3],
      'The bytes that workers pass on decide: A once to each of M readers of logs, or A and B once each; what one worker reads in five minutes needs neither.',
    );
    const mark = new Handler(this, 'Mark', {
      entry: 'missing-notifications/mark.improved',
      does: 'Reads one unit of logs and all of A, and writes which of A it found as ordinals by partition.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(markVariables, readers),
    });
    answers(
      mark,
      3,
      'Where logs hold far more IDs than A, a reader that knows A passes on about a byte for each document that it confirms, instead of every ID.',
    );
    const verify = new Handler(this, 'Verify', {
      entry: 'missing-notifications/verify.improved',
      does: 'Checks that every unit is there and every log reaches far enough; writes where each partition lies.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(verifyVariables, { runsBucket: runs.bucketName }),
    });
    answers(
      verify,
      2,
      'How far a compressed log reaches shows only when it is read: nothing is subtracted until every log has been found to reach past the window.',
    );
    const subtracting = { runsBucket: runs.bucketName, missedQueue: missed.queue.queueUrl };
    const subtract = new Handler(this, 'Subtract', {
      entry: 'missing-notifications/subtract.improved',
      does: 'Computes A - B of one partition, writes it, then queues it.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(subtractVariables, subtracting),
    });
    answers(
      subtract,
      3,
      'The same ID always falls into the same partition, so partitions are subtracted independently and the union of their answers is exact.',
    );
    const reconcile = new Handler(this, 'Reconcile', {
      entry: 'missing-notifications/reconcile.improved',
      does: 'Reads the logs and subtracts, for a run that one worker can do: the same steps over the same files.',
      memoryMb: 3538,
      timeout: Duration.minutes(15),
      environment: variables(reconcileVariables, { ...readers, ...subtracting }),
    });
    answers(
      reconcile,
      2,
      'Logs that one worker reads in five minutes need no map: nothing is cheaper, and the next run has a day.',
    );
    const report = new Handler(this, 'Report', {
      entry: 'missing-notifications/report.improved',
      does: 'Adds up what the workers left, writes the report, puts the metric.',
      memoryMb: 512,
      timeout: Duration.minutes(5),
      environment: variables(reportVariables, { runsBucket: runs.bucketName }),
    });
    sign.allow(['dynamodb:Query'], `${documents.tableArn}/index/${signedIndex}`);
    for (const reader of [choose, extract, mark, reconcile])
      logs.allowObjects(reader, ['s3:GetObjectVersion'], 'logs/');
    for (const worker of [sign, choose, extract, mark, verify, subtract, reconcile, report])
      runs.allowObjects(worker, ['s3:GetObject', 's3:PutObject'], 'runs/');
    // These look first whether their work is done: S3 says 404 only to those who may list, and 403 to others.
    for (const worker of [sign, choose, extract, mark, subtract, reconcile]) runs.allowList(worker, ['s3:ListBucket']);
    for (const finder of [subtract, reconcile]) finder.allow(['sqs:SendMessage'], missed.queue.queueArn);
    report.allowMetrics(missedMetric.namespace);

    const returns = new Set([plan, choose, report]);
    const task = (name: string, handler: Handler, payload?: TaskInput) =>
      new LambdaInvoke(this, name, {
        lambdaFunction: handler.function,
        payloadResponseOnly: true,
        ...(payload === undefined ? {} : { payload }),
        ...(returns.has(handler) ? {} : { resultPath: JsonPath.DISCARD }),
      })
        // The input or a log is at fault, and will be again.
        .addRetry({ errors: ['RunRefused'], maxAttempts: 0 })
        // A worker that was killed, ran out of time or lost its connection is started again; what it had written stays,
        // and what it writes again has the same bytes.
        .addRetry({ errors: [Errors.TASKS_FAILED], interval: Duration.seconds(1), maxAttempts: 2 });
    const run = TaskInput.fromObject({ runId: JsonPath.stringAt('$.runId') });
    const children = { mapExecutionType: StateMachineType.STANDARD, resultPath: JsonPath.DISCARD };
    const overUnits = (name: string, child: IChainable) =>
      new DistributedMap(this, name, {
        ...children,
        maxConcurrency: workersAtOnce,
        itemReader: new S3JsonItemReader({ bucket: runs, key: JsonPath.stringAt('$.units.key') }),
      }).itemProcessor(child);
    const reportIt = task('Report it', report, run);
    const subtractIt = task('Verify the units', verify, run)
      .next(
        new DistributedMap(this, 'Subtract partitions', {
          ...children,
          maxConcurrency: workersAtOnce,
          itemsPath: '$.partitions',
        }).itemProcessor(task('Subtract one partition', subtract)),
      )
      .next(reportIt);
    const workflow = new Workflow(this, 'Run', {
      definition: DefinitionBody.fromChainable(
        task('Plan the run', plan)
          .next(overUnits('Extract A', task('Extract one shard', sign)))
          .next(task('Choose the mode', choose, run))
          .next(
            new Choice(this, 'Which mode?')
              .when(
                Condition.stringEquals('$.mode', 'one worker'),
                task('Reconcile in one worker', reconcile, run).next(reportIt),
              )
              .when(
                Condition.stringEquals('$.mode', 'broadcast'),
                overUnits('Mark units', task('Mark one unit', mark)).next(subtractIt),
              )
              .otherwise(overUnits('Extract units', task('Extract one unit', extract)).next(subtractIt)),
          ),
      ),
      timeout: Duration.hours(6),
      readsItemsFrom: [runs],
    });
    answers(
      workflow,
      [2, 3],
      'Maps over what is read and over partitions, and between them a check: a Standard workflow, since a unit may take longer than an Express one may last.',
    );

    const nightly = new Schedule(this, 'Nightly', {
      description: 'Looks for missing notifications every night.',
      schedule: ScheduleExpression.cron({ hour: '2', minute: '0' }),
      enabled: schedulesEnabled(this),
      target: new StepFunctionsStartExecution(workflow.machine, {
        input: ScheduleTargetInput.fromObject({ scheduledAt: ContextAttribute.scheduledTime }),
      }),
    });
    answers(nightly, 5, 'Runs every night over the day before: the incident becomes a reconciliation that never ends.');
    const alarm = new Alarm(this, 'MissedAlarm', {
      alarmDescription: 'Signed documents were never notified.',
      metric: new Metric({
        namespace: missedMetric.namespace,
        metricName: missedMetric.name,
        statistic: 'Maximum',
        period: Duration.minutes(5),
      }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    answers(alarm, 5, 'Somebody hears of it when notifications are missed, although they were sent again.');

    const storedBytes = load.storedDocuments.value * load.documentBytes.value;
    const logBytes = load.servers.value * load.logBytes.value;
    uses(documents, { 'dynamodb.storageGbMonths': storedBytes / 1e9, 'dynamodb.recoveryGbMonths': storedBytes / 1e9 });
    uses(
      documents,
      {
        'dynamodb.storageGbMonths': (load.storedDocuments.value * indexItemBytes) / 1e9,
        'dynamodb.writeUnits': nights * load.signedDocuments.value,
      },
      'The index holds the keys of each signed document, at most all, and each signature writes to it once.',
    );
    uses(
      sign,
      { 'dynamodb.readUnits': (nights * load.signedDocuments.value * indexItemBytes) / 8192 },
      'A query reads the keys of the night: half a unit for each 4 KB.',
    );
    uses(
      extract,
      {
        'lambda.requests': nights * unitsPlanned,
        'lambda.gbSeconds': ((nights * logBytes) / load.readRate.value) * (extractMemoryMb / 1024),
      },
      'As many seconds as one reader would take, spread over the units.',
    );
    uses(
      subtract,
      { 'lambda.requests': nights * partitionsPlanned, 'lambda.gbSeconds': nights * partitionsPlanned * 2 * 1.73 },
      'Two seconds a partition, an assumption.',
    );
    uses(logs, { 's3.getRequests': nights * load.servers.value * 2, 's3.storageGbMonths': (nights * logBytes) / 1e9 });
    uses(
      runs,
      {
        's3.putRequests': nights * (unitsPlanned + 2 * partitionsPlanned + load.servers.value),
        's3.getRequests': nights * unitsPlanned * (partitionsPlanned + 3),
      },
      'One object a unit, of which each partition reads one range.',
    );
    uses(workflow, { 'stepFunctions.transitions': nights * 3 * (unitsPlanned + partitionsPlanned) });
    uses(missed, { 'sqs.requests': nights * load.missedDocuments.value * 0.3, 'cloudwatch.alarms': 1 });
    uses(alarm, { 'cloudwatch.alarms': 1, 'cloudwatch.metrics': 1 });
    uses(notify, { 'lambda.requests': (nights * load.missedDocuments.value) / 10 });
    uses(notifications, { 'dynamodb.writeUnits': 2 * nights * load.missedDocuments.value });

    new CfnOutput(this, 'DocumentsTable', { value: documents.tableName });
    new CfnOutput(this, 'ServersTable', { value: servers.tableName });
    new CfnOutput(this, 'LogsBucket', { value: logs.bucketName });
    new CfnOutput(this, 'DeliveriesTable', { value: deliveries.tableName });
    new CfnOutput(this, 'Start', { value: workflow.machine.stateMachineArn });
    new CfnOutput(this, 'Workers', {
      value: [extract, subtract].map((worker) => worker.function.functionName).join(','),
    });
    new CfnOutput(this, 'Senders', { value: notify.function.functionName });
    new CfnOutput(this, 'RunsBucket', { value: runs.bucketName });
    new CfnOutput(this, 'MissedQueue', { value: missed.queue.queueUrl });
    new CfnOutput(this, 'DeadLetters', { value: missed.deadLetters.queueUrl });
    new CfnOutput(this, 'NotificationsTable', { value: notifications.tableName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new MissingNotificationsImproved(app, id, props) };
};
