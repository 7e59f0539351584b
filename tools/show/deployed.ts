import type { Question } from '../../lib/kit/question.ts';
import { diagram, type Diagram } from './diagram.ts';

/** What the last variant deploys, over all its stacks. Loads the CDK and synthesises: seconds. */
export async function diagramOf({ slug, variants }: Pick<Question, 'slug' | 'variants'>): Promise<Diagram> {
  const { synthesise } = await import('../diff/synthesise.ts');
  const { stacks } = await synthesise({ slug, variant: variants.at(-1)! });
  const all = Object.values(stacks);
  return diagram(
    { Resources: Object.fromEntries(all.flatMap(({ template }) => Object.entries(template.Resources))) },
    Object.fromEntries(all.flatMap(({ paths }) => Object.entries(paths))),
  );
}
