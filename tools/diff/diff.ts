import { findBuilt } from '../cli/find-question.ts';
import type { Change } from './changes.ts';
import { diffModel, type DiffModel, type SynthesisedVariant } from './model.ts';
import { renderModel } from './render.ts';
import { synthesise } from './synthesise.ts';

/**
 * The diffs of each variant to the next one, in order: one for a question with two.
 *
 * @throws {UsageError} for a slug that no built question has.
 */
export async function diffModels(slug: string): Promise<readonly DiffModel[]> {
  const question = findBuilt(slug);
  const variants: SynthesisedVariant[] = [];
  for (const variant of question.variants) variants.push(await synthesise({ slug, variant }));
  return variants.slice(1).map((to, i) => {
    const from = variants[i] ?? to;
    // The answers in question.ts speak of the last variant.
    const points =
      to === variants.at(-1) ? question.points : question.points.map((point) => ({ ...point, answer: '' }));
    return diffModel({ question: { ...question, points }, from, to });
  });
}

/** The text that is committed as `lib/questions/<slug>/diff.md`. */
export async function diffText(slug: string): Promise<string> {
  return textOf(await diffModels(slug));
}

export function textOf(models: readonly DiffModel[]): string {
  return models.map(renderModel).join('\n');
}

/** What `--json` prints: one diff, or a list of them when the question has more than two variants. */
export function jsonOf(models: readonly DiffModel[]): unknown {
  const diffs = models.map(({ slug, from, to, points, rest, cost }) => ({
    slug,
    from,
    to,
    points: points.map(({ n, text, answer, reasons }) => ({
      n,
      text,
      answer,
      reasons: reasons.map(({ changes: _, ...reason }) => reason),
      changes: reasons.flatMap(({ changes }) => changes.map(jsonOfChange)),
    })),
    rest: rest.map(jsonOfChange),
    cost,
  }));
  return diffs.length === 1 ? diffs[0] : diffs;
}

/** Without logical ids, which are no names for a reader. */
function jsonOfChange({ covers: _covers, fullPath: _fullPath, ...change }: Change) {
  return change;
}
