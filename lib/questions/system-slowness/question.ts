import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 8,
  slug: 'system-slowness',
  title: 'Troubleshooting a slow system',
  ask: 'Users report that the system has become slow. How do you find out why, and what do you do about it?',
  load: {},
  variants: [],
  points: planned(
    'APM tools for API latencies',
    'Infrastructure metrics: CPU, memory, disk I/O',
    'More servers',
    'Load by consistent hashing',
    'Geo-spatial balancing for regional requests',
    'Caching of API calls',
    'CDN for static resources',
    'Read replicas for queries',
  ),
};
