import { execFileSync } from 'node:child_process';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DiffInput } from '../../../tools/diff/model.ts';
import { painted, renderDiff } from '../../../tools/diff/render.ts';
import { fixtureInput } from './fixture/synthesised.ts';

let input: DiffInput;
let text: string;

beforeAll(async () => {
  input = await fixtureInput();
  text = renderDiff(input);
}, 60_000);

/** What stands under a heading, up to the next one of its kind. */
function section(heading: string): string {
  const [, after = ''] = text.split(`\n## ${heading}\n`);
  return after.split('\n## ')[0] ?? '';
}

describe('the rendered diff', () => {
  it('puts a change under the point that it answers, after the sentence that explains it', () => {
    const point = section('1. Find the documents without a scan');
    expect(point.trim()).toMatch(/^A key that groups what is read together\./);
    const sentence = point.indexOf('> Grouped by day, so that a night reads its own documents only.\n> — `Documents`');
    expect(sentence).toBeGreaterThan(0);
    expect(point.indexOf('**Replaced:** `Documents`')).toBeGreaterThan(sentence);
  });

  it('warns that a table whose key changes is replaced and loses its data', () => {
    expect(text).toContain(
      '**Replaced:** `Documents`, table (DynamoDB), because of `KeySchema`. **It holds data, which does not move to the new one.**',
    );
  });

  it('tells a tighter policy in words, with construct paths', () => {
    expect(text).toContain(
      '- allow Charge: dynamodb:PutItem, dynamodb:Scan on Documents\n+ allow Charge: dynamodb:PutItem, dynamodb:Query on Documents\n',
    );
  });

  it('tells a tuned timeout with what the seconds are', () => {
    expect(text).toContain('- Timeout: 900 (15 minutes)\n+ Timeout: 60 (1 minute)\n');
  });

  it('counts the lines that changed in a handler’s source, and names the files', () => {
    expect(text).toContain(
      '! Code: asset(charge: 6 lines changed): lambdas/diff-fixture/charge.naive.ts, now lambdas/diff-fixture/charge.improved.ts\n',
    );
  });

  it('shows a new queue with its settings, and what it refers to by path', () => {
    expect(section('2. Work waits in a queue')).toContain(
      '**New:** `Work/Queue`, queue (SQS).\n\n```diff\n+ MessageRetentionPeriod: 345600 (4 days)\n+ RedrivePolicy: {deadLetterTargetArn: ${Work/DeadLetters.Arn}, maxReceiveCount: 3}\n',
    );
  });

  it('refers from a further point to where the change is shown', () => {
    expect(section('3. Failures are seen').trim()).toBe(
      '> What fails waits in a queue of its own, and an alarm says so.\n> — `Work`\n\nIts changes are shown under point 2.',
    );
  });

  it('orders replaced things, permissions, data and tuning', () => {
    const point = section('1. Find the documents without a scan');
    const places = [
      '`Documents`, table',
      '`Charge/Role/DefaultPolicy`, permissions',
      '`Charge/Function`, function',
    ].map((part) => point.indexOf(part));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places.every((place) => place > 0)).toBe(true);
  });

  it('pairs further stacks by role, and leaves no answer’s change out', () => {
    expect(section('The rest')).toContain(
      '**Changed:** `Slow` (stack extras), alarm (CloudWatch).\n\n```diff\n- Threshold: 60000\n+ Threshold: 30000\n```',
    );
  });

  it('folds a construct that is only renamed, with those that mention it', () => {
    expect(section('Only renamed')).toContain(
      '- `Audit` is now `Ledger`, bucket (S3). **It holds data: renamed in a deployed stack, it would be replaced.** Mentioned under its new name in `Charge/Function: Environment`.\n- `Audit/Policy` is now `Ledger/Policy`',
    );
    expect(text).not.toMatch(/\*\*(New|Removed):\*\* `(Audit|Ledger)/);
  });

  it('prices both variants at the stated load, by service and in sum', () => {
    const cost = section('Cost per month');
    expect(cost).toContain('At 3,000,000 charges/month:');
    expect(cost).toMatch(/\| DynamoDB \| +\$39\.38 \| +\$2\.25 \| +-\$37\.13 \|/);
    expect(cost).toMatch(/\| SQS {6}\| +\$0\.00 \| +\$3\.60 \| +\+\$3\.60 \|/);
    expect(cost).toMatch(/\| \*\*Sum\*\* +\| \$39\.38 \| +\$5\.85 \| +-\$33\.53 \|/);
    expect(cost).toContain('no free tier');
  });

  it('has no logical id, hash, machine path or colour', () => {
    const ids = Object.values(input.to.stacks).flatMap(({ paths }) => Object.keys(paths));
    for (const id of ids.filter((candidate) => /[0-9A-F]{8}$/.test(candidate))) expect(text).not.toContain(id);
    expect(text).not.toMatch(/[0-9a-f]{64}/);
    expect(text).not.toContain('\u001b');
    for (const path of [tmpdir(), homedir(), process.cwd()]) expect(text).not.toContain(path);
    expect(JSON.stringify(input.to.stacks.main?.template)).not.toContain('designs:');
  });

  it('is the same in every byte on a second run, from another directory and in another locale', async () => {
    expect(renderDiff(await fixtureInput())).toBe(text);
    const here = JSON.stringify(join(import.meta.dirname, 'fixture/synthesised.ts'));
    const tools = JSON.stringify(join(import.meta.dirname, '../../../tools/diff/render.ts'));
    const script = `import { fixtureInput } from ${here}; import { renderDiff } from ${tools}; process.stdout.write(renderDiff(await fixtureInput()));`;
    const elsewhere = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: tmpdir(),
      env: {
        ...process.env,
        LANG: 'de_DE.UTF-8',
        TZ: 'Asia/Tokyo',
        FORCE_COLOR: '1',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(elsewhere).toBe(text);
  });

  it('says so when nothing changes', () => {
    const still = renderDiff({ ...input, to: { ...input.from, name: 'improved' } });
    expect(still).toContain('The stacks of naive and improved are the same.');
  });

  it('refuses an answer to a point that the question does not have', () => {
    const main = input.to.stacks.main;
    const answers = [{ path: 'Work', points: [9], why: 'who knows' }];
    const wrong = { ...input, to: { ...input.to, stacks: { main: { ...main!, answers } } } };
    expect(() => renderDiff(wrong)).toThrow('answers() on "Work" names point 9: the question has points 1 to 4');
  });

  it('wears colours on a terminal over the same text', () => {
    expect(painted(text)).toContain('\u001b[32m+ ');
    expect(stripVTControlCharacters(painted(text))).toBe(text);
  });
});
