import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 19,
  slug: 'subtitles-crash',
  title: 'The subtitle service that crashes',
  ask:
    "A service generates subtitles for users' videos. It starts a new thread per video, is processor-intensive " +
    'and runs as a single process on one machine. When it processes more than 10 videos at the same time it ' +
    'crashes, losing all requests in progress and disturbing other processes on the machine. Finding the bug may ' +
    'take a long time: which workarounds keep the service running until then?',
  load: {},
  variants: [],
  points: planned(
    'A queue and job dispatcher',
    'Rate limiting and backpressure',
    'Horizontal scaling with a balancer',
    'Circuit breaker',
    'Requests persisted for retry',
  ),
};
