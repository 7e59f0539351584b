import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HttpClient, HttpRequest } from '../../../lib/kit/proof.ts';
import { deploy, type Deployed, destroy, type DeployOptions } from '../../../tools/deploy/deploy.ts';
import { httpClient } from '../../../tools/prove/http.ts';

/**
 * Promise R8 over HTTP, as it comes out at the other end of API Gateway: a sample of each class of what is refused. The
 * handlers' own tests send ten thousand generated bodies to each in process.
 */

const aws = inject('aws');
const dynamo = new DynamoDBClient(aws);
const cloudFormation = new CloudFormationClient(aws);

const headers = { 'idempotency-key': '0123456789abcdef' };

/** Every question with an HTTP API, and a good request for each route that reads a body. */
const apis: Readonly<Record<string, readonly HttpRequest[]>> = {
  'banking-consistency': [
    { method: 'POST', path: '/accounts', body: { accountId: 'a', currency: 'EUR' } },
    {
      method: 'POST',
      path: '/transfers',
      body: { transferId: 't', from: 'a', to: 'b', amountMinor: 1, currency: 'EUR' },
    },
  ],
  'consistency-choice': [{ method: 'PUT', path: '/accounts/a/entries/e', body: { amount: 1 } }],
  'friends-counter': [
    { method: 'PUT', path: '/users/ann', body: { name: 'Ann' } },
    { method: 'PUT', path: '/users/ann/posts/p', body: { text: 'Hello' } },
  ],
  'idempotent-apis': [
    {
      method: 'POST',
      path: '/charges',
      headers,
      body: {
        method: 'invoice',
        orderId: 'o',
        customerId: 'c',
        email: 'c@example.com',
        amount: 1,
        currency: 'EUR',
      },
    },
  ],
};

/** A class of bad bodies: what it makes of a good one, and the statuses that may refuse it. */
const classes: Readonly<
  Record<string, { readonly of: (good: object) => string; readonly statuses: readonly number[] }>
> = {
  'no body': { of: () => '', statuses: [400] },
  'no JSON': { of: () => '{"a":', statuses: [400] },
  'another type of JSON': { of: () => '[1]', statuses: [400] },
  'a prototype key': { of: (good) => JSON.stringify(good).replace('{', '{"__proto__":{"a":1},'), statuses: [400] },
  'a constructor key': {
    of: (good) => JSON.stringify({ ...good, constructor: { prototype: { a: 1 } } }),
    statuses: [400],
  },
  'a field too many': { of: (good) => JSON.stringify({ ...good, surplus: 1 }), statuses: [400] },
  'a field too few': {
    of: (good) => JSON.stringify(Object.fromEntries(Object.entries(good).slice(1))),
    statuses: [400],
  },
  'fields of another type': {
    of: (good) => JSON.stringify(Object.fromEntries(Object.keys(good).map((key) => [key, { a: [null] }]))),
    statuses: [400],
  },
  'deep JSON': { of: () => '['.repeat(30_000), statuses: [400] },
  'a megabyte': { of: (good) => JSON.stringify({ ...good, surplus: 'x'.repeat(2 ** 20) }), statuses: [413] },
  // Lambda's own limit on what API Gateway hands it.
  '6 MB': { of: (good) => JSON.stringify({ ...good, surplus: 'x'.repeat(6 * 2 ** 20) }), statuses: [413] },
  'a NUL': {
    of: (good) => JSON.stringify(Object.fromEntries(Object.keys(good).map((key) => [key, '\0']))),
    statuses: [400],
  },
  'half of a character': {
    of: (good) => JSON.stringify(Object.fromEntries(Object.keys(good).map((key) => [key, '\ud800']))),
    statuses: [400],
  },
  'an XML bomb': {
    of: () => '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>',
    statuses: [400],
  },
};

describe.each(Object.entries(apis))('%s', (slug, requests) => {
  const options: DeployOptions = { slug, variants: ['improved'], aws, run: 'bad-input', schedules: false };
  let http: HttpClient;
  let deployed: Deployed;
  beforeAll(async () => {
    deployed = (await deploy(options))['improved']!;
    http = httpClient(aws, deployed.outputs['ApiId']!);
  });
  afterAll(async () => destroy(options));

  const bodies = requests.flatMap((request) =>
    Object.entries(classes).map(([name, { of, statuses }]) => ({
      name,
      request: { ...request, body: of(request.body as object) },
      statuses,
      route: `${request.method} ${request.path}`,
    })),
  );

  it.each(bodies)('$route refuses $name', async ({ request, statuses }) => {
    const reply = await http(request);
    expect(statuses, reply.body.slice(0, 300)).toContain(reply.status);
    expect(reply.body.length).toBeLessThan(8_000);
  });

  it.each(requests)('$method $path refuses another media type', async (request) => {
    const reply = await http({ ...request, headers: { ...request.headers, 'content-type': 'application/xml' } });
    expect(reply).toMatchObject({ status: 415, headers: { 'content-type': 'application/problem+json' } });
  });

  it.each(['__proto__', '%00', '..%2Fa', 'x'.repeat(300), '%F0%9F%92%A3', '%3C!DOCTYPE%20a%3E'])(
    'no route takes the name %s',
    async (bad) => {
      const routes = Object.values(deployed.templates).flatMap(({ Resources }) =>
        Object.values(Resources)
          .filter(({ Type }) => Type === 'AWS::ApiGatewayV2::Route')
          .map(({ Properties }) => String(Properties!['RouteKey'])),
      );
      const named = routes.filter((route) => route.includes('{'));
      expect(named.length).toBeGreaterThan(1);
      for (const route of named) {
        const [method, path] = route.replaceAll(/\{\w+\}/g, bad).split(' ') as [HttpRequest['method'], string];
        const good = requests.find((request) => request.method === method)?.body;
        const reply = await http({
          method,
          path,
          headers,
          ...(good !== undefined && method !== 'GET' && { body: good }),
        });
        expect(reply.status, `${route}: ${reply.body.slice(0, 300)}`).toBeGreaterThanOrEqual(400);
        expect(reply.status, `${route}: ${reply.body.slice(0, 300)}`).toBeLessThan(500);
      }
    },
  );

  it('has written nothing for all that, and takes the good requests', async () => {
    const tables: string[] = [];
    for (const StackName of Object.values(deployed.stackNames))
      for await (const { StackResourceSummaries = [] } of paginateListStackResources(
        { client: cloudFormation },
        { StackName },
      ))
        for (const { ResourceType = '', PhysicalResourceId = '' } of StackResourceSummaries)
          if (/^AWS::DynamoDB::(Global)?Table$/.test(ResourceType)) tables.push(PhysicalResourceId);
    expect(tables.length).toBeGreaterThan(1);
    const items = await Promise.all(tables.map(async (TableName) => dynamo.send(new ScanCommand({ TableName }))));
    expect(items.flatMap(({ Items = [] }) => Items)).toEqual([]);
    for (const request of requests) {
      const reply = await http(request);
      // A transfer between accounts that are not there is a question that makes sense.
      expect([200, 201, 204, 404, 422], reply.body).toContain(reply.status);
    }
  });
});
