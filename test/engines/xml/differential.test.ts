import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import { worded } from '../../../engines/xml/wording.ts';
import { chunksOf, parsed, parsedBySaxes, type Parsed } from './differential.ts';
import { encode } from './documents.ts';

/** What may stand in an element. */
const sound: readonly string[] = [
  ['text', ' ', '\t', '\n', '\r', '\r\n', '\u0085', '\u2028', '\u007f', '\u009f', '\u00a0', '\ud7ff', '\ue000'],
  ['\ufeff', '\ufffd', '\u{1f600}', '\u{1fffe}', '\u{10ffff}', '\u20ac', 'é', '>', ']', ']]', '"', "'", '=', '/'],
  [
    '&amp;',
    '&#x41;',
    '&#65;',
    '&#x1F600;',
    '&#13;',
    '&lt;',
    'a&amp;b\n&gt;',
    '&apos;&quot;',
    '&amp;]',
    ']]&gt;',
    ';',
    '-->',
    '?>',
    '-',
    '/>',
  ],
  ['<a/>', '<b />', '<a\n></a >', '<a></a\r\n>', '<a x="1">1</a>', "<a x='\"'/>", '<a x="1" y="2"/>', '<_ _-.1="1"/>'],
  [
    '<a x = "1"\ty="2"></a>',
    '<a x="\t\n\r\r\n&#9;&#10;&#13; "/>',
    '<a x="&lt;&amp;]]>&quot;"/>',
    '<a x=""/>',
    '<a x="1\t2"/>',
    '<a x="1\n"/>',
  ],
  ['<a:b xmlns:a="u" a:c="1"/>', '<:/>', '<a:/>', '<a-.1/>', '<a\u00e9/>', '<\u00e9 \u00e9="\u00e9"></\u00e9>'],
  [
    '<\u{10000}/>',
    '<a \u{10000}="1"/>',
    '<a\u00b7/>',
    '<a x="\u{1f600}\ufffd"/>',
    '<__proto__ __proto__="1"/>',
    '<ah/><aha/>',
  ],
  ['<a constructor="1" toString="2"/>', '<a>1</a>\n<b y="2">3</b>', '<a><b><c/></b></a>', '<a x="1">plain</a>'],
  ['<![CDATA[]]>', '<![CDATA[ ]] > ]]]>', '<![CDATA[<a>&amp;\r\n]]>', '<!---->', '<!-- - \r -->', '<!--->-->'],
  ['<?a?>', '<?a b?>', '<?a ?b??>', '<?a ??>', '<?xml-a?>', '<?a:b\r\n?>', '<?a\u00e9 <b>?>'],
].flat();

/** What is broken, or breaks what is around it. */
const broken: readonly string[] = [
  ['<a>', '</a>', '<b>', '</b>', '</\u00e9>', '</a b>', '</>', '</ a>', '<', '</', '<a', '<a x="', ' x="1"', '< a/>'],
  ['<a x="1" x="2"/>', '<a x="&amp;" x="2"/>', '<a x="1"y="2"/>', '<a x/>', '<a x >', '<a x=1/>', '<a x="<"/>'],
  [
    '<a / >',
    '<a/ >',
    '<a /x/>',
    '<a = "1"/>',
    '<a ="1"/>',
    '<a x="\u000b"/>',
    '<a x=="1"/>',
    '<a x="1"">',
    '<a "1"/>',
    '<a x=\'1"/>',
  ],
  [
    '<1/>',
    '<a 1="1"/>',
    '<-a/>',
    '<a -x="1"/>',
    '<a\u00d7/>',
    '<\u00b7/>',
    '<a \u00b7="1"/>',
    '<a&amp;/>',
    '<\u0300/>',
  ],
  [
    '&',
    '&;',
    '&#;',
    '&#x;',
    '&#0;',
    '&#xD800;',
    '&#x110000;',
    '&#xFFFE;',
    '&#X41;',
    '&nbsp;',
    '&a b;',
    '&a',
    '&amp',
    '&quot',
    '&am;',
    '&amp;]]>',
  ],
  ['&__proto__;', '&1;', '&#-1;', '<a x="&"/>', '<a x="&b;"/>', '& ', '&\n', '&<'],
  [']]>', '<![CDATA[', '<![CDAT[', '<![cdata[]]>', '<!--', '<!-->', '<!--->', '<!-- a -- b -->', '<!-- --->', '<!-'],
  ['<!x', '<!ELEMENT a>', '<!DOCTYPE a>', '<!', '<?', '<? a?>', '<?xml?>', '<?XML a?>', '<?1?>', '<?a'],
  ['<?a \u0001?>', '<?xml version="1.0"?>', '<!-- \ufffe -->', '<![CDATA[\uffff]]>', '<a x="\u0001"/>'],
  ['\u0000', '\u0001', '\u001f', '\u000b', '\ufffe', '\uffff'],
].flat();

const declarations: readonly string[] = [
  '<?xml version="1.0"?>',
  "<?xml\tversion = '1.0' encoding='utf-8'\r\nstandalone='no' ?>",
  '<?xml version="1.0"encoding="a"?>',
  '<?xml version="1.0" standalone="maybe"?>',
  '<?xml encoding="utf-8"?>',
  '<?xml version="1.0" ??>',
  '<?xml?>',
  '<?xml ?>',
  '<?xml version=1.0?>',
  '<?xml version?>',
];

const { content } = fc.letrec<{ content: string; node: string }>((tie) => ({
  content: fc.array(tie('node'), { maxLength: 6 }).map((nodes) => nodes.join('')),
  node: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...sound),
    fc
      .tuple(
        fc.constantFrom('a', 'b', 'long-name', 'é'),
        fc.constantFrom('', ' x="1"', ' x="1" y=\'2\''),
        tie('content'),
      )
      .map(([name, attributes, inside]) => `<${name}${attributes}>${inside}</${name}>`),
  ),
}));

/** Most are sound, or sound but for one place. */
const documents = fc
  .record({
    before: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('', '\n', '<!-- -->', '<?a?>') },
      { weight: 1, arbitrary: fc.constantFrom(...declarations) },
      { weight: 1, arbitrary: fc.constantFrom(...broken) },
    ),
    inside: content,
    fault: fc.option(fc.record({ where: fc.nat(), piece: fc.constantFrom(...broken), removed: fc.nat({ max: 3 }) }), {
      freq: 3,
    }),
    after: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('', ' ', '\r', '<!-- -->', '<?a?>') },
      { weight: 1, arbitrary: fc.constantFrom('<a/>', 'x', '&amp;', '<![CDATA[]]>', '</a>', ...broken) },
    ),
  })
  .map(({ before, inside, fault, after }) => {
    const text = `${before}<a>${inside}</a>${after}`;
    if (fault === null) return text;
    const at = fault.where % (text.length + 1);
    return (text.slice(0, at) + fault.piece + text.slice(at + fault.removed)).toWellFormed();
  });

/** What saxes says, as ours says it. `read`: the document up to where saxes stopped. */
function asOurs({ events, refused }: Parsed, read: string): Parsed {
  if (refused === undefined) return { events };
  const [character = ''] = /(?:[\ud800-\udbff][\udc00-\udfff]|.)$/s.exec(read) ?? [];
  return { events, refused: { ...refused, message: worded(refused.message, character) } };
}

/** Where ours is meant to differ, by how its message begins. `read`: the document up to where ours stopped. */
const differences: Readonly<Record<string, (ours: Parsed, theirs: Parsed, read: string) => void>> = {
  'DOCTYPE is refused': (ours, theirs, read) => {
    expect(read).toMatch(/<!DOCTYPE$/);
    expect(theirs.events.slice(0, ours.events.length)).toEqual(ours.events);
  },
  'a ? stands behind the name': (ours, theirs, read) => {
    expect(read).toMatch(/<\?[^\s?]+\?[^>]$/);
    expect(theirs.refused?.position ?? Infinity).toBeGreaterThanOrEqual(ours.refused!.position);
  },
  // saxes goes on to the next `;`, if there is one.
  '& begins no reference': (ours, theirs, read) => {
    const isAtEnd = theirs.refused!.position === ours.refused!.position;
    expect(read).toMatch(isAtEnd ? /&[^\t\r\n <>&"']*[^]$/ : /&[^;\t\r\n <>&"']*[^;]$/);
    expect(theirs.refused!.position).toBeGreaterThanOrEqual(ours.refused!.position);
    expect(theirs.events).toEqual(ours.events);
  },
  '</': ({ events, refused }, theirs) => {
    expect(refused!.message).toContain(' closes nothing: ');
    expect(theirs.refused!.message).toMatch(/^(unexpected close tag|unmatched closing tag|weird empty close tag)/);
    expect(theirs).toEqual({ events, refused: { ...refused, message: theirs.refused!.message } });
  },
};

function unixLines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n');
}

describe('the parser', () => {
  it('gives the elements, texts and refusals of saxes, at the same places, wherever its chunks end', () => {
    const outcomes: Record<string, number> = {};
    const compared = fc.property(
      documents,
      fc.constantFrom<Encoding>('UTF-8', 'UTF-16LE', 'UTF-16BE'),
      fc.array(fc.nat(), { maxLength: 6 }),
      (text, encoding, cuts) => {
        const bytes = encode(text, encoding, false);
        const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
        const chunks = chunksOf(bytes, encoding, ends);
        const whole = chunks.map((chunk) => chunk.text).join('');
        expect(unixLines(whole)).toBe(unixLines(text));
        const [ours, theirs] = [parsed(chunks), parsedBySaxes(chunks)];
        const message = ours.refused?.message ?? 'accepted';
        const known = Object.keys(differences).find((beginning) => message.startsWith(beginning));
        outcomes[known ?? message] = (outcomes[known ?? message] ?? 0) + 1;
        if (known !== undefined) differences[known]!(ours, theirs, whole.slice(0, ours.refused!.position));
        else expect(ours).toEqual(asOurs(theirs, whole.slice(0, theirs.refused?.position)));
      },
    );
    fc.assert(compared, { numRuns: 6000 });
    // Sound documents and all kinds of faults are among them.
    const { accepted = 0, ...faults } = outcomes;
    expect(accepted).toBeGreaterThan(1000);
    expect(Object.keys(faults).length).toBeGreaterThan(30);
    expect(Object.keys(differences).filter((difference) => faults[difference] === undefined)).toEqual([]);
  });
});
