import { CfnOutput, Duration, Stack, type StackProps, type App } from 'aws-cdk-lib';
import {
  joinVariables,
  publishVariables,
  registerVariables,
  relateJoinedVariables,
} from '../../../lambdas/friends-counter/env.ts';
import type { Design } from '../../kit/design.ts';
import { Handler } from '../../kit/handler.ts';
import { HttpApi } from '../../kit/http-api.ts';
import { OnDemandTable } from '../../kit/table.ts';
import { uses } from '../../kit/uses.ts';
import { variables } from '../../kit/variables.ts';
import { inSql, question, seconds } from './question.ts';

const { load } = question;

/** Counts an author's friends whenever a post is shown: the join. */
export class FriendsCounterNaive extends Stack {
  constructor(app: App, id: string, props: StackProps) {
    super(app, id, props);

    const users = new OnDemandTable(this, 'Users', { key: 'user' });
    const friends = new OnDemandTable(this, 'Friends', { key: 'user', sort: 'other' });
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
      entry: 'friends-counter/relate.naive',
      does: 'Makes and ends friendships and blocks: one side, then the other.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(relateJoinedVariables, { usersTable: users.tableName, friendsTable: friends.tableName }),
    });
    relate.allow(['dynamodb:GetItem'], users.tableArn);
    relate.allow(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], friends.tableArn);
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
      entry: 'friends-counter/view.naive',
      does: 'Shows a post with its author’s friends, counted one by one.',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      environment: variables(joinVariables, { postsTable: posts.tableName, friendsTable: friends.tableName }),
    });
    view.allow(['dynamodb:GetItem'], posts.tableArn);
    view.allow(['dynamodb:Query'], friends.tableArn);

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
        'dynamodb.readUnits': views * 0.5 * (1 + Math.ceil((load.friends.value * load.sideBytes.value) / 4096)),
      },
      'Half a unit for the post, and half a unit for each 4 KB of friends.',
    );
    uses(relate, {
      'lambda.requests': changes,
      'lambda.gbSeconds': changes * (load.handlerMs.value / 1000) * 0.5,
      'dynamodb.readUnits': 4 * changes,
      'dynamodb.writeUnits': 2 * changes,
    });
    uses(friends, { 'dynamodb.storageGbMonths': storedGb, 'dynamodb.recoveryGbMonths': storedGb });

    new CfnOutput(this, 'ApiId', { value: api.api.apiId });
    new CfnOutput(this, 'FriendsTable', { value: friends.tableName });
    new CfnOutput(this, 'PostsTable', { value: posts.tableName });
    new CfnOutput(this, 'UsersTable', { value: users.tableName });
    new CfnOutput(this, 'RelateFunction', { value: relate.function.functionName });
    new CfnOutput(this, 'SqlSchema', {
      value: inSql.schema,
      description: 'The tables in SQL, the same for every variant.',
    });
    new CfnOutput(this, 'SqlView', { value: inSql.join, description: 'How this variant would show a post in SQL.' });
  }
}

export const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  return { main: new FriendsCounterNaive(app, id, props) };
};
