import { DeleteItemCommand, DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { deploy, destroy, type DeployOptions } from '../../../tools/deploy/deploy.ts';
import { httpClient } from '../../../tools/prove/http.ts';
import { runDesigns } from '../run-designs.ts';

const aws = inject('aws');
const options: DeployOptions = {
  slug: 'banking-consistency',
  variants: ['improved'],
  aws,
  run: 'audit',
  schedules: false,
};
const stack = ['audit', '--stack', 'banking-consistency-improved-audit', '--tolerance', '0'];

describe('designs audit', () => {
  let outputs: Readonly<Record<string, string>>;
  beforeAll(async () => {
    outputs = (await deploy(options))['improved']!.outputs;
    const http = httpClient(aws, outputs['ApiId']!);
    const post = async (path: string, body: unknown) => {
      const reply = await http({ method: 'POST', path, body });
      expect(reply, reply.body).toMatchObject({ status: 201 });
    };
    await post('/accounts', { accountId: 'vault', currency: 'EUR', overdraftMinor: 100 });
    await post('/accounts', { accountId: 'ann', currency: 'EUR' });
    await post('/transfers', { transferId: 't-1', from: 'vault', to: 'ann', amountMinor: 70, currency: 'EUR' });
    await post('/transfers/t-1/reversal', undefined);
  });
  afterAll(async () => destroy(options));

  /** The report, and the error that the command ends with. */
  const run = async (): Promise<{
    readonly report: { readonly ok: boolean; readonly findings: unknown[] };
    readonly error?: string;
  }> => {
    try {
      return { report: JSON.parse(await runDesigns(aws, ...stack, '--json')) };
    } catch (error) {
      const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
      expect(code, stderr).toBe(1);
      return { report: JSON.parse(stdout), error: stderr };
    }
  };

  it('finds that all agrees, as soon as the stream was archived', async () => {
    let last = await run();
    for (const endMs = Date.now() + 300_000; !last.report.ok && Date.now() < endMs; last = await run())
      await sleep(500);
    expect(last.report).toMatchObject({ ok: true, entries: 4, parts: 2, onTheirWay: 0, findings: [] });
    expect(await runDesigns(aws, ...stack)).toMatch(
      /4 entries, 2 balances\nthe chain ends at slot \d+, [0-9a-f]{64}\nevery/,
    );
  });

  it('names an entry that somebody deleted, and fails', async () => {
    const dynamo = new DynamoDBClient(aws);
    const TableName = outputs['EntriesTable']!;
    const keys = [];
    for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName })) keys.push(...Items);
    const { part, entry } = keys.find((item) => item['part']!.S === 'ann' && item['version']!.N === '2')!;
    await dynamo.send(new DeleteItemCommand({ TableName, Key: { part: part!, entry: entry! } }));
    const { report, error } = await run();
    expect(error).toMatch(/^error: the books do not agree: \d findings?\n$/);
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        part: 'ann',
        version: 2,
        detail: 'entry 2 of ann is in the archive and not in the ledger',
      }),
    );
  });

  it('says what to do when there is no such stack', async () => {
    await expect(runDesigns(aws, 'audit', '--stack', 'nothing')).rejects.toMatchObject({
      code: 2,
      stderr: 'error: there is no stack "nothing": deploy banking-consistency, or name its stack by --stack\n',
    });
  });
});
