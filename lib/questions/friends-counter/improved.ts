import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import { StreamViewType } from 'aws-cdk-lib/aws-dynamodb';
import { EventSourceMapping, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import {
  keptViewVariables,
  publishVariables,
  registerVariables,
  relateVariables,
  repairVariables,
  settleVariables,
} from '../../../lambdas/friends-counter/env.ts';
import { answers } from '../../kit/answers.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { schedulesEnabled } from '../../kit/stage.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { inSql, question, seconds } from './question.ts';

const { load } = question;

/**
 * A friendship's sides and counters change in one transaction, over what was read; a celebrity's are counted from the
 * stream; a repair job recounts; a view is kept for a second.
 */
export class FriendsCounterImproved extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const users = new OnDemandTable(this, 'Users', { key: 'user' });
    const friends = new OnDemandTable(this, 'Friends', {
      key: 'user',
      sort: 'other',
      expires: 'expires',
      stream: StreamViewType.NEW_IMAGE,
    });
    answers(
      friends,
      1,
      'A side tells what its counter holds for it, so that it is counted once whoever counts it. What is no friendship any more stays for 30 days, for its end to be counted.',
    );
    const counters = new OnDemandTable(this, 'Counters', { key: 'user' });
    answers(
      counters,
      1,
      'One item a user: a view reads half a unit of it, whatever the friends, where the join reads all of them.',
    );
    const posts = new OnDemandTable(this, 'Posts', { key: 'user', sort: 'post' });

    const register = new Handler(this, 'Register', {
      entry: 'friends-counter/register',
      does: 'Registers a user.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(registerVariables, { usersTable: users.tableName }),
    });
    register.allow(['dynamodb:PutItem'], users.tableArn);
    const relate = new Handler(this, 'Relate', {
      entry: 'friends-counter/relate.improved',
      does: 'Makes and ends friendships and blocks: both sides and both counters in one transaction.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(relateVariables, {
        usersTable: users.tableName,
        friendsTable: friends.tableName,
        countersTable: counters.tableName,
        streamedFrom: String(load.celebrityFriends.value),
      }),
    });
    answers(
      relate,
      1,
      'Both sides and both counters in one transaction, in canonical order, each side only over the revision that was read: a retry, a double click or both users at once make one friendship, which counts once.',
    );
    relate.allow(['dynamodb:BatchGetItem'], users.tableArn, friends.tableArn, counters.tableArn);
    relate.allow(['dynamodb:PutItem', 'dynamodb:ConditionCheckItem'], friends.tableArn);
    relate.allow(['dynamodb:UpdateItem'], counters.tableArn);
    const publish = new Handler(this, 'Publish', {
      entry: 'friends-counter/publish',
      does: 'Publishes a post.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(publishVariables, { usersTable: users.tableName, postsTable: posts.tableName }),
    });
    publish.allow(['dynamodb:GetItem'], users.tableArn);
    publish.allow(['dynamodb:PutItem'], posts.tableArn);
    const view = new Handler(this, 'View', {
      entry: 'friends-counter/view.improved',
      does: 'Shows a post with its author’s counter.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(keptViewVariables, {
        postsTable: posts.tableName,
        countersTable: counters.tableName,
        keptMs: String(load.keptMs.value),
      }),
    });
    answers(
      view,
      [1, 2],
      'Two items by their keys instead of a join, half a read unit each; and each environment reads them once a second, so that the readers of a viral post are its environments, not its viewers. What it does not save is the start: 20,000 views a second from nothing need more environments than Lambda starts, and in the model some 5,000 of the first 0.3 seconds are refused, kept or not; with 250 that are warm (provisioned concurrency), none.',
    );
    view.allow(['dynamodb:GetItem'], posts.tableArn, counters.tableArn);

    const settle = new Handler(this, 'Settle', {
      entry: 'friends-counter/settle.improved',
      does: 'Counts the sides that their writers left to the stream, up to 99 in one transaction.',
      memoryMb: 512,
      timeout: Duration.seconds(60),
      environment: variables(settleVariables, { friendsTable: friends.tableName, countersTable: counters.tableName }),
    });
    answers(
      settle,
      1,
      'A celebrity’s counter is written once a batch, not once a friend: no transaction waits for another one’s. A batch that comes twice finds its sides counted.',
    );
    settle.allow(['dynamodb:BatchGetItem'], friends.tableArn, counters.tableArn);
    settle.allow(['dynamodb:PutItem'], friends.tableArn);
    settle.allow(['dynamodb:UpdateItem'], counters.tableArn);
    settle.allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
      friends.tableStreamArn!,
    );
    const unsettled = new EventSourceMapping(this, 'Unsettled', {
      target: settle.function,
      eventSourceArn: friends.tableStreamArn!,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 99,
      maxBatchingWindow: Duration.seconds(1),
      bisectBatchOnError: true,
      retryAttempts: 10,
      filters: [
        { pattern: JSON.stringify({ dynamodb: { NewImage: { state: { S: ['friends'] }, counted: { N: ['0'] } } } }) },
        {
          pattern: JSON.stringify({
            dynamodb: { NewImage: { state: { S: ['none', 'blocked'] }, counted: { N: ['1'] } } },
          }),
        },
      ],
    });
    // Who may not read the stream yet may not be its target.
    unsettled.node.addDependency(settle);
    answers(
      unsettled,
      1,
      'Only sides that are not counted, at most so many as one transaction takes. One that fails for good stays uncounted in the table, where the repair job finds it.',
    );

    const repairs = new OnDemandTable(this, 'Repairs', { key: 'job' });
    answers(
      repairs,
      1,
      'Where the next run of the repair job goes on, in rounds over all users, of any number, and whom it begins with: those whose repair failed.',
    );
    const repair = new Handler(this, 'Repair', {
      entry: 'friends-counter/repair.improved',
      does: 'Recounts users in turn under a fence, adds the difference, counts what was left.',
      memoryMb: 512,
      timeout: Duration.minutes(15),
      environment: variables(repairVariables, {
        usersTable: users.tableName,
        friendsTable: friends.tableName,
        countersTable: counters.tableName,
        repairsTable: repairs.tableName,
      }),
    });
    answers(
      repair,
      [1, 2],
      'The join, where it belongs: once in a while it finds what a bug, a restored backup or a person’s hand made of a counter, also one that is gone. A fence in the counter lets it be exact while friends come and go.',
    );
    repair.allow(['dynamodb:Scan'], users.tableArn);
    repair.allow(['dynamodb:Query', 'dynamodb:BatchGetItem', 'dynamodb:PutItem'], friends.tableArn);
    repair.allow(['dynamodb:BatchGetItem', 'dynamodb:UpdateItem'], counters.tableArn);
    repair.allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], repairs.tableArn);
    // The schedule comes again soon enough: Lambda's own two retries of a run that failed would run beside it.
    repair.function.configureAsyncInvoke({ retryAttempts: 0 });
    const often = new Schedule(this, 'Often', {
      description: 'Repairs the counters of the users whose turn it is.',
      schedule: ScheduleExpression.rate(Duration.minutes(15)),
      enabled: schedulesEnabled(this),
      target: new LambdaInvoke(repair.function, { input: ScheduleTargetInput.fromObject({}) }),
    });
    answers(
      often,
      1,
      'A counter that something damaged is right again after a round. One whose repair failed is tried again in each run, and as long as it is wrong, the run says that it failed.',
    );

    const api = new HttpApi(this, 'Api', { does: 'Users, friends and posts.', requestsPerSecondMax: 25_000 });
    api.route('PUT /users/{user}', register);
    api.route('PUT /users/{user}/friends/{other}', relate);
    api.route('DELETE /users/{user}/friends/{other}', relate);
    api.route('PUT /users/{user}/blocks/{other}', relate);
    api.route('DELETE /users/{user}/blocks/{other}', relate);
    api.route('PUT /users/{user}/posts/{post}', publish);
    api.route('GET /users/{user}/posts/{post}', view);

    const views = load.views.value * seconds;
    const changes = load.changes.value * seconds;
    const storedGb = (load.users.value * load.friends.value * load.sideBytes.value) / 1e9;
    uses(api, { 'apigateway.httpRequests': views + changes });
    uses(
      view,
      {
        'lambda.requests': views,
        'lambda.gbSeconds': views * (load.handlerMs.value / 1000) * 0.5,
        'dynamodb.readUnits': views,
      },
      'Half a unit for the post, and half a unit for the counter, as if no view were kept.',
    );
    uses(
      relate,
      {
        'lambda.requests': changes,
        'lambda.gbSeconds': changes * (load.handlerMs.value / 1000) * 0.5,
        'dynamodb.readUnits': 6 * changes,
        'dynamodb.writeUnits': 8 * changes,
      },
      'Reads two users, sides and counters; a transaction writes sides and counters at two units each.',
    );
    uses(friends, { 'dynamodb.storageGbMonths': storedGb, 'dynamodb.recoveryGbMonths': storedGb });

    const rounds = 30;
    const sidesUnits = Math.ceil((load.friends.value * load.sideBytes.value) / 4096);
    const usersPageUnits = 0.5 / 25;
    uses(
      repair,
      {
        'lambda.requests': seconds / 900,
        'lambda.gbSeconds': rounds * load.users.value * 0.05 * 0.5,
        'dynamodb.readUnits': rounds * load.users.value * (sidesUnits + usersPageUnits),
        'dynamodb.writeUnits': rounds * load.users.value,
      },
      'A round a day, an assumption: a consistent read of all sides, a fence, 50 ms a user; half a unit for 25 users of a page.',
    );

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'FriendsTable', { value: friends.tableName });
    new CfnOutput(this, 'CountersTable', { value: counters.tableName });
    new CfnOutput(this, 'PostsTable', { value: posts.tableName });
    new CfnOutput(this, 'UsersTable', { value: users.tableName });
    new CfnOutput(this, 'RelateFunction', { value: relate.function.functionName });
    new CfnOutput(this, 'SettleFunction', { value: settle.function.functionName });
    new CfnOutput(this, 'RepairFunction', { value: repair.function.functionName });
    new CfnOutput(this, 'SqlSchema', {
      value: inSql.schema,
      description: 'The tables in SQL, the same for every variant.',
    });
    new CfnOutput(this, 'SqlView', { value: inSql.counter, description: 'How this variant would show a post in SQL.' });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new FriendsCounterImproved(app, id, props) };
};
