import { describe, expect, it } from 'vitest';
import { commandOf, givenIn, isComplete, names, queryOf, unanswered } from '../../../book/browser/answers.ts';
import { questions } from '../../../engines/consistency/choose.ts';
import { commands } from '../../../bin/commands.ts';
import { checkCommandLine } from '../../../tools/cli/main.ts';

const all = { stale: 'never', money: 'yes', 'own-writes': 'no', deadline: '20ms', hot: 'no' } as const;

describe('answers in an address', () => {
  it('come back as they went, whatever is answered', () => {
    for (const name of names) {
      for (const answer of questions[name].answers) {
        const given = { ...all, [name]: answer };
        expect(givenIn(new URLSearchParams(queryOf(given)))).toEqual(given);
        expect(givenIn(new URLSearchParams(queryOf({ [name]: answer })))).toEqual({ [name]: answer });
      }
    }
  });

  it('read as a person would write them', () => {
    expect(queryOf(all)).toBe('?stale=never&money=yes&own-writes=no&deadline=20ms&hot=no');
    expect(queryOf({})).toBe('');
  });

  it.each(['stale=sometimes', 'stale=', 'stale', 'stale=NEVER', 'toString=yes', '__proto__=yes', 'other=never', ''])(
    'are none where they are none of the answers: %j',
    (query) => {
      expect(givenIn(new URLSearchParams(query))).toEqual({});
    },
  );

  it('are the last of several to one question', () => {
    expect(givenIn(new URLSearchParams('hot=yes&hot=no'))).toEqual({ hot: 'no' });
  });
});

describe('questions', () => {
  it('are left as long as they have no answer', () => {
    expect(unanswered({ money: 'no' })).toEqual(['stale', 'own-writes', 'deadline', 'hot']);
    expect(isComplete({ money: 'no' })).toBe(false);
    expect(unanswered(all)).toEqual([]);
    expect(isComplete(all)).toBe(true);
  });
});

describe('the command line', () => {
  it('gives the same answers, and is one that designs takes', async () => {
    const line = commandOf(all).join(' ');
    expect(line).toBe('npx designs choose --stale never --money yes --own-writes no --deadline 20ms --hot no');
    await expect(checkCommandLine(commands, line.split(' ').slice(2))).resolves.toBeUndefined();
  });

  it('gives what is answered so far', () => {
    expect(commandOf({ hot: 'yes' }).join(' ')).toBe('npx designs choose --hot yes');
  });
});
