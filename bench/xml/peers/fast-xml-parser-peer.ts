/** Sums by category with fast-xml-parser: fast-xml-parser-peer.ts FORMULATION FILE */
import { readFileSync } from 'node:fs';
import { XMLParser } from 'fast-xml-parser';
import { Totals } from './totals.ts';

const [formulation, file] = process.argv.slice(2) as [string, string];

const kept = ['catalogue', 'item', 'category', 'price'];
const parser = new XMLParser({
  ignoreAttributes: true,
  // Numbers would be binary fractions.
  parseTagValue: false,
  // Or &#252; stays as it is.
  htmlEntities: true,
  isArray: (name) => name === 'item',
  ...(formulation === 'pruned' ? { updateTag: (name: string) => kept.includes(name) } : {}),
});

interface Catalogue {
  readonly catalogue: { readonly item?: readonly { readonly category: string; readonly price?: string }[] };
}

try {
  const { catalogue } = parser.parse(readFileSync(file, 'utf8')) as Catalogue;
  const totals = new Totals();
  for (const { category, price = '' } of catalogue.item ?? []) totals.add(category, price);
  totals.print();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
