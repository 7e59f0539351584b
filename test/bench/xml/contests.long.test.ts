import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Contest, runContest } from '../../../bench/contest.ts';
import { xml } from '../../../bench/xml/contests.ts';
import { scratch } from '../../tools/missing/scratch.ts';

const python = 'python3';

/** At small size, with everybody who runs without the bench's Python packages, and so many formulations of each. */
function small(name: string, formulations: number): Contest {
  const contest = xml.makeContest(name, { size: 'small', python, directory: scratch() });
  const contestants = contest.contestants
    .filter((one) => one.name !== 'lxml iterparse')
    .map((one) => ({ ...one, formulations: one.formulations.slice(0, formulations) }));
  return { ...contest, contestants };
}

const run = (contest: Contest) => runContest(contest, { runs: 1, python, directory: scratch(), say: () => {} });

describe('the XML bench', () => {
  it.each([
    { name: 'medium', formulations: Infinity },
    { name: 'large', formulations: 1 },
  ])('finds one answer with all parsers: $name, formulations: $formulations', async ({ name, formulations }) => {
    const { standings, failed, skipped } = await run(small(name, formulations));
    expect(standings.map((one) => one.name)).toEqual([
      'designs xml, two threads',
      'designs xml, one thread',
      'saxes',
      'sax-wasm',
      'fast-xml-parser',
      'Python iterparse',
      'Python expat',
    ]);
    expect(standings.find((one) => one.name === 'saxes')!.bar).toEqual({ atLeast: 1.7 });
    expect([...failed, ...skipped]).toEqual([]);
  });

  it('lets only those fail whose limit the contest exceeds', () => {
    const mayFail = (name: string) => small(name, 1).contestants.filter((one) => one.mayFail === true);
    expect(mayFail('medium')).toEqual([]);
    expect(mayFail('large').map(({ name }) => name)).toEqual(['fast-xml-parser']);
  });

  it('sees when a parser’s answer is wrong by a digit of one price, whichever it is', async () => {
    const contest = small('medium', 1);
    const file = contest.contestants[0]!.formulations[0]!.command[3]!;
    const text = readFileSync(file, 'utf8');
    const [beforePrice] = /^.*?<item .*?<\/category>\s+<price/s.exec(text)!;
    const digit = text.indexOf('.', beforePrice.length) - 1;
    writeFileSync(file, `${text.slice(0, digit)}${(Number(text[digit]) + 1) % 10}${text.slice(digit + 1)}`);
    const outcomes = await Promise.all(
      contest.contestants.map((one) =>
        run({ ...contest, contestants: [one] }).then(
          () => 'taken for right',
          (error: Error) => error.message,
        ),
      ),
    );
    for (const [i, { name }] of contest.contestants.entries()) {
      expect(outcomes[i]).toMatch(new RegExp(`^medium: ${name} \\(.*\\) gives a wrong answer`));
    }
  });
});
