import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import { RecordReader } from '../../../engines/xml/reader.ts';
import { toJson, type XmlRecord } from '../../../engines/xml/record.ts';
import { domRecords } from './dom.ts';
import { encode, trickyDocument } from './documents.ts';
import { read } from './split.ts';

const json = (text: string, tag = 'item') => read(Buffer.from(text), tag).map(({ element }) => toJson(element));

describe('records', () => {
  it('are the outermost elements under the tag, whatever looks like one', () => {
    expect(
      json(
        `<?xml version="1.0"?><!-- <item/> --><?item <item/>?><r a="&lt;item/>" b='<item>'>`.replace("b='<item>'", '') +
          `<items/><item><item>inner</item></item><![CDATA[<item/>]]><x><item/></x></r>`,
      ),
    ).toEqual([{ item: 'inner' }, {}]);
  });

  it('are matched by local name, or by the name as it is written', () => {
    const text = '<r xmlns:a="urn:a"><item>1</item><a:item>2</a:item><item.a>3</item.a><a:items>4</a:items></r>';
    expect(json(text)).toEqual([{ '#text': '1' }, { '#text': '2' }]);
    expect(json(text, 'a:item')).toEqual([{ '#text': '2' }]);
    expect(json(text, 'a')).toEqual([]);
  });

  it('may be the root', () => {
    expect(json('<item a="1"><b/></item>')).toEqual([{ '@a': '1', b: '' }]);
    expect(json('<item/>')).toEqual([{}]);
  });

  it('have one text where references, comments and CDATA stand in it', () => {
    const [record] = read(Buffer.from('<item>a&amp;<!-- x -->b<![CDATA[<c>]]>&#x1F600;\r\nd\r</item>'), 'item');
    expect(record!.element).toEqual({ name: 'item', attributes: {}, children: ['a&b<c>\u{1f600}\nd\n'] });
  });

  it.each<[Encoding, string]>([
    ['UTF-8', ''],
    ['UTF-16LE', ''],
    ['UTF-16BE', ' encoding="UTF-16"'],
    ['ISO-8859-1', ' encoding="ISO-8859-1"'],
    ['US-ASCII', ' encoding="us-ascii"'],
  ])('say where they are in the file, in %s', (encoding, declaration) => {
    const wide = encoding === 'US-ASCII' ? '' : encoding === 'ISO-8859-1' ? 'é\x80' : 'é\u20ac\u{1f600}';
    const text = `<?xml version="1.0"${declaration}?>\r\n<r>${wide}\r<item>${wide}</item>${wide} <item\nb="${wide}"/></r>`;
    const file = encode(text, encoding);
    const records = read(file, 'item');
    const first = text.indexOf('<item>');
    const second = text.indexOf('<item\n');
    const offset = (at: number) => encode(text.slice(0, at), encoding).length;
    expect(records.map(({ from, to }) => [from, to])).toEqual([
      [offset(first), offset(text.indexOf('</item>') + 7)],
      [offset(second), offset(text.indexOf('/>') + 2)],
    ]);
    const column = Array.from(text.slice(text.indexOf('\r<item>') + 1, second)).length + 1;
    expect(records.map(({ line, column }) => ({ line, column }))).toEqual([
      { line: 3, column: 1 },
      { line: 3, column },
    ]);
    expect(records[0]!.element.children).toEqual(wide === '' ? [] : [wide]);
  });

  it('are named by characters without a prototype', () => {
    const [record] = read(
      Buffer.from('<item __proto__="1" constructor="2"><__proto__>3</__proto__><toString/><__proto__/></item>'),
      'item',
    );
    expect(JSON.stringify(toJson(record!.element))).toBe(
      '{"@__proto__":"1","@constructor":"2","__proto__":["3",""],"toString":""}',
    );
    expect(({} as Record<string, unknown>)['@__proto__']).toBeUndefined();
  });

  it.each<Encoding>(['UTF-8', 'UTF-16LE'])(
    'are whole where what is parsed at a time ends inside a token: %s',
    (encoding) => {
      const token = '\r\n\u20ac\u{1f600}<item a="&amp;\u{1f600}\r\n">\r\r\n&#65;<![CDATA[]]]]><!--x--></item>\r';
      const before = (64 * 1024) / (encoding === 'UTF-8' ? 1 : 2) - 100;
      for (let shift = 0; shift < 100; shift++) {
        const text = `<r>${'-'.repeat(before + shift)}${token}<item/>\n<item/></r>`;
        const file = encode(text, encoding);
        const offset = (at: number): number => encode(text.slice(0, at), encoding).length;
        const records = read(file, 'item');
        expect(records.map(({ element }) => element)).toEqual(domRecords(text, 'item'));
        const starts = [text.indexOf('<item a'), text.indexOf('<item/>'), text.lastIndexOf('<item/>')];
        expect(records.map(({ from, line }) => [from, line])).toEqual(
          starts.map((at, i) => [offset(at), [2, 6, 7][i]]),
        );
      }
    },
  );

  it('end the reading when whoever takes them throws', () => {
    const reader = new RecordReader({
      tag: 'item',
      onRecord: () => {
        throw new Error('full');
      },
    });
    expect(() => {
      reader.push(Buffer.from('<r><item/>'));
      reader.finish();
    }).toThrow('full');
  });

  test.prop([fc.nat(), fc.integer({ min: 1, max: 5000 })], { numRuns: 60 })(
    'are those of a DOM, however the bytes arrive',
    (seed, pushBytes) => {
      const text = trickyDocument(seed, 2000);
      const records = read(Buffer.from(text), 'item', undefined, pushBytes);
      expect(records.map(({ element }) => element)).toEqual(domRecords(text, 'item'));
    },
  );

  test.prop([fc.nat(), fc.constantFrom<Encoding>('UTF-8', 'UTF-16LE', 'UTF-16BE')], { numRuns: 60 })(
    'begin and end where the file has them',
    (seed, encoding) => {
      const text = trickyDocument(seed, 3000);
      const file = encode(text, encoding);
      const decode = (bytes: Uint8Array): string =>
        new TextDecoder(encoding.toLowerCase(), { ignoreBOM: true }).decode(bytes);
      for (const { from, to, line, column, element } of read(file, 'item')) {
        const before = decode(file.subarray(encoding === 'UTF-8' ? 0 : 2, from));
        const lines = before.split(/\r\n|\r|\n/);
        expect({ line, column }).toEqual({ line: lines.length, column: [...lines.at(-1)!].length + 1 });
        // A record cut out of its file and read alone, under a declaration of its prefix.
        const alone = read(Buffer.from(`<r>${decode(file.subarray(from, to))}</r>`), 'item');
        expect(alone.map((record) => record.element)).toEqual([element]);
      }
    },
  );
});

describe('the end of a cut', () => {
  const file = Buffer.from('<r a="1"><g><item/></g><item>x</item></r>');
  const cut = { from: 0, line: 1, column: 1, encoding: 'UTF-8', open: [], rootSeen: false } as const;
  const readTo = (to: number, ...openAtEnd: readonly string[]) => read(file, 'item', { ...cut, to, openAtEnd });

  it('is where the next one begins: the same elements, with the same attributes, are open', () => {
    expect(readTo(12, "<r  a = '1' >", '<g>')).toEqual([]);
    expect(readTo(23, '<r a="1">')).toHaveLength(1);
    expect(() => readTo(12, '<r a="1">')).toThrow('has <r a="1"><g> open where the next cut begins with <r a="1">');
    expect(() => readTo(12, '<r a="2">', '<g>')).toThrow('the next cut begins with <r a="2"><g>');
    expect(() => readTo(23)).toThrow('the next cut begins with');
  });

  it('is between two tokens, outside records', () => {
    expect(() => readTo(11, '<r a="1">', '<g>')).toThrow('is split inside a token or record');
    expect(() => readTo(29, '<r a="1">', '<item>')).toThrow('is split inside a token or record');
  });

  it('is all that it takes, and no less', () => {
    const reader = new RecordReader({ tag: 'item', start: { ...cut, to: 12, openAtEnd: [] }, onRecord: () => {} });
    expect(() => reader.push(file.subarray(0, 13))).toThrow('bytes beyond 12 are pushed');
    reader.push(file.subarray(0, 11));
    expect(() => reader.finish()).toThrow('ends before byte 12');
  });
});

describe('the mapping to JSON', () => {
  it.each<[string, unknown]>([
    ['<item/>', {}],
    ['<item>text</item>', { '#text': 'text' }],
    ['<item> </item>', { '#text': ' ' }],
    ['<item a="1">text</item>', { '@a': '1', '#text': 'text' }],
    ['<item><a/><b>x</b></item>', { a: '', b: 'x' }],
    ['<item>\n  <a>1</a>\n  <a>2</a>\n  <a b="3"/>\n</item>', { a: ['1', '2', { '@b': '3' }] }],
    ['<item>one <b>two</b> three</item>', { b: 'two', '#text': 'one  three' }],
    ['<item><a> </a></item>', { a: ' ' }],
    ['<item xmlns:x="u" x:a="1"><x:b/></item>', { '@xmlns:x': 'u', '@x:a': '1', 'x:b': '' }],
    ['<item><a><![CDATA[ <z> ]]></a></item>', { a: ' <z> ' }],
  ])('of %s', (text, expected) => {
    expect(json(text)).toEqual([expected]);
  });
});

describe('a checkpoint', () => {
  const checkpoints = (file: Uint8Array, pushBytes = 100) => {
    const records: XmlRecord[] = [];
    const places: ReturnType<RecordReader['checkpoint']>[] = [];
    const reader = new RecordReader({
      tag: 'item',
      onRecord: (record) => {
        records.push(record);
        places.push(reader.checkpoint());
      },
    });
    for (let at = 0; at < file.length; at += pushBytes) reader.push(file.subarray(at, at + pushBytes));
    reader.finish();
    return { records, places };
  };

  it.each<Encoding>(['UTF-8', 'UTF-16LE', 'UTF-16BE'])(
    'after any record gives a reader that goes on with the next one: %s',
    (encoding) => {
      const file = encode(trickyDocument(3, 12_000), encoding);
      const { records, places } = checkpoints(file);
      expect(records.length).toBeGreaterThan(30);
      for (const [index, place] of places.entries()) {
        const stored = JSON.parse(JSON.stringify(place)) as typeof place;
        expect(read(file, 'item', stored)).toEqual(records.slice(index + 1));
      }
    },
  );

  it('is the beginning before the first record, and the last record’s end at the end of the file', () => {
    const reader = new RecordReader({ tag: 'item', onRecord: () => {} });
    expect(() => reader.checkpoint()).toThrow('there is no checkpoint before the first byte');
    const { places } = checkpoints(Buffer.from('<item/>\n'));
    expect(places).toEqual([{ from: 7, line: 1, column: 8, encoding: 'UTF-8', open: [], rootSeen: true }]);
    expect(read(Buffer.from('<item/>\n'), 'item', places[0])).toEqual([]);
    expect(() => read(Buffer.from('<item/><item/>'), 'item', places[0])).toThrow('a second root element');
  });

  it('keeps the open elements’ attributes as they are', () => {
    const text = `<r a='x"&#10;&amp;&lt;' xmlns="urn:r"><p:g xmlns:p="&quot;"><item/></p:g></r>`;
    const { places } = checkpoints(Buffer.from(text));
    expect(places[0]!.open).toEqual(['<r a="x&#34;&#10;&#38;&#60;" xmlns="urn:r">', '<p:g xmlns:p="&#34;">']);
    expect(read(Buffer.from(text), 'item', places[0])).toEqual([]);
  });

  test.prop([fc.nat(), fc.array(fc.nat(), { minLength: 1, maxLength: 8 })], { numRuns: 60 })(
    'lets a reader that is killed at any byte be resumed, each record once',
    (seed, kills) => {
      const file = encode(trickyDocument(seed, 3000), 'UTF-8');
      const stored: XmlRecord[] = [];
      let start: ReturnType<RecordReader['checkpoint']> | undefined;
      for (const kill of [...kills.map((at) => at % file.length), file.length]) {
        const reader = new RecordReader({
          tag: 'item',
          ...(start ? { start } : {}),
          onRecord: (record) => {
            stored.push(record);
            start = JSON.parse(JSON.stringify(reader.checkpoint())) as typeof start;
          },
        });
        const from = start?.from ?? 0;
        reader.push(file.subarray(from, Math.max(from, kill)));
        if (kill === file.length) reader.finish();
      }
      expect(stored).toEqual(read(file, 'item'));
    },
  );
});
