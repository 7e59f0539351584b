import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { choose } from '../../../engines/consistency/choose.ts';

const bin = join(import.meta.dirname, '../../../bin/designs.ts');

function designsChoose(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'choose', ...args], {
    encoding: 'utf8',
    input: 'yes\nyes\nyes\nyes\nyes\n',
  });
  return { status, stdout, stderr };
}

const banking = ['--stale', 'never', '--money', 'yes', '--own-writes', 'yes', '--deadline', 'none', '--hot', 'no'];

describe('designs choose', () => {
  it('answers a person with consistency, settings, cost and reasons', () => {
    const { status, stdout, stderr } = designsChoose(...banking);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^strong: a write depends on what was read/);
    expect(stdout).toContain('ConsistentRead: true');
    expect(stdout).toContain('0.1250 USD a million');
    expect(stdout).toContain('TransactWriteItems');
    expect(stdout).toContain('for --stale never --money yes --own-writes yes --deadline none --hot no');
    expect(stdout).not.toContain('note:');
  });

  it('prints notes where the answers ask for too much', () => {
    const { stdout } = designsChoose(...banking.with(7, '20ms'));
    expect(stdout).toContain('note: a strong read has no bound of 20 ms');
  });

  it('gives programs the choice as JSON, with the answers that led to it', () => {
    const { status, stdout } = designsChoose(...banking, '--json');
    const answers = { stale: 'never', money: 'yes', 'own-writes': 'yes', deadline: 'none', hot: 'no' } as const;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ answers, ...choose(answers) });
  });

  it.each<[readonly string[], string]>([
    [['--stale', 'sometimes'], 'error: unknown stale "sometimes": use never or second or minute\n'],
    [['--money', 'maybe'], 'error: unknown money "maybe": use yes or no\n'],
    [['--own-writes'], 'error: --own-writes has no value: use yes or no\n'],
    [['--deadline', '30ms'], 'error: unknown deadline "30ms": use 20ms or none\n'],
    [['--hot', 'no', '--hot', 'yes'], 'error: --hot is given twice: give it once\n'],
    [['--hott', 'no'], 'error: unknown option "--hott": did you mean --hot?\n'],
    [['strong'], 'error: unexpected argument "strong": take it away\n'],
    // Input that is no terminal is not asked, though there would be lines to read.
    [banking.slice(0, 8), 'error: a question is not answered: give --hot yes|no\n'],
    [['--json'], 'error: questions are not answered: give --stale never|second|minute, --money yes|no'],
  ])('refuses %j with exit code 2 and the remedy', (args, message) => {
    const { status, stdout, stderr } = designsChoose(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.startsWith(message), stderr).toBe(true);
  });
});
