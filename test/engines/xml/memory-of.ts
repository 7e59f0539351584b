import { readFileSync } from 'node:fs';
import { DOMParser } from '@xmldom/xmldom';
import { RecordReader } from '../../../engines/xml/reader.ts';
import { RangeScanner } from '../../../engines/xml/scan.ts';

// node memory-of.ts reader|scanner|dom MEGABYTES: reads a document that is never whole anywhere, but for the DOM, and
// prints how many records it had and the peak of the process's memory.

const [how, megabytes] = process.argv.slice(2);
const open = Buffer.from('<?xml version="1.0"?>\n<catalogue>\n');
const close = Buffer.from('</catalogue>\n');
// 40 records to a chunk of 20,000 bytes, which is repeated.
const item = `<item id="0"><name>A thing &amp; its cover, é</name><price currency="EUR">1.50</price>`;
const chunk = Buffer.from(`${item}<note>${'x'.repeat(500 - Buffer.byteLength(item) - 21)}</note></item>\n`.repeat(40));
const chunks = (Number(megabytes) * 1e6) / chunk.length;

let records = 0;
if (how === 'reader') {
  const reader = new RecordReader({ tag: 'item', onRecord: () => records++ });
  reader.push(open);
  for (let i = 0; i < chunks; i++) reader.push(chunk);
  reader.push(close);
  reader.finish();
} else if (how === 'scanner') {
  const scanner = new RangeScanner({ tag: 'item', encoding: 'UTF-8', from: 0, to: Number.MAX_SAFE_INTEGER });
  scanner.push(open);
  for (let i = 0; i < chunks; i++) scanner.push(chunk);
  scanner.push(close);
  scanner.finish();
} else {
  const text = Buffer.concat([open, ...Array.from({ length: chunks }, () => chunk), close]).toString();
  records = new DOMParser().parseFromString(text, 'text/xml').getElementsByTagName('item').length;
}
const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))!;
process.stdout.write(JSON.stringify({ records, peakMegabytes: Number(kilobytes) / 1000 }));
