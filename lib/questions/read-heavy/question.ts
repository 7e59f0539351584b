import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 9,
  slug: 'read-heavy',
  title: 'A read-heavy system',
  ask:
    'Design a system that is read far more often than it is written. What do you ask first, and how do you choose ' +
    'its database, scale its reads, and cache, index, balance and watch them?',
  load: {},
  variants: [],
  points: planned(
    'Read QPS',
    'Consistency against availability',
    'Latency tolerance',
    'Database: read replicas, full-text search, fast distributed reads',
    'Scaling reads: leader-follower, multi-leader, quorum reads',
    'Caching: CDN, application, query',
    'Indexes: B+ tree, hash, composite',
    'Load balancing',
    'Monitoring',
  ),
};
