import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 10,
  slug: 'write-heavy',
  title: 'A write-heavy system',
  ask:
    'Design a system that is written far more often than it is read. What do you ask first, and how do you store, ' +
    'buffer, spread, cache and protect the writes?',
  load: {},
  variants: [],
  points: planned(
    'Write QPS',
    'Consistency against availability',
    'Latency tolerance',
    'Storage: write-optimised, batched writes in memory before the flush',
    'Write buffering',
    'Horizontal scaling: consistent hashing with virtual nodes',
    'Write-back cache: asynchronous flush',
    'Durability and replication',
  ),
};
