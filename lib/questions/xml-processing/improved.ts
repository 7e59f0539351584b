import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
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
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import {
  loadVariables,
  planVariables,
  reportVariables,
  resolveVariables,
  scanVariables,
} from '../../../lambdas/xml-processing/env.ts';
import { answers } from '../../kit/answers.ts';
import { PrivateBucket } from '../../kit/bucket.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { Workflow } from '../../kit/workflow.ts';
import { days, question } from './question.ts';

const { load } = question;

/** What the plan makes of the load: 64 ranges, as long as they have between 8 and 64 MiB. */
const rangesPlanned = 64;
const recordsPerBatch = 500;
/** Of a checkpoint: a kilobyte, and 60 bytes of aggregate for each group. */
const checkpointWriteUnits = 1 + Math.ceil((load.groups.value * 60) / 1024);

/**
 * A load pins the document's version, scans its ranges and cuts it at key tags, parses the cuts in parallel into a
 * table, each with a checkpoint of its own, and reports what the checkpoints add up to.
 */
export class XmlProcessingImproved extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const documents = new PrivateBucket(this, 'Documents', { versioned: true });
    const loads = new PrivateBucket(this, 'Loads');
    answers(
      loads,
      2,
      'What a load pinned, scanned and cut lies here under names that depend on the document’s version only, so that a repeated load cuts at the same bytes and redoes only what is not there.',
    );
    const records = new OnDemandTable(this, 'Records', { key: 'part', sort: 'byte' });
    answers(
      records,
      3,
      'A record’s key is its document, its cut and its byte: stored again it is the same item, and each cut writes to a partition of its own.',
    );
    const progress = new OnDemandTable(this, 'Progress', { key: 'part' });
    answers(
      progress,
      3,
      'The checkpoint of a cut and its aggregates up to there are one item, moved by one conditional write: never the one without the other.',
    );

    const plan = new Handler(this, 'Plan', {
      entry: 'xml-processing/plan.improved',
      does: 'Pins the version of the document and cuts its bytes into ranges.',
      memoryMb: 512,
      timeout: Duration.minutes(1),
      environment: variables(planVariables, {
        documentsBucket: documents.bucketName,
        loadsBucket: loads.bucketName,
      }),
    });
    answers(
      plan,
      2,
      'Pins the version first: ranges, cuts and checkpoints are bytes of that version, whatever is uploaded meanwhile. A small document gets one worker and no maps.',
    );
    documents.allowList(plan, ['s3:ListBucket']);
    documents.allowObjects(plan, ['s3:GetObject', 's3:GetObjectVersion'], 'documents/');
    const scan = new Handler(this, 'Scan', {
      entry: 'xml-processing/scan.improved',
      does: 'Scans one range of bytes under every state in which it could begin.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(scanVariables, {
        documentsBucket: documents.bucketName,
        loadsBucket: loads.bucketName,
      }),
    });
    answers(
      scan,
      2,
      'Whether a range begins inside a comment, a CDATA section or a tag depends on all that stands before it: scanned under each of these states, ranges need not wait for one another.',
    );
    const resolve = new Handler(this, 'Resolve', {
      entry: 'xml-processing/resolve.improved',
      does: 'Goes through the ranges’ summaries in order and cuts the document at start tags of key elements.',
      memoryMb: 1769,
      timeout: Duration.minutes(5),
      environment: variables(resolveVariables, { loadsBucket: loads.bucketName }),
    });
    answers(
      resolve,
      2,
      'Summaries are small: one function learns from them, in order, in which state each range truly began, and where each may be cut.',
    );
    const loader = new Handler(this, 'Load', {
      entry: 'xml-processing/load.improved',
      does: 'Parses one cut as a stream, stores its records in batches and moves its checkpoint after each.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(loadVariables, {
        documentsBucket: documents.bucketName,
        loadsBucket: loads.bucketName,
        recordsTable: records.tableName,
        progressTable: progress.tableName,
      }),
    });
    answers(
      loader,
      [1, 3, 4],
      'A stream, a SAX parser and a batch: memory follows the largest record, a killed worker’s successor goes on from the checkpoint, a stale one is refused.',
    );
    const report = new Handler(this, 'Report', {
      entry: 'xml-processing/report.improved',
      does: 'Adds up the checkpoints of all cuts and writes the report, or names the place of the first error.',
      memoryMb: 512,
      timeout: Duration.minutes(5),
      environment: variables(reportVariables, {
        loadsBucket: loads.bucketName,
        progressTable: progress.tableName,
      }),
    });
    answers(
      report,
      3,
      'Aggregates of the cuts merge exactly, in any order: a reader sees the whole document’s or the place of its first error, never a sum that is still growing.',
    );
    for (const worker of [plan, scan, resolve, report])
      loads.allowObjects(worker, ['s3:GetObject', 's3:PutObject'], 'loads/');
    loads.allowObjects(loader, ['s3:GetObject'], 'loads/');
    // A range that is scanned already is not scanned again: S3 says 404 only to those who may list, and 403 to others.
    loads.allowList(scan, ['s3:ListBucket']);
    for (const reader of [scan, loader]) documents.allowObjects(reader, ['s3:GetObjectVersion'], 'documents/');
    loader.allow(['dynamodb:BatchWriteItem'], records.tableArn);
    loader.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], progress.tableArn);
    report.allow(['dynamodb:GetItem'], progress.tableArn);

    const task = (name: string, handler: Handler, options: Partial<TaskOptions> = {}) =>
      new LambdaInvoke(this, name, { lambdaFunction: handler.function, payloadResponseOnly: true, ...options })
        // The document is at fault, and will be again.
        .addRetry({ errors: ['LoadRefused'], maxAttempts: 0 })
        // A worker that was killed, ran out of time or lost its connection: its successor goes on from what is stored.
        .addRetry({ errors: [Errors.TASKS_FAILED], interval: Duration.seconds(1), maxAttempts: 2 });
    const discard = { resultPath: JsonPath.DISCARD };
    const children = { mapExecutionType: StateMachineType.STANDARD, maxConcurrency: 100, ...discard };
    const loadId = JsonPath.stringAt('$.loadId');
    /** One invocation after the other until the cut is loaded: a cut may take longer than a function runs. */
    const loadIt = (name: string, cut: number, then: IChainable): IChainable => {
      const once = task(name, loader, { payload: TaskInput.fromObject({ loadId, cut }), resultPath: '$.outcome' });
      return once.next(
        new Choice(this, `${name}: all of it?`)
          .when(Condition.stringEquals('$.outcome', 'go on'), once)
          .otherwise(then),
      );
    };
    const reportIt = task('Report it', report, { payload: TaskInput.fromObject({ loadId }) });
    const itemsAt = (place: string) =>
      new S3JsonItemReader({ bucket: loads, key: JsonPath.stringAt(`$.${place}.key`) });
    const workflow = new Workflow(this, 'Run', {
      definition: DefinitionBody.fromChainable(
        task('Plan the load', plan).next(
          new Choice(this, 'Small enough for one worker?')
            .when(Condition.stringEquals('$.mode', 'one worker'), loadIt('Load in one worker', 0, reportIt))
            .otherwise(
              new DistributedMap(this, 'Scan ranges', { ...children, itemReader: itemsAt('ranges') })
                .itemProcessor(task('Scan one range', scan, discard))
                .next(task('Resolve the cuts', resolve, { ...discard, payload: TaskInput.fromObject({ loadId }) }))
                .next(
                  new DistributedMap(this, 'Load cuts', { ...children, itemReader: itemsAt('cuts') }).itemProcessor(
                    loadIt('Load one cut', JsonPath.numberAt('$.cut'), new Succeed(this, 'Cut loaded')),
                  ),
                )
                .next(reportIt),
            ),
        ),
      ),
      timeout: Duration.hours(24),
      readsItemsFrom: [loads],
    });
    answers(
      workflow,
      [2, 3],
      'Two maps, one over ranges and one over cuts, and a loop around each worker: a Standard workflow, since a document may take longer than a function or an Express one may last.',
    );

    const monthly = days * load.documents.value;
    const bytes = monthly * load.documentBytes.value;
    const stored = bytes / load.recordBytes.value;
    const batches = stored / recordsPerBatch;
    uses(documents, {
      's3.getRequests': monthly * (2 * rangesPlanned + 1),
      's3.storageGbMonths': bytes / 1e9,
    });
    uses(
      records,
      {
        'dynamodb.writeUnits': stored,
        'dynamodb.storageGbMonths': bytes / 1e9,
        'dynamodb.recoveryGbMonths': bytes / 1e9,
      },
      'One write a record of at most 1 KB, in batches or not; a month of records is kept.',
    );
    uses(
      progress,
      { 'dynamodb.writeUnits': batches * checkpointWriteUnits, 'dynamodb.readUnits': monthly * rangesPlanned * 4 },
      'One checkpoint a batch of 500 records.',
    );
    uses(
      scan,
      { 'lambda.requests': monthly * rangesPlanned, 'lambda.gbSeconds': (bytes / load.parseRate.value) * 1.73 },
      'As many seconds as one worker would take, spread over the ranges.',
    );
    uses(
      loader,
      {
        'lambda.requests': monthly * rangesPlanned,
        'lambda.gbSeconds': (bytes / load.parseRate.value + stored / load.storeRate.value) * 1.73,
      },
      'Parsing and storing, one after the other, spread over the cuts.',
    );
    uses(
      loads,
      { 's3.putRequests': monthly * (rangesPlanned + 6), 's3.getRequests': monthly * 8 * rangesPlanned },
      'A summary a range; each worker reads the manifest, its cut and whether it is needed.',
    );
    uses(
      workflow,
      { 'stepFunctions.transitions': monthly * (8 + 7 * rangesPlanned) },
      'Three a range, four a cut: a child starts, works, asks whether that was all, and ends.',
    );

    new CfnOutput(this, 'DocumentsBucket', { value: documents.bucketName });
    new CfnOutput(this, 'RecordsTable', { value: records.tableName });
    new CfnOutput(this, 'ProgressTable', { value: progress.tableName });
    new CfnOutput(this, 'LoadsBucket', { value: loads.bucketName });
    new CfnOutput(this, 'Start', { value: workflow.machine.stateMachineArn });
    new CfnOutput(this, 'Workers', { value: loader.function.functionName });
  }
}

interface TaskOptions {
  readonly payload: TaskInput;
  readonly resultPath: string;
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new XmlProcessingImproved(app, id, props) };
};
