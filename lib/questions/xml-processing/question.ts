import type { Question } from '../../kit/question.ts';

/** The days of a month, the unit in which `designs diff` prices a load. */
export const days = 30;

export const question = {
  number: 3,
  slug: 'xml-processing',
  title: 'Processing large XML files',
  ask: 'XML files arrive that are far larger than memory. Which techniques process them, and when does each fit?',
  load: {
    documents: { value: 24, unit: 'documents/day' },
    documentBytes: { value: 1_000_000_000, unit: 'bytes/document' },
    recordBytes: { value: 500, unit: 'bytes/record' },
    groups: { value: 50, unit: 'groups of the aggregate' },
    /** What one function scans or parses; a stated assumption, to be measured on an account. */
    parseRate: { value: 30_000_000, unit: 'bytes/second/function' },
    /** What one function stores in batches of 25, eight at a time; a stated assumption. */
    storeRate: { value: 5_000, unit: 'records/second/function' },
    /** What one function stores one by one; a stated assumption. */
    singleWriteRate: { value: 200, unit: 'writes/second/function' },
  },
  variants: ['naive', 'improved'],
  points: [
    {
      n: 1,
      text: 'Streaming SAX parser: a small part in memory',
      answer:
        'A worker reads its bytes as a stream and hands them to a SAX parser: at any time it holds one network chunk, ' +
        'the record that is open and one batch, however large the document is. Depth, names, attributes and texts are ' +
        'bounded, a DOCTYPE is refused. Fits whenever the document is read once from front to back.',
      properties: ['peak memory of a worker at ten times the document, with as many records'],
    },
    {
      n: 2,
      text: 'Chunk-based: split on key tags and process in parallel',
      answer:
        'Byte ranges are scanned independently, each under every state in which it could begin (inside a comment, a ' +
        'CDATA section, a tag); resolving them in order tells which was true, and cuts the document at start tags of ' +
        'outermost key elements only. A map parses the cuts in parallel. Fits documents that one worker would read ' +
        'for minutes; a small one goes to one worker, whose maps would cost more than they save.',
      properties: [
        'workers that parse one document at the same time',
        'records that differ from what a person sees in a document made to mislead a splitter',
      ],
    },
    {
      n: 3,
      text: 'Incremental parsing into a database, for later aggregation',
      answer:
        'Records are stored in batches while the document is read, each under its byte in the pinned version of the ' +
        'document: stored again it is the same item. After each batch one conditional write moves the checkpoint, ' +
        'which carries the aggregates up to that byte: whatever is killed, repeated or run twice at once, each record ' +
        'counts once, and what stands before an error in the document is kept. Fits when records are queried or ' +
        'aggregated later.',
      properties: [
        'complete records lost from a document that is cut off at 90 %',
        'records that stored aggregates count wrongly after killed workers and repeated runs',
        'records stored more than once after killed workers and repeated runs',
        'bytes that the run after a killed one reads again',
      ],
    },
    {
      n: 4,
      text: 'iterparse: incremental, freeing memory after each element',
      answer:
        'An element exists from its start tag until its record is stored; then nothing refers to it, nor do its ' +
        'parents hold it as a child, which is what a plain iterparse forgets. Memory follows the largest record, not ' +
        'their number.',
      properties: ['peak memory of a worker at ten times the records'],
    },
  ],
} as const satisfies Question;
