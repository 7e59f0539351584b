import { type App, CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import {
  clickVariables,
  countVariables,
  enterVariables,
  rankVariables,
  readBalanceVariables,
  readClicksVariables,
  suggestVariables,
} from '../../../lambdas/consistency-choice/env.ts';
import { answers } from '../../kit/answers.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { WorkQueue } from '../../kit/queue.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { monthSeconds, question } from './question.ts';

const { load } = question;

/**
 * Messages of an invocation: SQS hands over what has come in `batchWindow`, or so many; some 3.5 MB of the 6 that an
 * invocation takes. The window is what a count may be behind for the price of its writes.
 */
const batchSize = 5_000;
const batchWindow = Duration.seconds(20);
/** The least that SQS allows: clicks that are divided among more make smaller batches. */
const consumersMax = 2;
const countTimeout = Duration.seconds(10);
/**
 * Three times that besides the window, in which a message waits though it is received: AWS advises six for consumers
 * that may be throttled, which these are not (maxConcurrency).
 */
const visibilityTimeout = Duration.seconds(50);
/** Up to this age a ranking is current. */
const freshFor = Duration.seconds(10);

/** Each case has the consistency that it wants: balances strong, clicks counted later, suggestions from a cache. */
export class ConsistencyChoiceImproved extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const accounts = new OnDemandTable(this, 'Accounts', { key: 'account', sort: 'record' });
    const counters = new OnDemandTable(this, 'Counters', { key: 'page', sort: 'shard' });
    answers(
      counters,
      2,
      'A page has a counter a shard, and each batch picks one: after an outage, when batches of different times are counted at once, they seldom meet there (two of one time meet at its marks, and one tries again). The shards lie together, so that one eventually consistent query of half a unit reads them all.',
    );
    const seen = new OnDemandTable(this, 'Seen', { key: 'window', sort: 'segment', expires: 'expiresAt' });
    answers(
      seen,
      2,
      'Eleven bytes a click remember that it is counted. Each batch adds an item for each window of four seconds, of all pages: an item a click would cost what the batch saves, and so would an item that every batch writes whole again. They are kept for twenty days, longer than a dead letter that is redriven lives.',
    );
    const rankings = new OnDemandTable(this, 'Rankings', { key: 'topic' });
    const clicks = new WorkQueue(this, 'Clicks', {
      visibilityTimeout,
      receivesMax: 5,
    });
    answers(
      clicks,
      2,
      'A click waits here until somebody counts it: the page does not wait for the counter, and a burst does not reach it.',
    );

    const small = { memoryMb: 512, timeout: Duration.seconds(10) };
    const enter = new Handler(this, 'Enter', {
      entry: 'consistency-choice/enter.improved',
      does: 'Makes an entry and moves its balance in one transaction.',
      ...small,
      environment: variables(enterVariables, { accountsTable: accounts.tableName }),
    });
    answers(
      enter,
      1,
      'One transaction decides and writes: the entry if it is not there, the balance if the funds are. A crash leaves both or neither, a duplicate finds its entry.',
    );
    // A transaction needs the grants of its parts.
    enter.allow(['dynamodb:PutItem', 'dynamodb:UpdateItem'], accounts.tableArn);
    const readBalance = new Handler(this, 'ReadBalance', {
      entry: 'consistency-choice/read-balance',
      does: 'Answers with a balance.',
      ...small,
      environment: variables(readBalanceVariables, { accountsTable: accounts.tableName, consistency: 'strong' }),
    });
    answers(
      readBalance,
      1,
      'A balance is read strongly, for a whole unit instead of half: it shows every entry that was acknowledged.',
    );
    readBalance.allow(['dynamodb:GetItem'], accounts.tableArn);

    const click = new Handler(this, 'Click', {
      entry: 'consistency-choice/click.improved',
      does: 'Puts a click in the queue.',
      ...small,
      environment: variables(clickVariables, { clicksQueue: clicks.queue.queueUrl }),
    });
    answers(click, 2, 'Accepts a click (202) as soon as it cannot be lost any more.');
    click.allow(['sqs:SendMessage'], clicks.queue.queueArn);
    const count = new Handler(this, 'Count', {
      entry: 'consistency-choice/count.improved',
      does: 'Counts a batch of clicks, each once.',
      memoryMb: 512,
      timeout: countTimeout,
      environment: variables(countVariables, { countersTable: counters.tableName, seenTable: seen.tableName }),
    });
    answers(
      count,
      2,
      'Marks and counts of a batch move in one transaction, on the condition that nobody added marks to these windows since they were read: whatever is delivered twice or killed half-way counts once.',
    );
    count.function.addEventSource(
      new SqsEventSource(clicks.queue, {
        batchSize,
        maxBatchingWindow: batchWindow,
        maxConcurrency: consumersMax,
        reportBatchItemFailures: true,
      }),
    );
    count.allow(['dynamodb:PutItem', 'dynamodb:Query'], seen.tableArn);
    count.allow(['dynamodb:UpdateItem'], counters.tableArn);
    const readClicks = new Handler(this, 'ReadClicks', {
      entry: 'consistency-choice/read-clicks',
      does: 'Answers with the clicks of a page.',
      ...small,
      environment: variables(readClicksVariables, { countersTable: counters.tableName, consistency: 'eventual' }),
    });
    answers(
      readClicks,
      2,
      'A count that is seconds behind misleads nobody: the same query, at half the price, from any replica.',
    );
    readClicks.allow(['dynamodb:Query'], counters.tableArn);

    const rank = new Handler(this, 'Rank', {
      entry: 'consistency-choice/rank',
      does: 'The ranking service: another team’s, and sometimes slow.',
      ...small,
      environment: variables(rankVariables, { rankingsTable: rankings.tableName }),
    });
    rank.allow(['dynamodb:GetItem'], rankings.tableArn);
    const suggest = new Handler(this, 'Suggest', {
      entry: 'consistency-choice/suggest.improved',
      does: 'Answers from its cache: current, stale with its age, or the fallback.',
      ...small,
      environment: variables(suggestVariables, {
        rankingService: rank.function.functionName,
        freshForMs: String(freshFor.toMilliseconds()),
        staleForMs: '60000',
        waitMaxMs: String(load.waitMax.value),
        landMaxMs: '2',
        refreshMaxMs: '3000',
        refreshGapMs: '250',
      }),
    });
    answers(
      suggest,
      3,
      'Its cache answers in bounded time whatever the ranking service does: a request that finds its topic older than ten seconds waits for a refresh, ten milliseconds at most (three in ten at this load), one that finds it under way two, and the rest not at all.',
    );
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
    const [monthlyClicks, countReads] = [monthSeconds * load.clicks.value, monthSeconds * load.countReads.value];
    const suggestions = monthSeconds * load.answers.value;
    const gbSeconds = (requests: number, ms: number) => (requests * ms * 0.5) / 1000;
    const batches = (consumersMax * monthSeconds) / batchWindow.toSeconds();
    /** A batch has clicks of its window's length, which begins within one of their windows of 4.096 s. */
    const windowsOfBatch = batchWindow.toSeconds() / 4.096 + 1;
    const [markBytes, markDays] = [11, 20];
    /** Of one topic in one environment: even topics are the worst case, since popular ones are seldom old. */
    const answersPerSecond = load.answers.value / (load.topics.value * load.environments.value);
    /** After each that asks come those of the time in which its topic is fresh. */
    const refreshes = suggestions / (1 + answersPerSecond * freshFor.toSeconds());
    /** Of the dependency's mean, where no answer waits longer than `waitMax`. */
    const waitedMs = 7.5;
    uses(api, { 'apigateway.httpRequests': entries + balanceReads + monthlyClicks + countReads + suggestions });
    uses(
      accounts,
      { 'dynamodb.writeUnits': 4 * entries, 'dynamodb.readUnits': balanceReads },
      'A transaction of two writes costs four units and needs no read; one strong read a balance.',
    );
    uses(enter, { 'lambda.requests': entries, 'lambda.gbSeconds': gbSeconds(entries, 15) });
    uses(readBalance, { 'lambda.requests': balanceReads, 'lambda.gbSeconds': gbSeconds(balanceReads, 8) });
    uses(
      clicks,
      { 'sqs.requests': monthlyClicks * 1.2, 'cloudwatch.alarms': 1 },
      'One send a click; receives and deletes take ten at a time.',
    );
    uses(
      seen,
      {
        // A unit more than its bytes for each item, which begins a KB.
        'dynamodb.writeUnits': (monthlyClicks * 2 * markBytes) / 1024 + batches * windowsOfBatch,
        'dynamodb.readUnits': (batches * windowsOfBatch * 4.096 * load.clicks.value * markBytes) / 4096,
        'dynamodb.storageGbMonths': (markDays * 86_400 * load.clicks.value * markBytes) / 1e9,
      },
      'Eleven bytes a click, written once at the price of a transaction, in an item a window and batch; the windows of a batch are read whole; kept for twenty days.',
    );
    uses(
      counters,
      { 'dynamodb.writeUnits': batches * 2 * load.pages.value, 'dynamodb.readUnits': countReads / 2 },
      'A counter a page and batch at the price of a transaction; half a unit a count.',
    );
    uses(count, { 'lambda.requests': batches, 'lambda.gbSeconds': gbSeconds(batches, 200) });
    uses(click, { 'lambda.requests': monthlyClicks, 'lambda.gbSeconds': gbSeconds(monthlyClicks, 8) });
    uses(readClicks, { 'lambda.requests': countReads, 'lambda.gbSeconds': gbSeconds(countReads, 8) });
    uses(
      suggest,
      {
        'lambda.requests': suggestions,
        'lambda.gbSeconds': gbSeconds(suggestions, 3) + gbSeconds(refreshes, waitedMs),
      },
      'An answer that asks waits for its refresh, ten milliseconds at most; one that finds it under way two; the others for nothing.',
    );
    uses(
      rank,
      {
        'lambda.requests': refreshes,
        'lambda.gbSeconds': gbSeconds(refreshes, load.dependency.value),
        'dynamodb.readUnits': refreshes,
      },
      'Asked once in ten seconds and the time until the next answer, for each topic in each environment.',
    );

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'Enterers', { value: enter.function.functionName });
    new CfnOutput(this, 'ClickCounters', {
      value: [click, count].map((handler) => handler.function.functionName).join(','),
    });
    new CfnOutput(this, 'ClicksQueue', { value: clicks.queue.queueUrl });
    new CfnOutput(this, 'Consumer', { value: count.function.functionName });
    new CfnOutput(this, 'RankingsTable', { value: rankings.tableName });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new ConsistencyChoiceImproved(app, id, props) };
};
