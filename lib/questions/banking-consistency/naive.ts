import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { accountsVariables, bankVariables, listVariables } from '../../../lambdas/banking-consistency/env.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { days, question } from './question.ts';

const { load } = question;

/** A transfer reads both balances, subtracts and adds, and writes both back, one after the other. */
export class BankingConsistencyNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const accounts = new OnDemandTable(this, 'Accounts', { key: 'part' });
    const entries = new OnDemandTable(this, 'Entries', { key: 'part', sort: 'entry' });
    const transfers = new OnDemandTable(this, 'Transfers', { key: 'transferId' });
    const bank = variables(bankVariables, {
      accountsTable: accounts.tableName,
      entriesTable: entries.tableName,
      transfersTable: transfers.tableName,
    });
    const size = { memoryMb: 512, timeout: Duration.seconds(15) };

    const open = new Handler(this, 'Open', {
      entry: 'banking-consistency/open.naive',
      does: 'Opens an account.',
      ...size,
      environment: variables(accountsVariables, { accountsTable: accounts.tableName }),
    });
    open.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], accounts.tableArn);
    const transfer = new Handler(this, 'Transfer', {
      entry: 'banking-consistency/transfer.naive',
      does: 'Reads both balances, subtracts and adds, writes both.',
      ...size,
      environment: bank,
    });
    const reverse = new Handler(this, 'Reverse', {
      entry: 'banking-consistency/reverse.naive',
      does: 'Makes the same transfer the other way.',
      ...size,
      environment: bank,
    });
    for (const mover of [transfer, reverse]) {
      mover.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], accounts.tableArn);
      mover.allow(['dynamodb:PutItem'], entries.tableArn);
      mover.allow(['dynamodb:PutItem'], transfers.tableArn);
    }
    reverse.allow(['dynamodb:GetItem'], transfers.tableArn);
    const read = new Handler(this, 'Read', {
      entry: 'banking-consistency/read.naive',
      does: 'Reads balances, each from any replica.',
      ...size,
      environment: variables(accountsVariables, { accountsTable: accounts.tableName }),
    });
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

    const monthly = days * load.transfers.value;
    const reads = days * load.reads.value;
    const ledgerGb = (monthly * 3 * load.itemBytes.value) / 1e9;
    uses(api, { 'apigateway.httpRequests': monthly + reads });
    uses(accounts, { 'dynamodb.writeUnits': 2 * monthly, 'dynamodb.readUnits': 0.5 * (2 * monthly + reads) });
    uses(entries, { 'dynamodb.writeUnits': 2 * monthly }, 'Two entries a transfer.');
    uses(transfers, {
      'dynamodb.writeUnits': monthly,
      'dynamodb.storageGbMonths': ledgerGb,
      'dynamodb.recoveryGbMonths': ledgerGb,
    });
    uses(transfer, { 'lambda.requests': monthly, 'lambda.gbSeconds': monthly * load.requestTime.value * 0.5 });
    uses(read, { 'lambda.requests': reads, 'lambda.gbSeconds': reads * load.requestTime.value * 0.5 });

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'AccountsTable', { value: accounts.tableName });
    new CfnOutput(this, 'EntriesTable', { value: entries.tableName });
    new CfnOutput(this, 'TransfersTable', { value: transfers.tableName });
    new CfnOutput(this, 'Movers', { value: `${transfer.function.functionName},${reverse.function.functionName}` });
    new CfnOutput(this, 'Readers', { value: read.function.functionName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new BankingConsistencyNaive(app, id, props) };
};
