import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defineCommand } from 'citty';
import { RunError } from '../cli/errors.ts';
import { writeQuestion } from './new.ts';

const root = join(import.meta.dirname, '../..');

export const command = defineCommand({
  meta: { name: 'new', description: 'writes the folders of a new question and its line in the catalogue' },
  args: {
    slug: { type: 'positional', required: true, description: 'its name in every room, such as rate-limits' },
    title: { type: 'string', description: 'the slug in words when absent' },
  },
  async run({ args }) {
    const { slug, title } = args;
    const { files, undo } = await writeQuestion(root, { slug, title });
    try {
      await run('node_modules/oxfmt/bin/oxfmt', ...files);
      // In a process of its own, which loads the catalogue with the new question in it.
      await run('bin/designs.ts', 'diff', slug, '--record');
    } catch (error) {
      await undo();
      const { stderr, message } = error as Error & { stderr?: string };
      throw new RunError(`the new question does not synthesise, so it was taken away again: ${stderr || message}`);
    }
    console.log(
      [
        ...files.map((file) => `wrote ${file}`),
        `wrote lib/questions/${slug}/diff.md`,
        '',
        'It counts events that arrive twice, and works as it stands: put your question in its place. Next:',
        `  npx designs diff ${slug}`,
        `  npx designs prove ${slug}`,
        '  npm test',
      ].join('\n'),
    );
  },
});

async function run(script: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, script), ...args], { cwd: root });
}
