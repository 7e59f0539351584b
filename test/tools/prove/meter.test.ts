import { expect, it } from 'vitest';
import type { FaultLine, UsageLine } from '../../../tools/bundle/proof/lines.ts';
import { emptyTally } from '../../../tools/bundle/proof/tally.ts';
import { countFired, faultControl } from '../../../tools/prove/faults.ts';
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

it('counts hits by function and by fault', () => {
  const crash = { call: 'PutItem', kind: 'crash-after' } as const;
  const lost = { call: '*', kind: 'lose-reply' } as const;
  const fired = (name: string, fault: FaultLine['fault']): FaultLine => ({
    designs: 'fault',
    function: name,
    request: 'r',
    fault,
    call: 'dynamodb.PutItem',
    nth: 1,
  });
  expect(countFired([fired('a', crash), fired('b', crash), fired('a', lost), fired('a', crash)])).toEqual([
    { functionName: 'a', fault: crash, hits: 2 },
    { functionName: 'b', fault: crash, hits: 1 },
    { functionName: 'a', fault: lost, hits: 1 },
  ]);
});

const control = faultControl({ region: 'us-east-1' }, { functions: ['extract', 'report'], seed: 1 });

it('refuses to arm a function that is not of the target', async () => {
  const refused = control.arm('extrcat', []);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow('unknown function "extrcat": use one of extract, report');
});

it.each([
  [{ call: 'putItem', kind: 'crash-after' }, 'call must be an SDK operation'],
  [{ call: '*', kind: 'crash-after', share: 0 }, 'share'],
  [{ call: '*', kind: 'crash-after', nth: 0 }, 'nth'],
  [{ call: '*', kind: 'crash-after', times: 0.5 }, 'times'],
  [{ call: '*', kind: 'fail' }, 'error names what "fail" answers'],
  [{ call: '*', kind: 'crash-after', error: 'SlowDown' }, 'and belongs to no other kind'],
] as const)('refuses the fault %j', async (fault, because) => {
  const refused = control.arm('extract', [fault]);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(because);
});
