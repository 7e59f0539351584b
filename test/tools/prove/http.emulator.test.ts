import { CfnOutput, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, inject, it } from 'vitest';
import type { Design } from '../../../lib/kit/design.ts';
import { HttpApi } from '../../../lib/kit/http-api.ts';
import { deploy, destroy, type DeployOptions } from '../../../tools/deploy/deploy.ts';
import { httpClient } from '../../../tools/prove/http.ts';

/** Answers with what it was sent. */
const echo = `exports.handler = async (event) => ({
  statusCode: 201,
  headers: { 'Content-Type': 'application/json', 'X-Echo': event.headers['idempotency-key'] ?? 'none' },
  body: JSON.stringify({ route: event.routeKey, parameters: event.pathParameters, query: event.queryStringParameters, body: event.body, iam: event.requestContext.authorizer?.iam }),
});`;

const design: Design = (app, deployment) => {
  const { id, props } = deployment.stack('main');
  const stack = new Stack(app, id, props);
  const api = new HttpApi(stack, 'Api', { does: 'Echoes.', requestsPerSecondMax: 100 });
  const put = new LambdaFunction(stack, 'Echo', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline(echo),
    role: new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }),
  });
  const handler = { node: put.node, function: put };
  api.route('POST /books', handler);
  api.route('GET /books/{id}', handler);
  new CfnOutput(stack, 'ApiId', { value: api.api.apiId });
  return { main: stack };
};

describe('the HTTP client of a proof', () => {
  it('calls a deployed API, and gets its replies as they are', async () => {
    const aws = inject('aws');
    const options: DeployOptions = {
      slug: 'echo',
      variants: ['only'],
      aws,
      bundles: import.meta.dirname,
      load: async () => design,
    };
    const { only } = await deploy({ ...options, run: 'http' });
    try {
      const http = httpClient(aws, only!.outputs['ApiId']!);
      const posted = await http({
        method: 'POST',
        path: '/books',
        headers: { 'Idempotency-Key': 'k-1' },
        body: { title: 'naïve' },
      });
      expect(posted).toMatchObject({ status: 201, headers: { 'x-echo': 'k-1', 'content-type': 'application/json' } });
      expect(JSON.parse(posted.body)).toMatchObject({
        route: 'POST /books',
        iam: { userArn: expect.stringMatching(/^arn:aws:iam::\d{12}:/) },
        body: '{"title":"naïve"}',
      });
      const got = await http({ method: 'GET', path: '/books/b-1?limit=3' });
      expect(JSON.parse(got.body)).toMatchObject({
        route: 'GET /books/{id}',
        parameters: { id: 'b-1' },
        query: { limit: '3' },
      });
      expect(await http({ method: 'DELETE', path: '/books/1' })).toMatchObject({ status: 404 });
    } finally {
      await destroy({ ...options, run: 'http' });
    }
  });
});
