import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 13,
  slug: 'banking-consistency',
  title: 'Strong consistency for banking',
  ask: 'Why does a banking application need strong consistency, and what goes wrong without it?',
  load: {},
  variants: [],
  points: planned(
    'Prevents double spending',
    'Ensures accurate balances',
    'Compliance: record-keeping, transaction integrity, auditable history',
    'Avoids races across nodes',
  ),
};
