import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import type { LogFile, SeededDocument } from '../../clients/missing-notifications/servers.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { type Mode, modes } from '../../lambdas/missing-notifications/domain.ts';
import { type Edits, editedWorkflow } from './edited.ts';
import { cloudOf } from './fakes.ts';
import { bruteForce } from './oracle.ts';
import * as workflow from './workflow.ts';

const fromMs = Date.parse('2026-03-02T00:00:00Z');
const toMs = Date.parse('2026-03-02T12:00:00Z');
const endMs = toMs + 15 * 60_000;

interface Case {
  readonly documents: readonly SeededDocument[];
  readonly logs: readonly LogFile[];
}

/** Few enough that duplicates, on either side, are many: UUIDs and what is nearly one, texts of any length. */
const known = [
  '00000000-0000-0000-0000-000000000000',
  '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4',
  '0B0E8C3E-1F2A-4B3C-8D4E-5F60718293A4',
  '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a',
  'a',
  'A',
  '7',
  'contracts/7',
  '№7',
  'x'.repeat(256),
];
const id = fc.oneof(
  fc.constantFrom(...known),
  fc.uuid(),
  fc.nat(40).map((n) => `doc-${n}`),
);
const line = fc.oneof(
  { weight: 6, arbitrary: id.map((documentId) => `INFO notification.sent channel=email doc=${documentId} ms=7`) },
  id.map((documentId) => `INFO notification.sent channel=sms doc=${documentId}`),
  id.map((documentId) => `WARN notification.retry doc=${documentId}`),
  fc.constantFrom('INFO notification.sent nothing', '', 'INFO heartbeat', `INFO ${'y'.repeat(500)}`),
);
const logBody = fc.tuple(fc.array(line, { maxLength: 25 }), fc.boolean()).map(([lines, zipped]) => {
  const dated = lines.map((text, n) => `${new Date(fromMs + n).toISOString()} s ${text}\n`);
  const text = Buffer.from(`${dated.join('')}${new Date(endMs).toISOString()} s INFO heartbeat\n`);
  return zipped ? gzipSync(text) : text;
});
const input: fc.Arbitrary<Case> = fc
  .tuple(
    fc.array(id, { maxLength: 60 }),
    fc.array(fc.array(logBody, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    // Some of A was logged for certain.
    fc.nat(3),
  )
  .map(([ids, servers, every]) => ({
    documents: ids.map((documentId, n) => ({ documentId, status: 'signed', signedAtMs: fromMs + n })),
    logs: servers.flatMap((bodies, server) =>
      bodies.map((body, file) => {
        const logged = ids.filter((_, n) => every > 0 && n % every === 0 && n % servers.length === server);
        const lines = logged.map(
          (documentId) => `${new Date(fromMs).toISOString()} s INFO notification.sent doc=${documentId} ms=7\n`,
        );
        const more = file === 0 ? Buffer.from(lines.join('')) : Buffer.alloc(0);
        const key = `logs/srv-${server}/2026/03/02/${file}.log`;
        return { key, body: body[0] === 0x1f ? Buffer.concat([gzipSync(more), body]) : Buffer.concat([more, body]) };
      }),
    ),
  }));

/** What is wrong with what a mode says of a case; nothing if it is what the oracle says. */
async function differs({ runWorkflow, missedIn }: typeof workflow, { documents, logs }: Case, mode: Mode, seed = 1) {
  const servers = [...new Set(logs.map(({ key }) => key.split('/')[1]!))];
  const cloud = cloudOf({ servers, documents, logs });
  const request = { runId: 'r', fromMs, toMs, allowPartial: false, mode };
  try {
    const report = await runWorkflow(cloud, request, { random: randomFrom(seed), finer: true });
    const { missed, ...counts } = bruteForce(documents, logs, { fromMs, toMs });
    const found = {
      missed: missedIn(cloud, 'r'),
      queued: cloud.queued.toSorted(),
      counts: Object.fromEntries(Object.keys(counts).map((name) => [name, report[name as keyof typeof counts]])),
    };
    const expected = { missed, queued: missed, counts: { ...counts } };
    return JSON.stringify(found) === JSON.stringify(expected) ? undefined : { found, expected };
  } catch (error) {
    return { error };
  }
}

/** Blocks of a few IDs, parts of a few blocks, and slices of a few bytes ahead: what takes gigabytes otherwise. */
const narrow: Edits = {
  'lambdas/missing-notifications/steps.ts': (source) =>
    source
      .replace('heldBytesMax = 64 * 2 ** 20', 'heldBytesMax = 20')
      .replace('heldToMarkBytesMax = 512 * 2 ** 20', 'heldToMarkBytesMax = 20')
      .replace('const blockBytes = 16 * 1024', 'const blockBytes = 512')
      .replace('const inputBytes = 256 * 1024', 'const inputBytes = 1024')
      .replace('aheadBytesMax = 64 * 2 ** 20', 'aheadBytesMax = 64')
      .replace('smallBytesMax = 8 * 2 ** 20', 'smallBytesMax = 600'),
};

describe.each(modes)('A - B by %s', (mode) => {
  it('is what the slow and obvious way finds, for any documents and logs', async () => {
    await fc.assert(
      fc.asyncProperty(input, fc.nat(), async (one, seed) => {
        expect(await differs(workflow, one, mode, seed)).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });

  it('is so where a unit is written in parts', async () => {
    const small = await editedWorkflow(narrow);
    await fc.assert(
      fc.asyncProperty(input, fc.nat(), async (one, seed) => {
        expect(await differs(small, one, mode, seed)).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });
});

it('writes a unit in parts where it is too much to hold', async () => {
  const { runWorkflow, fileOf } = await editedWorkflow(narrow);
  const ids = Array.from({ length: 200 }, (_, n) => `doc-${n}-`.padEnd(200, 'z'));
  const lines = ids.map(
    (documentId) => `${new Date(endMs).toISOString()} s INFO notification.sent doc=${documentId}\n`,
  );
  const documents = ids.map((documentId) => ({ documentId, status: 'signed' as const, signedAtMs: fromMs }));
  const logs = [{ key: 'logs/a/2026/03/02/x.log', body: Buffer.from(lines.join('')) }];
  const cloud = cloudOf({ servers: ['a'], documents, logs });
  const report = await runWorkflow(cloud, { runId: 'r', fromMs, toMs, allowPartial: false, mode: 'shuffle' });
  expect(report).toMatchObject({ signed: 200, missed: 0, duplicates: 0 });
  expect(fileOf(cloud, 'r', 'extract/logs-00000.part-3.run')).toBeDefined();
});

/** Bugs that a check worth its name finds. */
const bugs: readonly { readonly bug: string; readonly in: readonly Mode[]; readonly edits: Edits }[] = [
  {
    bug: 'the marks of one unit are dropped',
    in: ['broadcast'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        source.replace(
          'for await (const { bytes } of ranges) add',
          'let unit = 0;\n    for await (const { bytes } of ranges) if (unit++ > 0) add',
        ),
    },
  },
  {
    bug: 'ordinals of each block begin at 0 again',
    in: ['broadcast'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        source.replace('ordinal = table.found(kind, block, bits, ordinal)', 'table.found(kind, block, bits, ordinal)'),
    },
  },
  {
    bug: 'ordinals are read one too high',
    in: ['broadcast'],
    edits: {
      'engines/log-diff/ordinals.ts': (source) =>
        source.replace('ordinal += gap + 1;', 'ordinal += gap + (ordinal < 0 ? 2 : 1);'),
    },
  },
  {
    bug: 'parts of a unit overwrite what others found',
    in: ['broadcast'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        narrow['lambdas/missing-notifications/steps.ts']!(source).replace('= union(found[partition]!, bits)', '= bits'),
    },
  },
  {
    bug: 'a partition ends one block early',
    in: ['one worker', 'shuffle'],
    edits: {
      'engines/log-diff/unit.ts': (source) =>
        source.replace('for (let i = 0; i + 1 < place.length; i++) {', 'for (let i = 0; i + 2 < place.length; i++) {'),
    },
  },
  {
    bug: 'the index is off by one partition',
    in: ['one worker', 'broadcast', 'shuffle'],
    edits: {
      'engines/log-diff/unit.ts': (source) =>
        source.replace(
          'offsets[partition * words[object]! + i]!',
          'offsets[Math.min(offsets.length - 1, partition * words[object]! + i + words[object]!)]!',
        ),
    },
  },
  {
    bug: 'A is cut by another hash than the logs',
    in: ['one worker', 'broadcast', 'shuffle'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        source.replace(
          'blocks.put(kind, partition, block),\n  });',
          'blocks.put(kind, partition ^ 128, block),\n  });',
        ),
    },
  },
  {
    bug: 'the last part of what a core holds is not flushed',
    in: ['one worker', 'broadcast', 'shuffle'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        source.replace('core.flush();\n  for (const one of full)', 'for (const one of full)'),
    },
  },
  {
    bug: 'A’s shape is that of one shard',
    in: ['one worker', 'broadcast', 'shuffle'],
    edits: {
      'lambdas/missing-notifications/steps.ts': (source) =>
        source.replace(
          'for (const stats of signed.stats) shapeOf',
          'for (const stats of signed.stats.slice(0, 1)) shapeOf',
        ),
    },
  },
];

describe.each(bugs)('the check finds it when $bug', ({ in: broken, edits }) => {
  let edited: typeof workflow;
  beforeAll(async () => {
    edited = await editedWorkflow(edits);
  });

  it.each(broken)('by %s, within three seeds', async (mode) => {
    const cases = [1, 2, 3].flatMap((seed) => fc.sample(input, { numRuns: 12, seed }));
    let found = false;
    for (const one of cases) found ||= (await differs(edited, one, mode)) !== undefined;
    expect(found).toBe(true);
  });
});
