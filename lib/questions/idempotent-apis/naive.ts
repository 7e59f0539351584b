import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import {
  cancelVariables,
  chargeVariables,
  networkVariables,
  readVariables,
} from '../../../lambdas/idempotent-apis/env.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { days, question } from './question.ts';

const { load } = question;

/** Looks the key up, then charges, then stores the reply: three steps, between which anything may happen. */
export class IdempotentApisNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const charges = new OnDemandTable(this, 'Charges', { key: 'chargeId' });
    const keys = new OnDemandTable(this, 'Keys', { key: 'idempotencyKey', expires: 'expiresAt' });
    const customers = new OnDemandTable(this, 'Customers', { key: 'email' });

    // The outside world: a card network with books of its own.
    const payments = new OnDemandTable(this, 'Payments', { key: 'paymentKey' });
    const network = new Handler(this, 'Network', {
      entry: 'idempotent-apis/network',
      does: 'The card network: charges cards and gives money back.',
      memoryMb: 256,
      timeout: Duration.seconds(29),
      environment: variables(networkVariables, { paymentsTable: payments.tableName }),
    });
    network.allow(['dynamodb:PutItem', 'dynamodb:UpdateItem'], payments.tableArn);

    const charge = new Handler(this, 'Charge', {
      entry: 'idempotent-apis/charge.naive',
      does: 'Looks the key up, charges, stores the reply.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(chargeVariables, {
        chargesTable: charges.tableName,
        keysTable: keys.tableName,
        customersTable: customers.tableName,
        networkFunction: network.function.functionName,
      }),
    });
    charge.allow(['dynamodb:PutItem'], charges.tableArn);
    charge.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], keys.tableArn, customers.tableArn);
    network.grantInvoke(charge);
    const read = new Handler(this, 'Read', {
      entry: 'idempotent-apis/read.naive',
      does: 'Reads a charge, and counts how often it is read.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(readVariables, { chargesTable: charges.tableName }),
    });
    read.allow(['dynamodb:UpdateItem'], charges.tableArn);
    const cancel = new Handler(this, 'Cancel', {
      entry: 'idempotent-apis/cancel.naive',
      does: 'Gives the money of a charge back.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(cancelVariables, {
        chargesTable: charges.tableName,
        networkFunction: network.function.functionName,
      }),
    });
    cancel.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], charges.tableArn);
    network.grantInvoke(cancel);

    const http = new HttpApi(this, 'Api', { does: 'Charges cards and invoices.', requestsPerSecondMax: 200 });
    http.route('POST /charges', charge);
    http.route('GET /charges/{id}', read);
    http.route('DELETE /charges/{id}', cancel);

    const monthly = days * load.charges.value;
    const cards = monthly * load.cardShare.value;
    const asked = monthly * (1 + load.duplicates.value);
    const reads = monthly * load.reads.value;
    const cancelled = monthly * load.cancellations.value;
    const gigabytes = (monthly * load.itemBytes.value) / 1e9;
    const seconds = asked * load.ownSeconds.value + cards * load.networkSeconds.value;
    uses(http, { 'apigateway.httpRequests': asked + reads + cancelled });
    uses(charge, { 'lambda.requests': asked, 'lambda.gbSeconds': seconds * 0.5 });
    uses(read, { 'lambda.requests': reads, 'lambda.gbSeconds': reads * load.ownSeconds.value * 0.5 });
    uses(cancel, { 'lambda.requests': cancelled, 'lambda.gbSeconds': cancelled * load.ownSeconds.value * 0.5 });
    uses(
      charges,
      {
        'dynamodb.writeUnits': monthly + reads + cancelled,
        'dynamodb.readUnits': cancelled,
        'dynamodb.storageGbMonths': gigabytes,
        'dynamodb.recoveryGbMonths': gigabytes,
      },
      'Each charge and each read of one is a write.',
    );
    uses(keys, { 'dynamodb.readUnits': asked / 2, 'dynamodb.writeUnits': monthly });
    uses(customers, { 'dynamodb.readUnits': monthly / 2, 'dynamodb.writeUnits': monthly });

    new CfnOutput(this, 'ApiId', { value: http.api.apiId });
    new CfnOutput(this, 'ChargesTable', { value: charges.tableName });
    new CfnOutput(this, 'PaymentsTable', { value: payments.tableName });
    new CfnOutput(this, 'ChargeFunction', { value: charge.function.functionName });
    new CfnOutput(this, 'CancelFunction', { value: cancel.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new IdempotentApisNaive(app, id, props) };
};
