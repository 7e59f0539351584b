import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerOfLines, type Contest, type Contestant, median, runContest } from '../../bench/contest.ts';
import { renderContest } from '../../bench/render.ts';
import { scratch } from '../tools/missing/scratch.ts';

/** A contestant that runs a line of JavaScript. */
const node = (name: string, script: string, more: Partial<Contestant> = {}): Contestant => ({
  name,
  formulations: [{ name: 'as it is', command: [process.execPath, '-e', script] }],
  ...more,
});
const says = (text: string, milliseconds = 0): string =>
  `setTimeout(() => process.stdout.write(${JSON.stringify(text)}), ${milliseconds})`;

async function run(contestants: readonly Contestant[], more: Partial<Contest> = {}) {
  const contest: Contest = {
    name: 'letters',
    what: 'two letters',
    answer: answerOfLines(['a', 'b']),
    contestants,
    ...more,
  };
  const directory = scratch();
  const result = await runContest(contest, { runs: 3, python: 'python3', directory, say: () => {} });
  return { result, left: readdirSync(directory) };
}

describe('a contest', () => {
  it('runs in turns, compares medians with ours, and holds each against its bar', async () => {
    const { result, left } = await run([
      node('ours', says('b\na\n', 50)),
      node('slower', says('a\nb\n', 900), { bar: { atLeast: 1.1 } }),
      node('not slow enough', says('a\nb\n', 60), { bar: { atLeast: 50 } }),
      node('a reference', says('nothing', 60), { isReference: true, bar: { atMost: 40 } }),
    ]);
    const [ours, slower, close, reference] = result.standings;
    expect(ours).toMatchObject({ name: 'ours', ratio: 1 });
    expect(slower!.ratio).toBeCloseTo(slower!.seconds / ours!.seconds, 9);
    expect([slower!.meets, close!.meets, reference!.meets]).toEqual([true, false, true]);
    const text = renderContest(result);
    expect(text).toMatch(/\| slower +\|.*1\.1x ours: met +\|/);
    expect(text).toMatch(/\| not slow enough +\|.*50x ours: BELOW THE BAR +\|/);
    expect(left.filter((name) => name.startsWith('temporary'))).toEqual([]);
  });

  it('takes each one’s fastest formulation', async () => {
    const formulation = (name: string, milliseconds: number) => ({
      name,
      command: [process.execPath, '-e', says('a\nb\n', milliseconds)],
    });
    const { result } = await run([
      node('ours', says('a\nb\n')),
      { name: 'peer', formulations: [formulation('slow', 700), formulation('fast', 0)] },
    ]);
    expect(result.standings[1]!.formulation).toBe('fast');
  });

  it('stops at a wrong answer, whoever gives it, and names it', async () => {
    await expect(run([node('ours', says('a\nb\n')), node('liar', says('a\n'))])).rejects.toThrow(
      'letters: liar (as it is) gives a wrong answer',
    );
    await expect(run([node('ours', says('a\nb\n')), node('torn', 'process.exit(3)')])).rejects.toThrow('ended with 3');
  });

  it('has in its table who may fail, with the reason that was given last', async () => {
    const fails = node('peer', "console.error('first'); console.error('too long'); process.exit(3)");
    const { result } = await run([node('ours', says('a\nb\n')), { ...fails, mayFail: true }]);
    expect(result.standings.map(({ name }) => name)).toEqual(['ours']);
    expect(result.failed).toEqual([{ name: 'peer', why: 'too long' }]);
    expect(renderContest(result)).toMatch(/\| peer +\| +\| +failed \|.*\| too long +\|/);
    const wrong = run([node('ours', says('a\nb\n')), node('peer', says('a\n'), { mayFail: true })]);
    await expect(wrong).rejects.toThrow('peer (as it is) gives a wrong answer');
  });

  it('takes the formulation that does not fail', async () => {
    const command = (script: string) => [process.execPath, '-e', script];
    const formulations = [
      { name: 'fails', command: command('process.exit(3)') },
      { name: 'works', command: command(says('a\nb\n')) },
    ];
    const { result } = await run([node('ours', says('a\nb\n')), { name: 'peer', formulations, mayFail: true }]);
    expect(result.standings[1]).toMatchObject({ name: 'peer', formulation: 'works' });
    expect(result.failed).toEqual([]);
  });

  it('reads an answer in the form in which it is given', async () => {
    const linesOf = (output: Buffer) => JSON.parse(output.toString()) as readonly string[];
    const { result } = await run([node('ours', says('["b","a"]'), { linesOf }), node('peer', says('a\nb\n'))]);
    expect(result.standings).toHaveLength(2);
    await expect(run([node('ours', says('["b"]'), { linesOf })])).rejects.toThrow('gives a wrong answer');
  });

  it('leaves out who needs what is not there, and says so', async () => {
    const { result } = await run([
      node('ours', says('a\nb\n')),
      node('peer', says('a\nb\n'), { needs: ['no-such-program'] }),
    ]);
    expect(result.standings).toHaveLength(1);
    expect(renderContest(result)).toContain('Skipped: peer: no-such-program is not installed.');
  });

  it('counts memory, and files that have no name any more', async () => {
    const hungry =
      "const fs = require('node:fs'); const kept = Buffer.alloc(300e6, 1);" +
      "const path = process.env.TMPDIR + '/spill'; const file = fs.openSync(path, 'w'); fs.unlinkSync(path);" +
      `fs.writeSync(file, kept.subarray(0, 50e6)); setTimeout(() => process.stdout.write('a\\nb\\n'), 400)`;
    const { result } = await run([node('ours', hungry), node('peer', says('a\nb\n'))], { memoryBar: true });
    expect(result.standings[0]!.memoryBytes).toBeGreaterThan(300e6);
    // Elsewhere than under /proc nobody sees them.
    if (process.platform === 'linux') expect(result.standings[0]!.temporaryBytes).toBeGreaterThanOrEqual(50e6);
    expect(result.memory).toMatchObject({ meets: false });
    expect(renderContest(result)).toContain('BELOW THE BAR');
  });
});

describe('a median', () => {
  it('is the middle one, or the mean of the two', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
