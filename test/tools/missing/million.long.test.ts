import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { makeWorld } from '../../../clients/missing-notifications/servers.ts';
import { findMissing } from '../../../tools/missing/find.ts';
import { scratch } from './scratch.ts';

const seed = Number(process.env['DESIGNS_SEED'] ?? 1);

it(`finds what is missing among 1,000,000 documents in the logs of 500 servers, exactly (seed ${seed})`, async () => {
  const world = makeWorld({ seed, documents: 1_000_000 });
  const directory = scratch();
  const inWindow = world.documents.flatMap(({ documentId, signedAtMs }) =>
    signedAtMs !== undefined && signedAtMs < world.toMs ? [documentId] : [],
  );
  writeFileSync(join(directory, 'signed.txt'), inWindow.join('\n'));
  for (const { key, body } of world.logs) {
    mkdirSync(dirname(join(directory, key)), { recursive: true });
    writeFileSync(join(directory, key), body);
  }
  const result = await findMissing({ signed: join(directory, 'signed.txt'), logs: [join(directory, 'logs')] });
  const found = Array.from(result.lines('bytes'), (block) => Buffer.from(block).toString('latin1')).join('');
  expect(found).toBe(world.missed.map((id) => `${id}\n`).join(''));
  expect(result.report).toMatchObject({ signed: 1_000_000, missed: world.missed.length });
  expect(world.missed.length).toBeGreaterThan(1_500);
}, 120_000);
