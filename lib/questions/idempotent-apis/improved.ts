import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import {
  cancelVariables,
  chargeVariables,
  networkVariables,
  readVariables,
} from '../../../lambdas/idempotent-apis/env.ts';
import { answers } from '../../kit/answers.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { days, question } from './question.ts';

const { load } = question;

/** The charge, its key’s record with the reply, and the customer’s email are one transaction; the card network gets a key and a fencing token. */
export class IdempotentApisImproved extends Stack {
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
      entry: 'idempotent-apis/charge.improved',
      does: 'Charges and stores the reply under the key, in one transaction.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(chargeVariables, {
        chargesTable: charges.tableName,
        keysTable: keys.tableName,
        customersTable: customers.tableName,
        networkFunction: network.function.functionName,
      }),
    });
    answers(
      charge,
      1,
      'One item a key: hash of the payload, stored reply, owner, lease, fencing token, expiry. Every condition is on this item, and TTL only tidies up.',
    );
    answers(
      charge,
      3,
      'The charge’s item and the reply under its key are one transaction: our tables never hold the one without the other.',
    );
    answers(charge, 4, 'One customer an email: an item of its own, conditional in the same transaction as the charge.');
    answers(
      charge,
      5,
      'The card network, which no transaction of ours reaches, is asked once between a claim and its settlement, with the charge’s ID as key and the claim’s fencing token.',
    );
    charge.allow(['dynamodb:PutItem'], charges.tableArn);
    charge.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], keys.tableArn);
    charge.allow(['dynamodb:UpdateItem'], customers.tableArn);
    network.grantInvoke(charge);
    const read = new Handler(this, 'Read', {
      entry: 'idempotent-apis/read',
      does: 'Reads a charge.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(readVariables, { chargesTable: charges.tableName }),
    });
    answers(read, 2, 'GET may not write: its role has no such action.');
    read.allow(['dynamodb:GetItem'], charges.tableArn);
    const cancel = new Handler(this, 'Cancel', {
      entry: 'idempotent-apis/cancel',
      does: 'Marks a charge as cancelled and has its money given back.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(cancelVariables, {
        chargesTable: charges.tableName,
        networkFunction: network.function.functionName,
      }),
    });
    answers(
      cancel,
      2,
      'DELETE sets a state and has the network refund under the charge’s ID: however often it is repeated, the money goes back once.',
    );
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
        'dynamodb.writeUnits': 2 * monthly + cancelled,
        'dynamodb.readUnits': reads + cancelled,
        'dynamodb.storageGbMonths': gigabytes,
        'dynamodb.recoveryGbMonths': gigabytes,
      },
      'A write in a transaction counts twice.',
    );
    uses(
      keys,
      { 'dynamodb.writeUnits': 2 * (asked + cards) },
      'One write in a transaction for each request, one more to settle each card; a refused one counts too.',
    );
    uses(customers, { 'dynamodb.writeUnits': 2 * asked });

    new CfnOutput(this, 'ApiId', { value: http.api.apiId });
    new CfnOutput(this, 'ChargesTable', { value: charges.tableName });
    new CfnOutput(this, 'PaymentsTable', { value: payments.tableName });
    new CfnOutput(this, 'ChargeFunction', { value: charge.function.functionName });
    new CfnOutput(this, 'CancelFunction', { value: cancel.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new IdempotentApisImproved(app, id, props) };
};
