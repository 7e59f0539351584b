/** Sums by category with sax-wasm: sax-wasm-peer.ts CHUNK FILE */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Detail, SaxEventType, SAXParser, type Tag, type Text } from 'sax-wasm';
import { Totals } from './totals.ts';

const [chunkBytes, file] = process.argv.slice(2) as [string, string];

// Asking for text only where it is wanted is no faster, and loses text where a chunk ends.
const parser = new SAXParser(SaxEventType.OpenTag | SaxEventType.CloseTag | SaxEventType.Text | SaxEventType.Cdata);
await parser.prepareWasm(readFileSync(fileURLToPath(import.meta.resolve('sax-wasm/lib/sax-wasm.wasm'))));

const totals = new Totals();
let depth = 0;
let recordDepth = 0;
let field = '';
let text = '';
let category = '';
let price = '';

// Whatever is read of a detail is decoded out of WebAssembly's memory: nothing is that is not needed.
const open = (tag: Tag): void => {
  depth++;
  if (recordDepth === 0) {
    if (tag.name !== 'item') return;
    recordDepth = depth;
    category = price = '';
  } else if (depth === recordDepth + 1) {
    const { name } = tag;
    if (name !== 'category' && name !== 'price') return;
    field = name;
    text = '';
  }
};
const close = (): void => {
  if (depth === recordDepth + 1 && field !== '') {
    if (field === 'price') price = text;
    else category = text;
    field = '';
  } else if (depth === recordDepth) {
    totals.add(category, price);
    recordDepth = 0;
  }
  depth--;
};
parser.eventHandler = (event: number, detail: Detail): void => {
  if (event === SaxEventType.OpenTag) open(detail as Tag);
  else if (event === SaxEventType.CloseTag) close();
  else if (field !== '')
    text += event === SaxEventType.Cdata ? (detail as Text).value : resolved((detail as Text).value);
};

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** sax-wasm leaves references as they are. */
function resolved(value: string): string {
  return value.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|(\w+));/g, (_, hex?: string, decimal?: string, name = '') =>
    hex || decimal ? String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal)) : named[name as string]!,
  );
}

const input = openSync(file, 'r');
const buffer = Buffer.allocUnsafe(Number(chunkBytes));
for (let bytes = readSync(input, buffer); bytes > 0; bytes = readSync(input, buffer)) {
  parser.write(buffer.subarray(0, bytes));
}
closeSync(input);
parser.end();
totals.print();
