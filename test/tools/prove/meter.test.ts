import { expect, it } from 'vitest';
import type { FaultLine, UsageLine } from '../../../tools/bundle/proof/lines.ts';
import { emptyTally } from '../../../tools/bundle/proof/tally.ts';
import { faultControl, sumFired } from '../../../tools/prove/faults.ts';
import { sumUsage } from '../../../tools/prove/meter.ts';
import { UsageError } from '../../../tools/cli/errors.ts';

function line(fields: Partial<UsageLine>): UsageLine {
  return {
    designs: 'usage',
    function: 'extract',
    request: 'r',
    outcome: 'returned',
    handlerMs: 1.5,
    heapUsedKb: 1,
    ...emptyTally(),
    ...fields,
  };
}

it('sums invocations, and keeps the peak memory of each function', () => {
  const usage = sumUsage([
    line({ calls: { 's3.GetObject': 2 }, peakMemoryKb: 700, sent: 3 }),
    line({ calls: { 's3.GetObject': 1, 'dynamodb.PutItem': 1 }, peakMemoryKb: 500, outcome: 'threw', writeUnits: 2 }),
    line({ function: 'report', peakMemoryKb: 90, outcome: 'crashed' }),
  ]);
  expect(usage).toEqual({
    invocations: 3,
    failedInvocations: 2,
    handlerMs: 4.5,
    calls: { 'dynamodb.PutItem': 1, 's3.GetObject': 3 },
    readUnits: 0,
    writeUnits: 2,
    messages: { sent: 3, received: 0, deleted: 0 },
    bytesIn: 0,
    bytesOut: 0,
    peakMemoryKb: { extract: 700, report: 90 },
  });
});

it('sums hits by function, by fault, by call and by who armed them', () => {
  const crash = { call: '*', kind: 'crash-after' } as const;
  const conflict = { call: 'PutItem', kind: 'fail', error: 'TransactionConflictException', share: 0.1 } as const;
  const fired = (name: string, fault: FaultLine['fault'], more: Partial<FaultLine> = {}): FaultLine => ({
    designs: 'fault',
    function: name,
    request: 'r',
    fault,
    armedBy: 'proof',
    call: 'dynamodb.PutItem',
    nth: 1,
    ...more,
  });
  const background = { armedBy: 'background' } as const;
  const lines = [
    fired('stack-b', crash),
    fired('stack-a', crash, background),
    fired('stack-a', { ...crash, nth: 2 }, background),
    fired('stack-a', conflict, background),
    fired('stack-a', crash, { ...background, call: 's3.GetObject' }),
    fired('stack-a', crash),
  ];
  const put = { call: 'PutItem', kind: 'crash-after' };
  expect(sumFired(lines, (name) => name.slice('stack-'.length))).toEqual([
    { function: 'a', armedBy: 'background', ...put, call: 'GetObject', hits: 1 },
    { function: 'a', armedBy: 'background', ...put, hits: 2 },
    {
      function: 'a',
      armedBy: 'background',
      call: 'PutItem',
      kind: 'fail',
      error: 'TransactionConflictException',
      hits: 1,
    },
    { function: 'a', armedBy: 'proof', ...put, hits: 1 },
    { function: 'b', armedBy: 'proof', ...put, hits: 1 },
  ]);
});

const control = faultControl({ region: 'us-east-1' }, { functions: ['extract', 'report'], seed: 1 });

it('refuses to arm a function that is not of the target', async () => {
  const refused = control.arm('extrcat', []);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow('unknown function "extrcat": use one of extract, report');
});

it.each([
  [{ call: 'putItem', kind: 'crash-after' }, 'call must be an SDK operation, such as PutItem, or writes, or *'],
  [{ call: '*', kind: 'crash-after', share: 0 }, 'share'],
  [{ call: '*', kind: 'crash-after', nth: 0 }, 'nth'],
  [{ call: '*', kind: 'crash-after', times: 0.5 }, 'times'],
  [{ call: '*', kind: 'fail' }, 'error names what "fail" answers'],
  [{ call: '*', kind: 'crash-after', error: 'SlowDown' }, 'and belongs to no other kind'],
  [{ call: '*', kind: 'crash-after', timesPerEvent: 0 }, 'timesPerEvent'],
  [
    { call: 'PutItem', kind: 'fail', error: 'TransactionCanceledException' },
    'call must be an operation that answers it',
  ],
  [{ call: '*', kind: 'fail', error: 'TransactionConflictException' }, 'comes from PutItem, UpdateItem'],
  [{ call: 'PutItem', kind: 'fail', error: 'SlowDown', reasons: ['None'] }, 'reasons are those of'],
  [
    { call: 'TransactWriteItems', kind: 'fail', error: 'TransactionCanceledException', reasons: ['none'] },
    'reasons.0 must be a code',
  ],
] as const)('refuses the fault %j', async (fault, because) => {
  const refused = control.arm('extract', [fault]);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(because);
});
