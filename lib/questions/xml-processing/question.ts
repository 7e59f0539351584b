import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 3,
  slug: 'xml-processing',
  title: 'Processing large XML files',
  ask: 'XML files arrive that are far larger than memory. Which techniques process them, and when does each fit?',
  load: {},
  variants: [],
  points: planned(
    'Streaming SAX parser: a small part in memory',
    'Chunk-based: split on key tags and process in parallel',
    'Incremental parsing into a database, for later aggregation',
    'iterparse: incremental, freeing memory after each element',
  ),
};
