import { defineCommand } from 'citty';
import { catalogue } from '../../lib/catalogue.ts';
import { listedQuestions, listText } from './list.ts';

export const command = defineCommand({
  meta: { name: 'list', description: 'the questions, their variants and points' },
  args: { json: { type: 'boolean', description: 'as JSON, for programs' } },
  run({ args }) {
    console.log(
      args.json
        ? JSON.stringify(listedQuestions(catalogue), undefined, 2)
        : listText(catalogue, process.stdout.isTTY && process.stdout.hasColors()),
    );
  },
});
