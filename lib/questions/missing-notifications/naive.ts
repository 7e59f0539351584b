import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { deliverVariables, findVariables } from '../../../lambdas/missing-notifications/env.ts';
import { PrivateBucket } from '../../kit/bucket.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { uses } from '../../kit/uses.ts';
import { schedulesEnabled } from '../../kit/stage.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { variables } from '../../kit/variables.ts';
import { nights, question } from './question.ts';

const { load } = question;

/**
 * One function reads everything: the whole table, then every log into a set, and sends a notification for each
 * difference as it goes.
 */
export class MissingNotificationsNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const documents = new OnDemandTable(this, 'Documents', { key: 'documentId' });
    const servers = new OnDemandTable(this, 'Servers', { key: 'server' });
    const logs = new PrivateBucket(this, 'Logs', { versioned: true });

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

    const find = new Handler(this, 'Find', {
      entry: 'missing-notifications/find.naive',
      does: 'Reads all documents and all logs, and notifies for each difference.',
      memoryMb: 10_240,
      timeout: Duration.minutes(15),
      environment: variables(findVariables, {
        documentsTable: documents.tableName,
        logsBucket: logs.bucketName,
        notificationService: deliver.function.functionName,
      }),
    });
    find.allow(['dynamodb:Scan'], documents.tableArn);
    logs.allowList(find, ['s3:ListBucket']);
    logs.allowObjects(find, ['s3:GetObject'], 'logs/');
    find.allow(['lambda:InvokeFunction'], deliver.function.functionArn);

    new Schedule(this, 'Nightly', {
      description: 'Looks for missing notifications every night.',
      schedule: ScheduleExpression.cron({ hour: '2', minute: '0' }),
      enabled: schedulesEnabled(this),
      target: new LambdaInvoke(find.function, {
        input: ScheduleTargetInput.fromObject({ scheduledAt: ContextAttribute.scheduledTime }),
      }),
    });

    const storedBytes = load.storedDocuments.value * load.documentBytes.value;
    const logBytes = load.servers.value * load.logBytes.value;
    uses(documents, { 'dynamodb.storageGbMonths': storedBytes / 1e9, 'dynamodb.recoveryGbMonths': storedBytes / 1e9 });
    uses(
      find,
      { 'dynamodb.readUnits': (nights * storedBytes) / 8192 },
      'A scan reads every document there is: half a unit for each 4 KB.',
    );
    uses(
      find,
      { 'lambda.requests': nights, 'lambda.gbSeconds': ((nights * logBytes) / load.readRate.value) * 10 },
      'One function of 10 GB reads all logs, one after the other; beyond 15 minutes it would be ended.',
    );
    uses(logs, { 's3.getRequests': nights * load.servers.value, 's3.storageGbMonths': (nights * logBytes) / 1e9 });

    new CfnOutput(this, 'DocumentsTable', { value: documents.tableName });
    new CfnOutput(this, 'ServersTable', { value: servers.tableName });
    new CfnOutput(this, 'LogsBucket', { value: logs.bucketName });
    new CfnOutput(this, 'DeliveriesTable', { value: deliveries.tableName });
    new CfnOutput(this, 'Start', { value: find.function.functionArn });
    new CfnOutput(this, 'Workers', { value: find.function.functionName });
    new CfnOutput(this, 'Senders', { value: find.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new MissingNotificationsNaive(app, id, props) };
};
