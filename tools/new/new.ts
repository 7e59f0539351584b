import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { UsageError } from '../cli/errors.ts';

const templates = join(import.meta.dirname, 'template');
const slugLengthMin = 3;
const slugLengthMax = 40;

export interface NewQuestion {
  readonly slug: string;
  /** The slug in words when absent. */
  readonly title?: string | undefined;
}

export interface Written {
  /** From the root, in reading order. */
  readonly files: readonly string[];
  /** Takes everything back. */
  readonly undo: () => Promise<void>;
}

/**
 * Writes a small working question, and its line in the catalogue: all of it, or nothing.
 *
 * @throws {UsageError} for a slug that is malformed or taken.
 */
export async function writeQuestion(root: string, { slug, title }: NewQuestion): Promise<Written> {
  checkSlug(slug);
  const catalogueFile = join(root, 'lib/catalogue.ts');
  const catalogue = await readFile(catalogueFile, 'utf8');
  const words: Readonly<Record<string, string>> = {
    slug,
    Name: pascalCase(slug),
    number: String(questionsIn(catalogue) + 1),
    title: literal(title ?? wordsOf(slug)),
  };
  const folders = ['lib/questions', 'lambdas', 'test'].map((room) => `${room}/${slug}`);
  const taken = folders.find((folder) => existsSync(join(root, folder)));
  if (taken !== undefined) throw new UsageError(`"${slug}" is taken: ${taken} exists, so use another slug`);

  const undo = async () => {
    // What cannot be removed was not written by this run.
    await Promise.allSettled(folders.map((folder) => rm(join(root, folder), { recursive: true, force: true })));
    await writeFile(catalogueFile, catalogue);
  };
  try {
    const files: string[] = [];
    for (const template of await templateFiles()) {
      const file = filled(relative(templates, template).replace(/\.txt$/, ''), words);
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), filled(await readFile(template, 'utf8'), words), { flag: 'wx' });
      files.push(file);
    }
    await writeFile(catalogueFile, catalogueWith(catalogue, slug));
    return { files: [...files, 'lib/catalogue.ts'], undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** @throws {UsageError} with what a slug may be. */
export function checkSlug(slug: string): void {
  const isKebabCase = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(slug);
  if (!isKebabCase || slug.length < slugLengthMin || slug.length > slugLengthMax) {
    throw new UsageError(
      `"${slug}" is no slug: use ${slugLengthMin} to ${slugLengthMax} lower-case letters and digits, with dashes between words`,
    );
  }
  // The rooms have folders of these names beside the questions' own.
  if (['bin', 'clients', 'engines', 'house', 'kit', 'lambdas', 'lib', 'tools'].includes(slug)) {
    throw new UsageError(`"${slug}" is the name of a room: use another slug`);
  }
}

/** The catalogue's source with one more question at its end. */
export function catalogueWith(catalogue: string, slug: string): string {
  const name = camelCase(slug);
  const lastImport = [...catalogue.matchAll(/^import .*;$/gm)].at(-1);
  const end = catalogue.lastIndexOf('];');
  if (lastImport === undefined || end === -1) {
    throw new Error('lib/catalogue.ts has no imports or no list: write the line by hand');
  }
  const imported = lastImport.index + lastImport[0].length;
  return (
    `${catalogue.slice(0, imported)}\nimport { question as ${name} } from './questions/${slug}/question.ts';` +
    `${catalogue.slice(imported, end)}  ${name},\n${catalogue.slice(end)}`
  );
}

function questionsIn(catalogue: string): number {
  return [...catalogue.matchAll(/^import \{ question as /gm)].length;
}

async function templateFiles(): Promise<readonly string[]> {
  const entries = await readdir(templates, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function filled(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(/__(\w+?)__/g, (placeholder, name: string) => words[name] ?? placeholder);
}

/** For single quotes. */
function literal(text: string): string {
  return text.replace(/['\\]/g, String.raw`\$&`).replace(/\s+/g, ' ');
}

function wordsOf(slug: string): string {
  const words = slug.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function pascalCase(slug: string): string {
  return slug.replace(/(^|-)(.)/g, (_, _dash, letter: string) => letter.toUpperCase());
}

function camelCase(slug: string): string {
  const name = pascalCase(slug);
  return name.charAt(0).toLowerCase() + name.slice(1);
}
