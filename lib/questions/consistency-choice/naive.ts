import { type App, CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  clickAtOnceVariables,
  enterVariables,
  rankVariables,
  readBalanceVariables,
  readClicksVariables,
  suggestAtOnceVariables,
} from '../../../lambdas/consistency-choice/env.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { monthSeconds, question } from './question.ts';

const { load } = question;

/** Everything strong, everything at once: each request waits for all that it causes, each page has one counter. */
export class ConsistencyChoiceNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const accounts = new OnDemandTable(this, 'Accounts', { key: 'account', sort: 'record' });
    const counters = new OnDemandTable(this, 'Counters', { key: 'page', sort: 'shard' });
    const rankings = new OnDemandTable(this, 'Rankings', { key: 'topic' });

    const small = { memoryMb: 512, timeout: Duration.seconds(10) };
    const enter = new Handler(this, 'Enter', {
      entry: 'consistency-choice/enter.naive',
      does: 'Reads a balance, adds an entry, writes both.',
      ...small,
      environment: variables(enterVariables, { accountsTable: accounts.tableName }),
    });
    enter.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], accounts.tableArn);
    const readBalance = new Handler(this, 'ReadBalance', {
      entry: 'consistency-choice/read-balance',
      does: 'Answers with a balance.',
      ...small,
      environment: variables(readBalanceVariables, { accountsTable: accounts.tableName, consistency: 'strong' }),
    });
    readBalance.allow(['dynamodb:GetItem'], accounts.tableArn);

    const click = new Handler(this, 'Click', {
      entry: 'consistency-choice/click.naive',
      does: 'Counts a click in the page’s item.',
      ...small,
      environment: variables(clickAtOnceVariables, { countersTable: counters.tableName }),
    });
    click.allow(['dynamodb:UpdateItem'], counters.tableArn);
    const readClicks = new Handler(this, 'ReadClicks', {
      entry: 'consistency-choice/read-clicks',
      does: 'Answers with the clicks of a page.',
      ...small,
      environment: variables(readClicksVariables, { countersTable: counters.tableName, consistency: 'strong' }),
    });
    readClicks.allow(['dynamodb:Query'], counters.tableArn);

    const rank = new Handler(this, 'Rank', {
      entry: 'consistency-choice/rank',
      does: 'The ranking service: another team’s, and sometimes slow.',
      ...small,
      environment: variables(rankVariables, { rankingsTable: rankings.tableName }),
    });
    rank.allow(['dynamodb:GetItem'], rankings.tableArn);
    const suggest = new Handler(this, 'Suggest', {
      entry: 'consistency-choice/suggest.naive',
      does: 'Asks the ranking service, and answers with what it says.',
      ...small,
      environment: variables(suggestAtOnceVariables, { rankingService: rank.function.functionName }),
    });
    rank.grantInvoke(suggest);

    const api = new HttpApi(this, 'Api', {
      does: 'Balances, page clicks and suggestions.',
      requestsPerSecondMax: 5_000,
    });
    api.route('PUT /accounts/{account}/entries/{entry}', enter);
    api.route('GET /accounts/{account}/balance', readBalance);
    api.route('PUT /pages/{page}/clicks/{click}', click);
    api.route('GET /pages/{page}/clicks', readClicks);
    api.route('GET /suggestions/{topic}', suggest);

    const [entries, balanceReads] = [monthSeconds * load.entries.value, monthSeconds * load.balanceReads.value];
    const [clicks, countReads] = [monthSeconds * load.clicks.value, monthSeconds * load.countReads.value];
    const answers = monthSeconds * load.answers.value;
    const gbSeconds = (requests: number, ms: number) => (requests * ms * 0.5) / 1000;
    uses(api, { 'apigateway.httpRequests': entries + balanceReads + clicks + countReads + answers });
    uses(
      accounts,
      { 'dynamodb.writeUnits': 2 * entries, 'dynamodb.readUnits': 2 * entries + balanceReads },
      'Two writes and two strong reads an entry, one strong read a balance.',
    );
    uses(enter, { 'lambda.requests': entries, 'lambda.gbSeconds': gbSeconds(entries, 25) }, 'Four calls of 5 ms.');
    uses(readBalance, { 'lambda.requests': balanceReads, 'lambda.gbSeconds': gbSeconds(balanceReads, 8) });
    uses(
      counters,
      { 'dynamodb.writeUnits': clicks, 'dynamodb.readUnits': countReads },
      'One write a click, one strong read a count.',
    );
    uses(click, { 'lambda.requests': clicks, 'lambda.gbSeconds': gbSeconds(clicks, 8) });
    uses(readClicks, { 'lambda.requests': countReads, 'lambda.gbSeconds': gbSeconds(countReads, 8) });
    uses(
      suggest,
      { 'lambda.requests': answers, 'lambda.gbSeconds': gbSeconds(answers, 3 + load.dependency.value) },
      'Waits for the ranking service, and is billed for it.',
    );
    uses(
      rank,
      {
        'lambda.requests': answers,
        'lambda.gbSeconds': gbSeconds(answers, load.dependency.value),
        'dynamodb.readUnits': answers,
      },
      'Asked for every answer.',
    );

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'Enterers', { value: enter.function.functionName });
    new CfnOutput(this, 'ClickCounters', { value: click.function.functionName });
    new CfnOutput(this, 'RankingsTable', { value: rankings.tableName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new ConsistencyChoiceNaive(app, id, props) };
};
