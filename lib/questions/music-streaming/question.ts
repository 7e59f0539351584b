import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 1,
  slug: 'music-streaming',
  title: 'Music streaming and consistent hashing',
  ask:
    'A music streaming service spreads its songs and listeners over servers by consistent hashing. Which problems ' +
    'does that leave open, from popular songs over a central load balancer to servers that come and go, and how ' +
    'do you solve each?',
  load: {},
  variants: [],
  points: planned(
    'Uneven load, data skew and hot keys: virtual nodes, so that one server owns many partitions',
    'Load on a central balancer, latency and proximity: distributed, DNS-based balancing over regional balancers',
    'Server failures: replication',
    'Cache invalidation during rebalancing: consistent hashing moves few keys; virtual nodes spread those that move',
  ),
};
