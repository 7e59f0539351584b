import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { AwsConfig } from '../../../lib/kit/proof.ts';
import { startMicroburst, through, type MicroburstOptions } from '../../../tools/emulator/microburst.ts';
import { createFunction, invoke } from './function.ts';

const aws = inject('aws');
const table = 'microburst-items';
const bucket = 'microburst-objects';
const seed = 7;

beforeAll(async () => {
  await new DynamoDBClient(aws).send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  await new S3Client({ ...aws, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: bucket }));
});

async function withFaults<T>(
  profile: MicroburstOptions['profile'],
  use: (proxy: Awaited<ReturnType<typeof startMicroburst>>) => Promise<T>,
): Promise<T> {
  const proxy = await startMicroburst({ upstream: aws.endpoint!, profile, seed });
  try {
    return await use(proxy);
  } finally {
    await proxy.stop();
  }
}

const put = (id: string) => new PutItemCommand({ TableName: table, Item: { id: { S: id } } });

async function isThere(id: string): Promise<boolean> {
  const { Item } = await new DynamoDBClient(aws).send(new GetItemCommand({ TableName: table, Key: { id: { S: id } } }));
  return Item !== undefined;
}

describe(`microburst (seed ${seed})`, () => {
  it('throttles in a way that the SDK retries until it succeeds', async () => {
    await withFaults('throttles', async (proxy) => {
      const client = new DynamoDBClient({ ...through(proxy, aws), maxAttempts: 10 });
      const replies = [];
      for (let n = 0; n < 10; n++) replies.push(await client.send(put(`throttled-${n}`)));
      const retries = replies.reduce((sum, { $metadata }) => sum + ($metadata.attempts ?? 1) - 1, 0);
      const [fired] = await proxy.counts();
      expect(fired).toMatchObject({
        service: 'dynamodb',
        operation: 'PutItem',
        fault: 'error:ProvisionedThroughputExceededException',
      });
      expect(retries).toBeGreaterThan(0);
      expect(retries).toBe(fired!.hits);
    });
  });

  it('loses the reply of a call that committed, with or without a body', async () => {
    await withFaults([{ probability: 1, response: { abort_bytes: 0 } }], async (proxy) => {
      const faulty = { ...through(proxy, aws), maxAttempts: 1 };
      await expect(new DynamoDBClient(faulty).send(put('lost'))).rejects.toThrow(/socket hang up|ECONNRESET|aborted/);
      const s3 = new S3Client({ ...faulty, forcePathStyle: true });
      await expect(s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'lost', Body: 'kept' }))).rejects.toThrow(
        /socket hang up|ECONNRESET|aborted/,
      );
    });
    expect(await isThere('lost')).toBe(true);
    const object = await new S3Client({ ...aws, forcePathStyle: true }).send(
      new GetObjectCommand({ Bucket: bucket, Key: 'lost' }),
    );
    expect(await object.Body!.transformToString()).toBe('kept');
  });

  it('closes the connection before the call is made, under resets', async () => {
    await withFaults([{ probability: 1, reset: true }], async (proxy) => {
      await expect(new DynamoDBClient({ ...through(proxy, aws), maxAttempts: 1 }).send(put('reset'))).rejects.toThrow(
        /socket hang up|ECONNRESET/,
      );
    });
    expect(await isThere('reset')).toBe(false);
  });

  it('meets the same requests with the same faults under one seed', async () => {
    const run = () =>
      withFaults([{ probability: 0.5, error: { code: 'InternalServerError', status: 500 } }], async (proxy) => {
        const client = new DynamoDBClient({ ...through(proxy, aws), maxAttempts: 1 });
        const fates = [];
        for (let n = 0; n < 16; n++)
          fates.push(
            await client.send(put('seeded')).then(
              () => '.',
              () => 'x',
            ),
          );
        return fates.join('');
      });
    const first = await run();
    expect(first).toMatch(/x/);
    expect(first).toMatch(/\./);
    expect(await run()).toBe(first);
  });

  it('keeps the identity of the caller: a role may do through it what it is granted, and nothing else', async () => {
    // The emulator checks the signature of a role, as it does not the administrator's.
    await createFunction(aws, {
      name: 'microburst-role',
      code: `exports.handler = async () => {
        const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env;
        return { accessKeyId, secretAccessKey, sessionToken };
      };`,
      actions: ['dynamodb:PutItem', 's3:PutObject'],
    });
    const credentials = await invoke<NonNullable<AwsConfig['credentials']>>(aws, 'microburst-role');
    await withFaults('none', async (proxy) => {
      const role = { ...through(proxy, aws), credentials, maxAttempts: 1 };
      const dynamo = new DynamoDBClient(role);
      await dynamo.send(put('granted'));
      await new S3Client({ ...role, forcePathStyle: true }).send(
        new PutObjectCommand({ Bucket: bucket, Key: 'granted', Body: 'x' }),
      );
      const get = new GetItemCommand({ TableName: table, Key: { id: { S: 'granted' } } });
      await expect(dynamo.send(get)).rejects.toThrow(/not authorized to perform: dynamodb:GetItem/);
      expect(await proxy.counts()).toEqual([]);
    });
    expect(await isThere('granted')).toBe(true);
  });

  it('names the profiles when asked for one that it does not have', async () => {
    await expect(startMicroburst({ upstream: aws.endpoint!, profile: 'chaos' as 'none', seed })).rejects.toThrow(
      /unknown fault profile "chaos": use none, throttles/,
    );
  });
});
