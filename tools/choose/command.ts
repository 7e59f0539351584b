import { type ArgsDef, defineCommand } from 'citty';
import {
  choose,
  type Answers,
  type Choice,
  costText,
  questions,
  type Setting,
} from '../../engines/consistency/choose.ts';
import { completed, type Given } from './ask.ts';

const definitions = {
  stale: { type: 'enum', options: [...questions.stale.answers], description: questions.stale.asks },
  money: { type: 'enum', options: [...questions.money.answers], description: questions.money.asks },
  'own-writes': {
    type: 'enum',
    options: [...questions['own-writes'].answers],
    description: questions['own-writes'].asks,
  },
  deadline: { type: 'enum', options: [...questions.deadline.answers], description: questions.deadline.asks },
  hot: { type: 'enum', options: [...questions.hot.answers], description: questions.hot.asks },
  json: { type: 'boolean', description: 'the choice as JSON; nothing is asked' },
} as const satisfies ArgsDef;

export const command = defineCommand({
  meta: {
    name: 'choose',
    description: 'strong or eventual: five answers lead to a consistency, its setting and its cost',
  },
  args: definitions,
  async run({ args: { json, stale, money, 'own-writes': ownWrites, deadline, hot } }) {
    const given: Given = Object.fromEntries(
      Object.entries({ stale, money, 'own-writes': ownWrites, deadline, hot }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const asks = json !== true && process.stdin.isTTY && process.stderr.isTTY;
    const answers = await completed(given, asks ? { input: process.stdin, output: process.stderr } : undefined);
    const choice = choose(answers);
    console.log(json === true ? JSON.stringify({ answers, ...choice }, undefined, 2) : text(answers, choice));
  },
});

function text(answers: Answers, { consistency, reason, read, write, cautions }: Choice): string {
  return [
    `${consistency}: ${reason}.`,
    '',
    ...settingLines('reads', read),
    '',
    ...settingLines('writes', write),
    ...(cautions.length === 0 ? [] : ['', ...cautions.map((caution) => `note: ${caution}.`)]),
    '',
    `for ${Object.entries(answers)
      .map(([name, answer]) => `--${name} ${answer}`)
      .join(' ')}; prices: engines/estimate/prices.ts`,
  ].join('\n');
}

function settingLines(what: string, one: Setting): readonly string[] {
  const { does, setting, why } = one;
  return [`${what}: ${does}`, `  setting  ${setting}`, `  cost     ${costText(one)}`, `  because  ${why}`];
}
