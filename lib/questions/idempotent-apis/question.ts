import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 11,
  slug: 'idempotent-apis',
  title: 'Idempotent APIs',
  ask:
    'Clients retry when a reply is lost. Design an API that has its effect once, however often the same request ' +
    'arrives.',
  load: {},
  variants: [],
  points: planned(
    'A unique idempotency key',
    'Safe HTTP methods',
    'Retries return the same result',
    'A strongly consistent database: unique constraints',
    'Distributed locks against races',
  ),
};
