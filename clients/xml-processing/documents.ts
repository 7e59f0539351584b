/**
 * Catalogues of offers, as suppliers send them. Seeded: the same seed gives the same bytes. What a document holds is
 * known here because it is decided here.
 */
import { randomFrom, type Random } from '../../engines/simulation/random.ts';

export interface CatalogueOptions {
  readonly seed: number;
  readonly offers: number;
  /** Lines of text in each offer, some 75 bytes each; 120 when absent. */
  readonly linesPerOffer?: number;
  /** Bytes of other elements before the offers; none when absent. */
  readonly bulkBytes?: number;
}

export interface Catalogue {
  readonly body: Buffer;
  /** In the document's order. */
  readonly offers: readonly Offer[];
}

export interface Offer {
  readonly category: string;
  /** Of the price. */
  readonly cents: number;
  /** The offer as it is to be stored. */
  readonly json: string;
}

const categories = ['books', 'bücher', '本', 'spare parts & tools', 'constructor', 'a<b', 'games', 'none'] as const;

/** A catalogue as it should be: one offer after the other below the root. */
export function makeCatalogue({
  seed,
  offers: count,
  linesPerOffer = 120,
  bulkBytes = 0,
}: CatalogueOptions): Catalogue {
  const random = randomFrom(seed);
  const parts = [Buffer.from('<?xml version="1.0" encoding="UTF-8"?>\n<catalogue>\n')];
  const bulk = Buffer.from(`${lineOf(random, 0).xml}\n`);
  for (let bytes = 0; bytes < bulkBytes; bytes += bulk.length) parts.push(bulk);
  const offers: Offer[] = [];
  for (let index = 0; index < count; index += 1) {
    const { xml, ...offer } = offerOf(random, String(index), linesPerOffer);
    parts.push(Buffer.from(`${xml}\n`));
    offers.push(offer);
  }
  parts.push(Buffer.from('</catalogue>\n'));
  return { body: Buffer.concat(parts), offers };
}

/** The same catalogue, cut off after this share of its bytes, with the offers that end before that. */
export function cutOff({ body, offers }: Catalogue, share: number): Catalogue {
  const rest = body.subarray(0, Math.floor(body.length * share));
  const whole = rest.toString('latin1').split('</offer>').length - 1;
  return { body: rest, offers: offers.slice(0, whole) };
}

/**
 * A catalogue in UTF-16 that a person reads easily and a splitter that looks for `<offer` does not: the tag in
 * comments, CDATA sections, processing instructions and names that begin like it, offers inside offers, brackets in
 * attributes, characters of four bytes.
 */
export function makeMisleading({ seed, offers: count }: Pick<CatalogueOptions, 'seed' | 'offers'>): Catalogue {
  const random = randomFrom(seed);
  const parts = ['\uFEFF<?xml version="1.0" encoding="UTF-16"?>\n<!-- <offer id="none"> -->\n<catalogue>\n'];
  const offers: Offer[] = [];
  for (let index = 0; index < count; index += 1) {
    const { xml: decoy } = offerOf(random, 'decoy', 0);
    const decoys = decoy.repeat(random.below(60));
    const between = [
      () => `<!-- ${decoys} -> -->`,
      () => `<note><![CDATA[${decoys} ]] ]>]]></note>`,
      () => `<?shop ${decoys} ?>`,
      () => `<offers a=">${"'".repeat(random.below(100))}" b='"/>'/><offer-list/><offer.s/>`,
      () => `<note>${'😀'.repeat(random.below(300))} offer&gt;</note>`,
      () => '',
    ];
    parts.push(between[random.below(between.length)]!(), '\n');
    const nested = random.share(0.1) ? offerOf(random, 'nested', 0) : undefined;
    const inner =
      `<!-- ${decoy} -->` + (nested === undefined ? '' : `<variants>${nested.xml}</variants>`) + '<![CDATA[</offer>]]>';
    const { xml, ...offer } = offerOf(random, String(index), random.below(4), {
      xml: inner,
      json: {
        ...(nested === undefined ? {} : { variants: { offer: JSON.parse(nested.json) as unknown } }),
        '#text': '</offer>',
      },
    });
    parts.push(xml);
    offers.push(offer);
  }
  parts.push('</catalogue>\n<!-- <offer> -->\n');
  return { body: Buffer.from(parts.join(''), 'utf16le'), offers };
}

/** An offer with so many lines, and perhaps something else at its end. */
function offerOf(
  random: Random,
  id: string,
  lineCount: number,
  end: { readonly xml: string; readonly json: object } = { xml: '', json: {} },
): Offer & { readonly xml: string } {
  const category = categories[random.below(categories.length)]!;
  const cents = random.below(100_000);
  const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  const lines = Array.from({ length: lineCount }, (_, n) => lineOf(random, n));
  const line = lines.length > 1 ? lines.map(({ json }) => json) : lines[0]?.json;
  const head = `<offer id="${id}"><category>${escaped(category)}</category><price>${price}</price>`;
  return {
    category,
    cents,
    xml: `${head}${lines.map(({ xml }) => xml).join('')}${end.xml}</offer>`,
    json: JSON.stringify({ '@id': id, category, price, ...(line === undefined ? {} : { line }), ...end.json }),
  };
}

function lineOf(random: Random, n: number): { readonly xml: string; readonly json: object } {
  const text = `As good as new, length ${random.below(10_000)} mm, stored dry`;
  return { xml: `<line n="${n}" lang="en">${text}</line>`, json: { '@n': String(n), '@lang': 'en', '#text': text } };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
