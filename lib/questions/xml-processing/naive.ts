import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { loadAllVariables } from '../../../lambdas/xml-processing/env.ts';
import { PrivateBucket } from '../../kit/bucket.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { days, question } from './question.ts';

const { load } = question;

/** One function reads the whole document into a DOM, then stores its records one by one, adding to the aggregates. */
export class XmlProcessingNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const documents = new PrivateBucket(this, 'Documents', { versioned: true });
    const records = new OnDemandTable(this, 'Records', { key: 'recordId' });
    const aggregates = new OnDemandTable(this, 'Aggregates', { key: 'document', sort: 'group' });

    const loader = new Handler(this, 'Load', {
      entry: 'xml-processing/load.naive',
      does: 'Builds a DOM of the whole document, stores each of its records, adds it to the aggregates.',
      memoryMb: 10_240,
      timeout: Duration.minutes(15),
      environment: variables(loadAllVariables, {
        documentsBucket: documents.bucketName,
        recordsTable: records.tableName,
        aggregatesTable: aggregates.tableName,
      }),
    });
    documents.allowObjects(loader, ['s3:GetObject'], 'documents/');
    loader.allow(['dynamodb:PutItem'], records.tableArn);
    loader.allow(['dynamodb:UpdateItem'], aggregates.tableArn);

    const monthly = days * load.documents.value;
    const bytes = monthly * load.documentBytes.value;
    const stored = bytes / load.recordBytes.value;
    uses(documents, { 's3.getRequests': monthly, 's3.storageGbMonths': bytes / 1e9 });
    uses(
      records,
      {
        'dynamodb.writeUnits': stored,
        'dynamodb.storageGbMonths': bytes / 1e9,
        'dynamodb.recoveryGbMonths': bytes / 1e9,
      },
      'One write a record of at most 1 KB; a month of records is kept.',
    );
    uses(aggregates, { 'dynamodb.writeUnits': stored }, 'One more write for each record.');
    uses(
      loader,
      {
        'lambda.requests': monthly,
        'lambda.gbSeconds': (bytes / load.parseRate.value + (2 * stored) / load.singleWriteRate.value) * 10,
      },
      'A function of 10 GB waits for each write; it would be ended after 15 minutes, at 90,000 records.',
    );

    new CfnOutput(this, 'DocumentsBucket', { value: documents.bucketName });
    new CfnOutput(this, 'RecordsTable', { value: records.tableName });
    new CfnOutput(this, 'AggregatesTable', { value: aggregates.tableName });
    new CfnOutput(this, 'Start', { value: loader.function.functionArn });
    new CfnOutput(this, 'Workers', { value: loader.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new XmlProcessingNaive(app, id, props) };
};
