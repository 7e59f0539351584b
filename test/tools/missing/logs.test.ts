import { describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { listLogs, serverOf } from '../../../tools/missing/logs.ts';
import { scratch } from './scratch.ts';

describe('a log’s server', () => {
  it.each([
    ['/logs/srv-1/2026/11/23/app.log', '/logs', 'srv-1'],
    ['/logs/srv-1/app.log', '/logs', 'srv-1'],
    ['/logs/17/app.log', '/logs', '17'],
    ['/logs/srv-1/2026/11/23/app.log', '/logs/srv-1', 'srv-1'],
    ['/logs/srv-1/2026-11-23/app.log', '/logs/srv-1', 'srv-1'],
    ['/logs/srv-1.log.gz', '/logs', 'srv-1'],
    ['/logs/srv-1', '/logs', 'srv-1'],
  ])('of %s below %s is %s', (path, root, server) => {
    expect(serverOf(path, root)).toBe(server);
  });

  it('is the same however the logs are named', async () => {
    const paths = ['logs/srv-1/2026/11/23/a.log', 'logs/srv-1/2026/11/24/a.log', 'logs/srv-2/2026/11/23/a.log'];
    const directory = scratch(Object.fromEntries(paths.map((path) => [path, ''])));
    for (const args of [
      ['logs'],
      ['logs/'],
      ['logs/*'],
      ['logs/**/*.log'],
      ['logs/srv-1', 'logs/srv-2'],
      paths,
      ['logs/srv-*/2026/**'],
    ]) {
      const logs = await listLogs(args.map((arg) => join(directory, arg)));
      expect(
        logs.map(({ server }) => server),
        args.join(' '),
      ).toEqual(['srv-1', 'srv-1', 'srv-2']);
    }
  });
});
