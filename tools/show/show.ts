import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isBuilt, type Question } from '../../lib/kit/question.ts';
import { number } from '../io/words.ts';
import { diagramText, mermaid, type Diagram } from './diagram.ts';

const root = join(import.meta.dirname, '../..');

export interface SourceFile {
  /** From the root, such as `lib/questions/missing-notifications/naive.ts`. */
  readonly path: string;
  readonly source: string;
}

/** One question, top to bottom: what `designs show --json` prints, and the book renders. */
export interface Shown {
  readonly question: Question;
  /** Of the last variant; absent for a question that is not built. */
  readonly diagram?: Diagram;
  readonly files: readonly SourceFile[];
}

/** Decisions before effects, effects before wiring. */
const lambdaParts = ['input.ts', 'domain.ts', 'steps.ts', 'store.ts', 'env.ts'];

/** The question's sources in reading order: question, variants, lambdas, client, proof. */
export async function filesInReadingOrder({ slug, variants }: Question): Promise<readonly SourceFile[]> {
  const handlers = (await filesIn(`lambdas/${slug}`)).filter((file) => !lambdaParts.includes(file));
  const clients = await filesIn(`clients/${slug}`);
  const paths = [
    `lib/questions/${slug}/question.ts`,
    ...variants.map((variant) => `lib/questions/${slug}/${variant}.ts`),
    ...lambdaParts.map((part) => `lambdas/${slug}/${part}`),
    ...handlers.map((file) => `lambdas/${slug}/${file}`),
    ...clients.map((file) => `clients/${slug}/${file}`),
    `lib/questions/${slug}/proof.ts`,
  ].filter((path) => existsSync(join(root, path)));
  return Promise.all(paths.map(async (path) => ({ path, source: await readFile(join(root, path), 'utf8') })));
}

/** As Markdown; `terminal` draws the diagram in text, for eyes, instead of in Mermaid, for renderers. */
export function showText({ question, diagram, files }: Shown, terminal: boolean): string {
  const { number: place, title, ask, load } = question;
  const quantities = Object.entries(load).map(([name, { value, unit }]) => `- ${name}: ${number(value)} ${unit}`);
  const sections = [
    `# ${place}. ${title}`,
    ask,
    ...(quantities.length > 0 ? ['## Load', quantities.join('\n')] : []),
    '## Points',
    pointsText(question),
  ];
  if (!isBuilt(question)) return [...sections, 'This question is not built yet.'].join('\n\n');
  if (diagram !== undefined) {
    sections.push(
      `## Diagram: ${question.variants.at(-1)}`,
      terminal ? diagramText(diagram) : fenced('mermaid', mermaid(diagram)),
    );
  }
  sections.push('## Code', ...files.flatMap(({ path, source }) => [`### ${path}`, fenced('ts', source.trimEnd())]));
  return sections.join('\n\n');
}

function pointsText({ points }: Question): string {
  return points
    .flatMap(({ n, text, answer, properties }) => [
      `${n}. ${text}`,
      ...(answer === '' ? [] : [`   ${answer.replaceAll(/\n(?=.)/g, '\n   ')}`]),
      ...(properties.length === 0 ? [] : [`   Proved by: ${properties.join('; ')}`]),
    ])
    .join('\n');
}

function fenced(language: string, text: string): string {
  const fence = text.includes('```') ? '````' : '```';
  return `${fence}${language}\n${text}\n${fence}`;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  if (!existsSync(join(root, folder))) return [];
  return (await readdir(join(root, folder))).filter((file) => /\.(ts|html|css)$/.test(file)).sort();
}
