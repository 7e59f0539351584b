import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 14,
  slug: 'smart-engine-budget',
  title: 'Budget for a smart engine service',
  ask:
    'A smart engine extracts data from the pages behind URLs that its customers send. Plan its budget: what do ' +
    'you need to know, and what does it cost?',
  load: {},
  variants: [],
  points: planned(
    'Data requirements and format',
    'How many URLs',
    'Types of servers',
    'Storage',
    'Average cost per URL',
    'Scaling',
    'Security and compliance: is encryption required?',
  ),
};
