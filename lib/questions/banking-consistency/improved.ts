import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { StreamViewType } from 'aws-cdk-lib/aws-dynamodb';
import { EventSourceMapping, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import {
  accountsVariables,
  archiveVariables,
  auditVariables,
  bankVariables,
  findingsMetric,
  listVariables,
} from '../../../lambdas/banking-consistency/env.ts';
import { answers } from '../../kit/answers.ts';
import { PrivateBucket } from '../../kit/bucket.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { schedulesEnabled } from '../../kit/stage.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { days, question } from './question.ts';

const { load } = question;

/** Entries of one shard of the stream that the archive's writer takes at once, or what comes in ten seconds. */
const archiveBatch = { entriesMax: 1000, window: Duration.seconds(10) } as const;

/**
 * A transfer is one transaction of both balances, an entry for each and its own record. The stream of the entries goes
 * into a chain of slots that nobody can delete; an audit walks it every night.
 */
export class BankingConsistencyImproved extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const accounts = new OnDemandTable(this, 'Accounts', { key: 'part' });
    answers(
      accounts,
      [2, 4],
      'A balance carries the number of its changes, on which every write is conditional; an account that very many pay into is kept in parts.',
    );
    const entries = new OnDemandTable(this, 'Entries', {
      key: 'part',
      sort: 'entry',
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
    });
    answers(
      entries,
      [2, 3],
      'An entry is numbered by the balance’s version and written on the condition that there is none: a gap or a second one shows. The stream tells of every change, also of one that nobody should have made.',
    );
    const transfers = new OnDemandTable(this, 'Transfers', { key: 'transferId' });
    answers(
      transfers,
      1,
      'An id stands for what became of it, for ever: the transfer, or the refusal. Whoever sends it again gets the same reply.',
    );
    const archive = new PrivateBucket(this, 'Archive', { lockedDays: Math.ceil(load.retention.value * 365.25) });
    answers(
      archive,
      3,
      'What is archived stays for seven years, whoever asks to have it deleted: object lock in compliance mode, outside production for a day and in governance mode.',
    );
    const heads = new OnDemandTable(this, 'Heads', { key: 'chain' });
    answers(
      heads,
      3,
      'Where the archive ends, for a writer that starts anew: looked for in the bucket, the end is wherever somebody has taken something away, and what is written there no night’s audit reads. The audit knows by it what was taken from the end, as long as nobody sets it back as well.',
    );
    const bank = variables(bankVariables, {
      accountsTable: accounts.tableName,
      entriesTable: entries.tableName,
      transfersTable: transfers.tableName,
    });
    const size = { memoryMb: 512, timeout: Duration.seconds(15) };

    const open = new Handler(this, 'Open', {
      entry: 'banking-consistency/open.improved',
      does: 'Opens an account, in one part or in many.',
      ...size,
      environment: variables(accountsVariables, { accountsTable: accounts.tableName }),
    });
    open.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], accounts.tableArn);
    const transfer = new Handler(this, 'Transfer', {
      entry: 'banking-consistency/transfer.improved',
      does: 'Decides on balances read together, posts on the condition that they are still the same.',
      ...size,
      environment: bank,
    });
    answers(
      transfer,
      [1, 2, 4],
      'Whatever it writes it writes in one transaction, on what it has read in one: a crash leaves nothing half done, a race has one winner, and the loser reads again.',
    );
    const reverse = new Handler(this, 'Reverse', {
      entry: 'banking-consistency/reverse.improved',
      does: 'Makes the same transfer the other way, once.',
      ...size,
      environment: bank,
    });
    answers(reverse, 1, 'The id of the reversal follows from the transfer’s, so that a transfer is taken back once.');
    for (const mover of [transfer, reverse]) {
      mover.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], accounts.tableArn);
      mover.allow(['dynamodb:PutItem'], entries.tableArn);
      mover.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], transfers.tableArn);
    }
    const read = new Handler(this, 'Read', {
      entry: 'banking-consistency/read.improved',
      does: 'Reads balances as they were together at one moment.',
      ...size,
      environment: variables(accountsVariables, { accountsTable: accounts.tableName }),
    });
    answers(read, 4, 'Several balances are read in one transaction: money that moves between them is in exactly one.');
    read.allow(['dynamodb:GetItem'], accounts.tableArn);
    const list = new Handler(this, 'List', {
      entry: 'banking-consistency/list',
      does: 'Lists an account’s entries, page by page.',
      ...size,
      environment: variables(listVariables, { accountsTable: accounts.tableName, entriesTable: entries.tableName }),
    });
    list.allow(['dynamodb:GetItem'], accounts.tableArn);
    list.allow(['dynamodb:Query'], entries.tableArn);

    const api = new HttpApi(this, 'Bank', { does: 'Accounts, transfers, statements.', requestsPerSecondMax: 2_000 });
    api.route('POST /accounts', open);
    api.route('GET /accounts', read);
    api.route('GET /accounts/{id}', read);
    api.route('GET /accounts/{id}/statement', list);
    api.route('POST /transfers', transfer);
    api.route('POST /transfers/{id}/reversal', reverse);

    const archiver = new Handler(this, 'Archiver', {
      entry: 'banking-consistency/archive.improved',
      does: 'Appends each batch of the entries’ stream to the archive, as a slot with the hash of the one before.',
      memoryMb: 512,
      timeout: Duration.minutes(1),
      environment: variables(archiveVariables, { archiveBucket: archive.bucketName, headsTable: heads.tableName }),
    });
    answers(
      archiver,
      3,
      'Takes the next slot only if it is still free, and first leaves out what the last slots hold already: killed anywhere, or beside others, it archives every entry once.',
    );
    archive.allowObjects(archiver, ['s3:GetObject', 's3:PutObject'], 'chain/');
    archive.allowList(archiver, ['s3:ListBucket']);
    archiver.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], heads.tableArn);
    archiver.allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
      entries.tableStreamArn!,
    );
    // Tried without end: an entry that was given up would be missing for ever. What stands in the way sets off the alarm.
    new EventSourceMapping(this, 'ArchiverStream', {
      target: archiver.function,
      eventSourceArn: entries.tableStreamArn!,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: archiveBatch.entriesMax,
      maxBatchingWindow: archiveBatch.window,
    });
    const late = new Alarm(this, 'ArchiveLateAlarm', {
      alarmDescription: 'Entries wait for the archive; the stream forgets them after 24 hours.',
      metric: archiver.function.metric('IteratorAge', { statistic: 'Maximum', period: Duration.minutes(5) }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: Duration.minutes(10).toMilliseconds(),
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    answers(late, 3, 'Goes off when the archive falls behind, hours before the stream forgets.');

    const audit = new Handler(this, 'Audit', {
      entry: 'banking-consistency/audit.improved',
      does: 'Goes on along the archive’s chain, adds every entry again, compares with the ledger and the balances.',
      memoryMb: 1769,
      timeout: Duration.minutes(15),
      environment: variables(auditVariables, {
        accountsTable: accounts.tableName,
        entriesTable: entries.tableName,
        archiveBucket: archive.bucketName,
        headsTable: heads.tableName,
      }),
    });
    answers(
      audit,
      3,
      'Finds what was done to balances, to entries (of which the stream tells, and who keeps it from the archive is told by what the archive lacks) and to the day’s slots, and says where. It notes how far it came, under the same lock, so that a night is a day’s work, however old the bank is. What was done to older slots past the lock, to older entries while nobody listened, or to those notes themselves, the walk of the whole chain by designs audit finds.',
    );
    audit.allow(['dynamodb:Scan'], accounts.tableArn);
    audit.allow(['dynamodb:BatchGetItem'], entries.tableArn);
    audit.allow(['dynamodb:GetItem'], heads.tableArn);
    archive.allowObjects(audit, ['s3:GetObjectVersion'], 'chain/');
    archive.allowObjects(audit, ['s3:GetObjectVersion', 's3:PutObject'], 'checkpoints/');
    archive.allowList(audit, ['s3:ListBucketVersions']);
    audit.allowMetrics(findingsMetric.namespace);
    const nightly = new Schedule(this, 'Nightly', {
      description: 'Audits the ledger every night.',
      schedule: ScheduleExpression.cron({ hour: '2', minute: '0' }),
      enabled: schedulesEnabled(this),
      target: new LambdaInvoke(audit.function, { input: ScheduleTargetInput.fromObject({}) }),
    });
    answers(nightly, 3, 'Nobody has to think of it.');
    const metric = {
      namespace: findingsMetric.namespace,
      metricName: findingsMetric.name,
      period: Duration.hours(1),
    };
    const findings = new Alarm(this, 'FindingsAlarm', {
      alarmDescription: 'The ledger, its archive and the balances do not agree: run designs audit.',
      metric: new Metric({ ...metric, statistic: 'Maximum' }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    answers(findings, 3, 'Goes off when the audit finds something.');
    const missed = new Alarm(this, 'AuditMissingAlarm', {
      alarmDescription: 'No audit came to its end for 26 hours: look into the log of the Audit function.',
      // Left missing, hours without an audit would not count while CloudWatch still sees an older one.
      metric: new MathExpression({
        expression: 'FILL(audits, 0)',
        usingMetrics: { audits: new Metric({ ...metric, statistic: 'SampleCount' }) },
        period: metric.period,
      }),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 26,
      treatMissingData: TreatMissingData.BREACHING,
    });
    answers(missed, 3, 'An audit that dies finds nothing, which must not look like nothing to be found.');

    const monthly = days * load.transfers.value;
    const reads = days * load.reads.value;
    const ledgerGb = (monthly * 3 * load.itemBytes.value) / 1e9;
    const stored = monthly * 2;
    uses(api, { 'apigateway.httpRequests': monthly + reads });
    uses(
      accounts,
      {
        'dynamodb.writeUnits': 2 * 2 * monthly,
        'dynamodb.readUnits': 2 * (2 * monthly + reads) + (days * load.accounts.value * load.itemBytes.value) / 4096,
      },
      'In a transaction a write or a read of an item takes two units. Every night’s audit reads all balances.',
    );
    uses(
      entries,
      { 'dynamodb.writeUnits': 2 * 2 * monthly, 'dynamodb.readUnits': stored },
      'Two entries a transfer, each read once, strongly, by the audit of its night.',
    );
    uses(transfers, {
      'dynamodb.writeUnits': 2 * monthly,
      'dynamodb.readUnits': 2 * monthly,
      'dynamodb.storageGbMonths': ledgerGb,
      'dynamodb.recoveryGbMonths': ledgerGb,
    });
    const slots = (days * 24 * 3600 * load.shards.value) / archiveBatch.window.toSeconds();
    uses(
      archive,
      {
        's3.putRequests': slots + days,
        's3.getRequests': (1 + load.shards.value) * slots,
        's3.storageGbMonths': (stored * load.itemBytes.value) / 1e9,
      },
      'A slot of each shard every ten seconds, looked for before it is written; read by the other shards’ writers and by the audit of its night.',
    );
    uses(
      heads,
      { 'dynamodb.readUnits': slots, 'dynamodb.writeUnits': slots },
      'Read before a slot, moved on after it.',
    );
    uses(archiver, { 'lambda.requests': slots, 'lambda.gbSeconds': slots * 2 * load.requestTime.value * 0.5 });
    uses(
      audit,
      { 'lambda.requests': days, 'lambda.gbSeconds': days * 300 * 1.73 },
      'Five minutes a night for a day’s slots, 32 at a time; an assumption.',
    );
    uses(late, { 'cloudwatch.alarms': 1 });
    uses(findings, { 'cloudwatch.alarms': 1, 'cloudwatch.metrics': 1 });
    uses(missed, { 'cloudwatch.alarms': 1 });
    uses(transfer, { 'lambda.requests': monthly, 'lambda.gbSeconds': monthly * load.requestTime.value * 0.5 });
    uses(read, { 'lambda.requests': reads, 'lambda.gbSeconds': reads * load.requestTime.value * 0.5 });

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'AccountsTable', { value: accounts.tableName });
    new CfnOutput(this, 'EntriesTable', { value: entries.tableName });
    new CfnOutput(this, 'TransfersTable', { value: transfers.tableName });
    new CfnOutput(this, 'Movers', { value: `${transfer.function.functionName},${reverse.function.functionName}` });
    new CfnOutput(this, 'Readers', { value: read.function.functionName });
    new CfnOutput(this, 'ArchiveBucket', { value: archive.bucketName });
    new CfnOutput(this, 'HeadsTable', { value: heads.tableName });
    new CfnOutput(this, 'Archivers', { value: archiver.function.functionName });
    new CfnOutput(this, 'Auditor', { value: audit.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new BankingConsistencyImproved(app, id, props) };
};
