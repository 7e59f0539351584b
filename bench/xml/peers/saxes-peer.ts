/** Sums by category with saxes: saxes-peer.ts READ+CHUNK FILE */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { SaxesParser } from 'saxes';
import { Totals } from './totals.ts';

const [formulation, file] = process.argv.slice(2) as [string, string];
const [read, chunk] = formulation.split('+') as [string, string];
const chunkBytes = Number(chunk);

const totals = new Totals();
const parser = new SaxesParser({ xmlns: false, position: false });
let depth = 0;
let recordDepth = 0;
let field = '';
let text = '';
let category = '';
let price = '';

// Taking handlers away where no text is wanted was tried, and is slower.
const addText = (more: string): void => {
  if (field !== '') text += more;
};
parser.on('text', addText);
parser.on('cdata', addText);
parser.on('opentag', ({ name }) => {
  depth++;
  if (recordDepth === 0) {
    if (name !== 'item') return;
    recordDepth = depth;
    category = price = '';
  } else if (depth === recordDepth + 1 && (name === 'category' || name === 'price')) {
    field = name;
    text = '';
  }
});
parser.on('closetag', () => {
  if (depth === recordDepth + 1 && field !== '') {
    if (field === 'price') price = text;
    else category = text;
    field = '';
  } else if (depth === recordDepth) {
    totals.add(category, price);
    recordDepth = 0;
  }
  depth--;
});

if (read === 'stream') {
  for await (const piece of createReadStream(file, { encoding: 'utf8', highWaterMark: chunkBytes })) {
    parser.write(piece as string);
  }
} else {
  const input = openSync(file, 'r');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const decoder = new StringDecoder('utf8');
  for (let bytes = readSync(input, buffer); bytes > 0; bytes = readSync(input, buffer)) {
    parser.write(decoder.write(buffer.subarray(0, bytes)));
  }
  closeSync(input);
}
parser.close();
totals.print();
