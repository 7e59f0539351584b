import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import { answerOfLines } from '../contest.ts';
import { madeOnce } from '../made.ts';

export interface DataOptions {
  /** Of 1.1 KB each. */
  readonly records: number;
  readonly seed: number;
}

export interface Data {
  /** UTF-8, the records being `item` elements below the root. */
  readonly file: string;
  /** SHA-256 of the sorted lines that `answerLine` makes of all categories. */
  readonly answer: string;
  readonly records: number;
  readonly bytes: number;
}

/** As it is written in the document, and as it reads. */
interface Category {
  readonly xml: string;
  readonly name: string;
}

const categories: readonly Category[] = [
  { xml: 'Home &amp; Garden', name: 'Home & Garden' },
  { xml: '<![CDATA[Health & Beauty]]>', name: 'Health & Beauty' },
  { xml: 'B&#252;ro &amp; Schule', name: 'Büro & Schule' },
  { xml: 'Caf&#xE9;', name: 'Café' },
  { xml: 'Möbel', name: 'Möbel' },
  { xml: 'Kök &amp; bad', name: 'Kök & bad' },
  { xml: 'Zdraví', name: 'Zdraví' },
  { xml: 'Электроника', name: 'Электроника' },
  { xml: '家具', name: '家具' },
  ...(
    'Audio,Baby,Bikes,Books,Cameras,Clothing,Computers,Food,Games,Kitchen,Lighting,Music,Outdoor,Pets,Phones,Shoes,' +
    'Sports,Tools,Toys,Travel,Watches'
  )
    .split(',')
    .map((name) => ({ xml: name, name })),
];

const brands = ['Müller &amp; Söhne', 'Nordlys', 'Ålesund', 'Acme', 'Kessler', 'Łódź Works', 'Tanaka', 'O&apos;Hara'];
const words = (
  'adjustable aluminium balanced bamboo battery black brushed canvas ceramic charger classic compact cordless cotton ' +
  'cover display double durable edition elegant everyday extra fabric folding frame garden glass grey grip handle ' +
  'heavy indoor kit large leather light linen long matte metal mini natural oak outdoor panel portable premium pro ' +
  'quiet recycled set silver slim small smart soft solid spare stand steel storage table travel walnut water white wood'
).split(' ');
const places = ['Aarhus', 'Brno', 'Cádiz', 'Dijon', 'Essen', 'Gdańsk', 'Kraków', 'Lyon', 'Malmö', 'Zürich'];
const currencies = ['EUR', 'SEK', 'CZK', 'PLN'];
const firstUpdateMs = Date.UTC(2026, 0, 1);
const writeChars = 1 << 20;

/**
 * Makes a catalogue of products, or finds the one that was made before: 25 elements a record, three levels deep, with
 * attributes, references, CDATA, comments and text beyond ASCII. A record's price is not the only `price` in it, records
 * stand in comments and CDATA that are none, and one in a hundred has no price. The same options give the same bytes.
 */
export function makeData(root: string, { records, seed }: DataOptions): Data {
  const directory = join(root, `xml-${records}-${seed}`);
  const file = join(directory, 'catalogue.xml');
  return { file, records, ...madeOnce(directory, (made) => write(join(made, 'catalogue.xml'), records, seed)) };
}

function write(file: string, records: number, seed: number): Pick<Data, 'answer' | 'bytes'> {
  const random = randomFrom(seed);
  const totals = categories.map(() => ({ records: 0, cents: 0 }));
  const output = openSync(file, 'w');
  let bytes = 0;
  let text = head;
  const flush = (): void => {
    bytes += writeSync(output, text);
    text = '';
  };
  for (let n = 0; n < records; n++) {
    const category = random.below(categories.length);
    const cents = random.share(0.01) ? undefined : 99 + random.below(300_000);
    text += item(n, categories[category]!.xml, cents, random);
    totals[category]!.records++;
    totals[category]!.cents += cents ?? 0;
    if (text.length > writeChars) flush();
  }
  text += '</catalogue>\n';
  flush();
  closeSync(output);
  const found = totals.flatMap((total, i) => (total.records === 0 ? [] : [answerLine(categories[i]!.name, total)]));
  return { answer: answerOfLines(found), bytes };
}

/** A line of the answer, one byte a character: category, records, and their prices' sum with two digits, tabs between. */
export function answerLine(category: string, { records, cents }: { readonly records: number; readonly cents: number }) {
  const line = `${category}\t${records}\t${decimal(cents)}`;
  return Buffer.from(line).toString('latin1');
}

const head = `<?xml version="1.0" encoding="UTF-8"?>
<catalogue xmlns:g="urn:example:goods" version="2">
  <header>
    <title>Catalogue &#8212; all shops</title>
    <category>none of a record</category>
    <price currency="EUR">1.00</price>
  </header>
`;

function item(n: number, category: string, cents: number | undefined, random: Random): string {
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)]!;
  const title = `${pick(words)} ${pick(words)} &amp; ${pick(words)} ${n}`;
  const currency = pick(currencies);
  const updated = new Date(firstUpdateMs + n * 1000).toISOString();
  const price = cents === undefined ? '' : `\n    <price currency="${currency}">${decimal(cents)}</price>`;
  const stock = random.below(500);
  return `  <item id="${100_000 + n}" updated="${updated}" status="${stock > 0 ? 'active' : 'sold &quot;out&quot;'}">
    <sku>KX-${n.toString(36).toUpperCase().padStart(8, '0')}</sku>
    <g:gtin>${4_000_000_000_000 + n * 7}</g:gtin>
    <title xml:lang="en">${title}</title>
    <brand>${pick(brands)}</brand>
    <category>${category}</category>${price}
    <availability stock="${stock}">${stock > 0 ? 'in stock' : 'sold out'}</availability>
    <description>${description(n, random)}</description>
    <link>https://shop.example/p/${n}?from=feed&amp;lang=en</link>
    <image href="https://img.example/${n % 997}/${n}.jpg?w=800&amp;h=600" width="800" height='600'/>
    <dimensions unit="mm">
      <width>${10 + random.below(2000)}</width>
      <height>${10 + random.below(2000)}</height>
      <depth>${10 + random.below(900)}</depth>
    </dimensions>
    <weight unit="g">${20 + random.below(40_000)}</weight>
    <shipping>
      <country>${pick(['DE', 'SE', 'CZ', 'PL', 'FR'])}</country>
      <service>Standard</service>
      <price currency="${currency}">${decimal(random.below(2000))}</price>
    </shipping>
    <tags>
      <tag>${pick(words)}</tag>
      <tag>${pick(words)}</tag>
    </tags>
    <rating votes="${random.below(4000)}">${decimal(100 + random.below(400))}</rating>
    <supplier code="S${random.below(900)}">
      <name>${pick(brands)} ${pick(places)}</name>
      <city>${pick(places)}</city>
    </supplier>
  </item>
`;
}

/** Of a sentence or two; as CDATA, or followed by a comment, where both carry what a search for tags would take. */
function description(n: number, random: Random): string {
  const text = Array.from({ length: 14 + random.below(16) }, () => words[random.below(words.length)]!).join(' ');
  const kind = random.below(20);
  if (kind === 0) return `<![CDATA[<p>${text}</p> <item><price>${n}</price></item> ]] > & more]]>`;
  if (kind < 4) return `<![CDATA[<p>${text}</p> & <b>10 % off</b>]]>`;
  if (kind === 4) return `${text}<!-- was: <item id="${n}"><category>Old</category><price>9.99</price></item> -->`;
  if (kind < 8) return `${text} – für ${places[random.below(places.length)]!}, “${words[random.below(words.length)]!}”`;
  if (kind < 10) return `${text} &lt;${random.below(90)} cm, 5 &gt; 4 &#8364;`;
  return text;
}

function decimal(hundredths: number): string {
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
}
