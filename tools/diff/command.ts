import { defineCommand } from 'citty';
import { agedPrices } from '../../engines/estimate/cost.ts';
import { diffModels, jsonOf, textOf } from './diff.ts';
import { recordDiff } from './record.ts';
import { painted } from './render.ts';

export const command = defineCommand({
  meta: { name: 'diff', description: 'what changes from the naive design to the improved one, and why' },
  args: {
    slug: { type: 'positional', required: true, description: 'the question, such as missing-notifications' },
    json: { type: 'boolean', description: 'as JSON, for programs' },
    record: { type: 'boolean', description: 'writes the text beside the question, to be committed' },
  },
  async run({ args }) {
    const models = await diffModels(args.slug);
    const priced = models.flatMap(({ cost }) => cost.lines.map(({ price }) => price));
    for (const warning of agedPrices(new Date(), undefined, [...new Set(priced)])) console.error(`warning: ${warning}`);
    if (args.record) console.error(`wrote ${recordDiff(args.slug, textOf(models))}`);
    if (args.json) console.log(JSON.stringify(jsonOf(models), undefined, 2));
    else if (!args.record) process.stdout.write(shown(textOf(models)));
  },
});

function shown(text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? painted(text) : text;
}
