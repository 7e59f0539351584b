import { defineCommand } from 'citty';
import { isBuilt } from '../../lib/kit/question.ts';
import { findQuestion } from '../cli/find-question.ts';
import { diagramOf } from './deployed.ts';
import { mermaid } from './diagram.ts';
import { filesInReadingOrder, showText } from './show.ts';

export const command = defineCommand({
  meta: { name: 'show', description: 'one question: points, diagram, code in reading order' },
  args: {
    slug: { type: 'positional', required: true, description: 'the question, such as missing-notifications' },
    json: { type: 'boolean', description: 'as JSON, for programs' },
  },
  async run({ args }) {
    const question = findQuestion(args.slug);
    const drawn = isBuilt(question) ? { diagram: await diagramOf(question) } : {};
    const shown = { question, ...drawn, files: await filesInReadingOrder(question) };
    console.log(
      args.json
        ? JSON.stringify({ ...shown, ...(shown.diagram && { mermaid: mermaid(shown.diagram) }) }, undefined, 2)
        : showText(shown, process.stdout.isTTY),
    );
  },
});
