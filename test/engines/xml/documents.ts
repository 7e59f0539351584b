import { randomFrom } from '../../../engines/simulation/random.ts';
import type { Encoding } from '../../../engines/xml/encoding.ts';

/** Text as a file holds it: with a byte order mark where it needs one, or where asked. */
export function encode(text: string, encoding: Encoding, mark = encoding.startsWith('UTF-16')): Uint8Array {
  const marked = mark ? `\ufeff${text}` : text;
  if (encoding === 'UTF-8') return Buffer.from(marked);
  if (encoding === 'ISO-8859-1' || encoding === 'US-ASCII') return Buffer.from(text, 'latin1');
  const bytes = Buffer.from(marked, 'utf16le');
  return encoding === 'UTF-16LE' ? bytes : bytes.swap16();
}

/** What a splitter that is not careful takes for a record, for the end of one, or for a depth. */
const traps: readonly string[] = [
  '<!-- <item>not one</item> -->',
  '<!-- </root> ]]> ?> <item> " \' -->',
  '<!---->',
  '<!-- - -> -->',
  '<![CDATA[<item>not one</item> ]> </root> --> ?> ]] > ]]]]>',
  '<![CDATA[]]>',
  '<?target <item>not one</item> --> ]]> ? > "?>',
  '<?x?>',
  '<other a="&lt;item>"/>',
  `<other a='>' b="'>'" c = '"/>"'>]] &gt; > /> --> ?> " '</other>`,
  `<other a='/>'>text</other><other a="/>">'</other>`,
  '<items/><item.x/><itemx></itemx><xitem/><item-1/>',
  '<\u00e9l\u00e9ment \u00e9="\u{1f600}>"/>\u{1f600}\u20ac\u00e9\u0080\u07ff\u0800',
  '\r\n\t<other\r\n\ta="1"\n/>\r\r\n',
  '<deep><deep><deep></deep ></deep\n></deep\t>',
  '&#x41;&amp;&lt;item&gt;',
  'text without any markup, '.repeat(9),
];

/**
 * A well-formed document of at least so many characters, full of traps: records with attributes, nested key tags, empty
 * ones, prefixed ones, one larger than any range, at changing depths.
 */
export function trickyDocument(seed: number, characters: number): string {
  const random = randomFrom(seed);
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)]!;
  const trap = (): string => (random.share(0.6) ? pick(traps) : '');
  const record = (id: number, depth: number): string => {
    if (random.share(0.15)) return pick(['<item/>', `<item id="${id}" />`, '<a:item\n/>', "<item a='/>'/>"]);
    const name = pick(['item', 'item', 'item', 'a:item']);
    const nested = depth < 3 && random.share(0.25) ? record(id, depth + 1) : '';
    const close = pick(['', ' ', '\n']);
    return `<${name} id="${id}" t='a>b"'>${trap()}<price>${id}.5</price>${nested}${trap()}</${name}${close}>`;
  };
  const parts = [
    `<?xml version="1.0"?><!-- <item> before the root -->\r\n<?pi <root>?>\n<root xmlns:a='urn:a"&gt;' xml:lang="en">`,
  ];
  let length = 0;
  const open: string[] = [];
  for (let id = 0; length < characters; id++) {
    let part = trap() + record(id, 0) + trap();
    if (random.share(0.1)) {
      const name = `group${random.below(3)}`;
      open.push(name);
      part += `<${name} n = "${id}"\n  b='>'>`;
    } else if (open.length > 0 && random.share(0.12)) part += `</${open.pop()}>`;
    if (id === 40)
      part += `<item id="large">${trap()}${'<x>filling</x>\n'.repeat(characters >> 6)}<item>inner</item></item>`;
    parts.push(part);
    length += part.length;
  }
  parts.push(...open.toReversed().map((name) => `</${name}>`), '</root>\n<!-- <item> after the root -->\n');
  return parts.join('');
}
