import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import {
  publishVariables,
  registerVariables,
  relateCountedVariables,
  viewVariables,
} from '../../../lambdas/friends-counter/env.ts';
import { answers } from '../../kit/answers.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { inSql, question, seconds } from './question.ts';

const { load } = question;

/** Keeps a counter beside each user, to which whoever makes a friendship adds one. */
export class FriendsCounterBareAdd extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const users = new OnDemandTable(this, 'Users', { key: 'user' });
    const friends = new OnDemandTable(this, 'Friends', { key: 'user', sort: 'other' });
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
      entry: 'friends-counter/relate.bare-add',
      does: 'Makes and ends friendships and blocks: both sides and both counters in one transaction.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(relateCountedVariables, {
        usersTable: users.tableName,
        friendsTable: friends.tableName,
        countersTable: counters.tableName,
      }),
    });
    answers(
      relate,
      1,
      'Never one side without the other, nor without the counters. But it adds one whenever it is asked to: also for a friendship that is there.',
    );
    relate.allow(['dynamodb:BatchGetItem'], users.tableArn, friends.tableArn, counters.tableArn);
    relate.allow(['dynamodb:PutItem', 'dynamodb:DeleteItem'], friends.tableArn);
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
      entry: 'friends-counter/view.bare-add',
      does: 'Shows a post with its author’s counter.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(viewVariables, { postsTable: posts.tableName, countersTable: counters.tableName }),
    });
    answers(view, [1, 2], 'Two items by their keys instead of a join: half a read unit each.');
    view.allow(['dynamodb:GetItem'], posts.tableArn, counters.tableArn);

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
      'Half a unit for the post, and half a unit for the counter.',
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

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'FriendsTable', { value: friends.tableName });
    new CfnOutput(this, 'CountersTable', { value: counters.tableName });
    new CfnOutput(this, 'PostsTable', { value: posts.tableName });
    new CfnOutput(this, 'UsersTable', { value: users.tableName });
    new CfnOutput(this, 'RelateFunction', { value: relate.function.functionName });
    new CfnOutput(this, 'SqlSchema', {
      value: inSql.schema,
      description: 'The tables in SQL, the same for every variant.',
    });
    new CfnOutput(this, 'SqlView', { value: inSql.counter, description: 'How this variant would show a post in SQL.' });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new FriendsCounterBareAdd(app, id, props) };
};
