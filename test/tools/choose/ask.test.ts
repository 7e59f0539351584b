import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { completed, type Given } from '../../../tools/choose/ask.ts';

const all: Given = { stale: 'never', money: 'no', 'own-writes': 'no', deadline: 'none', hot: 'no' };

async function asked(given: Given, typed: string) {
  const output = new PassThrough();
  const answers = await completed(given, { input: Readable.from([typed]), output });
  output.end();
  return { answers, shown: Buffer.concat(await output.toArray()).toString() };
}

describe('the five answers', () => {
  it('ask nothing when all are given', async () => {
    expect(await completed(all, undefined)).toEqual(all);
    expect(await asked(all, '')).toEqual({ answers: all, shown: '' });
  });

  it('are asked for, one line each, where they are missing', async () => {
    const { answers, shown } = await asked({ money: 'yes', hot: 'no' }, 'never\nno\n20ms\n');
    expect(answers).toEqual({ ...all, money: 'yes', deadline: '20ms' });
    expect(shown.match(/\?/g)).toHaveLength(3);
    expect(shown).toContain('how long may an answer be out of date? (never, second, minute) ');
  });

  it('may be typed short, in capitals, with spaces', async () => {
    const { stale: _, ...given } = all;
    expect((await asked(given, '  Min \n')).answers.stale).toBe('minute');
  });

  it('are asked for again when the reply is none of them', async () => {
    const { stale: _, ...given } = all;
    const { answers, shown } = await asked(given, '\nsometimes\ntoString\nsecond\n');
    expect(answers.stale).toBe('second');
    expect(shown).toContain('"sometimes" is none of them.');
    expect(shown.match(/out of date\?/g)).toHaveLength(4);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['nobody is there to ask', () => completed({ stale: 'never' }, undefined)],
    ['the input ends', () => asked({ stale: 'never' }, 'y\n')],
  ])('are a mistake of usage when %s', async (_, answering) => {
    await expect(answering()).rejects.toMatchObject({
      name: 'UsageError',
      exitCode: 2,
      message:
        'questions are not answered: give --money yes|no, --own-writes yes|no, --deadline 20ms|none, --hot yes|no',
    });
  });
});
