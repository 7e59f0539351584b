import { SaxesParser } from 'saxes';
import { Decoder } from '../../../engines/xml/decoder.ts';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import { defaultLimits } from '../../../engines/xml/limits.ts';
import { Parser } from '../../../engines/xml/parser.ts';

/** What a parser makes of a document. Texts that follow each other are one. */
export interface Parsed {
  readonly events: readonly string[];
  readonly refused?: Refusal;
}

interface Refusal {
  readonly message: string;
  readonly line: number;
  /** Characters of the line that were read. */
  readonly column: number;
  /** Code units of the document that were read. */
  readonly position: number;
}

class Refused extends Error {}

/** A document in pieces that end at these bytes, as text: what a reader gives its parser. */
export function chunksOf(
  bytes: Uint8Array,
  encoding: Encoding,
  ends: readonly number[],
): readonly { readonly text: string; readonly codes: Uint16Array }[] {
  const decoder = new Decoder(encoding, 0);
  const edges = [0, ...ends, bytes.length];
  return edges.slice(1).flatMap((to, i) => {
    const { text, codes, problem } = decoder.decode(bytes.subarray(edges[i], to), i === edges.length - 2);
    if (problem !== undefined) throw new Error(problem);
    return text === '' ? [] : [{ text, codes: codes.slice() }];
  });
}

/** Ours. The codes of all chunks are in the same memory, with what is left of longer ones behind them, as they are read. */
export function parsed(chunks: ReturnType<typeof chunksOf>): Parsed {
  const events = new Events();
  const parser: Parser = new Parser(
    {
      open: ({ name, attributes }) => events.add(`<${name} ${JSON.stringify(Object.entries(attributes))}`),
      close: ({ name }) => events.add(`</${name}`),
      text: (text) => events.text(text),
      fail: (message) => {
        throw new Refused(message);
      },
    },
    defaultLimits,
  );
  const codes = new Uint16Array(1 + Math.max(0, ...chunks.map(({ text }) => text.length)));
  return events.of(() => {
    for (const chunk of chunks) {
      codes.set(chunk.codes.subarray(0, chunk.text.length + 1));
      parser.codes = codes;
      parser.write(chunk.text);
    }
    parser.close();
  }, parser);
}

/** Those of saxes as its authors wrote it, up to its first error. */
export function parsedBySaxes(chunks: ReturnType<typeof chunksOf>): Parsed {
  const parser = new SaxesParser({ position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  const events = new Events();
  parser.on('opentag', ({ name, attributes }) => events.add(`<${name} ${JSON.stringify(Object.entries(attributes))}`));
  parser.on('closetag', ({ name }) => events.add(`</${name}`));
  parser.on('text', (text) => events.text(text));
  parser.on('cdata', (text) => events.text(text));
  parser.on('error', ({ message }) => {
    // It closes the element before it says that this was wrong.
    if (message === 'unexpected close tag.') events.takeBack();
    throw new Refused(message);
  });
  return events.of(() => {
    for (const { text } of chunks) parser.write(text);
    parser.close();
  }, parser);
}

class Events {
  readonly #events: string[] = [];
  #text = '';

  add(event: string): void {
    this.#flush();
    this.#events.push(event);
  }

  text(text: string): void {
    this.#text += text;
  }

  takeBack(): void {
    this.#events.pop();
  }

  of(parse: () => void, parser: { readonly line: number; readonly column: number; readonly position: number }): Parsed {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { line, column, position } = parser;
      this.#flush();
      return { events: this.#events, refused: { message: error.message, line, column, position } };
    }
    this.#flush();
    return { events: this.#events };
  }

  #flush(): void {
    if (this.#text !== '') this.#events.push(JSON.stringify(this.#text));
    this.#text = '';
  }
}
