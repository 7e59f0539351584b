import { defineCommand } from 'citty';
import { isBuilt, type Question } from '../../lib/kit/question.ts';
import { findQuestion } from '../cli/find-question.ts';
import { diagram, mermaid, type Diagram } from './diagram.ts';
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

/** Of the last variant, over all its stacks. */
async function diagramOf({ slug, variants }: Question): Promise<Diagram> {
  const { synthesise } = await import('../diff/synthesise.ts');
  const { stacks } = await synthesise({ slug, variant: variants.at(-1)! });
  const all = Object.values(stacks);
  return diagram(
    { Resources: Object.fromEntries(all.flatMap(({ template }) => Object.entries(template.Resources))) },
    Object.fromEntries(all.flatMap(({ paths }) => Object.entries(paths))),
  );
}
